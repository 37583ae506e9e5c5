//! A granted task on its way to the member that has its worker.

use std::sync::Arc;

use baton_asl::{Integration, Pattern, Resource};
use baton_engine::{Claim, Payload, PayloadTable, TaskActivation, TaskRef, Timestamp};
use bincode::{Decode, Encode};

use crate::cluster::{ExecutionId, Grant};

/// See [`Grant`].
#[derive(Encode, Decode)]
#[bincode(decode_context = "PayloadTable")]
pub(super) struct WireGrant {
    execution: ExecutionId,
    execution_arn: Arc<str>,
    trace_header: Option<Arc<str>>,
    task: TaskRef,
    state_name: Arc<str>,
    target: WireTarget,
    input: Payload,
    deadline: Option<Timestamp>,
    heartbeat_seconds: Option<u64>,
    role_arn: Option<Arc<str>>,
    claim: Claim,
}

#[derive(Encode, Decode)]
enum WireTarget {
    Function { arn: Arc<str> },
    Activity { arn: Arc<str> },
    Integration { arn: Arc<str>, service: Arc<str>, action: Arc<str>, pattern: WirePattern },
}

#[derive(Encode, Decode)]
enum WirePattern {
    RequestResponse,
    Sync,
    Sync2,
    WaitForTaskToken,
}

impl From<Box<Grant>> for WireGrant {
    fn from(grant: Box<Grant>) -> Self {
        let Grant { execution, execution_arn, trace_header, activation, claim } = *grant;
        let TaskActivation { task, state_name, target, input, deadline, heartbeat_seconds, role_arn } = activation;
        let target = target.into();
        Self { execution, execution_arn, trace_header, task, state_name, target, input, deadline, heartbeat_seconds, role_arn, claim }
    }
}

impl From<WireGrant> for Box<Grant> {
    fn from(grant: WireGrant) -> Self {
        let WireGrant { execution, execution_arn, trace_header, claim, .. } = grant;
        let WireGrant { task, state_name, target, input, deadline, heartbeat_seconds, role_arn, .. } = grant;
        let activation = TaskActivation { task, state_name, target: target.into(), input, deadline, heartbeat_seconds, role_arn };
        Box::new(Grant { execution, execution_arn, trace_header, activation, claim })
    }
}

impl From<Resource> for WireTarget {
    fn from(target: Resource) -> Self {
        match target {
            Resource::Function { arn } => Self::Function { arn },
            Resource::Activity { arn } => Self::Activity { arn },
            Resource::Integration(Integration { arn, service, action, pattern }) => {
                let pattern = match pattern {
                    Pattern::RequestResponse => WirePattern::RequestResponse,
                    Pattern::Sync => WirePattern::Sync,
                    Pattern::Sync2 => WirePattern::Sync2,
                    Pattern::WaitForTaskToken => WirePattern::WaitForTaskToken,
                };
                Self::Integration { arn, service, action, pattern }
            }
        }
    }
}

impl From<WireTarget> for Resource {
    fn from(target: WireTarget) -> Self {
        match target {
            WireTarget::Function { arn } => Resource::Function { arn },
            WireTarget::Activity { arn } => Resource::Activity { arn },
            WireTarget::Integration { arn, service, action, pattern } => {
                let pattern = match pattern {
                    WirePattern::RequestResponse => Pattern::RequestResponse,
                    WirePattern::Sync => Pattern::Sync,
                    WirePattern::Sync2 => Pattern::Sync2,
                    WirePattern::WaitForTaskToken => Pattern::WaitForTaskToken,
                };
                Resource::Integration(Integration { arn, service, action, pattern })
            }
        }
    }
}
