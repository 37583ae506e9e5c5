//! What only a store that several processes share can do, or suffer: leases, connections that break, servers that come back with less, other people's
//! data. Against real servers; `scripts/services.sh` installs them.

#[path = "../store_support/mod.rs"]
mod store_support;

mod catalog;
mod checkpoints;
mod cluster;
mod connections;
mod leases;
mod losses;
mod members;
mod opening;
mod proxy;
mod replicas;
mod scans;
mod sentinels;
mod speed;

use baton_coordinator::store::ShardId;

const ONE: ShardId = ShardId(1);

/// Runs a test on a runtime of its own.
fn run(test: impl Future<Output = ()>) {
    store_support::runtime().block_on(test);
}
