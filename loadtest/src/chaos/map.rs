//! A Distributed Map whose server and worker are killed at any moment.
//!
//! One map over a file of items, a trivial task in an external worker, one item in a hundred failing by its number. While it runs, the server or the
//! worker or both are ended by `kill -9` and started again, spread over the whole run. At the end the counters must be exactly what the items
//! say, the results must have every item once, and the ledger that the worker writes must show no attempt of a Standard child twice.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use baton_local_services::free_port;
use serde::Serialize;

use super::fresh_seed;
use super::killer::{KillCounts, Killer};
use super::ledger::Entry;
use super::process::Process;
use super::site::Site;
use crate::api::Api;
use crate::cli::{MapChaosArgs, MapKind};
use crate::http::Endpoint;
use crate::map_run::{self, Counts, Seen, count_problems, definition::Machine, items, look, results, results::Written};
use crate::progress::Progress;
use crate::random::Random;
use crate::worker::MENDED;

/// How often the counters are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// A map whose counters stand still for so long is stuck.
const PATIENCE: Duration = Duration::from_secs(120);
/// A kill comes up to this long after the map has come to where it is due.
const JITTER_MS_MAX: u64 = 120;

/// A map that is to fail tolerates less than fails, percent.
const TOLERATED_BEFORE_REDRIVE: f64 = 0.2;
const KILLS_OF_A_REDRIVE: u32 = 4;

/// What the suite found.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct MapChaosReport {
    pub(crate) seed: u64,
    pub(crate) seconds: f64,
    pub(crate) kind: &'static str,
    pub(crate) items: u64,
    pub(crate) kills: KillCounts,
    pub(crate) counts: Counts,
    pub(crate) results: u64,
    /// Attempts that really began to run.
    pub(crate) attempts_in_ledger: usize,
    /// Of these, those that were lost with a worker and made again, or, of Express children, run again after a restart.
    pub(crate) attempts_made_again: usize,
    pub(crate) problems: Vec<String>,
}

/// Runs the suite. Must be called inside a `LocalSet`.
pub(crate) async fn run(args: &MapChaosArgs) -> anyhow::Result<MapChaosReport> {
    let seed = args.common.seed.unwrap_or_else(fresh_seed);
    eprintln!("seed {seed}");
    let site = Site::bare()?;
    let begun = Instant::now();
    let report = play(args, seed, &site).await;
    if args.common.keep || !report.as_ref().is_ok_and(MapChaosReport::is_sound) {
        eprintln!("data, logs and ledger are kept in {}", site.keep().display());
    }
    let mut report = report?;
    report.seconds = begun.elapsed().as_secs_f64();
    Ok(report)
}

async fn play(args: &MapChaosArgs, seed: u64, site: &Site) -> anyhow::Result<MapChaosReport> {
    let folder = site.folder("items")?;
    let (file, written) = (folder.join("items.jsonl"), folder.join("results"));
    items::write(&file, args.items).context("cannot write the items")?;
    let mut killer = start(args, site, &folder, Random::new(seed)).await?;
    let endpoint: Endpoint = killer.url().parse().map_err(anyhow::Error::msg)?;
    let mut api = Api::new(&endpoint);
    let kind = args.kind.name();
    let tolerated = if args.redrive { TOLERATED_BEFORE_REDRIVE } else { map_run::TOLERATED };
    let machine = Machine { items: &file, results: &written, kind, concurrency: args.concurrency, tolerated, retries: true };
    let machine = api.put_state_machine("chaos-map", &machine.definition(), false).await.context("cannot make the state machine")?;
    let execution = api.start_execution(&machine, "chaos", "{}").await?;

    let mut random = Random::new(seed ^ u64::MAX);
    let progress = Progress::new("killing", || (0.0, 0));
    let killed = kill_along_the_way(args, &mut killer, &mut api, &execution, &mut random).await;
    progress.finish();
    killed?;
    let seen = to_the_end(&mut api, &execution).await?;
    let mut redriven = None;
    if args.redrive {
        redriven = Some(redrive(site, &mut killer, &mut api, &execution, &seen, &mut random).await?);
    }
    let last_worker = killer.worker_pid();
    killer.stop().await?;

    let ledger = Ledger::read(&site.ledger())?;
    let (seen, read, mut problems) = match redriven {
        Some(Redriven { seen, before }) => {
            let problems = all_have_succeeded(&seen, args.items).into_iter().chain(before.problems_since(&ledger, args.items)).collect();
            (seen, Written::default(), problems)
        }
        None => {
            let mut problems = count_problems(&seen, args.items);
            let read = results::read(&written).context("the results cannot be read")?;
            let (succeeded, failed) = map_run::expected(args.items);
            if (read.succeeded, read.failed) != (succeeded, failed) {
                problems.push(format!("the results have {} successes and {} failures", read.succeeded, read.failed));
            }
            problems.extend(read.problems.clone());
            (seen, read, problems)
        }
    };
    problems.extend(ledger.problems(args.kind, args.items, last_worker, args.redrive));
    problems.truncate(50);
    Ok(MapChaosReport {
        seed,
        seconds: 0.0,
        kind,
        items: args.items,
        kills: killer.counts(),
        counts: seen.items,
        results: read.succeeded + read.failed,
        attempts_in_ledger: ledger.attempts,
        attempts_made_again: ledger.attempts - ledger.by_item.len(),
        problems,
    })
}

