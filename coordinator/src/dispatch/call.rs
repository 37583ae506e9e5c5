//! What a worker is called with: the one place that tells functions by ARN, functions through `lambda:invoke`, and activities apart.

use baton_asl::{Pattern, Resource};
use bytes::Bytes;

use super::{InvocationType, InvokeRequest, Shape};
use crate::shard::Grant;

/// A task's call.
#[derive(Clone, Debug)]
pub struct TaskCall {
    /// How its outcome is to be read.
    pub shape: Shape,
    /// ARN of the function or activity, with a qualifier where one is given.
    pub resource: String,
    /// What the handler is called with, JSON.
    pub input: Bytes,
    /// `ClientContext`, as given.
    pub client_context: Option<String>,
    /// The end of the handler's log is wanted.
    pub log_tail: bool,
}

impl Shape {
    /// How the outcome of a granted task is to be read.
    pub(crate) fn of(grant: &Grant) -> Self {
        match &grant.activation.target {
            Resource::Function { .. } => Shape::Function,
            Resource::Activity { .. } => Shape::Activity,
            Resource::Integration(integration) => {
                let request = InvokeRequest::parse(&grant.activation.input);
                request.map_or(Shape::Invoke, |request| of_invoke(integration.pattern, request.invocation_type))
            }
        }
    }
}

impl TaskCall {
    /// The call that a granted task stands for.
    pub fn of(grant: &Grant) -> Self {
        let input = &grant.activation.input;
        let plain = |shape, resource: &str| Self {
            shape,
            resource: resource.to_owned(),
            input: input.bytes(),
            client_context: None,
            log_tail: false,
        };
        match &grant.activation.target {
            Resource::Function { arn } => plain(Shape::Function, arn),
            Resource::Activity { arn } => plain(Shape::Activity, arn),
            Resource::Integration(integration) => match InvokeRequest::parse(input) {
                Ok(request) if integration.is_lambda_invoke() => {
                    Self::invoke(grant, of_invoke(integration.pattern, request.invocation_type), &request)
                }
                // Neither is ever granted: the one is refused when it is scheduled, the other when it is placed.
                Ok(_) | Err(_) => plain(Shape::Invoke, &integration.arn),
            },
        }
    }

    fn invoke(grant: &Grant, shape: Shape, request: &InvokeRequest<'_>) -> Self {
        let mut parts = grant.execution_arn.split(':').skip(3);
        let mut resource = request.function.arn(parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        if let Some(qualifier) = request.qualifier {
            resource.push(':');
            resource.push_str(qualifier);
        }
        Self {
            shape,
            resource,
            input: request.event(),
            client_context: request.client_context.map(str::to_owned),
            log_tail: request.log_tail,
        }
    }
}

fn of_invoke(pattern: Pattern, invocation_type: InvocationType) -> Shape {
    match (pattern, invocation_type) {
        (Pattern::WaitForTaskToken, _) => Shape::InvokeCallback,
        (_, InvocationType::RequestResponse) => Shape::Invoke,
        (_, InvocationType::Event | InvocationType::DryRun) => Shape::InvokeEvent,
    }
}
