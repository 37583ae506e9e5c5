//! State machines of the type EXPRESS: `baton exec start --sync`, `baton run`.

use crate::support::{Dev, baton, folder, run};

const TEMPLATE: &str = "Resources:
  quick:
    Type: AWS::Serverless::StateMachine
    Properties:
      Name: quick
      Type: EXPRESS
      DefinitionUri: quick.asl.json
";
const QUICK: &str = r#"{ "StartAt": "C", "States": {
    "C": { "Type": "Choice", "Choices": [{ "Variable": "$.bad", "BooleanEquals": true, "Next": "F" }], "Default": "P" },
    "P": { "Type": "Pass", "Result": "quick", "End": true }, "F": { "Type": "Fail", "Error": "Bad", "Cause": "it is" } } }"#;

#[test]
fn an_express_machine_is_run_to_its_end() {
    let folder = folder(&[("template.yaml", TEMPLATE), ("quick.asl.json", QUICK)]);
    let dev = Dev::serve(folder.path());
    let exec = |arguments: &[&str]| run(baton().arg("exec").args(arguments).args(["--endpoint", &dev.url]));
    for how in ["--sync", "--wait"] {
        let ended = exec(&["start", "quick", how, "--input", r#"{"bad": false}"#]);
        assert_eq!((ended.code, ended.out.trim()), (0, r#""quick""#), "{how}: {}", ended.err);
        let failed = exec(&["start", "quick", how, "--input", r#"{"bad": true}"#]);
        assert_eq!((failed.code, failed.err.trim()), (1, "FAILED Bad: it is"), "{how}");
    }
    let answer = exec(&["start", "quick", "--sync", "--output", "json", "--input", r#"{"bad": false}"#]);
    assert!(answer.out.contains("billedDurationInMilliseconds"), "{}", answer.out);
    let started = exec(&["start", "quick", "--input", r#"{"bad": false}"#]);
    assert!(started.out.contains(":express:quick:"), "{}", started.out);

    let file = folder.path().join("quick.asl.json");
    let ended = run(baton().arg("run").arg(&file).args(["--input", r#"{"bad": false}"#]));
    assert_eq!((ended.code, ended.out.trim()), (0, r#""quick""#), "{}", ended.err);
}
