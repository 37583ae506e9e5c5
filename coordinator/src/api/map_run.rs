//! What the operations on Map Runs have in common.

use serde::Serialize;

use crate::cluster::{MapRunRecord, MapRunStatus};

use super::{Api, ApiError, resource};

/// The Map Run with this ARN as it stands.
pub(super) async fn describe(api: &Api, arn: &str) -> Result<MapRunRecord, ApiError> {
    resource::check_map_run(arn)?;
    api.cluster().map_run(arn).await?.ok_or_else(|| ApiError::no_such_resource(arn))
}

/// As the API writes it.
pub(super) fn status_name(status: MapRunStatus) -> &'static str {
    match status {
        MapRunStatus::Running => "RUNNING",
        MapRunStatus::Succeeded => "SUCCEEDED",
        MapRunStatus::Failed => "FAILED",
        MapRunStatus::Aborted => "ABORTED",
    }
}

/// `itemCounts` or `executionCounts`. What came with redrives is told of a run that was redriven.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Counts {
    pending: u64,
    running: u64,
    succeeded: u64,
    failed: u64,
    timed_out: u64,
    aborted: u64,
    total: u64,
    results_written: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    failures_not_redrivable: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pending_redrive: Option<u64>,
}

impl Counts {
    pub(super) fn of(counts: &crate::cluster::MapRunCounts, is_redriven: bool) -> Self {
        Self {
            pending: counts.pending,
            running: counts.running,
            succeeded: counts.succeeded,
            failed: counts.failed,
            timed_out: counts.timed_out,
            aborted: counts.aborted,
            total: counts.total,
            results_written: counts.results_written,
            failures_not_redrivable: is_redriven.then_some(counts.failures_not_redrivable),
            pending_redrive: is_redriven.then_some(counts.pending_redrive),
        }
    }
}
