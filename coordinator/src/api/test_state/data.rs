//! JSON that the state begins with: its input, its variables.

use std::sync::Arc;

use baton_engine::Payload;
use serde_json::Value;

use super::refusal::Refusal;
use crate::api::{ApiError, json_payload};

/// `{}` by default.
pub(super) fn input(text: Option<&str>) -> Result<Payload, ApiError> {
    match text {
        Some("") => Err(ApiError::InvalidExecutionInput("Invalid execution input.".to_owned())),
        text => json_payload(text.unwrap_or("{}").to_owned()).map_err(ApiError::InvalidExecutionInput),
    }
}

/// The members of an object; none by default.
pub(super) fn variables(text: Option<&str>) -> Result<Vec<(Arc<str>, Payload)>, Refusal> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let payload = json_payload(text.to_owned()).map_err(|_| Refusal::VariablesNotObject)?;
    let Value::Object(members) = payload.value() else { return Err(Refusal::VariablesNotObject) };
    Ok(members.iter().map(|(name, value)| (Arc::from(name.as_str()), Payload::from_value(value.clone()))).collect())
}
