//! A task as a worker is told of it.

use baton_proto::worker::v1::Granted;

use crate::dispatch::{Shape, TaskCall, TaskToken, TokenKey};
use crate::shard::Grant;

/// The message for a task. To a worker that has claimed it, under the token that it was offered by.
pub(super) fn granted(key: &TokenKey, grant: &Grant, queue: &str, is_claimed: bool) -> Granted {
    let activation = &grant.activation;
    let call = TaskCall::of(grant);
    let shape = if is_claimed { Shape::Offered } else { call.shape };
    let token = TaskToken { execution: grant.execution, task: activation.task, shape, claim_id: 0 };
    Granted {
        token: key.seal(&token),
        claim_id: grant.claim.claim_id,
        queue: queue.to_owned(),
        input: call.input,
        resource: call.resource,
        execution_arn: grant.execution_arn.to_string(),
        state_name: activation.state_name.to_string(),
        attempt: activation.task.attempt,
        deadline_ms: activation.deadline.unwrap_or(0),
        heartbeat_seconds: activation.heartbeat_seconds.map_or(0, |seconds| u32::try_from(seconds).unwrap_or(u32::MAX)),
        client_context: call.client_context.unwrap_or_default(),
        log_tail: call.log_tail,
        trace_header: grant.trace_header.as_deref().unwrap_or("").to_owned(),
    }
}
