//! `loggingConfiguration`, `tracingConfiguration` and `encryptionConfiguration`, in and out.

use serde::{Deserialize, Serialize};

use crate::catalog::{Content, EncryptionConfiguration, LogLevel, LoggingConfiguration};

use super::constraint::{ARN, Constraints};
use super::error::ApiError;

/// AWS's order.
const LOG_LEVELS: [(&str, LogLevel); 4] =
    [("ALL", LogLevel::All), ("ERROR", LogLevel::Error), ("FATAL", LogLevel::Fatal), ("OFF", LogLevel::Off)];

/// `loggingConfiguration` as it is given.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct LoggingInput {
    level: Option<String>,
    include_execution_data: Option<bool>,
    destinations: Option<Vec<LogDestination>>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
struct LogDestination {
    cloud_watch_logs_log_group: Option<LogGroup>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
struct LogGroup {
    log_group_arn: Option<String>,
}

impl LoggingInput {
    /// Names what is violated in `check`.
    pub(super) fn read(self, check: &mut Constraints) -> LoggingConfiguration {
        let level = check.one_of("loggingConfiguration.level", self.level.as_deref(), &LOG_LEVELS);
        let read = |(place, destination): (usize, LogDestination)| {
            let field = format!("loggingConfiguration.destinations.{}.member.cloudWatchLogsLogGroup.logGroupArn", place + 1);
            let arn = destination.cloud_watch_logs_log_group.and_then(|group| group.log_group_arn);
            check.optional(&field, arn, ARN).unwrap_or_default().into()
        };
        LoggingConfiguration {
            level: level.unwrap_or(LogLevel::Off),
            include_execution_data: self.include_execution_data.unwrap_or(false),
            destinations: self.destinations.map(|list| list.into_iter().enumerate().map(read).collect()),
        }
    }
}

/// A level other than OFF needs exactly one destination.
pub(super) fn check_logging(logging: &LoggingConfiguration) -> Result<(), ApiError> {
    let destinations = logging.destinations.as_ref().map_or(0, |destinations| destinations.iter().filter(|arn| !arn.is_empty()).count());
    if logging.level != LogLevel::Off && destinations != 1 {
        return Err(ApiError::InvalidLoggingConfiguration("Must specify exactly one Log Destination.".to_owned()));
    }
    Ok(())
}

/// `tracingConfiguration` as it is given.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct TracingInput {
    enabled: Option<bool>,
}

impl TracingInput {
    pub(super) fn enabled(&self) -> bool {
        self.enabled.unwrap_or(false)
    }
}

/// `encryptionConfiguration` as it is given.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct EncryptionInput {
    #[serde(rename = "type")]
    kind: Option<String>,
    kms_key_id: Option<String>,
    kms_data_key_reuse_period_seconds: Option<i64>,
}

#[derive(Clone, Copy)]
enum EncryptionType {
    AwsOwned,
    CustomerManaged,
}

impl EncryptionInput {
    /// Names what is violated in `check`.
    pub(super) fn read(self, check: &mut Constraints) -> Result<EncryptionConfiguration, ApiError> {
        const TYPES: [(&str, EncryptionType); 2] =
            [("CUSTOMER_MANAGED_KMS_KEY", EncryptionType::CustomerManaged), ("AWS_OWNED_KEY", EncryptionType::AwsOwned)];
        let kind = check.required_value("encryptionConfiguration.type", self.kind);
        let kind = if kind.is_empty() { None } else { check.one_of("encryptionConfiguration.type", Some(&kind), &TYPES) };
        let key = check.optional("encryptionConfiguration.kmsKeyId", self.kms_key_id, 1..=2048);
        let period = check.number("encryptionConfiguration.kmsDataKeyReusePeriodSeconds", self.kms_data_key_reuse_period_seconds, 60..=900);
        match kind.unwrap_or(EncryptionType::AwsOwned) {
            EncryptionType::AwsOwned if key.is_some() || period.is_some() => Err(key_in_vain()),
            EncryptionType::AwsOwned => Ok(EncryptionConfiguration::AwsOwnedKey),
            EncryptionType::CustomerManaged => Ok(EncryptionConfiguration::CustomerManagedKey {
                kms_key_id: key.ok_or_else(key_missing)?.into(),
                data_key_reuse_period_seconds: period.and_then(|period| u32::try_from(period).ok()).unwrap_or(300),
            }),
        }
    }
}

/// A key that is not used must not look as if it were.
fn key_in_vain() -> ApiError {
    let message = "kmsKeyId and kmsDataKeyReusePeriodSeconds can only be specified when the type is CUSTOMER_MANAGED_KMS_KEY";
    ApiError::InvalidEncryptionConfiguration(message.to_owned())
}

fn key_missing() -> ApiError {
    ApiError::InvalidEncryptionConfiguration("kmsKeyId must be specified when the type is CUSTOMER_MANAGED_KMS_KEY".to_owned())
}

/// The three as they are told, with AWS's defaults in full.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConfigurationOutput {
    logging_configuration: LoggingOutput,
    tracing_configuration: TracingOutput,
    encryption_configuration: EncryptionOutput,
}

impl ConfigurationOutput {
    pub(super) fn of(content: &Content) -> Self {
        Self {
            logging_configuration: LoggingOutput::of(&content.logging),
            tracing_configuration: TracingOutput { enabled: content.tracing_enabled },
            encryption_configuration: EncryptionOutput::of(&content.encryption),
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LoggingOutput {
    level: &'static str,
    include_execution_data: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    destinations: Option<Vec<LogDestination>>,
}

impl LoggingOutput {
    fn of(logging: &LoggingConfiguration) -> Self {
        let destination = |arn: &std::sync::Arc<str>| LogDestination {
            cloud_watch_logs_log_group: (!arn.is_empty()).then(|| LogGroup { log_group_arn: Some(arn.to_string()) }),
        };
        Self {
            level: LOG_LEVELS.iter().find(|(_, level)| *level == logging.level).expect("all levels are in the list").0,
            include_execution_data: logging.include_execution_data,
            destinations: logging.destinations.as_ref().map(|list| list.iter().map(destination).collect()),
        }
    }
}

#[derive(Debug, Serialize)]
struct TracingOutput {
    enabled: bool,
}

/// `encryptionConfiguration` as it is told.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EncryptionOutput {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_data_key_reuse_period_seconds: Option<u32>,
}

impl EncryptionOutput {
    pub(super) fn of(encryption: &EncryptionConfiguration) -> Self {
        match encryption {
            EncryptionConfiguration::AwsOwnedKey => {
                Self { kind: "AWS_OWNED_KEY", kms_key_id: None, kms_data_key_reuse_period_seconds: None }
            }
            EncryptionConfiguration::CustomerManagedKey { kms_key_id, data_key_reuse_period_seconds } => Self {
                kind: "CUSTOMER_MANAGED_KMS_KEY",
                kms_key_id: Some(kms_key_id.to_string()),
                kms_data_key_reuse_period_seconds: Some(*data_key_reuse_period_seconds),
            },
        }
    }
}
