//! Who may write a shard's log, and what an acknowledgement is worth.
//!
//! A store of one primary and its copies (replicas, or the disk of a store without any) carries what is written as a stream: a copy has a prefix of
//! it, and a failover makes a copy the primary, so that everything behind its prefix is gone. Owners take the shard when nobody's lease stands in
//! their way, append batches on top of what they have read, repeat the same bytes when an answer stays out, write checkpoints, and give the shard up.
//! They crash, pause (nothing makes them move) and talk to a primary that was deposed without knowing it.
//!
//! What must hold: an acknowledged batch can be read back for ever, no batch is written on top of another one than its owner has seen, none twice,
//! and two owners never both answer reads. The coordinator's `store` speaks the same rules.

mod rules;
mod state;
mod steps;
mod store;
mod tests;

use rules::{Rules, Scope};
