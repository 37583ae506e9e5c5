//! Every answer of the API that is not a success: AWS's error codes and texts, in one place.

use http::StatusCode;

use crate::arn::ArnError;
use crate::catalog::CatalogError;
use crate::cluster::{NotRedrivable, PollError, ReadError, StartError, TaskError};

/// Why a request was not done. `Display` is the `message` of the answer, [`code`](Self::code) its `__type`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    // What the wire layer says.
    /// The body is no JSON, or a member has another type than the model says.
    #[error("{0}")]
    Serialization(String),
    /// The target names no operation that is served here.
    #[error("{0}")]
    UnknownOperation(String),
    /// The body is larger than `limit` bytes.
    #[error("HTTP content length exceeded {limit} bytes.")]
    RequestEntityTooLarge {
        /// Bytes that a body may have.
        limit: usize,
    },
    /// Too much at once; the SDKs try again.
    #[error("Rate exceeded")]
    Throttling,
    /// The store refuses writes, or the server is going away; the SDKs try again.
    #[error("{0}")]
    ServiceUnavailable(String),
    /// A defect of ours.
    #[error("{0}")]
    InternalFailure(String),

    // What the model names.
    /// A member violates its constraint, or members contradict each other.
    #[error("{message}")]
    Validation {
        /// What is wrong.
        message: String,
        /// `reason` of the model, where it has one.
        reason: Option<&'static str>,
    },
    /// Carries what stands between the quotes.
    #[error("Invalid Arn: '{0}'")]
    InvalidArn(String),
    /// Carries the name.
    #[error("Invalid Name: '{0}'")]
    InvalidName(String),
    /// A page token that we did not give, that is too old, or that belongs to another request; also a task token.
    #[error("Invalid Token: 'Invalid token'")]
    InvalidToken,
    /// Carries the whole text.
    #[error("{0}")]
    InvalidDefinition(String),
    /// Carries what stands between the quotes.
    #[error("Invalid State Machine Execution Input: '{0}'")]
    InvalidExecutionInput(String),
    /// Carries what stands between the quotes.
    #[error("Invalid Output: '{0}'")]
    InvalidOutput(String),
    /// Carries the reason.
    #[error("Invalid Logging Configuration: {0}")]
    InvalidLoggingConfiguration(String),
    /// Carries the reason.
    #[error("Invalid Encryption Configuration: {0}")]
    InvalidEncryptionConfiguration(String),
    /// UpdateStateMachine without anything to update.
    #[error("Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified")]
    MissingRequiredParameter,
    /// Carries the ARN.
    #[error("State Machine Does Not Exist: '{0}'")]
    StateMachineDoesNotExist(String),
    /// Carries the ARN.
    #[error("State Machine Already Exists: '{0}'")]
    StateMachineAlreadyExists(String),
    /// The operation is for the other type of state machine.
    #[error("This operation is not supported by this type of state machine")]
    StateMachineTypeNotSupported,
    /// Carries the ARN.
    #[error("Execution Does Not Exist: '{0}'")]
    ExecutionDoesNotExist(String),
    /// Carries the ARN.
    #[error("Execution Already Exists: '{0}'")]
    ExecutionAlreadyExists(String),
    /// It runs, has succeeded, or ended too long ago.
    #[error("{0}")]
    ExecutionNotRedrivable(NotRedrivable),
    /// Carries the ARN.
    #[error("Activity Does Not Exist: '{0}'")]
    ActivityDoesNotExist(String),
    /// Carries the ARN. The activity has another encryption configuration.
    #[error("Activity Already Exists: '{0}'")]
    ActivityAlreadyExists(String),
    /// Too many pollers.
    #[error("{0}")]
    ActivityWorkerLimitExceeded(String),
    /// A tagged resource, a Map Run, a version or an alias is not there.
    #[error("{message}")]
    ResourceNotFound {
        /// The whole text.
        message: String,
        /// `resourceName` of the model: its ARN.
        resource_name: Option<String>,
    },
    /// Carries the ARN.
    #[error("Too many tags: '{0}'")]
    TooManyTags(String),
    /// Carries the whole text.
    #[error("{0}")]
    Conflict(String),
    /// Carries the whole text.
    #[error("{0}")]
    ServiceQuotaExceeded(String),
    /// As many state machines as there may be.
    #[error("State Machine Limit Exceeded")]
    StateMachineLimitExceeded,
    /// As many activities as there may be.
    #[error("Activity Limit Exceeded")]
    ActivityLimitExceeded,
    /// The attempt that a task token names is over.
    #[error("{0}")]
    TaskTimedOut(String),
    /// The execution that a task token names is gone.
    #[error("{0}")]
    TaskDoesNotExist(String),
}

