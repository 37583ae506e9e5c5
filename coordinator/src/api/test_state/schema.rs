//! What services answer, as far as it is known here: mocked results are held against it.

mod lambda;
mod states;

use baton_asl::{Pattern, Resource};
use serde_json::Value;

use super::refusal::SchemaError;
use super::request::FieldValidationMode;

/// What a value may be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// Anything.
    Any,
    /// A text of at least so many characters.
    Text(usize),
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// A time, which integrations write as a text.
    Timestamp,
    /// A number within these bounds.
    Number(f64, f64),
    Boolean,
    /// An object that may have more members than these.
    Structure(&'static [Member]),
}

/// A member of a structure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    name: &'static str,
    shape: Shape,
    is_required: bool,
}

const fn required(name: &'static str, shape: Shape) -> Member {
    Member { name, shape, is_required: true }
}

const fn optional(name: &'static str, shape: Shape) -> Member {
    Member { name, shape, is_required: false }
}

/// Whether a task that calls this could have the result.
pub(super) fn check(resource: &Resource, result: &Value, mode: FieldValidationMode) -> Result<(), SchemaError> {
    let is_strict = match mode {
        FieldValidationMode::None => return Ok(()),
        FieldValidationMode::Present => false,
        FieldValidationMode::Strict => true,
    };
    match members_of(resource) {
        Some(members) => structure(members, result, is_strict),
        None => Ok(()),
    }
}

/// The response that is the task's result; `None` where anything may be. A job's result is its description at its end; what comes back
/// with a token is the caller's to choose.
fn members_of(resource: &Resource) -> Option<&'static [Member]> {
    let Resource::Integration(integration) = resource else { return None };
    match (&*integration.service, &*integration.action, integration.pattern) {
        ("lambda", "invoke", Pattern::RequestResponse) => Some(lambda::INVOKE),
        ("states", "startExecution", Pattern::RequestResponse) => Some(states::START_EXECUTION),
        ("states", "startExecution", Pattern::Sync | Pattern::Sync2) => Some(states::DESCRIBE_EXECUTION),
        _ => None,
    }
}

fn structure(members: &[Member], value: &Value, is_strict: bool) -> Result<(), SchemaError> {
    for member in members {
        match value.get(member.name) {
            Some(found) => check_value(member.name, member.shape, found, is_strict)?,
            None if member.is_required && is_strict => return Err(SchemaError::Missing(member.name)),
            None => {}
        }
    }
    Ok(())
}

/// Recursion is bounded by how deep the tables nest.
fn check_value(name: &str, shape: Shape, value: &Value, is_strict: bool) -> Result<(), SchemaError> {
    let wrong = |expected| Err(SchemaError::WrongType(name.to_owned(), expected));
    match shape {
        Shape::Any => Ok(()),
        Shape::Text(length_min) => match value.as_str() {
            None => wrong("a string"),
            Some(text) if text.chars().count() < length_min => Err(SchemaError::TooShort(name.to_owned())),
            Some(_) => Ok(()),
        },
        Shape::OneOf(texts) => match value.as_str() {
            None => wrong("a string"),
            Some(text) if !texts.contains(&text) => Err(SchemaError::Unexpected(name.to_owned())),
            Some(_) => Ok(()),
        },
        Shape::Timestamp => {
            if value.is_string() {
                Ok(())
            } else {
                wrong("a string")
            }
        }
        Shape::Number(least, most) => match value.as_f64() {
            None => wrong("a number"),
            Some(number) if number < least => Err(SchemaError::TooSmall(name.to_owned())),
            Some(number) if number > most => Err(SchemaError::TooLarge(name.to_owned())),
            Some(_) => Ok(()),
        },
        Shape::Boolean => {
            if value.is_boolean() {
                Ok(())
            } else {
                wrong("a boolean")
            }
        }
        Shape::Structure(members) => {
            if value.is_object() {
                structure(members, value, is_strict)
            } else {
                wrong("an object")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use baton_asl::Integration;
    use serde_json::json;

    fn checked(action: &str, pattern: Pattern, result: Value, mode: FieldValidationMode) -> Result<(), String> {
        let integration = Integration { arn: "arn".into(), service: "states".into(), action: action.into(), pattern };
        check(&Resource::Integration(integration), &result, mode).map_err(|error| error.to_string())
    }

    #[test]
    fn a_job_is_held_against_its_description_and_a_callback_against_nothing() {
        let strict = FieldValidationMode::Strict;
        let started = json!({"ExecutionArn": "arn", "StartDate": "now"});
        assert_eq!(checked("startExecution", Pattern::RequestResponse, started.clone(), strict), Ok(()));
        let missing = Err("Required field 'StateMachineArn' is missing".to_owned());
        assert_eq!(checked("startExecution", Pattern::Sync2, started.clone(), strict), missing);
        assert_eq!(checked("startExecution", Pattern::Sync2, started, FieldValidationMode::Present), Ok(()));
        assert_eq!(checked("startExecution", Pattern::WaitForTaskToken, json!(1), strict), Ok(()));
    }

    #[test]
    fn values_are_of_their_type_and_within_their_bounds() {
        let present = |result| checked("startExecution", Pattern::Sync, result, FieldValidationMode::Present);
        assert_eq!(present(json!({"Status": "DONE"})), Err("Field 'Status' is not an expected value".to_owned()));
        assert_eq!(present(json!({"Name": ""})), Err("Field 'Name' is smaller than the minimum length".to_owned()));
        assert_eq!(present(json!({"RedriveCount": -1})), Err("Field 'RedriveCount' is less than the minimum value".to_owned()));
        assert_eq!(present(json!({"InputDetails": 1})), Err("Field 'InputDetails' must be an object".to_owned()));
        assert_eq!(present(json!({"InputDetails": {"Included": 1}})), Err("Field 'Included' must be a boolean".to_owned()));
        assert_eq!(checked("startExecution", Pattern::Sync, json!({"Status": 1}), FieldValidationMode::None), Ok(()));
    }
}
