//! Why a path gives nothing, and AWS's words for it.

use std::borrow::Cow;

use serde_json::Value;

use super::eval::read;
use super::token::Steps;
use crate::limits::{COPIED_BYTES_LIMIT, TooMuchCopied};
use crate::text::to_java_string;

/// Why a path gives nothing. The words come with [`Failure::reason`], since filters meet many that nobody reads.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Failure {
    /// The last member of a definite path is not there.
    NoResults,
    /// An index of a definite path is outside of its array.
    OutOfRange,
    /// The member of the step at this position is not there, and there are steps behind it.
    MissingProperty(usize),
    /// The value before the step at this position is no object; the Java class that it is instead.
    NotAnObject(usize, &'static str),
    /// The value before the step at this position is no array.
    NotAnArray(usize),
    /// A filter behind a definite path meets a scalar.
    NotFilterable(usize),
    /// A function refuses what it is given.
    NotApplicable(String),
    LimitExceeded(&'static str),
}

impl Failure {
    /// Whether nothing is where the path leads, rather than something that does not fit it.
    pub(crate) fn is_not_found(&self) -> bool {
        match self {
            Failure::NoResults | Failure::OutOfRange | Failure::MissingProperty(_) | Failure::NotAnObject(..) | Failure::NotAnArray(_) => {
                true
            }
            Failure::NotFilterable(_) | Failure::NotApplicable(_) | Failure::LimitExceeded(_) => false,
        }
    }

    /// The words of AWS's JSONPath library. `steps` is the path, `root` the document it was applied to.
    pub(crate) fn reason(&self, steps: &Steps, root: &Value) -> String {
        match self {
            Failure::NoResults | Failure::OutOfRange => {
                format!("No results for path: {}", steps.path_before(steps.tokens.len()))
            }
            Failure::MissingProperty(position) => {
                format!("Missing property in path {}", steps.path_before(position + 1))
            }
            Failure::NotAnObject(position, class) => format!(
                "Expected to find an object with property {} in path {} but found '{class}'. \
                 This is not a json object according to the JsonProvider: \
                 'com.jayway.jsonpath.spi.json.JacksonJsonProvider'.",
                steps.tokens[*position],
                steps.path_before(*position),
            ),
            Failure::NotAnArray(position) => match value_before(steps, *position, root) {
                Value::Null => format!("The path {} is null", steps.path_before(*position)),
                model => format!(
                    "Filter: {} can only be applied to arrays. Current context is: {}",
                    steps.fragments_from(*position),
                    to_java_string(&model)
                ),
            },
            Failure::NotFilterable(position) => format!(
                "Filter: {} can not be applied to primitives. Current context is: {}",
                steps.fragments_from(*position),
                to_java_string(&value_before(steps, *position, root))
            ),
            Failure::NotApplicable(reason) => reason.clone(),
            Failure::LimitExceeded(limit) => crate::error::limit_exceeded(limit),
        }
    }
}

impl From<TooMuchCopied> for Failure {
    fn from(_: TooMuchCopied) -> Self {
        Failure::LimitExceeded(COPIED_BYTES_LIMIT)
    }
}

/// What the steps before `position` lead to.
fn value_before(steps: &Steps, position: usize, root: &Value) -> Value {
    let before = Steps::new(steps.tokens[..position].to_vec());
    read(&before, root).map_or(Value::Null, Cow::into_owned)
}

/// The Java class of a value, as the texts of AWS's JSONPath library name it.
pub(super) fn java_class(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "java.lang.Boolean",
        Value::Number(number) if number.is_f64() => "java.lang.Double",
        Value::Number(number) if number.as_i64().is_some_and(|whole| i32::try_from(whole).is_ok()) => "java.lang.Integer",
        Value::Number(number) if number.is_i64() => "java.lang.Long",
        Value::Number(_) => "java.math.BigInteger",
        Value::String(_) => "java.lang.String",
        Value::Array(_) => "java.util.ArrayList",
        Value::Object(_) => "java.util.LinkedHashMap",
    }
}