impl ApiError {
    /// A [`Self::Validation`] without a reason.
    pub(super) fn validation(message: impl Into<String>) -> Self {
        Self::Validation { message: message.into(), reason: None }
    }

    /// There is nothing with this ARN.
    pub(super) fn no_such_resource(arn: &str) -> Self {
        Self::ResourceNotFound { message: format!("Resource not found: '{arn}'"), resource_name: Some(arn.to_owned()) }
    }

    /// The resource of an ARN is of another kind than the operation asks for.
    pub(super) fn wrong_resource_type(type_name: &str) -> Self {
        ArnError::ResourceType(type_name.to_owned()).into()
    }

    /// Whether something was not found that a member of the cluster may have made a moment ago.
    pub(super) fn is_missing_in_catalog(&self) -> bool {
        matches!(
            self,
            Self::StateMachineDoesNotExist(_)
                | Self::ActivityDoesNotExist(_)
                | Self::ResourceNotFound { .. }
                | Self::ExecutionNotRedrivable(NotRedrivable::StateMachineDeleting)
                | Self::InternalFailure(_)
        )
    }

    /// `__type` of the answer.
    pub fn code(&self) -> &'static str {
        self.answer().1
    }

    /// HTTP status of the answer: 400 for whatever the caller can do something about, as recorded from AWS.
    pub fn status(&self) -> StatusCode {
        self.answer().0
    }

    /// `reason` of the answer, where the model has one.
    pub fn reason(&self) -> Option<&'static str> {
        if let Self::Validation { reason, .. } = self { *reason } else { None }
    }

    /// `resourceName` of the answer, where the model has one: the ARN of what is not there or has too many tags.
    pub fn resource_name(&self) -> Option<&str> {
        match self {
            Self::ResourceNotFound { resource_name, .. } => resource_name.as_deref(),
            Self::TooManyTags(arn) => Some(arn),
            _ => None,
        }
    }

    fn answer(&self) -> (StatusCode, &'static str) {
        const BAD: StatusCode = StatusCode::BAD_REQUEST;
        match self {
            Self::Serialization(_) => (BAD, "SerializationException"),
            Self::UnknownOperation(_) => (BAD, "UnknownOperationException"),
            Self::RequestEntityTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLargeException"),
            Self::Throttling => (BAD, "ThrottlingException"),
            Self::ServiceUnavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable"),
            Self::InternalFailure(_) => (StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure"),
            Self::Validation { .. } => (BAD, "ValidationException"),
            Self::InvalidArn(_) => (BAD, "InvalidArn"),
            Self::InvalidName(_) => (BAD, "InvalidName"),
            Self::InvalidToken => (BAD, "InvalidToken"),
            Self::InvalidDefinition(_) => (BAD, "InvalidDefinition"),
            Self::InvalidExecutionInput(_) => (BAD, "InvalidExecutionInput"),
            Self::InvalidOutput(_) => (BAD, "InvalidOutput"),
            Self::InvalidLoggingConfiguration(_) => (BAD, "InvalidLoggingConfiguration"),
            Self::InvalidEncryptionConfiguration(_) => (BAD, "InvalidEncryptionConfiguration"),
            Self::MissingRequiredParameter => (BAD, "MissingRequiredParameter"),
            Self::StateMachineDoesNotExist(_) => (BAD, "StateMachineDoesNotExist"),
            Self::StateMachineAlreadyExists(_) => (BAD, "StateMachineAlreadyExists"),
            Self::StateMachineTypeNotSupported => (BAD, "StateMachineTypeNotSupported"),
            Self::ExecutionDoesNotExist(_) => (BAD, "ExecutionDoesNotExist"),
            Self::ExecutionAlreadyExists(_) => (BAD, "ExecutionAlreadyExists"),
            Self::ExecutionNotRedrivable(_) => (BAD, "ExecutionNotRedrivable"),
            Self::ActivityDoesNotExist(_) => (BAD, "ActivityDoesNotExist"),
            Self::ActivityAlreadyExists(_) => (BAD, "ActivityAlreadyExists"),
            Self::ActivityWorkerLimitExceeded(_) => (BAD, "ActivityWorkerLimitExceeded"),
            Self::ResourceNotFound { .. } => (BAD, "ResourceNotFound"),
            Self::TooManyTags(_) => (BAD, "TooManyTags"),
            Self::Conflict(_) => (BAD, "ConflictException"),
            Self::ServiceQuotaExceeded(_) => (BAD, "ServiceQuotaExceededException"),
            Self::StateMachineLimitExceeded => (BAD, "StateMachineLimitExceeded"),
            Self::ActivityLimitExceeded => (BAD, "ActivityLimitExceeded"),
            Self::TaskTimedOut(_) => (BAD, "TaskTimedOut"),
            Self::TaskDoesNotExist(_) => (BAD, "TaskDoesNotExist"),
        }
    }
}

