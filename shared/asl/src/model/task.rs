//! Task states.

use std::sync::Arc;

use baton_query::PayloadTemplate;

use super::IntegerField;

/// A Task state.
#[derive(Debug)]
pub struct Task {
    /// `Resource`, as written and as understood.
    pub resource: Resource,
    /// `TimeoutSeconds`, `TimeoutSecondsPath`.
    pub timeout: Option<IntegerField>,
    /// `HeartbeatSeconds`, `HeartbeatSecondsPath`.
    pub heartbeat: Option<IntegerField>,
    /// `Credentials`: a template that gives an object with `RoleArn`.
    pub credentials: Option<PayloadTemplate>,
}

/// `Resource` of a Task. ARNs keep their text, because history shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// `arn:<partition>:lambda:<region>:<account>:function:<name>[:<qualifier>]`.
    Function {
        /// As written.
        arn: Arc<str>,
    },
    /// `arn:<partition>:states:<region>:<account>:activity:<name>`.
    Activity {
        /// As written.
        arn: Arc<str>,
    },
    /// `arn:<partition>:states:::<service>:<action>[.<pattern>]`, `aws-sdk:` ones included.
    Integration(Integration),
}

/// A service integration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Integration {
    /// As written.
    pub arn: Arc<str>,
    /// `lambda`, `sqs`, `aws-sdk:s3`: history's `resourceType`.
    pub service: Arc<str>,
    /// `invoke`, `sendMessage`: without the pattern.
    pub action: Arc<str>,
    /// How its end is learned of.
    pub pattern: Pattern,
}

/// Integration patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// The response is the result.
    RequestResponse,
    /// `.sync`
    Sync,
    /// `.sync:2`
    Sync2,
    /// `.waitForTaskToken`
    WaitForTaskToken,
}

impl Resource {
    /// The ARN, as written.
    pub fn arn(&self) -> &Arc<str> {
        match self {
            Self::Function { arn } | Self::Activity { arn } => arn,
            Self::Integration(integration) => &integration.arn,
        }
    }

    /// Whether Lambda does the task: a function by its ARN, or an integration of Lambda.
    pub fn is_lambda(&self) -> bool {
        match self {
            Self::Function { .. } => true,
            Self::Activity { .. } => false,
            Self::Integration(integration) => integration.is_lambda(),
        }
    }
}

impl Integration {
    /// Whether it is one of Lambda.
    pub fn is_lambda(&self) -> bool {
        &*self.service == "lambda"
    }

    /// Whether it is `lambda:invoke`, with or without a token.
    pub fn is_lambda_invoke(&self) -> bool {
        let pattern = match self.pattern {
            Pattern::RequestResponse | Pattern::WaitForTaskToken => true,
            Pattern::Sync | Pattern::Sync2 => false,
        };
        pattern && self.is_lambda() && &*self.action == "invoke"
    }

    /// History's `resource`: the action with its pattern's suffix.
    pub fn resource(&self) -> String {
        let suffix = match self.pattern {
            Pattern::RequestResponse => "",
            Pattern::Sync => ".sync",
            Pattern::Sync2 => ".sync:2",
            Pattern::WaitForTaskToken => ".waitForTaskToken",
        };
        format!("{}{suffix}", self.action)
    }
}
