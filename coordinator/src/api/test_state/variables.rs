//! Workflow variables that the state begins with.

use std::sync::Arc;

use baton_engine::Payload;
use serde_json::Value;

use super::refusal::Refusal;
use crate::api::json_payload;

/// The members of an object; none by default.
pub(super) fn read(text: Option<&str>) -> Result<Vec<(Arc<str>, Payload)>, Refusal> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let payload = json_payload(text.to_owned()).map_err(|_| Refusal::VariablesNotObject)?;
    let Value::Object(members) = payload.value() else { return Err(Refusal::VariablesNotObject) };
    Ok(members.iter().map(|(name, value)| (Arc::from(name.as_str()), Payload::from_value(value.clone()))).collect())
}
