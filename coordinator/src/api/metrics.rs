//! Counters of requests. Their handles are made once, so that a request costs an addition.

use metrics::{Counter, counter};

use super::error::ApiError;
use super::operation::Operation;

/// Counters of requests, by operation.
#[derive(Debug)]
pub(super) struct ApiMetrics {
    by_operation: Vec<OperationMetrics>,
}

struct OperationMetrics {
    answered: Counter,
    refused: Counter,
    failed: Counter,
}

impl std::fmt::Debug for OperationMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OperationMetrics")
    }
}

impl ApiMetrics {
    pub(super) fn new() -> Self {
        let by_operation = Operation::ALL.map(|operation| {
            let count = |outcome| counter!("baton_api_requests_total", "operation" => operation.name(), "outcome" => outcome);
            OperationMetrics { answered: count("ok"), refused: count("client_error"), failed: count("server_error") }
        });
        Self { by_operation: by_operation.into() }
    }

    pub(super) fn answered(&self, operation: Operation, error: Option<&ApiError>) {
        let of_operation = &self.by_operation[operation as usize];
        let counter = match error {
            None => &of_operation.answered,
            Some(error) if error.status().is_server_error() => &of_operation.failed,
            Some(_) => &of_operation.refused,
        };
        counter.increment(1);
    }
}
