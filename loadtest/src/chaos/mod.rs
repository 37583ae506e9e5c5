//! Killed at any moment.
//!
//! A real server and a real worker run orders of `examples/order-processing`, hundreds of them, while one or the other or both are
//! ended by `kill -9` at random moments and started again on the same port and data. At the end every order that was ever accepted
//! must have ended as its input says, every history must be whole, and the ledger that the handlers write must show no attempt twice.
//!
//! Everything random comes from one seed: orders, victims, pauses. What the processes do in between is theirs.

pub(crate) mod cluster;
mod killer;
mod ledger;
pub(crate) mod map;
mod orders;
mod process;
mod report;
mod site;
mod starter;
mod verdict;

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;

use self::killer::Killer;
use self::orders::Order;
pub(crate) use self::report::ChaosReport;
use self::site::Site;
use self::starter::Starter;
use crate::api::Api;
use crate::cli::ChaosArgs;
use crate::http::Endpoint;
use crate::progress::Progress;
use crate::random::Random;

/// What both halves of the suite see of each other.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Orders that may have been started so far; it grows with the kills, so that some are always under way.
    pub(crate) released: Cell<usize>,
    pub(crate) accepted: Cell<usize>,
    pub(crate) kills: Cell<u32>,
    /// From a client's first try to start an order until it was accepted.
    pub(crate) longest_start: Cell<Duration>,
}

/// Runs the suite. Must be called inside a `LocalSet`.
pub(crate) async fn run(args: &ChaosArgs) -> anyhow::Result<ChaosReport> {
    let seed = args.common.seed.unwrap_or_else(fresh_seed);
    // First of all, so that a run that hangs or is cut short can be repeated too.
    eprintln!("seed {seed}");
    let mut random = Random::new(seed);
    let orders = orders::plan(&args.example, args.executions, &mut random)?;
    let site = Site::lay_out(&args.example)?;
    let begun = Instant::now();
    let report = play(args, seed, &site, &orders, random).await;
    let sound = report.as_ref().is_ok_and(|report| report.is_sound());
    if args.common.keep || !sound {
        eprintln!("data, logs and ledger are kept in {}", site.keep().display());
    }
    let mut report = report?;
    report.seconds = begun.elapsed().as_secs_f64();
    Ok(report)
}

async fn play(args: &ChaosArgs, seed: u64, site: &Site, orders: &[Order], random: Random) -> anyhow::Result<ChaosReport> {
    let mut killer = Killer::start(&args.common.baton, site, random).await?;
    let endpoint: Endpoint = killer.url().parse().map_err(anyhow::Error::msg)?;
    let mut api = Api::new(&endpoint);
    let machine = api.put_state_machine("order-processing", &site.definition, false).await.context("cannot make the state machine")?;

    let shared = Rc::new(Shared::default());
    let progress = Progress::new("killing", {
        let (shared, kills) = (Rc::clone(&shared), args.kills.max(1));
        move || (f64::from(shared.kills.get()) / f64::from(kills), u64::from(shared.kills.get()))
    });
    let starter = Starter::new(std::slice::from_ref(&endpoint), &machine, orders, Rc::clone(&shared));
    let starting = starter.spawn();
    let killing = killer.kill_again_and_again(args.kills, orders.len(), &shared).await;
    progress.finish();
    // Without a server no order could be started, so a failure here comes before the clients are asked.
    killing?;
    shared.released.set(orders.len());
    let accepted = starting.await.context("not every order could be started")?;

    let (findings, _) = verdict::reach(std::slice::from_ref(&endpoint), orders, &accepted, &site.ledger()).await?;
    killer.stop().await?;
    Ok(ChaosReport { seed, seconds: 0.0, kills: killer.counts(), findings })
}

fn fresh_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    now.as_micros() as u64 % 1_000_000_000
}
