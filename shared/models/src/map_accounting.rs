//! What the parent of a Distributed Map knows of children that run in another shard.
//!
//! Both shards write what they know and what they still have to send in one batch; messages are lost, repeated and overtaken, and either shard may
//! crash at every point and go on with what was durable. A child is started by its index, so a repeated start meets its twin; its end changes bits and
//! counters together, once. What was sent is kept until the other side has said, after its commit, that it has it. A redrive runs what had failed
//! again, under the same index and the next generation.
//!
//! What must hold: no child runs twice in one generation, counters are what the bits say and what the children came to, never more children run than
//! may, and nothing waits for ever.

mod state;
mod tests;

/// The rules that a variant keeps. [`Rules::DESIGN`] is the protocol.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// A child whose bit is set already is not counted again.
    pub(crate) parent_knows_repeats: bool,
    /// A start of a child that is there is not done again.
    pub(crate) child_knows_repeats: bool,
    /// Messages leave after the batch that caused them is durable.
    pub(crate) sends_after_commit: bool,
    /// What was received is confirmed after the batch that took it is durable.
    pub(crate) confirms_after_commit: bool,
    /// Messages name the generation of the run that they are about.
    pub(crate) names_generation: bool,
    /// How far the reader has come is in the same batch as the children that it has issued.
    pub(crate) commits_cursor: bool,
}

impl Rules {
    pub(crate) const DESIGN: Rules = Rules {
        parent_knows_repeats: true,
        child_knows_repeats: true,
        sends_after_commit: true,
        confirms_after_commit: true,
        names_generation: true,
        commits_cursor: true,
    };
}

/// How far it is explored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope {
    pub(crate) items: usize,
    /// `MaxConcurrency`.
    pub(crate) window: u8,
    /// Messages lost or repeated.
    pub(crate) disturbances: u8,
    pub(crate) parent_crashes: u8,
    pub(crate) child_crashes: u8,
    pub(crate) redrives: u8,
}

impl Scope {
    pub(crate) const PLAIN: Scope = Scope { items: 3, window: 2, disturbances: 1, parent_crashes: 1, child_crashes: 1, redrives: 0 };
    pub(crate) const REDRIVEN: Scope = Scope { items: 2, window: 1, disturbances: 1, parent_crashes: 1, child_crashes: 1, redrives: 1 };
}
