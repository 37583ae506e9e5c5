//! What Map Runs are told and asked, and what they ask for.

use std::collections::BTreeSet;
use std::sync::Arc;

use baton_engine::{
    ChildEnd, Chunk, Failure, ItemPosition, MapChild, MapRunCounts, MapRunLimits, MapRunSpec, MapRunStatus, Payload, PayloadTable,
    ReadItem, ReadOrder, Start, Timestamp,
};
use bytes::Bytes;

use super::child_arn;
use crate::shard::{ExecutionId, Revision};
use crate::store::StoreError;

/// What a Map Run is told.
#[derive(Debug)]
pub enum MapRunMessage {
    /// Somebody outside asks, and waits for the answer.
    Asked(MapRunQuestion),
    /// Items were read, or could not be.
    ItemsRead {
        /// The execution whose state began the run; it makes the children's inputs.
        parent: ExecutionId,
        /// From where.
        position: ItemPosition,
        /// They had been read before, for the chunk that begins with this child.
        again: Option<u64>,
        /// The items.
        result: Result<ItemsRead, Failure>,
    },
    /// Every child of a chunk has begun.
    ChildrenSent {
        /// The chunk's first.
        first: u64,
    },
    /// Redriven children have begun again.
    RedrivesSent {
        /// Which.
        indices: Vec<u64>,
        /// In which redrive of the run.
        redrive: u32,
    },
    /// The results are written, or cannot be.
    Written {
        /// What the state gets.
        result: Result<WrittenResults, Failure>,
    },
    /// It has ended, and its execution is to hear of it.
    Tell {
        /// The execution.
        parent: ExecutionId,
    },
    /// What the key-value side has of a run that is to be redriven.
    Loaded {
        /// Its value.
        result: Result<Option<Bytes>, StoreError>,
    },
}

/// What is asked of a Map Run by others than its shard's owner.
#[derive(Clone, Debug, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
pub enum MapRunQuestion {
    /// Children have ended. Answered when that is durable.
    ChildrenEnded(Vec<ChildEnd>),
    /// UpdateMapRun.
    Update(MapRunChanges),
    /// How does it stand?
    Describe,
    /// The Map Runs of this execution, as far as they are in memory.
    ListOf {
        /// Its ARN.
        execution_arn: Arc<str>,
    },
}

/// What UpdateMapRun changes; what is absent stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, bincode::Encode, bincode::Decode)]
pub struct MapRunChanges {
    /// `maxConcurrency`.
    pub max_concurrency: Option<u64>,
    /// `toleratedFailureCount`.
    pub tolerated_failure_count: Option<u64>,
    /// `toleratedFailurePercentage`.
    pub tolerated_failure_percentage: Option<f64>,
}

/// What a Map Run answers.
#[derive(Clone, Debug, bincode::Encode, bincode::Decode)]
pub enum MapRunAnswer {
    /// It has heard.
    Heard,
    /// To a look; `None`: it is not in memory.
    Seen(Option<Box<MapRunRecord>>),
    /// To a list.
    Listed(Vec<MapRunRecord>),
    /// To a change: whether it runs, and so was changed.
    Updated(bool),
}

/// A Map Run as DescribeMapRun shows it.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
pub struct MapRunRecord {
    /// Its ARN.
    pub map_run_arn: Arc<str>,
    /// Of the execution whose state began it.
    pub execution_arn: Arc<str>,
    /// As of now.
    pub status: MapRunStatus,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub stopped_at: Option<Timestamp>,
    /// As they are now.
    pub limits: MapRunLimits,
    /// `itemCounts`.
    pub items: MapRunCounts,
    /// `executionCounts`.
    pub executions: MapRunCounts,
    /// `redriveCount`.
    pub redrive_count: u32,
    /// `redriveDate`.
    pub redriven_at: Option<Timestamp>,
    /// Children that have been issued: their indices are below this.
    pub issued: u64,
    /// Whether they are Express executions.
    pub is_express: bool,
}

/// Items from a reader.
#[derive(Clone, Debug)]
pub struct ItemsRead {
    /// In order.
    pub items: Vec<ReadItem>,
    /// Where the next ones are, as the reader writes it.
    pub cursor: Option<Arc<str>>,
    /// There are none after them.
    pub is_last: bool,
}

/// Results that were written.
#[derive(Clone, Debug)]
pub struct WrittenResults {
    /// What the state gets.
    pub result: Payload,
    /// Executions that they are of.
    pub executions: u64,
    /// Items that these had.
    pub items: u64,
}

/// What a Map Run is made of and never changes.
#[derive(Debug)]
pub struct MapRunContext {
    /// Its id.
    pub id: ExecutionId,
    /// The execution whose state began it.
    pub parent: ExecutionId,
    /// What it was told when it began.
    pub spec: MapRunSpec,
    /// What its children are pinned to.
    pub revision: Arc<Revision>,
}

impl MapRunContext {
    /// The child of this index, as it is in a redrive; a Standard one is the same in all.
    pub fn child(&self, index: u64, redrive: u32) -> ExecutionId {
        ExecutionId::of_arn(&child_arn(&self.spec.map_run_arn, index, self.spec.is_express, redrive).0)
    }

    /// The start of an Express child in a redrive, with the input that it had `before`.
    pub fn start_like(&self, before: &Start, index: u64, redrive: u32) -> Start {
        let (arn, name) = child_arn(&self.spec.map_run_arn, index, true, redrive);
        let map_child = before.map_child.as_deref().map(|child| Arc::new(MapChild { redrive, ..child.clone() }));
        Start { execution_arn: arn.into(), name: name.into(), deadline: None, map_child, ..before.clone() }
    }
}

/// Something that a Map Run asks for: reading, starting, stopping, writing. Everything that it relies on is durable.
#[derive(Debug)]
pub struct MapRunOrder {
    /// Whose.
    pub run: Arc<MapRunContext>,
    /// What.
    pub kind: MapRunOrderKind,
}

/// What is ordered.
#[derive(Debug)]
pub enum MapRunOrderKind {
    /// Read items, and answer with [`MapRunMessage::ItemsRead`].
    Read(ReadOrder),
    /// Read the items of a chunk once more.
    ReadAgain(Chunk),
    /// Start these children, and answer with [`MapRunMessage::ChildrenSent`].
    Start {
        /// The first one's index, if they are all that there is to start of their chunk; without it nothing is answered.
        first: Option<u64>,
        /// What they start with.
        starts: Vec<Start>,
    },
    /// Have these children do again what has not succeeded, and answer with [`MapRunMessage::RedrivesSent`].
    Redrive {
        /// Which.
        indices: Vec<u64>,
        /// Of these, those that may never have begun: they are being started beside this.
        unsent: BTreeSet<u64>,
        /// The number of the redrive.
        redrive: u32,
    },
    /// Stop these children, once all that were ordered before have begun.
    Stop {
        /// Which, and how many items each has.
        children: Vec<(u64, u32)>,
        /// The number of the redrive in which they run.
        redrive: u32,
    },
    /// Write the results, and answer with [`MapRunMessage::Written`].
    Write {
        /// How the run stands.
        record: Box<MapRunRecord>,
    },
    /// The run has ended: nothing more is asked for.
    Ended,
}

/// The end of a child, on its way to its Map Run.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
pub struct ChildReport {
    /// Which execution.
    pub child: ExecutionId,
    /// Its run.
    pub map_run: ExecutionId,
    /// How it ended.
    pub end: ChildEnd,
}