async fn start(args: &MapChaosArgs, site: &Site, items: &Path, random: Random) -> anyhow::Result<Killer> {
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}");
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let baton = std::fs::canonicalize(&args.common.baton)?;
    let mut up = vec!["up".to_owned(), text(&site.server()), "--port".to_owned(), port.to_string()];
    up.extend(["--data-dir".to_owned(), text(&site.data()), "--item-folders".to_owned(), text(&items.canonicalize()?)]);
    let own = std::env::current_exe().context("this program does not know where it lies")?;
    let work = ["worker", map_run::NAME, "--coordinator", &url, "--concurrency", "64"].map(str::to_owned).to_vec();
    let server = Process::new("server", baton, up, site.log("server"), "baton ready");
    let worker = Process::new("worker", own, work, site.log("worker"), "loadtest worker ready")
        .env("BATON_LEDGER", site.ledger())
        .env(MENDED, site.mended());
    Killer::of(server, worker, url, random).await
}

/// Kills whenever the next part of the items has ended, so that kills are spread over the run however fast it is.
async fn kill_along_the_way(
    args: &MapChaosArgs,
    killer: &mut Killer,
    api: &mut Api,
    execution: &str,
    random: &mut Random,
) -> anyhow::Result<()> {
    for kill in 0..u64::from(args.kills) {
        let due = args.items * kill / u64::from(args.kills);
        let mut standing = Standing::new();
        loop {
            let seen = look(api, execution).await?;
            if seen.status != "RUNNING" {
                bail!(
                    "the map had ended as {} before kill {} of {}: more items are needed. {}",
                    seen.status,
                    kill + 1,
                    args.kills,
                    seen.why
                );
            }
            if seen.items.ended() >= due {
                break;
            }
            standing.check(seen.items)?;
            tokio::time::sleep(LOOK_EVERY).await;
        }
        tokio::time::sleep(Duration::from_millis(random.below(JITTER_MS_MAX))).await;
        killer.kill_once().await?;
    }
    Ok(())
}

async fn to_the_end(api: &mut Api, execution: &str) -> anyhow::Result<Seen> {
    let mut standing = Standing::new();
    loop {
        let seen = look(api, execution).await?;
        if seen.status != "RUNNING" {
            return Ok(seen);
        }
        standing.check(seen.items)?;
        tokio::time::sleep(LOOK_EVERY * 10).await;
    }
}

/// Finds out that nothing moves any more.
struct Standing {
    counts: Counts,
    since: Instant,
}

impl Standing {
    fn new() -> Self {
        Self { counts: Counts::default(), since: Instant::now() }
    }

    fn check(&mut self, counts: Counts) -> anyhow::Result<()> {
        if counts != self.counts {
            *self = Self { counts, since: Instant::now() };
        }
        if self.since.elapsed() > PATIENCE {
            bail!("the Map Run stands still at {counts:?}");
        }
        Ok(())
    }
}

/// How the map stood when it had failed.
struct Before {
    /// Items that had not succeeded, or had not begun.
    left: u64,
    /// How many attempts of each item had run.
    attempts: BTreeMap<u64, usize>,
}

