//! What can go wrong, with AWS's error names and texts.
//!
//! AWS puts `An error occurred while executing the state 'NAME' (entered at the event id #N). ` before each of the run-time
//! texts; whoever knows the state adds it.

use serde_json::Value;
use thiserror::Error;

use crate::Expression;
use crate::text::compact;

/// Why the text of a path, an intrinsic call or a JSONata expression is not one. Found when a definition is read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// AWS's diagnostic code: one of the constants of [`code`].
    pub code: &'static str,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Where in the text, as a byte offset, if known.
    pub position: Option<usize>,
}

/// AWS's diagnostic codes for templates and expressions.
pub mod code {
    /// A value that is not what its field asks for.
    pub const SCHEMA_VALIDATION_FAILED: &str = "SCHEMA_VALIDATION_FAILED";
    /// A JSONata expression that does not parse.
    pub const INVALID_JSONATA_EXPRESSION: &str = "INVALID_JSONATA_EXPRESSION";
    /// A JSONata expression that uses what Step Functions leaves out.
    pub const UNSUPPORTED_JSONATA_EXPRESSION: &str = "UNSUPPORTED_JSONATA_EXPRESSION";
}

impl SyntaxError {
    pub(crate) fn schema(message: impl Into<String>) -> Self {
        SyntaxError { code: code::SCHEMA_VALIDATION_FAILED, message: message.into(), position: None }
    }

    pub(crate) fn schema_at(message: impl Into<String>, position: usize) -> Self {
        SyntaxError { position: Some(position), ..Self::schema(message) }
    }
}

/// A problem inside a payload template.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message} at {location}")]
pub struct TemplateError {
    /// AWS's diagnostic code, as in [`SyntaxError::code`].
    pub code: &'static str,
    /// Where inside the template: `/value.$`, `/list[0]/x`, or empty for the template itself. It goes behind the
    /// location of the field, as in `/States/X/Parameters/value.$`.
    pub location: String,
    /// What is wrong, in AWS's words.
    pub message: String,
}

fn invalid_path(path: &str, reason: &str) -> String {
    format!("Invalid path '{path}' : {reason}")
}

pub(crate) fn limit_exceeded(limit: &str) -> String {
    format!("The evaluation exceeds its limit of {limit}")
}

fn failed(function: &str, reason: &str) -> String {
    format!("The function '{function}' had the following error: {reason}")
}

/// Why a path gave nothing, or could not be applied.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum PathError {
    /// Nothing is there.
    #[error("{}", invalid_path(path, reason))]
    NotFound {
        /// The path as written.
        path: String,
        /// What was missing, in the words of AWS's JSONPath library.
        reason: String,
    },
    /// All is there but the element of an array: its index lies outside. A payload template gives `null` for it.
    #[error("{}", invalid_path(path, reason))]
    IndexOutOfRange {
        /// The path as written.
        path: String,
        /// What was missing, in the words of AWS's JSONPath library.
        reason: String,
    },
    /// What is there cannot be what the path asks of it (an array, something to sum up).
    #[error("{}", invalid_path(path, reason))]
    NotApplicable {
        /// The path as written.
        path: String,
        /// What does not fit, in the words of AWS's JSONPath library.
        reason: String,
    },
    /// The path asks for more work, or gives more, than one evaluation may.
    #[error("{}", invalid_path(path, &limit_exceeded(limit)))]
    LimitExceeded {
        /// The path as written.
        path: String,
        /// The limit in words, unit included.
        limit: &'static str,
    },
    /// A ResultPath that the input has no place for.
    #[error("Unable to apply ReferencePath {path} to input {input}")]
    ResultPathMatchFailure {
        /// The path as written.
        path: String,
        /// The input as compact JSON.
        input: String,
    },
}

impl PathError {
    /// The name AWS gives the error. A path that finds nothing is `States.Runtime`, as recorded from AWS, although the
    /// States Language calls it `States.ParameterPathFailure`.
    pub fn error_name(&self) -> &'static str {
        match self {
            PathError::NotFound { .. }
            | PathError::IndexOutOfRange { .. }
            | PathError::NotApplicable { .. }
            | PathError::LimitExceeded { .. } => "States.Runtime",
            PathError::ResultPathMatchFailure { .. } => "States.ResultPathMatchFailure",
        }
    }
}

