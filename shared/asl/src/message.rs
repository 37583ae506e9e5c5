//! Every text of a diagnostic, each once. They are AWS's own wherever one is known from an answer of AWS; the others, marked
//! "own words", say the same in the same tone. Texts about JSON syntax are in [`crate::syntax`].

use std::fmt::Display;

pub(crate) const NOT_AN_OBJECT: &str = "Definition must be a valid JSON object";
pub(crate) const EMPTY: &str = "Value cannot be empty";
pub(crate) const NOT_RFC3339: &str = "String does not match RFC3339 timestamp";
pub(crate) const NOT_AN_ARN: &str = "Value is not a valid resource ARN";
pub(crate) const NOT_A_JSONPATH: &str = "Value must be a valid JSONPath.";
pub(crate) const NOT_A_REFERENCE_PATH: &str = "Value is not a Reference Path";
pub(crate) const REFERENCE_PATH_WITHOUT_DOLLAR: &str = "Value is not a Reference Path: Reference path didn't start with '$'";
pub(crate) const HALF_AN_EXPRESSION: &str = "JSONata string must start with {% and end with %}";
pub(crate) const STATES_ALL: &str = "States.ALL must appear alone and at end of list";
pub(crate) const NO_TERMINAL_STATE: &str = "Workflow has no terminal state";
pub(crate) const DOWNGRADE: &str = "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine";
pub(crate) const EXPRESS_SYNC: &str = "Express state machine does not support '.sync' service integration";
/// The space at the end is AWS's.
pub(crate) const EXPRESS_CALLBACK: &str = "Express state machine does not support '.waitForTaskToken' service integration ";
pub(crate) const EXPRESS_ACTIVITY: &str = "Express state machine does not support Activity ARN";
pub(crate) const EXPRESS_DISTRIBUTED: &str = "The field 'Mode' with value 'DISTRIBUTED' is not supported inside 'EXPRESS' state machines";
pub(crate) const ACTIVITY_CREDENTIALS: &str = "The field 'Credentials' is not supported for activities";
pub(crate) const CSV_HEADER_LOCATION: &str = "The field 'CSVHeaderLocation' is required";
pub(crate) const RESERVED_VARIABLE: &str = "Cannot assign to reserved variable '$states'.";
/// Own words after AWS's description of the code.
pub(crate) const TOO_DEEPLY_NESTED: &str = "The states are too deeply nested";
/// Own words.
pub(crate) const HEARTBEAT_TOO_LONG: &str = "HeartbeatSeconds must be smaller than TimeoutSeconds";
/// AWS's description of the code.
pub(crate) const NO_DOLLAR: &str = "No .$ on a field that appears to be a JSONPath or Intrinsic Function.";
/// AWS's description of the code.
pub(crate) const NO_PATH: &str = "Field value looks like a path, but field name does not end with 'Path'.";
/// AWS's description of the code.
pub(crate) const PASS_RESULT_IS_STATIC: &str = "Attempt to use a path in the result of a pass state.";

pub(crate) fn required(fields: &[&str]) -> String {
    format!("These fields are required: [{}]", fields.join(", "))
}

pub(crate) fn required_inside(field: &str) -> String {
    format!("The field '{field}' is required but was missing")
}

pub(crate) fn unsupported_field(field: &str) -> String {
    format!("Field '{field}' is not supported")
}

pub(crate) fn unsupported_parameter(field: &str) -> String {
    format!("The field \"{field}\" is not supported by Step Functions")
}

/// `Parameters field is required for resource ARN: …`
pub(crate) fn payload_required(field: &str, arn: &str) -> String {
    format!("{field} field is required for resource ARN: {arn}")
}

pub(crate) fn other_language(language: &str, field: &str, other: &str) -> String {
    format!("The QueryLanguage is set to '{language}', but field '{field}' is only supported for the '{other}' QueryLanguage")
}

