//! A whole cluster, broken in every way.
//!
//! Three coordinators, two workers, a store and a broker, all real processes, run orders of `examples/order-processing` from clients that go to any coordinator
//! and repeat what is not answered. Meanwhile one thing after the other breaks, as a seed says: processes are killed, stopped and started again, links are cut,
//! queues emptied. After each fault everything has to be whole again. At the end every order that was ever accepted must have ended as its
//! input says, every history must be whole, and the ledger that the handlers write must show no attempt twice.

mod fault;
mod inflict;
mod lists;
mod members;
mod network;
mod probe;
mod report;
mod times;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::ValueEnum;

pub(crate) use self::network::{Cuts, enter_own_network};
pub(crate) use self::report::ClusterChaosReport;

use self::fault::{Fault, Planned};
use self::inflict::Inflicter;
use self::lists::{Listed, Lists};
use self::members::{COORDINATORS, Members};
use self::network::Network;
use self::probe::Probes;
use self::times::Times;
use super::orders::{self, Order};
use super::site::Site;
use super::starter::Starter;
use super::{Shared, fresh_seed, verdict};
use crate::api::Api;
use crate::cli::ClusterChaosArgs;
use crate::random::Random;

/// A fault and what comes after it; most are over sooner.
const FAULT_MAX: Duration = Duration::from_secs(60);
/// Beside the faults: to start everything, and to judge it.
const REST_MAX: Duration = Duration::from_secs(600);
/// This part of the orders is there before the first fault; the rest comes with time.
const FIRST_ORDERS_PERCENT: usize = 5;

/// Runs the suite. Must be called inside a `LocalSet`.
pub(crate) async fn run(args: &ClusterChaosArgs, cuts: Cuts) -> anyhow::Result<ClusterChaosReport> {
    let seed = args.common.seed.unwrap_or_else(fresh_seed);
    // First of all, so that a run that hangs or is cut short can be repeated too.
    eprintln!("seed {seed}");
    let mut random = Random::new(seed);
    let kinds = kinds(args, cuts)?;
    let orders = orders::plan(&args.example, args.executions, &mut random)?;
    let schedule = fault::schedule(args.faults, &kinds, Duration::from_secs(args.pause), &mut random);
    let site = Site::lay_out(&args.example)?;
    let begun = Instant::now();
    let longest = FAULT_MAX * args.faults + REST_MAX;
    let report = tokio::select! {
        report = play(args, cuts, seed, &site, &orders, &schedule) => report,
        () = tokio::time::sleep(longest) => Err(anyhow::anyhow!("not at an end after {} s", longest.as_secs())),
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    let sound = report.as_ref().is_ok_and(|report| report.is_sound());
    if args.common.keep || !sound {
        eprintln!("data, logs and ledger are kept in {}", site.keep().display());
    }
    let mut report = report?;
    report.seconds = begun.elapsed().as_secs_f64();
    Ok(report)
}

/// The kinds of faults that are asked for and possible.
fn kinds(args: &ClusterChaosArgs, cuts: Cuts) -> anyhow::Result<Vec<Fault>> {
    let known = Fault::value_variants();
    if let Some(unknown) = args.only.iter().find(|name| known.iter().all(|fault| fault.name() != **name)) {
        bail!("there is no fault {unknown}; there are {}", known.iter().map(|fault| fault.name()).collect::<Vec<_>>().join(", "));
    }
    let is_wanted = |fault: &Fault| args.only.is_empty() || args.only.contains(&fault.name());
    let is_possible = |fault: &Fault| cuts == Cuts::Possible || !fault.needs_cuts();
    let kinds: Vec<Fault> = known.iter().copied().filter(is_wanted).filter(is_possible).collect();
    if kinds.is_empty() {
        bail!("none of these faults is possible here");
    }
    Ok(kinds)
}

async fn play(
    args: &ClusterChaosArgs,
    cuts: Cuts,
    seed: u64,
    site: &Site,
    orders: &[Order],
    schedule: &[Planned],
) -> anyhow::Result<ClusterChaosReport> {
    let members = Members::start(&args.common.baton, site, Network::make(cuts, COORDINATORS)?).await?;
    let endpoints = members.endpoints.clone();
    let machine = Api::new(&endpoints[0]).put_state_machine("order-processing", &site.definition, false).await;
    let machine = machine.context("cannot make the state machine")?;
    let mut inflicter = Inflicter { members, probes: Probes::new(&machine), times: Times::default(), problems: Vec::new() };
    inflicter.whole_again("the start").await?;

    let shared = Rc::new(Shared::default());
    let starter = Starter::new(&endpoints, &machine, orders, Rc::clone(&shared));
    let lists = Lists { endpoints: endpoints.clone(), machine: machine.clone(), starter: Rc::clone(&starter) };
    let listed = RefCell::new(Listed::default());
    let starting = starter.spawn();
    let releasing = release(Rc::clone(&shared), orders.len(), schedule);
    let breaking = tokio::select! {
        broken = break_one_after_the_other(&mut inflicter, schedule) => broken,
        () = lists.check_again_and_again(&listed) => unreachable!("there is always a list to check"),
        () = releasing => unreachable!("orders are released until all faults are over"),
    };
    breaking?;
    shared.released.set(orders.len());
    let accepted = starting.await.context("not every order could be started")?;
    eprintln!("all faults are over, and {} orders accepted", accepted.len());

    let (mut findings, timeline) = verdict::reach(&endpoints, orders, &accepted, &site.ledger()).await?;
    inflicter.members.stop().await?;
    findings.problems.append(&mut inflicter.problems);
    let Listed { whole: lists_whole, refused: lists_refused, problems } = listed.take();
    findings.problems.extend(problems);
    let figures = inflicter.times.figures(&timeline);
    let limits_exceeded = figures.judged(args);
    Ok(ClusterChaosReport {
        seed,
        seconds: 0.0,
        faults: counts(schedule),
        with_cuts: cuts == Cuts::Possible,
        findings,
        longest_start: shared.longest_start.get().as_secs_f64(),
        lists_whole,
        lists_refused,
        figures,
        limits_exceeded,
    })
}

fn counts(schedule: &[Planned]) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for planned in schedule {
        *counts.entry(planned.fault.name()).or_default() += 1;
    }
    counts
}

async fn break_one_after_the_other(inflicter: &mut Inflicter, schedule: &[Planned]) -> anyhow::Result<()> {
    let began = Instant::now();
    for (number, planned) in (1..).zip(schedule) {
        let before = inflicter.problems.len();
        let told = inflicter.inflict(*planned).await.with_context(|| format!("fault {number}, {}", planned.fault.name()))?;
        eprintln!("{:>7.1} s {number}/{} {told}", began.elapsed().as_secs_f64(), schedule.len());
        inflicter.problems[before..].iter().for_each(|problem| eprintln!("PROBLEM {problem}"));
    }
    Ok(())
}

/// Releases orders steadily over the time that the faults should take.
async fn release(shared: Rc<Shared>, orders: usize, schedule: &[Planned]) {
    let expected: Duration = schedule.iter().map(Planned::expected).sum();
    let first = orders * FIRST_ORDERS_PERCENT / 100;
    let began = Instant::now();
    loop {
        let part = (began.elapsed().as_secs_f64() / expected.as_secs_f64()).min(1.0);
        shared.released.set(first + ((orders - first) as f64 * part) as usize);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
