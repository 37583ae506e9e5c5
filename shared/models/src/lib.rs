//! Models of the protocols that the cluster stands on: small state machines, explored over every order of their steps by a model checker.
//!
//! - `shard_fence`: who may write a shard's log, what an answer to an append promises, and what is left of it after a failover.
//! - `map_accounting`: what a Distributed Map's parent knows of children in other shards.
//! - `offer_claim`: how a task goes over a broker that loses and repeats to one worker, once.
//!
//! A model says that the *idea* holds; the simulation of `coordinator/tests/cluster_simulation` says it of the code. Each model has its design, which
//! must have no violation, and variants of it in which one rule is missing: each of those must be found, which shows that the model looks for what
//! it should. The tests print how many states were visited, and whether those were all.
//!
//! `cargo test -p baton-models` explores what fits into CI, `make models` goes on from there.

#[cfg(test)]
mod exploration;
#[cfg(test)]
mod map_accounting;
#[cfg(test)]
mod offer_claim;
#[cfg(test)]
mod shard_fence;
