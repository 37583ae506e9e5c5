//! The AWS JSON API of Step Functions: one file per operation, named as it is.
//!
//! An operation's file has its request and response as AWS writes them and one function `run`: check the members, ask the cluster or
//! the catalog, answer. What all of them share is beside them: [`wire`] (HTTP), [`constraint`](constraint) (the model's constraints
//! and their texts), [`page`] (page tokens), [`error`] (every code and text). Nothing else in the system knows this module.

mod body;
mod call;
mod configuration;
mod constraint;
mod definition;
mod elsewhere;
mod error;
mod execution;
mod follow;
mod metrics;
mod name;
mod operation;
mod page;
mod request_id;
mod resource;
mod start;
mod sts;
mod tag;
mod test_case;
mod wire;

mod create_activity;
mod create_state_machine;
mod create_state_machine_alias;
mod delete_activity;
mod delete_state_machine;
mod delete_state_machine_alias;
mod delete_state_machine_version;
mod describe_activity;
mod describe_execution;
mod describe_map_run;
mod describe_state_machine;
mod describe_state_machine_alias;
mod describe_state_machine_for_execution;
mod get_activity_task;
mod get_execution_history;
mod list_activities;
mod list_executions;
mod list_map_runs;
mod list_state_machine_aliases;
mod list_state_machine_versions;
mod list_state_machines;
mod list_tags_for_resource;
mod map_run;
mod publish_state_machine_version;
mod redrive_execution;
mod refused_label;
mod send_task_failure;
mod send_task_heartbeat;
mod send_task_success;
mod start_execution;
mod start_sync_execution;
mod stop_execution;
mod tag_resource;
mod test_state;
mod untag_resource;
mod update_map_run;
mod update_state_machine;
mod update_state_machine_alias;
mod validate_state_machine_definition;

pub use call::Defaults;
pub use delete_state_machine::finish_deletions;
pub use error::ApiError;
pub use follow::EventRenderer;
pub use operation::Operation;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::catalog::Catalog;
use crate::cluster::Cluster;
use crate::epoch;
use crate::mock_config::MockConfig;
use call::Call;

/// Sizes that the API takes; AWS's by default.
#[derive(Clone, Debug)]
pub struct ApiLimits {
    /// Bytes of a request's body.
    pub request_bytes_max: usize,
    /// Bytes of an execution's input and of a task's output.
    pub payload_bytes_max: usize,
}

impl Default for ApiLimits {
    fn default() -> Self {
        Self { request_bytes_max: 1_049_600, payload_bytes_max: baton_engine::PAYLOAD_BYTES_MAX }
    }
}

/// The API over a cluster and a catalog. Clones are cheap.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

struct Inner {
    cluster: Cluster,
    catalog: Catalog,
    defaults: Defaults,
    limits: ApiLimits,
    mock_config: Option<MockConfig>,
    metrics: metrics::ApiMetrics,
    body_room: body::Room,
    closing: CancellationToken,
    under_way: TaskTracker,
}

impl Api {
    /// The API over these; `mock_config` has the test cases that a start may name.
    pub fn new(cluster: Cluster, catalog: Catalog, defaults: Defaults, limits: ApiLimits, mock_config: Option<MockConfig>) -> Self {
        Self(Arc::new(Inner {
            cluster,
            catalog,
            defaults,
            limits,
            mock_config,
            metrics: metrics::ApiMetrics::new(),
            body_room: body::Room::new(),
            closing: CancellationToken::new(),
            under_way: TaskTracker::new(),
        }))
    }

    /// Answers one request of an AWS client.
    pub async fn handle(&self, request: Request<Body>) -> Response<Body> {
        let _under_way = self.0.under_way.token();
        wire::handle(self, request).await
    }

    /// Waits until no request is under way, at most so long. Answers whether none is.
    pub async fn answered_all(&self, at_most: Duration) -> bool {
        self.0.under_way.close();
        tokio::time::timeout(at_most, self.0.under_way.wait()).await.is_ok()
    }

    /// Cancelled when the server goes away: whatever waits for something answers at once.
    pub fn closing(&self) -> &CancellationToken {
        &self.0.closing
    }

    fn cluster(&self) -> &Cluster {
        &self.0.cluster
    }

    fn catalog(&self) -> &Catalog {
        &self.0.catalog
    }

    fn defaults(&self) -> &Defaults {
        &self.0.defaults
    }

