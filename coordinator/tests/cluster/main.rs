//! The cluster over real stores, with workers that speak the contract over real connections and do what a test tells them.

mod activities;
mod closing;
mod defects;
mod delivery;
mod durability;
mod express;
mod faulty_store;
mod members;
mod reads;
mod recovery;
mod redrive;
mod sessions;
mod set_aside;
mod sharing;
mod support;
mod turns;
mod waiting;
