//! A Map Run: the child executions of one Distributed Map state, and the account that is kept of them.
//!
//! It is a state machine of its own beside the execution whose state has begun it, in the same shard and the same log. What happens to it are
//! [`MapRunEvent`]s; [`MapRun::apply`] is total and pure and the only way in which it changes. What it wants next is read off its state
//! ([`MapRun::wanted`]), so that a restart asks for the same again: children are named by the run and their index, and whoever starts one that
//! has been started, or reports one that has been reported, changes nothing.
//!
//! The items of a reader are not in the log; those of the state's own array are, in the run's first event. A chunk of children that has been issued names the position of its items in their source until all of its children
//! have begun; after a restart those are read once more, and must be the same ([`Chunk::digest`]).

mod apply;
mod child;
mod counts;
mod decide;
mod event;
mod outcomes;
mod outputs;
mod spec;

pub(crate) use child::redrive_of_token;
pub use child::{ChildEnd, ChildInput, ChildOutcome, MapChild, redrive_token};
pub use counts::{MapRunCounts, Tally};
pub use decide::{MapRunWant, ReadOrder};
pub use event::{Chunk, ItemPosition, MapRunEvent, Stop};
pub use outcomes::Outcomes;
pub use spec::{ItemSource, MapRunLimits, MapRunSpec, ReadItem, ResultTarget};

use std::collections::{BTreeMap, BTreeSet};

use crate::{Failure, Payload, PayloadTable, Timestamp};
use outputs::Outputs;

/// `status` of DescribeMapRun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub enum MapRunStatus {
    /// RUNNING.
    Running,
    /// SUCCEEDED.
    Succeeded,
    /// FAILED.
    Failed,
    /// ABORTED.
    Aborted,
}

/// How a Map Run has ended, for the state that waits for it.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
pub enum MapRunOutcome {
    /// What the state's work has given.
    Succeeded {
        /// The array of the children's outputs, or where they were written to.
        result: Payload,
    },
    /// The outputs of all children together are larger than a payload may be.
    TooLarge,
    /// It has failed.
    Failed {
        /// Why.
        failure: Failure,
    },
}

/// One Map Run. See the module.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
pub struct MapRun {
    spec: Box<MapRunSpec>,
    limits: MapRunLimits,
    started_at: Timestamp,
    stopped_at: Option<Timestamp>,
    /// How it has ended.
    ended: Option<MapRunStatus>,
    /// Events so far.
    events: u64,
    /// Where the items come from that no child has yet.
    position: ItemPosition,
    /// The source has no more.
    is_read: bool,
    /// Index that the next child gets.
    next_child: u64,
    /// Index that the next item gets.
    next_item: u64,
    /// Chunks of which not every child has begun, by their first child.
    unsent: BTreeMap<u64, Chunk>,
    outcomes: Outcomes,
    items: Tally,
    children: Tally,
    outputs: Outputs,
    /// Why nothing begins any more.
    stop: Option<Stop>,
    /// The results are where they belong, and this is what the state gets.
    written: Option<Payload>,
    redrives: u32,
    redriven_at: Option<Timestamp>,
    /// Of the children below this index, those that had not succeeded are redriven.
    redrive_end: u64,
    /// Those below this index have been.
    redriven_upto: u64,
    /// Redriven ones that have not begun again.
    unsent_redrives: BTreeSet<u64>,
}

impl MapRun {
    /// What it began with.
    pub fn spec(&self) -> &MapRunSpec {
        &self.spec
    }

    /// `status`.
    pub fn status(&self) -> MapRunStatus {
        self.ended.unwrap_or(MapRunStatus::Running)
    }

    /// `maxConcurrency` and the tolerances as they are now.
    pub fn limits(&self) -> &MapRunLimits {
        &self.limits
    }

    /// `startDate`.
    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// `stopDate`.
    pub fn stopped_at(&self) -> Option<Timestamp> {
        self.stopped_at
    }

    /// `redriveCount`.
    pub fn redrive_count(&self) -> u32 {
        self.redrives
    }

    /// `redriveDate`.
    pub fn redriven_at(&self) -> Option<Timestamp> {
        self.redriven_at
    }

    /// Events that it has seen, by which a replay passes over what a snapshot has.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// `itemCounts`.
    pub fn item_counts(&self) -> MapRunCounts {
        let pending = match &self.spec.source {
            ItemSource::State { length, .. } => self.spec.items_max(*length).saturating_sub(self.next_item),
            ItemSource::Reader { .. } => 0,
        };
        self.items.counts(pending)
    }

    /// `executionCounts`.
    pub fn execution_counts(&self) -> MapRunCounts {
        let pending = match (&self.spec.source, self.spec.batch_items.is_some()) {
            (ItemSource::State { .. }, false) => self.item_counts().pending,
            (ItemSource::State { .. }, true) | (ItemSource::Reader { .. }, _) => 0,
        };
        self.children.counts(pending)
    }

    /// Children that have been issued: their indices are below this.
    pub fn issued(&self) -> u64 {
        self.next_child
    }

    /// Index that the next item gets.
    pub fn next_item(&self) -> u64 {
        self.next_item
    }

    /// Whether nothing begins any more, because it fails or is aborted.
    pub fn is_stopping(&self) -> bool {
        self.stop.is_some()
    }

    /// Indices of the children that run.
    pub fn running(&self) -> impl Iterator<Item = u64> + '_ {
        self.outcomes.open(self.next_child)
    }

    /// How a child has ended; `None` while it runs, and of one that does not exist.
    pub fn outcome(&self, index: u64) -> Option<bool> {
        self.outcomes.get(index)
    }

    /// Why nothing begins any more, if it has failed.
    pub fn failure(&self) -> Option<&Failure> {
        match &self.stop {
            Some(Stop::Failed(failure)) => Some(failure),
            Some(Stop::Aborted) | None => None,
        }
    }
}

#[cfg(test)]
mod tests;
