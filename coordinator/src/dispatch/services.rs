//! What the engine asks about tasks while it decides.

use std::sync::Arc;

use baton_asl::{Integration, Resource, StateId};
use baton_engine::{Failure, Payload, Services, Start, TaskRef};

use super::{InvokeRequest, Shape, TaskToken, TokenKey};
use crate::shard::{Activities, ExecutionId};

/// Tokens, and whether parameters make sense.
pub struct TaskServices {
    key: Arc<TokenKey>,
    activities: Arc<dyn Activities>,
}

impl TaskServices {
    /// Over the catalog's activities.
    pub fn new(key: Arc<TokenKey>, activities: Arc<dyn Activities>) -> Self {
        Self { key, activities }
    }
}

impl Services for TaskServices {
    fn task_token(&self, start: &Start, task: TaskRef) -> String {
        let execution = ExecutionId::of_arn(&start.execution_arn);
        self.key.seal_text(&TaskToken { execution, task, shape: Shape::Callback, claim_id: 0 })
    }

    fn map_run_arn(&self, start: &Start, label: Option<&str>, state: StateId, event: u64) -> String {
        crate::shard::map_run_arn(start, label, state, event)
    }

    fn check(&self, resource: &Resource, parameters: &Payload) -> Result<(), Failure> {
        match resource {
            Resource::Function { .. } => Ok(()),
            Resource::Activity { arn } if self.activities.exists(arn) => Ok(()),
            Resource::Activity { arn } => Err(Failure::new("States.Runtime", format!("The activity {arn} does not exist."))),
            Resource::Integration(integration) => check_invoke(integration, parameters),
        }
    }
}

/// Whether the parameters make sense, if it is `lambda:invoke`.
pub(crate) fn check_invoke(integration: &Integration, parameters: &Payload) -> Result<(), Failure> {
    if integration.is_lambda_invoke() { InvokeRequest::parse(parameters).map(|_| ()) } else { Ok(()) }
}
