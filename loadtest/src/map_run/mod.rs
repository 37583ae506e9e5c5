//! One Distributed Map over many items: how many a second, what the server holds in memory meanwhile, and whether its counters are right.
//!
//! Items come from a file on the server's disk and results go to files beside it. Which items fail follows from their numbers, so that what the
//! counters must be is known beforehand.

pub(crate) mod definition;
pub(crate) mod items;
mod report;
pub(crate) mod results;
mod watch;

use std::path::PathBuf;

use anyhow::{Context, bail};

pub(crate) use self::report::MapReport;
use self::watch::Watch;
use crate::api::Api;
use crate::cli::{RunArgs, WorkerPlace};
use crate::server_process::listener_on;
use crate::worker::WorkerHandle;

/// The scenario's name.
pub(crate) const NAME: &str = "distributed-map";
/// What the worker serves.
pub(crate) const FUNCTION: &str = "Item";
/// Items, unless the command line says otherwise.
const ITEMS: u64 = 100_000;
const CONCURRENCY: u32 = 1_000;
/// Percent of the items: more than fail.
pub(crate) const TOLERATED: f64 = 5.0;

/// Runs the scenario. Must be called inside a `LocalSet`.
pub(crate) async fn run(args: &RunArgs) -> anyhow::Result<MapReport> {
    let count = args.items.unwrap_or(ITEMS);
    if count == 0 {
        bail!("--items must be at least 1");
    }
    let file = file(args)?;
    let folder = file.parent().context("a file lies in a folder")?.to_owned();
    eprintln!("{count} items in {}", file.display());
    items::write(&file, count).with_context(|| format!("cannot write {}", file.display()))?;
    let results = folder.join(format!("results-{}", std::process::id()));

    let machine = definition::Machine {
        items: &file,
        results: &results,
        kind: "EXPRESS",
        concurrency: args.in_flight.unwrap_or(CONCURRENCY),
        tolerated: TOLERATED,
        retries: false,
    };
    let mut api = Api::new(&args.endpoint);
    let arn = api
        .put_state_machine(&format!("loadtest-{NAME}"), &machine.definition(), false)
        .await
        .with_context(|| format!("cannot make the state machine at {}; is a server running there?", args.endpoint.url()))?;
    let url = args.endpoint.url();
    let functions = [FUNCTION.to_owned()];
    let worker = match args.worker {
        WorkerPlace::None => None,
        WorkerPlace::InProcess => Some(WorkerHandle::in_process(&functions, &url, args.concurrency)?),
        WorkerPlace::Process => Some(WorkerHandle::in_own_process(NAME, &url, args.concurrency)?),
    };
    let address = args.endpoint.address;
    let local = address.ip().is_loopback().then(|| listener_on(address.port())).flatten();
    let watch = Watch { server: args.server_pid.or(local), worker: worker.as_ref().and_then(WorkerHandle::pid), count };
    let execution = api.start_execution(&arn, &format!("map-{}", std::process::id()), "{}").await?;
    let seen = watch.to_the_end(&mut api, &execution).await?;
    drop(worker);
    let written = results::read(&results);
    let mut report = MapReport::new(args, count, &seen);
    report.judge(&seen, written.as_ref());
    if !args.keep_items {
        // They can be made again; a folder of users' own is not touched otherwise.
        let _ = std::fs::remove_file(&file);
        let _ = std::fs::remove_dir_all(&results);
    }
    Ok(report)
}

/// Where the items lie: an absolute path, as the server's buckets need it.
fn file(args: &RunArgs) -> anyhow::Result<PathBuf> {
    let file = args.file.clone().unwrap_or_else(|| args.data_dir.join("loadtest-items.jsonl"));
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).map_or_else(|| PathBuf::from("."), PathBuf::from);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let folder = folder.canonicalize().with_context(|| format!("cannot find {}", folder.display()))?;
    Ok(folder.join(file.file_name().context("--file must name a file")?))
}

/// What a run that came to its end has to have come to.
pub(crate) fn expected(count: u64) -> (u64, u64) {
    let failing = (0..count).filter(|n| items::fails(*n)).count() as u64;
    (count - failing, failing)
}

/// Whether the counters are exactly what they must be.
pub(crate) fn count_problems(seen: &Seen, count: u64) -> Vec<String> {
    let (succeeded, failed) = expected(count);
    let mut problems = Vec::new();
    for (name, counts) in [("items", &seen.items), ("executions", &seen.executions)] {
        let right = watch::Counts { succeeded, failed, total: count, ..watch::Counts::default() };
        if *counts != right {
            problems.push(format!("{name} are {counts:?} and should be {right:?}"));
        }
    }
    if seen.status != "SUCCEEDED" {
        problems.push(format!("the execution is {}: {}", seen.status, seen.why));
    }
    problems
}

pub(crate) use self::watch::{Counts, Seen, look};