    fn body_room(&self) -> &body::Room {
        &self.0.body_room
    }

    fn limits(&self) -> &ApiLimits {
        &self.0.limits
    }

    fn mock_config(&self) -> Option<&MockConfig> {
        self.0.mock_config.as_ref()
    }

    fn metrics(&self) -> &metrics::ApiMetrics {
        &self.0.metrics
    }
}

async fn dispatch(api: &Api, operation: Operation, call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
    match operation {
        Operation::StartExecution => answer(start_execution::run(api, call).await),
        Operation::DescribeExecution => describe_execution::run(api, call).await,
        Operation::GetExecutionHistory => get_execution_history::run(api, call).await,
        Operation::GetActivityTask => answer(get_activity_task::run(api, call).await),
        Operation::SendTaskSuccess => answer(send_task_success::run(api, call).await),
        Operation::SendTaskFailure => answer(send_task_failure::run(api, call).await),
        Operation::SendTaskHeartbeat => answer(send_task_heartbeat::run(api, call).await),
        Operation::ListExecutions => answer(list_executions::run(api, call).await),
        Operation::StopExecution => answer(stop_execution::run(api, call).await),
        Operation::CreateActivity => answer(create_activity::run(api, call).await),
        Operation::CreateStateMachine => answer(create_state_machine::run(api, call).await),
        Operation::CreateStateMachineAlias => answer(create_state_machine_alias::run(api, call).await),
        Operation::DeleteActivity => answer(delete_activity::run(api, call).await),
        Operation::DeleteStateMachine => answer(delete_state_machine::run(api, call).await),
        Operation::DeleteStateMachineAlias => answer(delete_state_machine_alias::run(api, call).await),
        Operation::DeleteStateMachineVersion => answer(delete_state_machine_version::run(api, call).await),
        Operation::DescribeActivity => answer(describe_activity::run(api, call)),
        Operation::DescribeMapRun => answer(describe_map_run::run(api, call).await),
        Operation::DescribeStateMachine => answer(describe_state_machine::run(api, call)),
        Operation::DescribeStateMachineAlias => answer(describe_state_machine_alias::run(api, call)),
        Operation::DescribeStateMachineForExecution => answer(describe_state_machine_for_execution::run(api, call).await),
        Operation::ListActivities => answer(list_activities::run(api, call)),
        Operation::ListMapRuns => answer(list_map_runs::run(api, call).await),
        Operation::ListStateMachineAliases => answer(list_state_machine_aliases::run(api, call)),
        Operation::ListStateMachineVersions => answer(list_state_machine_versions::run(api, call)),
        Operation::ListStateMachines => answer(list_state_machines::run(api, call)),
        Operation::ListTagsForResource => answer(list_tags_for_resource::run(api, call)),
        Operation::PublishStateMachineVersion => answer(publish_state_machine_version::run(api, call).await),
        Operation::RedriveExecution => answer(redrive_execution::run(api, call).await),
        Operation::StartSyncExecution => start_sync_execution::run(api, call).await,
        Operation::TagResource => answer(tag_resource::run(api, call).await),
        Operation::TestState => answer(test_state::run(api, call).await),
        Operation::UntagResource => answer(untag_resource::run(api, call).await),
        Operation::UpdateMapRun => answer(update_map_run::run(api, call).await),
        Operation::UpdateStateMachine => answer(update_state_machine::run(api, call).await),
        Operation::UpdateStateMachineAlias => answer(update_state_machine_alias::run(api, call).await),
        Operation::ValidateStateMachineDefinition => answer(validate_state_machine_definition::run(call).await),
    }
}

fn answer<T: Serialize>(outcome: Result<T, ApiError>) -> Result<Vec<u8>, ApiError> {
    outcome.map(|response| json(&response))
}

fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("answers have text keys and finite numbers")
}

/// A payload of text that a caller gave, or what is wrong with it in the words of AWS's parser.
fn json_payload(text: String) -> Result<baton_engine::Payload, String> {
    match crate::json_text::check(&text) {
        Ok(()) => Ok(baton_engine::Payload::from_text(text)),
        // AWS's parser has no words for what only we refuse: text that is nested too deeply, numbers that are too large.
        Err(error) => Err(Some(baton_asl::json_error(&text)).filter(|words| !words.is_empty()).unwrap_or_else(|| error.to_string())),
    }
}

/// An answer without members.
#[derive(Serialize)]
struct Empty {}
