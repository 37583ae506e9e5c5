//! An event as rules and their targets see it, and what PutEvents makes it from.

use std::sync::Arc;

use baton_engine::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::change::StatusChange;

/// `source`
pub(super) const SOURCE: &str = "aws.states";
/// `detail-type`
pub(super) const DETAIL_TYPE: &str = "Step Functions Execution Status Change";

/// One event, ready to be sent.
#[derive(Clone, Debug)]
pub(super) struct StatusEvent {
    pub(super) execution_arn: Arc<str>,
    pub(super) at: Timestamp,
    /// JSON.
    pub(super) detail: Arc<str>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Envelope<'a> {
    version: &'static str,
    id: String,
    detail_type: &'static str,
    source: &'static str,
    account: &'a str,
    /// RFC 3339, whole seconds.
    time: String,
    region: &'a str,
    resources: [&'a str; 1],
    detail: &'a RawValue,
}

impl StatusEvent {
    pub(super) fn of(change: &StatusChange) -> Self {
        Self { execution_arn: change.start.execution_arn.clone(), at: change.at, detail: change.detail().into() }
    }

    /// Of the execution.
    pub(super) fn region(&self) -> &str {
        self.execution_arn.split(':').nth(3).unwrap_or_default()
    }

    /// Unix seconds; EventBridge knows no finer time.
    pub(super) fn seconds(&self) -> i64 {
        self.at.div_euclid(1_000)
    }

    /// The whole event, as EventBridge would hand it to a target.
    pub(super) fn envelope(&self) -> String {
        let detail: &RawValue = serde_json::from_str(&self.detail).expect("details are JSON");
        let time = jiff::Timestamp::from_second(self.seconds()).unwrap_or_default();
        let envelope = Envelope {
            version: "0",
            id: uuid::Uuid::new_v4().to_string(),
            detail_type: DETAIL_TYPE,
            source: SOURCE,
            account: self.execution_arn.split(':').nth(4).unwrap_or_default(),
            time: time.to_string(),
            region: self.region(),
            resources: [&self.execution_arn],
            detail,
        };
        serde_json::to_string(&envelope).expect("events have text keys")
    }
}
