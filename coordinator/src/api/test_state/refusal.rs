//! Why a test is not made. All texts of TestState are here.

use crate::api::ApiError;

/// The state types that need no mock, in AWS's order.
const UNMOCKED: &str = "[Task, Wait, Pass, Succeed, Fail, Choice]";

/// Why a test is not made. Texts without a note are AWS's, as recorded; the others are our own words for what AWS documents.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("State not found in definition")]
    StateNotFound,
    #[error("RoleArn must be specified when testing a Task state")]
    RoleMissing,
    #[error("TestState API does not support Map or Parallel states. Supported state types include: {UNMOCKED}")]
    MapOrParallelWithoutMock,
    /// Own words.
    #[error(
        "TestState API supports Activity tasks, and the .sync and .waitForTaskToken service integration patterns, only when a mock is specified."
    )]
    PatternWithoutMock,
    #[error("State type '{0}' is not supported when a mock is specified")]
    TypeNotMockable(&'static str),
    #[error("A test mock should have only one of the following fields: [result, errorOutput].")]
    NotOneOutcome,
    /// Own words.
    #[error("A mocked error output must have the field 'error'.")]
    ErrorMissing,
    #[error("TestState does not support RevealSecrets when a mock is specified.")]
    SecretsWithMock,
    /// Recorded for MapIterationFailureCount.
    #[error("TestState does not support {0} when a mock is not specified.")]
    NeedsMock(&'static str),
    #[error("Mocked result must be valid JSON")]
    ResultNotJson,
    #[error("Mocked result must be an array.")]
    ResultNotArray,
    #[error("Mocked result must be a JSON object.")]
    ResultNotObject,
    #[error("Mocked result must contain the same number of items as number of Parallel branches.")]
    NotOneResultPerBranch,
    #[error("Mock result schema validation error: {0}")]
    Schema(#[from] SchemaError),
    #[error("Map iteration failure count must be less than or equal to the number of Map iterations")]
    TooManyFailures,
    #[error("Invalid Context object provided: {0}")]
    Context(ContextError),
    /// Own words.
    #[error("Variables must be a JSON object whose keys are names of variables.")]
    VariablesNotObject,
    /// Own words.
    #[error("TestState supports {field} only for {types} states.")]
    NotForType { field: &'static str, types: &'static str },
    /// Own words.
    #[error("ErrorCausedByState must be the name of a state inside of the state under test.")]
    CauseNotInside,
}

/// What a mocked result lacks that the service would have answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum SchemaError {
    #[error("Required field '{0}' is missing")]
    Missing(&'static str),
    /// The field, and what it must be, with its article.
    #[error("Field '{0}' must be {1}")]
    WrongType(String, &'static str),
    #[error("Field '{0}' is not an expected value")]
    Unexpected(String),
    #[error("Field '{0}' exceeds the maximum value")]
    TooLarge(String),
    #[error("Field '{0}' is less than the minimum value")]
    TooSmall(String),
    #[error("Field '{0}' is smaller than the minimum length")]
    TooShort(String),
}

/// What is wrong with a `context`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ContextError {
    #[error("Field '{0}' is not allowed")]
    NotAllowed(String),
    /// Recorded for Execution.Id.
    #[error("{0} must be {1}")]
    WrongType(String, &'static str),
    #[error("'Map' field is not supported when mocking a Context object")]
    HasMap,
    #[error(
        "Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' service integration pattern"
    )]
    HasTask,
    /// Own words.
    #[error("it must be a JSON object")]
    NotObject,
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::MapOrParallelWithoutMock | Refusal::PatternWithoutMock => Self::InvalidDefinition(refusal.to_string()),
            Refusal::StateNotFound
            | Refusal::RoleMissing
            | Refusal::TypeNotMockable(_)
            | Refusal::NotOneOutcome
            | Refusal::ErrorMissing
            | Refusal::SecretsWithMock
            | Refusal::NeedsMock(_)
            | Refusal::ResultNotJson
            | Refusal::ResultNotArray
            | Refusal::ResultNotObject
            | Refusal::NotOneResultPerBranch
            | Refusal::Schema(_)
            | Refusal::TooManyFailures
            | Refusal::Context(_)
            | Refusal::VariablesNotObject
            | Refusal::NotForType { .. }
            | Refusal::CauseNotInside => Self::validation(refusal.to_string()),
        }
    }
}