/// More than one of fields that exclude each other.
pub(crate) fn only_one_of(fields: &[&str]) -> String {
    format!("There should only be one of the following fields: [{}]", fields.join(", "))
}

/// None of fields of which one is needed.
pub(crate) fn exactly_one_of(fields: &[&str]) -> String {
    format!("This object should have only one of the following fields: [{}]", fields.join(", "))
}

/// What a Choice rule has to consist of.
pub(crate) fn rule_selector(fields: &[&str]) -> String {
    format!("The object must have only one of the following fields, [{}]", fields.join(", "))
}

pub(crate) fn one_of_values(values: &[&str]) -> String {
    format!("Value should be one of the following: [{}]", values.join(", "))
}

pub(crate) fn one_of_types(types: &[&str]) -> String {
    format!("The field 'Type' should have one of these values: [{}]", types.join(", "))
}

pub(crate) fn one_of_resources(examples: &[&str]) -> String {
    format!("The field 'Resource' does not match any of the allowed values. Examples: [{}]", examples.join(", "))
}

/// `kind` as AWS prints it: `[STRING]`, `Integer`.
pub(crate) fn expected_type(kind: &str) -> String {
    format!("Expected value of type {kind}")
}

pub(crate) fn minimum(value: impl Display) -> String {
    format!("Minimum value is {value}")
}

pub(crate) fn maximum(value: impl Display) -> String {
    format!("Maximum value is {value}")
}

pub(crate) fn unknown_resource(arn: &str) -> String {
    format!(
        "The resource provided {arn} is not recognized. The value is not a valid resource ARN, or the resource is not available in this region."
    )
}

/// AWS says `Next` for every kind of transition.
pub(crate) fn missing_target(name: &str) -> String {
    format!("Missing 'Next' target: {name}")
}

pub(crate) fn unreachable_state(name: &str) -> String {
    format!("State \"{name}\" is not reachable.")
}

pub(crate) fn duplicate_state(name: &str) -> String {
    format!("Duplicate State name: {name}")
}

pub(crate) fn long_state_name(name: &str, limit: usize) -> String {
    format!("Invalid State name: State '{name}' exceeds the {limit}-character limit allowed by the service")
}

/// Own words.
pub(crate) fn empty_state_name() -> String {
    "Invalid State name: State '' is empty".to_owned()
}

pub(crate) fn duplicate_label(label: &str) -> String {
    format!("Duplicate Label name: {label}")
}

pub(crate) fn long_label(label: &str, limit: usize) -> String {
    format!("Invalid Label name: Label '{label}' exceeds the {limit}-character limit allowed by the service")
}

/// Own words.
pub(crate) fn invalid_label(label: &str, character: char) -> String {
    format!("Invalid Label name: Label '{label}' contains the invalid character {character:?}")
}

/// Own words.
pub(crate) fn empty_label() -> String {
    "Invalid Label name: Label '' is empty".to_owned()
}

pub(crate) fn invalid_variable(name: &str) -> String {
    format!("Invalid variable name '{name}': the variable name contains invalid characters.")
}

/// Own words.
pub(crate) fn long_variable(name: &str, limit: usize) -> String {
    format!("Invalid variable name '{name}': the variable name exceeds the {limit}-character limit.")
}

pub(crate) fn outer_variable(name: &str) -> String {
    format!("The variable name '{name}' was already defined in a parent scope.")
}

pub(crate) fn undefined_variable(name: &str) -> String {
    format!("Variable '{name}' is possibly not defined.")
}

pub(crate) fn missing_states_field(field: &str) -> String {
    format!("Field '$states.{field}' does not exist.")
}

/// Own words: AWS says nothing of a repeated key.
pub(crate) fn duplicate_key(key: &str) -> String {
    format!("The key '{key}' is given more than once; only its last value counts.")
}

/// Own words.
pub(crate) fn too_long(limit: usize) -> String {
    format!("Definition exceeds the maximum length of {limit} bytes")
}