/// Why an evaluation failed.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum QueryError {
    /// A path by itself, as in InputPath.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A path in a payload template, or in ErrorPath or CausePath.
    #[error("The JSONPath '{path}' specified for the field '{field}' could not be found in the input '{input}'")]
    PathNotFound {
        /// The path as written.
        path: String,
        /// The key that holds it, `.$` included, or the field's name.
        field: String,
        /// The document searched, as compact JSON.
        input: String,
    },
    /// A path among the arguments of an intrinsic function.
    #[error("{}", failed(function, &format!("The JsonPath argument for the field '{path}' could not be found in the input '{input}'")))]
    ArgumentNotFound {
        /// The outermost call as written.
        function: String,
        /// The path, with one `$` where the Context Object's has two.
        path: String,
        /// The state's input as compact JSON.
        input: String,
    },
    /// A path among the arguments of an intrinsic function that does not fit what is there.
    #[error("{}", failed(function, reason))]
    ArgumentNotApplicable {
        /// The outermost call as written.
        function: String,
        /// What does not fit.
        reason: String,
    },
    /// An intrinsic function that refuses its arguments.
    #[error("{}", failed(function, reason))]
    Intrinsic {
        /// The outermost call as written.
        function: String,
        /// Which function refuses what.
        reason: String,
    },
    /// A JSONata expression without a result.
    #[error("The JSONata expression '{expression}' specified for the field '{field}' returned nothing (undefined).")]
    Undefined {
        /// The expression without its braces.
        expression: String,
        /// The place in the state: `Arguments/FunctionName`.
        field: String,
    },
    /// A JSONata expression that failed.
    #[error("The JSONata expression '{expression}' specified for the field '{field}' threw an error during evaluation. {reason}")]
    Thrown {
        /// The expression without its braces.
        expression: String,
        /// The place in the state.
        field: String,
        /// JSONata's error code and message.
        reason: String,
    },
    /// A JSONata expression whose result is a function.
    #[error("The JSONata expression '{expression}' specified for the field '{field}' returned an unsupported result type.")]
    UnsupportedResult {
        /// The expression without its braces.
        expression: String,
        /// The place in the state.
        field: String,
    },
    /// A JSONata expression whose result is not what the field asks for.
    #[error(
        "The JSONata expression '{expression}' specified for the field '{field}' returned an unexpected result type. Expected '{expected}', but was '{actual}' for value: {value}"
    )]
    UnexpectedType {
        /// The expression without its braces.
        expression: String,
        /// The place in the state.
        field: String,
        /// The type wanted, in JSON's words.
        expected: String,
        /// The type found.
        actual: &'static str,
        /// The result as compact JSON.
        value: String,
    },
    /// A template whose result would be larger than any payload may be.
    #[error("The result of the field '{field}' exceeds the limit of {limit}")]
    TooLarge {
        /// The field's name.
        field: String,
        /// The limit in words, unit included.
        limit: &'static str,
    },
}

impl QueryError {
    /// The error of a result that is not of the type its field asks for. `expected` is a JSON type: `array`, `object`,
    /// `number`, `string`, `boolean`.
    pub fn unexpected_type(expression: &Expression, field: &str, expected: &str, value: &Value) -> Self {
        QueryError::UnexpectedType {
            expression: expression.text().to_owned(),
            field: field.to_owned(),
            expected: expected.to_owned(),
            actual: type_name(value),
            value: compact(value),
        }
    }

    /// The name AWS gives the error, which decides whether Retry and Catch see it.
    pub fn error_name(&self) -> &'static str {
        match self {
            QueryError::Path(error) => error.error_name(),
            QueryError::PathNotFound { .. } | QueryError::ArgumentNotFound { .. } | QueryError::ArgumentNotApplicable { .. } => {
                "States.Runtime"
            }
            QueryError::Intrinsic { .. } => "States.IntrinsicFailure",
            QueryError::Undefined { .. }
            | QueryError::Thrown { .. }
            | QueryError::UnsupportedResult { .. }
            | QueryError::UnexpectedType { .. } => "States.QueryEvaluationError",
            QueryError::TooLarge { .. } => "States.DataLimitExceeded",
        }
    }

    /// The place in the state of a JSONata failure (`Arguments/FunctionName`), which the EvaluationFailed event names;
    /// `None` for a JSONPath failure, which has no such event.
    pub fn location(&self) -> Option<&str> {
        match self {
            QueryError::Undefined { field, .. }
            | QueryError::Thrown { field, .. }
            | QueryError::UnsupportedResult { field, .. }
            | QueryError::UnexpectedType { field, .. } => Some(field),
            QueryError::Path(_)
            | QueryError::PathNotFound { .. }
            | QueryError::ArgumentNotFound { .. }
            | QueryError::ArgumentNotApplicable { .. }
            | QueryError::Intrinsic { .. }
            | QueryError::TooLarge { .. } => None,
        }
    }
}

/// The name of a value's JSON type, as in AWS's texts: `null`, `boolean`, `number`, `string`, `array`, `object`.
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
