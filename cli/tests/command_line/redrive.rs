//! `baton exec redrive`.

use crate::support::{Dev, baton, folder, run, write};

const MACHINE: &str = r#"{ "StartAt": "Both", "States": { "Both": { "Type": "Parallel", "End": true, "Branches": [
    { "StartAt": "Fine", "States": { "Fine": { "Type": "Pass", "Result": "fine", "End": true } } },
    { "StartAt": "Work", "States": { "Work": { "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Work", "End": true } } } ] } } }"#;
const FUNCTIONS: &str = "[functions.Work]\nruntime = \"command\"\ncode = [\"sh\", \"work.sh\"]\n";

#[test]
fn a_failed_execution_goes_on_when_its_function_is_mended() {
    let folder = folder(&[("order.asl.json", MACHINE), ("baton.toml", FUNCTIONS), ("work.sh", "echo not today >&2; exit 1\n")]);
    let dev = Dev::serve(folder.path());
    let exec = |arguments: &[&str]| run(baton().arg("exec").args(arguments).args(["--endpoint", &dev.url]));

    let failed = exec(&["start", "order", "--wait"]);
    assert_eq!(failed.code, 1, "{}", failed.err);
    write(folder.path(), "work.sh", "echo '\"mended\"'\n");
    let ended = exec(&["redrive", "@failed", "--wait"]);
    assert_eq!((ended.code, ended.out.trim()), (0, r#"["fine","mended"]"#), "{}", ended.err);
    assert!(ended.err.contains("attempt 2"), "the tree tells of both attempts: {}", ended.err);
    assert!(!ended.err.contains('✗') && !ended.err.contains('●'), "nothing looks failed or open any more: {}", ended.err);

    let described = exec(&["describe"]);
    assert!(described.out.contains("redriven"), "{}", described.out);
    let again = exec(&["redrive"]);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("Execution is SUCCEEDED and cannot be redriven") && again.err.contains("next:"), "{}", again.err);
    let none = exec(&["redrive", "@failed"]);
    assert_eq!(none.code, 3, "{}", none.err);
}

#[test]
fn the_answer_is_the_api_s_and_a_running_execution_names_what_to_do() {
    let wait = r#"{ "StartAt": "W", "States": { "W": { "Type": "Wait", "Seconds": 600, "End": true } } }"#;
    let folder = folder(&[("wait.asl.json", wait)]);
    let dev = Dev::serve(folder.path());
    let exec = |arguments: &[&str]| run(baton().arg("exec").args(arguments).args(["--endpoint", &dev.url]));
    exec(&["start", "wait", "--name", "e"]);
    let running = exec(&["redrive", "e"]);
    assert_eq!(running.code, 1);
    assert!(
        running.err.contains("Execution is RUNNING and cannot be redriven") && running.err.contains("baton exec watch"),
        "{}",
        running.err
    );
    exec(&["stop", "e"]);
    let redriven = exec(&["redrive", "e", "--client-token", "once", "--output", "json"]);
    let answer: serde_json::Value = serde_json::from_str(&redriven.out).unwrap_or_else(|_| panic!("{}{}", redriven.out, redriven.err));
    assert!(answer["redriveDate"].is_number(), "{answer}");
    let repeated = exec(&["redrive", "e", "--client-token", "once", "--output", "json"]);
    assert_eq!(repeated.out, redriven.out);
}

#[test]
fn a_version_and_an_alias_are_named_behind_the_machine() {
    let pass = r#"{ "StartAt": "P", "States": { "P": { "Type": "Pass", "Result": 1, "End": true } } }"#;
    let folder = folder(&[("pass.asl.json", pass)]);
    let dev = Dev::serve(folder.path());
    let exec = |arguments: &[&str]| run(baton().arg("exec").args(arguments).args(["--endpoint", &dev.url]));
    let machine = "arn:aws:states:us-east-1:123456789012:stateMachine:pass";
    dev.call("PublishStateMachineVersion", serde_json::json!({ "stateMachineArn": machine }));
    let routing = serde_json::json!([{ "stateMachineVersionArn": format!("{machine}:1"), "weight": 100 }]);
    dev.call("CreateStateMachineAlias", serde_json::json!({ "name": "live", "routingConfiguration": routing }));
    for named in ["pass:1", "pass:live"] {
        let ended = exec(&["start", named, "--wait"]);
        assert_eq!((ended.code, ended.out.trim()), (0, "1"), "{named}: {}", ended.err);
    }
    let listed = exec(&["describe", "--output", "json"]);
    let described: serde_json::Value = serde_json::from_str(&listed.out).expect("it is JSON");
    assert_eq!(described["stateMachineAliasArn"], format!("{machine}:live"));
}
