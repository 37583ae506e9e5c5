//! Everything that can happen to a Map Run. The log holds these beside the events of executions.

use std::sync::Arc;

use super::{ChildEnd, MapRunLimits, MapRunSpec};
use crate::{Failure, Payload, PayloadTable, Timestamp};

/// What can happen. The order of the variants is the log's format: new ones go to the end.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
pub enum MapRunEvent {
    /// It has begun.
    Started {
        /// With what.
        spec: Box<MapRunSpec>,
        /// When.
        at: Timestamp,
    },
    /// Children have got their items, and are to begin.
    ChildrenIssued {
        /// Which.
        chunk: Chunk,
        /// Where the items after theirs are.
        position: ItemPosition,
        /// There are none after theirs.
        is_read: bool,
    },
    /// Every child of a chunk has begun.
    ChildrenSent {
        /// The chunk's first.
        first: u64,
    },
    /// Children have ended.
    ChildrenEnded {
        /// Which, and how. None of them had ended before.
        ends: Vec<ChildEnd>,
    },
    /// UpdateMapRun.
    LimitsUpdated {
        /// From now on.
        limits: MapRunLimits,
    },
    /// Nothing begins any more, and what runs is to end.
    Stopping {
        /// Why.
        stop: Stop,
    },
    /// The results are where they belong.
    ResultsWritten {
        /// What the state gets.
        result: Payload,
        /// How many executions they are of.
        executions: u64,
        /// How many items.
        items: u64,
    },
    /// It has ended.
    Ended {
        /// When.
        at: Timestamp,
    },
    /// It goes on.
    Redriven {
        /// When.
        at: Timestamp,
    },
    /// Children that had not succeeded are to begin again.
    ChildrenRedriven {
        /// Which.
        indices: Vec<u64>,
    },
    /// Redriven children have begun again.
    RedrivesSent {
        /// Which.
        indices: Vec<u64>,
    },
}

/// Children whose items were read at once.
#[derive(Clone, Debug, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct Chunk {
    /// The first one's index.
    pub first: u64,
    /// How many.
    pub count: u32,
    /// Index of their first item.
    pub first_item: u64,
    /// Their items.
    pub items: u32,
    /// Items of each, where they are batched; otherwise it is empty, and each has one.
    pub batches: Vec<u32>,
    /// Where these are.
    pub position: ItemPosition,
    /// Of the items' text: what is read again must be the same.
    pub digest: u64,
}

impl Chunk {
    /// Whether the child is one of these.
    pub fn has(&self, index: u64) -> bool {
        (self.first..self.first + u64::from(self.count)).contains(&index)
    }

    /// Items of one of these.
    pub fn items_of(&self, index: u64) -> u32 {
        self.batches.get((index - self.first) as usize).copied().unwrap_or(1)
    }
}

/// A place in a source of items.
#[derive(Clone, Debug, Default, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct ItemPosition {
    /// As the reader of the source writes it; `None` at the beginning.
    pub cursor: Option<Arc<str>>,
    /// Items behind that which have been taken.
    pub skip: u64,
}

/// Why a Map Run begins nothing more.
#[derive(Clone, Debug, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub enum Stop {
    /// It fails.
    Failed(Failure),
    /// Its state wants nothing of it any more.
    Aborted,
}
