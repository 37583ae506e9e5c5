//! Figures of requests. Handles are made once, so that a request costs a few additions.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use http::StatusCode;

use super::error::ApiError;
use super::operation::Operation;
use crate::telemetry::{Histogram, names};

/// Durations of requests, by operation and status.
#[derive(Debug)]
pub(super) struct ApiMetrics {
    by_operation: Vec<OperationMetrics>,
}

#[derive(Debug, Default)]
struct OperationMetrics {
    by_status: [OnceLock<Arc<Histogram>>; STATUSES.len()],
}

/// What the API answers with; others would only be found more slowly.
const STATUSES: [StatusCode; 5] = [
    StatusCode::OK,
    StatusCode::BAD_REQUEST,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::SERVICE_UNAVAILABLE,
];

impl ApiMetrics {
    pub(super) fn new() -> Self {
        Self { by_operation: Operation::ALL.iter().map(|_| OperationMetrics::default()).collect() }
    }

    /// A request that came at `began` has its answer.
    pub(super) fn answered(&self, operation: Operation, began: Instant, error: Option<&ApiError>) {
        let status = error.map_or(StatusCode::OK, ApiError::status);
        self.duration(operation, status).observe(began.elapsed());
        if let Some(error) = error {
            names::HTTP_ERRORS.counter([operation.name(), error.code()]).increment(1);
        }
    }

    fn duration(&self, operation: Operation, status: StatusCode) -> Arc<Histogram> {
        let find = || names::HTTP_REQUEST_DURATION.histogram([operation.name(), status.as_str()]);
        match STATUSES.iter().position(|known| *known == status) {
            Some(place) => self.by_operation[operation as usize].by_status[place].get_or_init(find).clone(),
            None => find(),
        }
    }
}
