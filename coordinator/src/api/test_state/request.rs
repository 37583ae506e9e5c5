//! Members of the request and their constraints.

use serde::Deserialize;

use crate::api::constraint::{ARN, Constraints, NAME};
use crate::api::create_state_machine::check_role;
use crate::api::{Api, ApiError, Call};

const DEFINITION: std::ops::RangeInclusive<usize> = 1..=baton_asl::MAX_DEFINITION_BYTES;
const ERROR: std::ops::RangeInclusive<usize> = 0..=256;
const CAUSE: std::ops::RangeInclusive<usize> = 0..=32_768;
const COUNT: std::ops::RangeInclusive<i64> = 0..=i32::MAX as i64;
/// `inspectionLevel`
const LEVELS: [(&str, InspectionLevel); 3] =
    [("INFO", InspectionLevel::Info), ("DEBUG", InspectionLevel::Debug), ("TRACE", InspectionLevel::Trace)];
/// `fieldValidationMode`
const MODES: [(&str, FieldValidationMode); 3] =
    [("STRICT", FieldValidationMode::Strict), ("PRESENT", FieldValidationMode::Present), ("NONE", FieldValidationMode::None)];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members {
    definition: Option<String>,
    role_arn: Option<String>,
    input: Option<String>,
    inspection_level: Option<String>,
    reveal_secrets: Option<bool>,
    variables: Option<String>,
    state_name: Option<String>,
    mock: Option<MockInput>,
    context: Option<String>,
    state_configuration: Option<TestStateConfiguration>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MockInput {
    result: Option<String>,
    error_output: Option<MockErrorOutput>,
    field_validation_mode: Option<String>,
}

#[derive(Deserialize)]
struct MockErrorOutput {
    error: Option<String>,
    cause: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TestStateConfiguration {
    retrier_retry_count: Option<i64>,
    error_caused_by_state: Option<String>,
    map_iteration_failure_count: Option<i64>,
    map_item_reader_data: Option<String>,
}

/// `inspectionLevel`. TRACE shows more than DEBUG for HTTP tasks only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum InspectionLevel {
    #[default]
    Info,
    Debug,
    Trace,
}

/// `fieldValidationMode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum FieldValidationMode {
    /// Every required field, and each of its type.
    #[default]
    Strict,
    /// Whatever is there of its type.
    Present,
    None,
}

/// A request whose members are of the model's form.
pub(super) struct Request {
    pub(super) definition: String,
    pub(super) role_arn: Option<String>,
    pub(super) input: Option<String>,
    pub(super) inspection: InspectionLevel,
    pub(super) reveals_secrets: bool,
    pub(super) variables: Option<String>,
    pub(super) state_name: Option<String>,
    pub(super) mock: Option<MockMember>,
    pub(super) context: Option<String>,
    pub(super) configuration: Configuration,
}

/// `mock`.
pub(super) struct MockMember {
    pub(super) result: Option<String>,
    pub(super) error_output: Option<ErrorOutput>,
    pub(super) validation: FieldValidationMode,
}

/// `mock.errorOutput`.
pub(super) struct ErrorOutput {
    pub(super) error: Option<String>,
    pub(super) cause: Option<String>,
}

/// `stateConfiguration`.
#[derive(Default)]
pub(super) struct Configuration {
    pub(super) has_retries: bool,
    pub(super) retries: u32,
    pub(super) error_caused_by_state: Option<String>,
    pub(super) iteration_failures: Option<u64>,
    pub(super) item_reader_data: Option<String>,
}

impl Request {
    pub(super) fn read(api: &Api, call: &Call<'_>) -> Result<Self, ApiError> {
        let members: Members = call.members()?;
        let payload = 0..=api.limits().payload_bytes_max;
        let mut check = Constraints::new();
        let request = Self {
            definition: check.required_sensitive("definition", members.definition, DEFINITION),
            role_arn: check.optional("roleArn", members.role_arn, ARN),
            input: check.optional_sensitive("input", members.input, payload.clone()),
            inspection: check.one_of("inspectionLevel", members.inspection_level.as_deref(), &LEVELS).unwrap_or_default(),
            reveals_secrets: members.reveal_secrets.unwrap_or(false),
            variables: check.optional_sensitive("variables", members.variables, payload.clone()),
            state_name: check.optional("stateName", members.state_name, NAME),
            mock: members.mock.map(|mock| MockMember::read(mock, payload.clone(), &mut check)),
            context: check.optional_sensitive("context", members.context, payload.clone()),
            configuration: Configuration::read(members.state_configuration.unwrap_or_default(), payload, &mut check),
        };
        check.done()?;
        request.role_arn.as_deref().map_or(Ok(()), check_role)?;
        Ok(request)
    }
}

impl MockMember {
    fn read(mock: MockInput, payload: std::ops::RangeInclusive<usize>, check: &mut Constraints) -> Self {
        Self {
            result: check.optional_sensitive("mock.result", mock.result, payload),
            error_output: mock.error_output.map(|output| ErrorOutput {
                error: check.optional_sensitive("mock.errorOutput.error", output.error, ERROR),
                cause: check.optional_sensitive("mock.errorOutput.cause", output.cause, CAUSE),
            }),
            validation: check.one_of("mock.fieldValidationMode", mock.field_validation_mode.as_deref(), &MODES).unwrap_or_default(),
        }
    }
}

impl Configuration {
    fn read(members: TestStateConfiguration, payload: std::ops::RangeInclusive<usize>, check: &mut Constraints) -> Self {
        let retries = check.number("stateConfiguration.retrierRetryCount", members.retrier_retry_count, COUNT);
        let caused_by = check.optional("stateConfiguration.errorCausedByState", members.error_caused_by_state, NAME);
        let failures = check.number("stateConfiguration.mapIterationFailureCount", members.map_iteration_failure_count, COUNT);
        let data = check.optional_sensitive("stateConfiguration.mapItemReaderData", members.map_item_reader_data, payload);
        Self {
            has_retries: retries.is_some(),
            // Numbers outside of their range are refused before anybody looks at these.
            retries: retries.and_then(|count| u32::try_from(count).ok()).unwrap_or(0),
            error_caused_by_state: caused_by,
            iteration_failures: failures.and_then(|count| u64::try_from(count).ok()),
            item_reader_data: data,
        }
    }
}
