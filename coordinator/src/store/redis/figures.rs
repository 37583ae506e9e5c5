//! Calls that have failed or were not answered in time, by what they were for.

use std::future::Future;
use std::sync::LazyLock;

use metrics::Counter;

use crate::store::StoreError;
use crate::telemetry::names;

/// What calls are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Append,
    Acquire,
    Renew,
    Release,
    Checkpoint,
    Read,
    Beat,
    Info,
}

impl Operation {
    const ALL: [Self; 8] = [Self::Append, Self::Acquire, Self::Renew, Self::Release, Self::Checkpoint, Self::Read, Self::Beat, Self::Info];

    fn name(self) -> &'static str {
        match self {
            Self::Append => "append",
            Self::Acquire => "acquire",
            Self::Renew => "renew",
            Self::Release => "release",
            Self::Checkpoint => "checkpoint",
            Self::Read => "read",
            Self::Beat => "beat",
            Self::Info => "info",
        }
    }
}

static FAILED: LazyLock<[Counter; Operation::ALL.len()]> =
    LazyLock::new(|| Operation::ALL.map(|operation| names::STORE_ERRORS.counter([operation.name()])));

/// They are shown from now on, so that the first of them is seen as a rise.
pub(super) fn show() {
    LazyLock::force(&FAILED);
}

/// So many calls have no outcome.
pub(super) fn count_failed(operation: Operation, calls: u64) {
    FAILED[operation as usize].increment(calls);
}

/// Of a call, and what came of it.
pub(super) async fn counted<T>(operation: Operation, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let result = call.await;
    count_failed(operation, failures(&result));
    result
}

/// Of a call that does several things at once.
pub(super) async fn counted_all<T>(
    operation: Operation,
    call: impl Future<Output = Vec<Result<T, StoreError>>>,
) -> Vec<Result<T, StoreError>> {
    let results = call.await;
    count_failed(operation, results.iter().map(failures).sum());
    results
}

/// A refusal is an answer.
fn failures<T>(result: &Result<T, StoreError>) -> u64 {
    u64::from(matches!(result, Err(StoreError::Failed(_))))
}
