//! ValidateStateMachineDefinition.

use baton_asl::{Diagnostic, Severity};
use serde::{Deserialize, Serialize};

use crate::catalog::MachineType;

use super::constraint::Constraints;
use super::create_state_machine::{DEFINITION, TYPES};
use super::{ApiError, Call, definition};

/// Diagnostics in one answer.
const DIAGNOSTICS_MAX: i64 = 100;
const SEVERITIES: [(&str, Severity); 2] = [("ERROR", Severity::Error), ("WARNING", Severity::Warning)];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    definition: Option<String>,
    #[serde(rename = "type")]
    machine_type: Option<String>,
    severity: Option<String>,
    max_results: Option<i64>,
}

#[derive(Serialize)]
pub(super) struct Response {
    result: &'static str,
    diagnostics: Vec<Item>,
    truncated: bool,
}

#[derive(Serialize)]
struct Item {
    severity: &'static str,
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
}

/// Problems of the definition are part of the answer; only those of the request are errors.
pub(super) async fn run(call: &Call<'_>) -> Result<Response, ApiError> {
    let request: Request = call.members()?;
    let mut check = Constraints::new();
    let text = check.required_sensitive("definition", request.definition, DEFINITION);
    let machine_type = check.one_of("type", request.machine_type.as_deref(), &TYPES);
    let severity = check.one_of("severity", request.severity.as_deref(), &SEVERITIES);
    let max_results = check.number("maxResults", request.max_results, 0..=DIAGNOSTICS_MAX);
    check.done()?;
    let machine_type = machine_type.unwrap_or(MachineType::Standard);
    let mut diagnostics = definition::off_the_runtime(text.into(), move |text| crate::catalog::diagnose(text, machine_type)).await?;
    let failed = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    if severity.unwrap_or(Severity::Error) == Severity::Error {
        diagnostics.retain(|diagnostic| diagnostic.severity == Severity::Error);
    }
    let limit = max_results.filter(|limit| *limit > 0).unwrap_or(DIAGNOSTICS_MAX);
    let limit = usize::try_from(limit).expect("the constraint on maxResults has been checked");
    let truncated = diagnostics.len() > limit;
    diagnostics.truncate(limit);
    let result = if failed { "FAIL" } else { "OK" };
    Ok(Response { result, diagnostics: diagnostics.into_iter().map(item).collect(), truncated })
}

fn item(diagnostic: Diagnostic) -> Item {
    Item { severity: diagnostic.severity.text(), code: diagnostic.code.text(), message: diagnostic.message, location: diagnostic.location }
}
