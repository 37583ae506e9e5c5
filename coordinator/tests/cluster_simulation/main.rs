//! A seeded simulation of a whole cluster in virtual time, on one thread: members with the real shards, the real ownership machine and the real
//! outboxes, a store with leases that is slow, silent and heard of late, a broker that loses and repeats, workers, and clients whose answers are
//! held against the log. Members, workers and the broker crash, pause and come back; ways are cut in one direction.
//!
//! `SEED=n` runs one seed, `SEEDS=n` that many; `make sim` runs thousands. [`Mutant`] switches rules off one at a time: each must be found.

mod broker;
mod checks;
mod clients;
mod cluster;
mod errands;
#[path = "../simulation/machine.rs"]
mod machine;
mod map_runs;
mod member;
mod mutants;
#[path = "../../src/dispatch/offers/mod.rs"]
#[allow(dead_code)]
mod offers;
#[path = "../simulation/random.rs"]
mod random;
mod shared_store;
mod workers;
mod world;

/// Where the outbox, which the coordinator keeps to itself, finds what it is about.
mod shard {
    pub(crate) use baton_coordinator::shard::{ExecutionId, QueuedTask};
}

mod store {
    pub(crate) use baton_coordinator::store::ShardId;
}

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use cluster::Cluster;
use mutants::Mutant;
use random::seeds;

fn run(seed: u64, has_faults: bool, mutant: Option<Mutant>) -> Cluster {
    let mut cluster = Cluster::new(seed, has_faults, mutant);
    cluster.run();
    cluster.verify();
    cluster
}

/// Whoever reads a failure needs the seed, wherever the assertion stands.
fn run_telling(seed: u64, has_faults: bool) -> Cluster {
    std::panic::catch_unwind(|| run(seed, has_faults, None)).unwrap_or_else(|panic| {
        eprintln!("seed {seed} fails; SEED={seed} repeats it");
        std::panic::resume_unwind(panic)
    })
}

#[test]
fn a_cluster_without_faults_loses_nothing_and_does_nothing_twice() {
    for seed in seeds(10) {
        run_telling(seed, false);
    }
}

/// All cores take seeds from one end; what they have seen is added up.
fn with_faults(seeds: std::ops::Range<u64>) {
    let (next, end) = (AtomicU64::new(seeds.start), seeds.end);
    let total = Mutex::new((BTreeMap::<_, u64>::new(), 0, 0));
    let take = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return;
            }
            let cluster = run_telling(seed, true);
            let (faults, steps, operations) = &mut *total.lock().expect("whoever fails ends the test");
            cluster.faults.iter().for_each(|(name, times)| *faults.entry(*name).or_default() += times);
            *steps += cluster.steps;
            *operations += cluster.clients.operations.len();
        }
    };
    std::thread::scope(|scope| (0..cores()).for_each(|_| drop(scope.spawn(take))));
    let (faults, steps, operations) = total.into_inner().expect("whoever fails ends the test");
    println!("{} seeds, {steps} steps, {operations} answers of clients checked, faults: {faults:#?}", seeds.end - seeds.start);
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[test]
fn a_cluster_with_faults_loses_nothing_and_does_nothing_twice() {
    with_faults(seeds(20));
}

#[test]
#[ignore = "long: make sim"]
fn thousands_of_seeds() {
    with_faults(seeds(5_000));
}

/// How many seeds a mutant may survive.
const SEEDS_PER_MUTANT: u64 = 300;

#[test]
#[ignore = "long: make sim-short"]
fn every_mutant_is_caught() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let survivors: Vec<Mutant> = Mutant::ALL.into_iter().filter(|mutant| !is_caught(*mutant)).collect();
    std::panic::set_hook(hook);
    assert!(survivors.is_empty(), "every rule that is switched off must be missed: {survivors:?}");
}

fn is_caught(mutant: Mutant) -> bool {
    let is_meant = |name: String| format!("{mutant:?}") == name;
    if !std::env::var("MUTANT").map_or(true, is_meant) {
        return true;
    }
    for seed in 0..SEEDS_PER_MUTANT {
        let end = std::panic::catch_unwind(AssertUnwindSafe(|| drop(run(seed, true, Some(mutant)))));
        if let Err(panic) = end {
            println!("{mutant:?}: caught by seed {seed}: {}", text_of(&*panic).chars().take(160).collect::<String>());
            return true;
        }
    }
    println!("{mutant:?}: survives {SEEDS_PER_MUTANT} seeds");
    false
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}
