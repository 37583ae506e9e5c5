//! What a Map Run begins with.

use std::sync::Arc;

use baton_asl::StateId;

use crate::state::map::tolerance::Tolerance;
use crate::{Failure, Payload, PayloadTable, TestCase};

/// Children that run at once when `MaxConcurrency` says nothing, as AWS has it.
pub(crate) const CONCURRENCY_DEFAULT: u64 = 10_000;

/// Everything that a Map Run is told when its state begins it: the state's fields, evaluated.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
pub struct MapRunSpec {
    /// ARN of the run: `…:mapRun:<machine>/<label>:<uuid>`.
    pub map_run_arn: Arc<str>,
    /// ARN of the execution whose state it is.
    pub execution_arn: Arc<str>,
    /// Id of the StateEntered event of the visit that waits for it.
    pub entry: u64,
    /// The Map state.
    pub state: StateId,
    /// Revision that the execution, and so every child, is pinned to.
    pub revision: u128,
    /// `roleArn` of that.
    pub role_arn: Arc<str>,
    /// `traceHeader` of the execution.
    pub trace_header: Option<Arc<str>>,
    /// Test case of the execution.
    pub test_case: Option<Arc<TestCase>>,
    /// Children are Express executions.
    pub is_express: bool,
    /// Items that a child has at most, where they are batched.
    pub batch_items: Option<u64>,
    /// Where the items come from.
    pub source: ItemSource,
    /// `MaxItems`: no more than this many items; `None` means all.
    pub max_items: Option<u64>,
    /// What can be changed while it runs.
    pub limits: MapRunLimits,
    /// Where the results go; `None`: into the state's result.
    pub results: Option<ResultTarget>,
    /// Bytes that the state's result may have.
    pub result_bytes_max: u64,
    /// It fails before it has begun anything.
    pub refused: Option<Failure>,
}

impl MapRunSpec {
    /// Of so many items in the source, those that are mapped.
    pub fn items_max(&self, length: u64) -> u64 {
        self.max_items.map_or(length, |most| most.min(length))
    }
}

/// Where a Map Run's items come from.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
pub enum ItemSource {
    /// From the state's input.
    State {
        /// An array.
        items: Payload,
        /// How many.
        length: u64,
        /// Each is `{"Key", "Value"}`.
        is_keyed: bool,
    },
    /// From what the state's ItemReader reads.
    Reader {
        /// Its `Parameters` or `Arguments`, evaluated.
        arguments: Payload,
    },
}

/// What UpdateMapRun changes.
#[derive(Clone, Copy, Debug, PartialEq, bincode::Encode, bincode::Decode)]
pub struct MapRunLimits {
    /// `maxConcurrency`; 0 means as many as there may be.
    pub max_concurrency: u64,
    /// `toleratedFailureCount`, of items.
    pub tolerated_failure_count: Option<u64>,
    /// `toleratedFailurePercentage`, of items.
    pub tolerated_failure_percentage: Option<f64>,
}

impl MapRunLimits {
    /// Children that run at once.
    pub(crate) fn concurrency(&self) -> u64 {
        match self.max_concurrency {
            0 => CONCURRENCY_DEFAULT,
            some => some.min(CONCURRENCY_DEFAULT),
        }
    }

    /// Whether so many failed items are too many; `total` is how many items there are, when that is known. Neither limit given means none may fail.
    pub(crate) fn is_exceeded(&self, failed: u64, total: Option<u64>) -> bool {
        let none_may_fail = self.tolerated_failure_percentage.is_none().then_some(0);
        let tolerance = Tolerance {
            count: self.tolerated_failure_count.or(none_may_fail),
            percentage: self.tolerated_failure_percentage.filter(|_| total.is_some()),
        };
        tolerance.is_exceeded(failed, total.unwrap_or_default())
    }
}

/// An evaluated ResultWriter.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
pub struct ResultTarget {
    /// `Parameters` or `Arguments`: `Bucket`, `Prefix`; `None` where nothing is exported.
    pub arguments: Option<Payload>,
}

/// An item as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadItem {
    /// The item; of entries of an object `{"Key", "Value"}`.
    pub value: Payload,
    /// `$$.Map.Item.Key`, of entries of an object.
    pub key: Option<Arc<str>>,
    /// `$$.Map.Item.Source`.
    pub source: Arc<str>,
}
