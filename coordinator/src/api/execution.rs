//! What the operations on one execution have in common.

use std::sync::Arc;

use crate::arn::Arn;
use crate::catalog::CatalogRevision;
use crate::cluster::{ExecutionId, ExecutionRecord, NotRedrivable, Revision, Status};
use crate::telemetry::request::about_execution;

pub(super) use crate::history::status_name;

use super::Api;
use super::error::ApiError;
use super::resource;

/// AWS's order, as recorded. Executions that wait for a redrive of their Map Run do not exist here yet, so that nothing has that status.
pub(super) const STATUS_FILTERS: [(&str, Option<Status>); 6] = [
    ("SUCCEEDED", Some(Status::Succeeded)),
    ("TIMED_OUT", Some(Status::TimedOut)),
    ("PENDING_REDRIVE", None),
    ("ABORTED", Some(Status::Aborted)),
    ("FAILED", Some(Status::Failed)),
    ("RUNNING", Some(Status::Running)),
];

/// `includedData`
pub(super) const INCLUDED_DATA: [(&str, bool); 2] = [("ALL_DATA", true), ("METADATA_ONLY", false)];

/// `inputDetails` and `outputDetails`
#[derive(serde::Serialize)]
pub(super) struct DataDetails {
    pub(super) included: bool,
}

/// The id of the Standard execution with this ARN.
pub(super) fn id(arn: &str) -> Result<ExecutionId, ApiError> {
    about_execution(arn);
    resource::check_execution(arn)?;
    Ok(ExecutionId::of_arn(arn))
}

/// The execution with this ARN as it stands.
pub(super) async fn describe(api: &Api, arn: &str) -> Result<ExecutionRecord, ApiError> {
    api.cluster().describe(id(arn)?).await?.ok_or_else(|| ApiError::ExecutionDoesNotExist(arn.to_owned()))
}

/// Whether the state machine of the execution with this ARN is still there.
pub(super) fn has_state_machine(api: &Api, arn: &str) -> bool {
    let state_machine = Arn::parse(arn).ok().and_then(|arn| arn.state_machine());
    state_machine.is_some_and(|state_machine| api.catalog().state_machine(&state_machine).is_some())
}

/// Whether the execution can be redriven now, and if not, why.
pub(super) fn redrivable(api: &Api, record: &ExecutionRecord) -> Result<(), NotRedrivable> {
    api.cluster().redrivable(record)?;
    if has_state_machine(api, &record.start.execution_arn) { Ok(()) } else { Err(NotRedrivable::StateMachineDeleting) }
}

/// The revision that the execution is pinned to.
pub(super) fn revision(api: &Api, record: &ExecutionRecord) -> Result<Arc<CatalogRevision>, ApiError> {
    let missing = || ApiError::InternalFailure(format!("the definition of {} is missing", record.start.execution_arn));
    api.catalog().catalog_revision(record.start.revision).ok_or_else(missing)
}

/// The same, ready to be run and shown.
pub(super) fn compiled(api: &Api, record: &ExecutionRecord) -> Result<Arc<Revision>, ApiError> {
    let unreadable = || ApiError::InternalFailure(format!("the definition of {} cannot be read any more", record.start.execution_arn));
    revision(api, record)?.compiled().ok_or_else(unreadable)
}
