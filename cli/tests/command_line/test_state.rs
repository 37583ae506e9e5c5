//! One state by itself: what it prints, and how it exits.

use crate::support::{Dev, baton, folder, run};

const MACHINE: &str = r#"{ "StartAt": "Fork", "States": { "Fork": { "Type": "Parallel", "End": true, "Branches": [ { "StartAt": "Add", "States": {
    "Add": { "Type": "Pass", "Parameters": { "sum.$": "States.MathAdd($.a, $x)" }, "ResultPath": "$.r", "Next": "Done" },
    "Done": { "Type": "Succeed" } } } ] } } }"#;
const STATE: &str = "Type: Task\nResource: arn:aws:lambda:us-east-1:123456789012:function:f\nEnd: true\n";

#[test]
fn a_state_of_a_machine_of_the_server_is_shown_step_by_step() {
    let folder = folder(&[("sums.asl.json", MACHINE)]);
    let dev = Dev::serve(folder.path());
    let arguments = ["test-state", "sums", "--state", "Add", "--input", r#"{"a":1}"#, "--variables", r#"{"x":2}"#, "--inspect"];
    let shown = run(baton().args(arguments).args(["--endpoint", &dev.url]));
    assert_eq!(shown.code, 0, "{}", shown.err);
    let lines: Vec<String> = shown.out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let expected = [
        "status SUCCEEDED",
        r#"input {"a":1}"#,
        r#"afterInputPath {"a":1}"#,
        r#"afterParameters {"sum":3}"#,
        r#"afterResultSelector {"sum":3}"#,
        r#"afterResultPath {"a":1,"r":{"sum":3}}"#,
        r#"variables {"x":2}"#,
        r#"output {"a":1,"r":{"sum":3}}"#,
        "next state Done",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_state_in_a_file_is_mocked() {
    let folder = folder(&[("state.yaml", STATE)]);
    let dev = Dev::serve(tempfile::tempdir().expect("an empty folder").path());
    let file = folder.path().join("state.yaml");
    let test = |mock: &[&str]| run(baton().arg("test-state").arg(&file).args(mock).args(["--output", "json", "--endpoint", &dev.url]));
    let good = test(&["--mock", "[1]"]);
    assert_eq!((good.code, good.out.contains(r#""output": "[1]""#)), (0, true), "{} {}", good.out, good.err);
    let bad = test(&["--mock-error", "E"]);
    assert_eq!((bad.code, bad.out.contains(r#""error": "E""#)), (1, true), "{} {}", bad.out, bad.err);
    let both = test(&["--mock-error", r#"{"error": "E", "cause": "C"}"#]);
    assert!(both.code == 1 && both.out.contains(r#""error": "E""#) && both.out.contains(r#""cause": "C""#), "{} {}", both.out, both.err);
    let missing = run(baton().args(["test-state", "flows/none.yaml", "--endpoint", &dev.url]));
    assert_eq!((missing.code, missing.err.contains("there is no file flows/none.yaml")), (3, true), "{}", missing.err);
}
