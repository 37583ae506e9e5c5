//! The state machine that the simulation runs: something of every kind of waiting. Its retriers give up soon, so that some
//! executions fail, at every depth, and have to be redriven.

use std::sync::Arc;

use baton_asl::MachineType;
use baton_coordinator::shard::Revision;

const DEFINITION: &str = r#"{
  "StartAt": "Validate",
  "States": {
    "Validate": { "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:validate", "TimeoutSeconds": 20,
      "Retry": [{ "ErrorEquals": ["Lambda.ServiceException", "Flaky", "States.Timeout"], "IntervalSeconds": 1, "MaxAttempts": 2, "MaxDelaySeconds": 5 }],
      "ResultPath": "$.valid", "Next": "Pause" },
    "Pause": { "Type": "Wait", "SecondsPath": "$.wait", "Next": "Both" },
    "Both": { "Type": "Parallel", "ResultPath": "$.both", "Next": "Each",
      "Branches": [
        { "StartAt": "Left", "States": { "Left": { "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:left", "End": true,
          "Retry": [{ "ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1, "BackoffRate": 1.0 }] } } },
        { "StartAt": "Right", "States": { "Right": { "Type": "Wait", "Seconds": 3, "End": true } } } ] },
    "Each": { "Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 2, "ResultPath": "$.each", "Next": "Done",
      "ItemProcessor": { "StartAt": "Item", "States": { "Item": { "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:item", "End": true,
          "Retry": [{ "ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1, "BackoffRate": 1.0 }] } } } },
    "Done": { "Type": "Pass", "Parameters": { "order.$": "$.order", "count.$": "States.ArrayLength($.each)" }, "End": true }
  }
}"#;

pub(crate) const DIGEST: u128 = 1;

pub(crate) fn revision() -> Arc<Revision> {
    let machine = baton_asl::parse(DEFINITION, MachineType::Standard).unwrap_or_else(|diagnostics| panic!("{diagnostics:?}"));
    Arc::new(Revision {
        digest: DIGEST,
        definition: DEFINITION.into(),
        machine,
        role_arn: "arn:aws:iam::123456789012:role/r".into(),
        machine_type: MachineType::Standard,
        logging: None,
    })
}

/// Input of order `n`, and what it must come to.
pub(crate) fn order(n: u64) -> (String, String) {
    let items: Vec<_> = (0..n % 5).map(|item| item.to_string()).collect();
    let input = format!(r#"{{"order":{n},"wait":{},"items":[{}]}}"#, [0, 1, 7, 45, 120][(n % 5) as usize], items.join(","));
    (input, format!(r#"{{"order":{n},"count":{}}}"#, n % 5))
}
