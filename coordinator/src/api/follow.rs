//! What the server offers about one execution beside the AWS operations, in the API's own words.

use std::sync::Arc;
use std::time::Duration;

use baton_engine::Event;

use crate::arn::Arn;
use crate::cluster::{ExecutionRecord, Revision, Watch};

use super::{Api, ApiError, describe_execution, execution, json, request_id, wire};
use crate::history::History;

/// Shows events of one execution as history does.
pub struct EventRenderer {
    revision: Arc<Revision>,
    region: String,
}

impl EventRenderer {
    /// JSON of the public event with this id.
    pub fn render(&self, id: u64, event: &Event) -> String {
        let history = History { machine: &self.revision.machine, region: &self.region, data: true };
        let shown = history.show(id, event).expect("internal events have no id");
        serde_json::to_string(&shown).expect("events have text keys and finite numbers")
    }
}

impl Api {
    /// The execution as it stands and the revision that it is pinned to.
    pub async fn describe_with_revision(&self, arn: &str) -> Result<(ExecutionRecord, Arc<Revision>), ApiError> {
        let record = execution::describe(self, arn).await?;
        let seen = self.catalog().position();
        let revision = match execution::compiled(self, &record) {
            // The execution may have begun at another member a moment after its machine was made there.
            Err(_) if self.catalog().look_again(seen).await? => execution::compiled(self, &record)?,
            revision => revision?,
        };
        Ok((record, revision))
    }

    /// The execution as soon as it has ended, or as it stands after `timeout` or when the server goes away.
    pub async fn wait_execution(&self, arn: &str, timeout: Duration) -> Result<ExecutionRecord, ApiError> {
        let id = execution::id(arn)?;
        let record = tokio::select! {
            record = self.cluster().wait_end(id, timeout) => record?,
            () = self.closing().cancelled() => self.cluster().describe(id).await?,
        };
        record.ok_or_else(|| ApiError::ExecutionDoesNotExist(arn.to_owned()))
    }

    /// All events of the execution and what shows them.
    pub async fn watch_execution(&self, arn: &str) -> Result<(Watch, EventRenderer), ApiError> {
        let (_, revision) = self.describe_with_revision(arn).await?;
        let watch = self.cluster().watch(execution::id(arn)?).await?;
        let watch = watch.ok_or_else(|| ApiError::ExecutionDoesNotExist(arn.to_owned()))?;
        Ok((watch, EventRenderer { revision, region: Arn::parse(arn)?.region.to_owned() }))
    }

    /// DescribeExecution's answer.
    pub fn execution_answer(&self, record: &ExecutionRecord) -> Vec<u8> {
        json(&describe_execution::Response::of(self, record, true))
    }

    /// What an error is answered with.
    pub fn error_answer(&self, error: &ApiError) -> http::Response<axum::body::Body> {
        wire::failure(error, request_id::RequestId::next())
    }
}
