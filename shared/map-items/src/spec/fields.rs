//! Fields of parameters.

use serde_json::Value;

use crate::ReadFailure;

pub(super) fn optional_text(fields: &Value, name: &str) -> Result<Option<String>, ReadFailure> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(ReadFailure::new(format!("The field '{name}' must be a string but was: {other}"))),
    }
}

pub(super) fn required_text(fields: &Value, name: &str) -> Result<String, ReadFailure> {
    let text = optional_text(fields, name)?.filter(|text| !text.is_empty());
    text.ok_or_else(|| ReadFailure::new(format!("The field '{name}' is required but was missing.")))
}

/// One of the words of a field.
pub(super) fn word<T: Copy>(fields: &Value, name: &str, words: &[(&str, T)]) -> Result<Option<T>, ReadFailure> {
    let Some(text) = optional_text(fields, name)? else { return Ok(None) };
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, meant)| *meant);
    let allowed = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
    found.map(Some).ok_or_else(|| ReadFailure::new(format!("The field '{name}' should have one of these values: [{}]", allowed())))
}
