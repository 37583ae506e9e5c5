//! A Map Run in memory, and what the shard knows of it beyond what the engine does.

use std::sync::Arc;

use baton_engine::MapRun;

use super::{MapRunContext, MapRunRecord};

/// A run that has not ended, or whose end is not written yet.
pub(in crate::shard) struct OpenMapRun {
    pub(in crate::shard) run: MapRun,
    pub(in crate::shard) context: Arc<MapRunContext>,
    /// Items have been asked for.
    pub(super) is_reading: bool,
    /// Its children have been asked to stop.
    pub(super) is_stopping: bool,
    /// Its results have been asked to be written.
    pub(super) is_writing: bool,
    /// Its execution knows that it has ended.
    pub(in crate::shard) is_told: bool,
    /// Whether it stands in the list of those that the next checkpoint writes.
    pub(in crate::shard) is_dirty: bool,
    /// Whether the checkpoint under way writes its end.
    pub(in crate::shard) is_saving_end: bool,
    /// Whether it has a row among those of runs that are open.
    pub(in crate::shard) has_row: bool,
    /// Whether it has a row in the list.
    pub(in crate::shard) is_indexed: bool,
}

impl OpenMapRun {
    pub(super) fn new(run: MapRun, context: Arc<MapRunContext>) -> Self {
        Self {
            run,
            context,
            is_reading: false,
            is_stopping: false,
            is_writing: false,
            is_told: false,
            is_dirty: false,
            is_saving_end: false,
            has_row: false,
            is_indexed: false,
        }
    }
}

/// As DescribeMapRun shows it.
pub(crate) fn map_run_record(run: &MapRun) -> MapRunRecord {
    let spec = run.spec();
    MapRunRecord {
        map_run_arn: spec.map_run_arn.clone(),
        execution_arn: spec.execution_arn.clone(),
        status: run.status(),
        started_at: run.started_at(),
        stopped_at: run.stopped_at(),
        limits: *run.limits(),
        items: run.item_counts(),
        executions: run.execution_counts(),
        redrive_count: run.redrive_count(),
        redriven_at: run.redriven_at(),
        issued: run.issued(),
        is_express: spec.is_express,
    }
}
