//! The cluster over real stores, with workers that speak the contract over real connections and do what a test tells them.

mod activities;
mod broker;
mod broker_cluster;
mod closing;
mod defects;
mod delivery;
mod durability;
mod express;
mod faulty_store;
mod gated_items;
mod lapse;
mod large;
mod link;
mod map_runs;
mod members;
mod reads;
mod recovery;
mod redrive;
mod sessions;
mod set_aside;
mod sharing;
#[path = "../store_support/mod.rs"]
mod store_support;
mod support;
mod turns;
mod waiting;
