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
    "Each": { "Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 2, "ResultPath": "$.each", "Next": "AFTER",
      "ItemProcessor": { "StartAt": "Item", "States": { "Item": { "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:item", "End": true,
          "Retry": [{ "ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1, "BackoffRate": 1.0 }] } } } },
    LAST
  }
}"#;

const LAST: &str =
    r#""Done": { "Type": "Pass", "Parameters": { "order.$": "$.order", "count.$": "States.ArrayLength($.each)" }, "End": true }"#;

/// The same items once more, each in a child execution.
const SPREAD_AND_LAST: &str = r#""Spread": { "Type": "Map", "Label": "Spread", "ItemsPath": "$.items", "MaxConcurrency": 2, "ResultPath": "$.spread", "Next": "Done",
      "ItemSelector": { "item.$": "$$.Map.Item.Value" },
      "ItemProcessor": { "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "KIND" }, "StartAt": "Child",
        "States": { "Child": { "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:child", "ResultPath": null, "End": true,
          "Retry": [{ "ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1, "BackoffRate": 1.0 }] } } } },
    "Done": { "Type": "Pass", "Parameters": { "order.$": "$.order", "count.$": "States.ArrayLength($.each)", "spread.$": "$.spread" }, "End": true }"#;

pub(crate) const DIGEST: u128 = 1;

/// With a Distributed Map, if its children are to be of some type.
pub(crate) fn revision(children: Option<&str>) -> Arc<Revision> {
    let (after, last) = if children.is_some() { ("Spread", SPREAD_AND_LAST) } else { ("Done", LAST) };
    let definition = DEFINITION.replace("AFTER", after).replace("LAST", last).replace("KIND", children.unwrap_or_default());
    let machine = baton_asl::parse(&definition, MachineType::Standard).unwrap_or_else(|diagnostics| panic!("{diagnostics:?}"));
    Arc::new(Revision {
        digest: DIGEST,
        definition: definition.into(),
        machine,
        role_arn: "arn:aws:iam::123456789012:role/r".into(),
        machine_type: MachineType::Standard,
        logging: None,
    })
}

/// How many items order `n` has.
pub(crate) fn items(n: u64) -> u64 {
    n % 5
}

/// Input of order `n`, and what it must come to.
pub(crate) fn order(n: u64, spreads: bool) -> (String, String) {
    let list = |item: &dyn Fn(u64) -> String| (0..items(n)).map(item).collect::<Vec<_>>().join(",");
    let input = format!(r#"{{"order":{n},"wait":{},"items":[{}]}}"#, [0, 1, 7, 45, 120][(n % 5) as usize], list(&|item| item.to_string()));
    let spread = if spreads { format!(r#","spread":[{}]"#, list(&|item| format!(r#"{{"item":{item}}}"#))) } else { String::new() };
    (input, format!(r#"{{"order":{n},"count":{}{spread}}}"#, items(n)))
}
