//! Task states.

use crate::common::{FUNCTION, check, check_express, check_jsonata, check_schema, check_state, state};

#[test]
fn task_resources() {
    let task = |resource: &str| state(&format!(r#""Type": "Task", "Resource": "{resource}", "Parameters": {{"a": 1}}"#));
    let unknown = |resource: &str| {
        format!(
            "The resource provided {resource} is not recognized. The value is not a valid resource ARN, or the resource is not available in this region. @ /States/X/Resource"
        )
    };
    check(&task("arn:aws:states:::aws-sdk:s3:listBuckets"), &[]);
    check(&task("arn:aws:states:us-east-1:123456789012:activity:a"), &[]);
    check_schema(&task("arn:aws:states:::dynamodb:query"), &[&unknown("arn:aws:states:::dynamodb:query")]);
    check_schema(&task("arn:aws:states:::lambda:invoke.sync"), &[&unknown("arn:aws:states:::lambda:invoke.sync")]);
    check_schema(&task("createToken"), &["Value is not a valid resource ARN @ /States/X/Resource"]);
    check_state(r#""Type": "Task""#, &["These fields are required: [Resource] @ /States/X"]);
    check_state(r#""Type": "Task", "Resource": {"Ref": "f"}"#, &["Expected value of type [STRING] @ /States/X/Resource"]);
}

#[test]
fn express_machines_wait_for_nothing() {
    let task = |resource: &str| state(&format!(r#""Type": "Task", "Resource": "{resource}", "Parameters": {{"StateMachineArn": "m"}}"#));
    check_express(&task("arn:aws:states:::states:startExecution"), &[]);
    for (resource, text) in [
        ("arn:aws:states:::states:startExecution.sync", "Express state machine does not support '.sync' service integration"),
        ("arn:aws:states:::states:startExecution.sync:2", "Express state machine does not support '.sync' service integration"),
        (
            "arn:aws:states:::states:startExecution.waitForTaskToken",
            "Express state machine does not support '.waitForTaskToken' service integration ",
        ),
        ("arn:aws:states:us-east-1:123456789012:activity:a", "Express state machine does not support Activity ARN"),
    ] {
        check(&task(resource), &[]);
        check_express(&task(resource), &[&format!("SCHEMA_VALIDATION_FAILED {text} @ /States/X/Resource")]);
    }
    let distributed = state(
        r#""Type": "Map", "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
            "StartAt": "I", "States": {"I": {"Type": "Pass", "End": true}}}"#,
    );
    check_express(
        &distributed,
        &[
            "SCHEMA_VALIDATION_FAILED The field 'Mode' with value 'DISTRIBUTED' is not supported inside 'EXPRESS' state machines @ /States/X/ItemProcessor/ProcessorConfig/Mode",
        ],
    );
    let inner = distributed
        .replace(r#""I": {"Type": "Pass","#, r#""I": {"Type": "Task", "Resource": "arn:aws:states:us-east-1:123456789012:activity:a","#);
    check_schema(&inner, &["Express state machine does not support Activity ARN @ /States/X/ItemProcessor/States/I/Resource"]);
    check(&inner.replace("EXPRESS", "STANDARD"), &[]);
}

#[test]
fn integration_parameters() {
    let invoke = r#""Type": "Task", "Resource": "arn:aws:states:::lambda:invoke""#;
    check_state(invoke, &["Parameters field is required for resource ARN: arn:aws:states:::lambda:invoke @ /States/X/Resource"]);
    check_jsonata(invoke, &["Arguments field is required for resource ARN: arn:aws:states:::lambda:invoke @ /States/X/Resource"]);
    check_state(&format!(r#"{invoke}, "Parameters": {{"FunctionName.$": "$.f", "Payload": {{"functionName": 1}}}}"#), &[]);
    check_jsonata(&format!(r#"{invoke}, "Arguments": "{{% $states.input %}}""#), &[]);
    check_state(
        &format!(r#"{invoke}, "Parameters": {{"functionName": "f"}}"#),
        &[
            "The field \"functionName\" is not supported by Step Functions @ /States/X/Parameters",
            "The field 'FunctionName' is required but was missing @ /States/X/Parameters",
        ],
    );
}

#[test]
fn task_times_and_credentials() {
    for name in ["TimeoutSeconds", "HeartbeatSeconds"] {
        check_state(&format!(r#"{FUNCTION}, "{name}": 1"#), &[]);
        check_state(&format!(r#"{FUNCTION}, "{name}": 0"#), &[&format!("Minimum value is 1 @ /States/X/{name}")]);
        check_state(&format!(r#"{FUNCTION}, "{name}": 100000000"#), &[&format!("Maximum value is 99999999 @ /States/X/{name}")]);
        check_state(&format!(r#"{FUNCTION}, "{name}": "{{% 1 %}}""#), &[&format!("Expected value of type Integer @ /States/X/{name}")]);
        check_state(
            &format!(r#"{FUNCTION}, "{name}": 1, "{name}Path": "$.t""#),
            &[&format!("There should only be one of the following fields: [{name}, {name}Path] @ /States/X")],
        );
        check_state(
            &format!(r#"{FUNCTION}, "{name}Path": "$$.Execution.Input.t""#),
            &[&format!("Value is not a Reference Path @ /States/X/{name}Path")],
        );
        check_jsonata(&format!(r#"{FUNCTION}, "{name}": "{{% $states.input.t %}}""#), &[]);
    }
    check_state(
        &format!(r#"{FUNCTION}, "TimeoutSeconds": 5, "HeartbeatSeconds": 5"#),
        &["HeartbeatSeconds must be smaller than TimeoutSeconds @ /States/X/HeartbeatSeconds"],
    );
    let missing = "The field 'RoleArn' is required but was missing @ /States/X/Credentials";
    check_state(&format!(r#"{FUNCTION}, "Credentials": {{}}"#), &[missing]);
    check_jsonata(&format!(r#"{FUNCTION}, "Credentials": {{"InvalidField": "x"}}"#), &[missing]);
    check_state(&format!(r#"{FUNCTION}, "Credentials": null"#), &["Expected value of type [OBJECT] @ /States/X/Credentials"]);
    check_state(&format!(r#"{FUNCTION}, "Credentials": {{"RoleArn.$": "$.role"}}"#), &[]);
    check_jsonata(&format!(r#"{FUNCTION}, "Credentials": {{"RoleArn": "{{% $role %}}"}}"#), &[]);
    check_state(
        r#""Type": "Task", "Resource": "arn:aws:states:us-east-1:123456789012:activity:a", "Credentials": {"RoleArn": "r"}"#,
        &["The field 'Credentials' is not supported for activities @ /States/X/Credentials"],
    );
}
