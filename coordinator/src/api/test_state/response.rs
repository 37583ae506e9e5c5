//! The answer.

use std::sync::Arc;

use baton_asl::StateMachine;
use baton_engine::{Failure, Payload, TestResult, TestStatus};
use serde::Serialize;

use super::inspection_data::{self, InspectionData};
use super::request::InspectionLevel;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct Response {
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inspection_data: Option<InspectionData>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_state: Option<Arc<str>>,
    status: &'static str,
}

pub(super) fn of(machine: &StateMachine, level: InspectionLevel, input: &Payload, result: TestResult) -> Response {
    let inspection_data = match level {
        InspectionLevel::Info => None,
        InspectionLevel::Debug | InspectionLevel::Trace => Some(inspection_data::of(input, &result)),
    };
    let Failure { error, cause } = result.failure.unwrap_or_default();
    Response {
        output: result.output.map(|output| output.text().to_owned()),
        error,
        cause,
        inspection_data,
        next_state: result.next.map(|state| machine.state(state).name.clone()),
        status: match result.status {
            TestStatus::Succeeded => "SUCCEEDED",
            TestStatus::Failed => "FAILED",
            TestStatus::Retriable => "RETRIABLE",
            TestStatus::CaughtError => "CAUGHT_ERROR",
        },
    }
}
