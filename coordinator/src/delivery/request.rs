//! A task as a call of a function.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use baton_asl::{Pattern, Resource};
use baton_engine::{Failure, Timestamp};
use bytes::Bytes;

use crate::dispatch::{InvocationType, InvokeRequest};
use crate::shard::Grant;

/// Lambda lets no function run longer, and nobody waits longer for one.
const CALL_MAX: Duration = Duration::from_secs(15 * 60 + 10);

/// One invocation.
#[derive(Clone, Debug)]
pub(super) struct FunctionCall {
    /// Name or ARN, as the definition or its input has it.
    pub(super) function: String,
    /// `Qualifier`.
    pub(super) qualifier: Option<String>,
    /// Body of the request; empty for a function that is called with nothing.
    pub(super) body: Bytes,
    pub(super) invocation_type: InvocationType,
    pub(super) log_tail: bool,
    pub(super) client_context: Option<String>,
    pub(super) trace_header: Option<String>,
    /// Region of the execution.
    pub(super) region: String,
    /// How the answer is shown.
    pub(super) form: Form,
    /// When the outcome no longer counts.
    pub(super) deadline: Option<Timestamp>,
}

/// How the answer to a call is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// By ARN: the function's output itself.
    Direct,
    /// `lambda:invoke`: the output inside the service's response.
    Invoke,
    /// `lambda:invoke.waitForTaskToken`: as `Invoke`, and the token comes back later.
    Callback,
}

impl FunctionCall {
    /// The call that a task stands for.
    pub(super) fn of(grant: &Grant) -> Result<Self, Failure> {
        let activation = &grant.activation;
        let plain = Self {
            function: String::new(),
            qualifier: None,
            body: activation.input.bytes(),
            invocation_type: InvocationType::RequestResponse,
            log_tail: false,
            client_context: None,
            trace_header: grant.trace_header.as_deref().map(str::to_owned),
            region: grant.execution_arn.split(':').nth(3).unwrap_or_default().to_owned(),
            form: Form::Direct,
            deadline: activation.deadline,
        };
        match &activation.target {
            Resource::Function { arn } => Ok(Self { function: arn.to_string(), ..plain }),
            Resource::Activity { arn } => Err(Failure::new("States.Runtime", format!("{arn} is not a function"))),
            Resource::Integration(integration) => {
                let request = InvokeRequest::parse(&activation.input)?;
                Ok(Self {
                    function: request.function_name.to_owned(),
                    // One inside the name stays there.
                    qualifier: request.qualifier.filter(|_| request.function.qualifier.is_none()).map(str::to_owned),
                    body: request.payload.map_or_else(Bytes::new, |_| request.event()),
                    invocation_type: request.invocation_type,
                    log_tail: request.log_tail,
                    client_context: request.client_context.map(str::to_owned),
                    form: match integration.pattern {
                        Pattern::WaitForTaskToken => Form::Callback,
                        Pattern::RequestResponse | Pattern::Sync | Pattern::Sync2 => Form::Invoke,
                    },
                    ..plain
                })
            }
        }
    }

    /// How long the answer is waited for.
    pub(super) fn patience(&self) -> Duration {
        let Some(deadline) = self.deadline else { return CALL_MAX };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let left = Duration::from_millis(u64::try_from(deadline).unwrap_or(0)).saturating_sub(now);
        // The engine's own timer comes first and says that it was a timeout.
        (left + Duration::from_secs(1)).min(CALL_MAX)
    }
}
