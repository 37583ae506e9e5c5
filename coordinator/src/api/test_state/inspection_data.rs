//! `inspectionData`.

use baton_engine::{ErrorDetails, Inspection, Payload, TestResult};
use serde::Serialize;
use serde_json::Value;

/// `InspectionData` of the model, but for HTTP's request and response. Data are texts of JSON.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InspectionData {
    input: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_arguments: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_input_path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_parameters: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_result_selector: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_result_path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variables: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_details: Option<ErrorDetailsMember>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_items_path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_item_selector: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_item_batcher: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_items_pointer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tolerated_failure_count: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tolerated_failure_percentage: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_concurrency: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorDetailsMember {
    #[serde(skip_serializing_if = "Option::is_none")]
    catch_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_backoff_interval_seconds: Option<i64>,
}

pub(super) fn of(input: &Payload, result: &TestResult) -> InspectionData {
    let seen: &Inspection = &result.inspection;
    let text = |payload: &Option<Payload>| payload.as_ref().map(|payload| payload.text().to_owned());
    let list = |items: &Option<Value>| items.as_ref().map(listed);
    InspectionData {
        input: input.text().to_owned(),
        after_arguments: text(&seen.after_arguments),
        after_input_path: text(&seen.after_input_path),
        after_parameters: text(&seen.after_parameters),
        result: text(&seen.result),
        after_result_selector: text(&seen.after_result_selector),
        after_result_path: text(&seen.after_result_path),
        variables: text(&result.variables),
        error_details: result.error_details.map(error_details),
        after_items_path: list(&seen.after_items_path),
        after_item_selector: list(&seen.after_item_selector),
        after_item_batcher: list(&seen.after_item_batcher),
        after_items_pointer: list(&seen.after_items_pointer),
        tolerated_failure_count: seen.tolerated_failure_count,
        tolerated_failure_percentage: seen.tolerated_failure_percentage,
        max_concurrency: seen.max_concurrency,
    }
}

/// The items of a Map stand in AWS's answer as a list of its own language prints: compact each, with a space after every comma between.
fn listed(items: &Value) -> String {
    match items {
        Value::Array(items) => format!("[{}]", items.iter().map(Value::to_string).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

fn error_details(details: ErrorDetails) -> ErrorDetailsMember {
    let ErrorDetails { catch_index, retry_index, retry_backoff_interval_seconds } = details;
    ErrorDetailsMember { catch_index, retry_index, retry_backoff_interval_seconds }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn items_are_compact_and_apart() {
        assert_eq!(listed(&json!(["a", {"b": [1, 2]}])), r#"["a", {"b":[1,2]}]"#);
        assert_eq!(listed(&json!([])), "[]");
    }
}