struct Redriven {
    seen: Seen,
    before: Before,
}

/// The failed map goes on, and is killed meanwhile, several times.
async fn redrive(
    site: &Site,
    killer: &mut Killer,
    api: &mut Api,
    execution: &str,
    failed: &Seen,
    random: &mut Random,
) -> anyhow::Result<Redriven> {
    if failed.status != "FAILED" {
        bail!("the map is {} and should have failed for its failures", failed.status);
    }
    let ledger = Ledger::read(&site.ledger())?;
    let attempts = ledger.by_item.iter().map(|(n, runs)| (*n, runs.len())).collect();
    let left = failed.items.total - failed.items.succeeded;
    std::fs::write(site.mended(), "").context("nothing can be mended")?;
    api.redrive_execution(execution).await.context("the map cannot be redriven")?;
    for _ in 0..KILLS_OF_A_REDRIVE {
        tokio::time::sleep(Duration::from_millis(random.below(JITTER_MS_MAX))).await;
        killer.kill_once().await?;
    }
    Ok(Redriven { seen: to_the_end(api, execution).await?, before: Before { left, attempts } })
}

fn all_have_succeeded(seen: &Seen, count: u64) -> Vec<String> {
    let right = Counts { succeeded: count, total: count, ..Counts::default() };
    let wrong = [("items", seen.items), ("executions", seen.executions)].into_iter().filter(|(_, counts)| *counts != right);
    let mut problems: Vec<_> = wrong.map(|(name, counts)| format!("{name} are {counts:?} after the redrive")).collect();
    if seen.status != "SUCCEEDED" {
        problems.push(format!("the redriven execution is {}: {}", seen.status, seen.why));
    }
    problems
}

impl Before {
    /// What had not succeeded has run since, and nothing else has.
    fn problems_since(&self, ledger: &Ledger, count: u64) -> Vec<String> {
        let ran = |n: &u64| ledger.by_item.get(n).map_or(0, Vec::len);
        let again: BTreeSet<u64> = (0..count).filter(|n| ran(n) > self.attempts.get(n).copied().unwrap_or(0)).collect();
        let mut problems = Vec::new();
        if again.len() as u64 != self.left {
            problems.push(format!("{} items ran after the redrive, and {} had not succeeded", again.len(), self.left));
        }
        if let Some(n) = (0..count).find(|n| items::fails(*n) && !again.contains(n)) {
            problems.push(format!("item {n} had failed and did not run again"));
        }
        problems
    }
}

/// What the workers have written: for each item, who ran which attempt of which execution.
struct Ledger {
    by_item: BTreeMap<u64, Vec<(String, u64, Option<u32>)>>,
    attempts: usize,
}

impl Ledger {
    fn read(folder: &Path) -> anyhow::Result<Self> {
        let mut ledger = Self { by_item: BTreeMap::new(), attempts: 0 };
        for file in std::fs::read_dir(folder)? {
            let path = file?.path();
            let worker = path.file_stem().and_then(|pid| pid.to_str()?.parse().ok());
            for line in std::fs::read_to_string(&path)?.lines() {
                let entry: Entry = serde_json::from_str(line).with_context(|| format!("a torn line in {}: {line}", path.display()))?;
                let item = entry.state.parse().with_context(|| format!("no item in {line}"))?;
                ledger.by_item.entry(item).or_default().push((entry.execution, entry.attempt, worker));
                ledger.attempts += 1;
            }
        }
        Ok(ledger)
    }