impl From<ArnError> for ApiError {
    fn from(error: ArnError) -> Self {
        Self::InvalidArn(error.to_string())
    }
}

impl From<StartError> for ApiError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::AlreadyExists { execution_arn, .. } => Self::ExecutionAlreadyExists(execution_arn),
            StartError::Throttled => Self::Throttling,
            StartError::Unavailable(why) => Self::ServiceUnavailable(why.to_owned()),
        }
    }
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Throttled => Self::Throttling,
            ReadError::Unavailable(why) => Self::ServiceUnavailable(why.to_owned()),
        }
    }
}

impl From<PollError> for ApiError {
    fn from(error: PollError) -> Self {
        match error {
            PollError::WorkerLimitExceeded => Self::ActivityWorkerLimitExceeded(error.to_string()),
            PollError::Throttled => Self::Throttling,
            PollError::Unavailable(why) => Self::ServiceUnavailable(why.to_owned()),
        }
    }
}

impl From<TaskError> for ApiError {
    fn from(error: TaskError) -> Self {
        match error {
            TaskError::InvalidToken => Self::InvalidToken,
            TaskError::TaskTimedOut => Self::TaskTimedOut(error.to_string()),
            TaskError::TaskDoesNotExist => Self::TaskDoesNotExist(error.to_string()),
            TaskError::Throttled => Self::Throttling,
            TaskError::Unavailable(why) => Self::ServiceUnavailable(why.to_owned()),
        }
    }
}

impl From<CatalogError> for ApiError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::StateMachineAlreadyExists { arn } => Self::StateMachineAlreadyExists(arn.to_string()),
            CatalogError::StateMachineDoesNotExist { arn } => Self::StateMachineDoesNotExist(arn.to_string()),
            CatalogError::StateMachineLimitExceeded => Self::StateMachineLimitExceeded,
            CatalogError::ActivityAlreadyExists { arn } => Self::ActivityAlreadyExists(arn.to_string()),
            CatalogError::ActivityLimitExceeded => Self::ActivityLimitExceeded,
            CatalogError::TooManyTags { arn } => Self::TooManyTags(arn.to_string()),
            CatalogError::NotTaggable { arn } => Self::no_such_resource(&arn),
            CatalogError::NoSuchVersion | CatalogError::NoSuchAlias => {
                Self::ResourceNotFound { message: "Request references a resource that does not exist.".to_owned(), resource_name: None }
            }
            CatalogError::StaleRevision { .. } | CatalogError::VersionInUse { .. } | CatalogError::AliasAlreadyExists => {
                Self::Conflict(error.to_string())
            }
            CatalogError::VersionLimitExceeded | CatalogError::AliasLimitExceeded => Self::ServiceQuotaExceeded(error.to_string()),
            CatalogError::Throttled => Self::Throttling,
            CatalogError::NotHere => Self::ServiceUnavailable(error.to_string()),
            CatalogError::Unavailable(why) => Self::ServiceUnavailable(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_much_at_once_is_told_in_the_words_that_sdks_know() {
        let error = ApiError::Throttling;
        assert_eq!(
            (error.status(), error.code(), error.to_string().as_str()),
            (StatusCode::BAD_REQUEST, "ThrottlingException", "Rate exceeded")
        );
    }
}