    /// Every item has one child, an Express one another after its redrive. Of a Standard one no attempt runs twice, and another attempt is made only when the worker of the one before was killed.
    fn problems(&self, kind: MapKind, items: u64, last_worker: Option<u32>, is_redriven: bool) -> Vec<String> {
        let children_max = if is_redriven && kind == MapKind::Express { 2 } else { 1 };
        let mut problems = Vec::new();
        if let Some(missing) = (0..items).find(|n| !self.by_item.contains_key(n)) {
            problems.push(format!("item {missing} never ran"));
        }
        for (n, runs) in &self.by_item {
            let executions: BTreeSet<_> = runs.iter().map(|(execution, ..)| execution).collect();
            if executions.len() > children_max {
                problems.push(format!("item {n} was run by {} children", executions.len()));
            }
            if kind == MapKind::Express {
                continue;
            }
            let attempts: BTreeSet<_> = runs.iter().map(|(_, attempt, _)| attempt).collect();
            if attempts.len() < runs.len() {
                problems.push(format!("an attempt of item {n} ran twice: {runs:?}"));
            }
            let last = attempts.last().copied().copied().unwrap_or_default();
            let is_needless = |attempt: u64, worker: Option<u32>| attempt < last && worker == last_worker;
            if !is_redriven && runs.iter().any(|(_, attempt, worker)| is_needless(*attempt, *worker)) {
                problems.push(format!("item {n} ran again although its worker lives: {runs:?}"));
            }
        }
        problems
    }
}

impl MapChaosReport {
    /// Whether all was as it must be.
    pub(crate) fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    pub(crate) fn text(&self) -> String {
        let Self { seed, seconds, kind, items, kills, counts, results, attempts_in_ledger, attempts_made_again, problems } = self;
        let KillCounts { server, worker, both, before_ready } = kills;
        let mut text = format!(
            "seed {seed}, {seconds:.1} s, {items} items with {kind} children\n\
             killed: {server} times the server, {worker} times the worker, {both} times both; {before_ready} once more on their way up\n\
             counters: {} succeeded, {} failed of {}\n\
             results: {results} entries\n\
             ledger: {attempts_in_ledger} attempts, {attempts_made_again} of them made again\n\
             problems: {}",
            counts.succeeded,
            counts.failed,
            counts.total,
            problems.len()
        );
        problems.iter().for_each(|problem| text += &format!("\n  {problem}"));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(runs: &[(u64, &str, u64, u32)]) -> Ledger {
        let mut by_item: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (item, execution, attempt, worker) in runs {
            by_item.entry(*item).or_default().push(((*execution).to_owned(), *attempt, Some(*worker)));
        }
        Ledger { by_item, attempts: runs.len() }
    }

    #[test]
    fn a_redrive_runs_what_was_left_and_nothing_else() {
        let failing = (0..).find(|n| items::fails(*n)).expect("some fail");
        let count = failing + 1;
        let runs = |again: &[u64]| {
            let first = (0..count).map(|n| (n, "e", 0, 1));
            ledger(&first.chain(again.iter().map(|n| (*n, "e", 1, 1))).collect::<Vec<_>>())
        };
        let before = || Before { left: 1, attempts: (0..count).map(|n| (n, 1)).collect() };
        assert_eq!(before().problems_since(&runs(&[failing]), count), [""; 0]);
        assert_eq!(before().problems_since(&runs(&[failing, 0]), count).len(), 1, "what had succeeded ran again");
        assert_eq!(before().problems_since(&runs(&[0]), count).len(), 1, "what had failed did not");
    }

    #[test]
    fn what_must_not_be_is_found() {
        let whole = [(0, "a", 0, 1), (1, "b", 0, 1), (1, "b", 1, 2)];
        assert_eq!(ledger(&whole).problems(MapKind::Standard, 2, Some(2), false), [""; 0], "worker 1 was killed");
        for (runs, kind, problem) in [
            (vec![(0, "a", 0, 1)], MapKind::Standard, "item 1 never ran"),
            (vec![(0, "a", 0, 1), (1, "b", 0, 1), (1, "c", 0, 2)], MapKind::Express, "by 2 children"),
            (vec![(0, "a", 0, 1), (1, "b", 0, 1), (1, "b", 0, 2)], MapKind::Standard, "ran twice"),
            (vec![(0, "a", 0, 1), (1, "b", 0, 2), (1, "b", 1, 2)], MapKind::Standard, "its worker lives"),
        ] {
            let found = ledger(&runs).problems(kind, 2, Some(2), false);
            assert!(found.iter().any(|found| found.contains(problem)), "{problem}: {found:?}");
        }
        let again = [(0, "a", 0, 1), (0, "a", 0, 1), (1, "b", 0, 2)];
        assert_eq!(ledger(&again).problems(MapKind::Express, 2, Some(2), false), [""; 0], "an Express child begins again");
    }
}
