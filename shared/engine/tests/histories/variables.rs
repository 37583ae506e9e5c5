//! Variables, their scopes, and the Context Object.

use crate::check::*;

#[test]
fn new_values_are_seen_from_the_next_state_on() {
    check(
        r#"{"StartAt": "A", "States": {
            "A": {"Type": "Pass", "Assign": {"x": 1, "y.$": "$.n"}, "Next": "B"},
            "B": {"Type": "Pass", "Assign": {"x.$": "$y", "y.$": "$x"}, "Next": "C"},
            "C": {"Type": "Pass", "Parameters": {"x.$": "$x", "y.$": "$y"}, "End": true}}}"#,
        r#"{"n":2}"#,
        [],
        r#"
        1<-0 ExecutionStarted {"n":2}
        2<-0 PassStateEntered A {"n":2}
        3<-2 PassStateExited A {"n":2} $x=1 $y=2
        4<-3 PassStateEntered B {"n":2}
        5<-4 PassStateExited B {"n":2} $x=2 $y=1
        6<-5 PassStateEntered C {"n":2}
        7<-6 PassStateExited C {"x":2,"y":1}
        8<-7 ExecutionSucceeded {"x":2,"y":1}
        "#,
    );
}

#[test]
fn branches_and_iterations_have_scopes_of_their_own() {
    let definition = r#"{"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Assign": {"outer": 1}, "Next": "P"},
        "P": {"Type": "Parallel", "Next": "M", "ResultPath": null, "Branches": [
            {"StartAt": "B", "States": {"B": {"Type": "Pass", "Assign": {"inner.$": "$outer"}, "Next": "B2"}, "B2": {"Type": "Pass", "InputPath": "$inner", "End": true}}},
            {"StartAt": "D", "States": {"D": {"Type": "Pass", "Assign": {"inner": 5}, "Next": "D2"}, "D2": {"Type": "Pass", "InputPath": "$inner", "End": true}}}]},
        "M": {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": {"StartAt": "I", "States": {
            "I": {"Type": "Pass", "Assign": {"item.$": "$"}, "Next": "I2"},
            "I2": {"Type": "Pass", "Parameters": {"both.$": "States.Array($outer, $item)"}, "End": true}}}, "Next": "Z"},
        "Z": {"Type": "Pass", "Parameters": {"in.$": "$", "outer.$": "$outer"}, "End": true}}}"#;
    let run = Run::start(definition, r#"{"items":[7,8]}"#);
    assert_eq!(run.execution.output().unwrap().text(), r#"{"in":[{"both":[1,7]},{"both":[1,8]}],"outer":1}"#);
    let history = run.history();
    assert!(history.contains("PassStateExited B2 1") && history.contains("PassStateExited D2 5"), "{history}");
}

#[test]
fn a_task_s_assign_reads_the_result_itself() {
    let definition = r#"{"StartAt": "T", "States": {
        "T": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "ResultSelector": {"s.$": "$.v"},
              "ResultPath": "$.r", "Assign": {"v.$": "$.v", "n.$": "$$.State.RetryCount"}, "End": true}}}"#;
    check(
        definition,
        "{}",
        run("T", r#"{"v":3}"#),
        r#"
        1<-0 ExecutionStarted {}
        2<-0 TaskStateEntered T {}
        3<-2 LambdaFunctionScheduled T #1 {}
        4<-3 LambdaFunctionStarted T
        5<-4 LambdaFunctionSucceeded T {"v":3}
        6<-5 TaskStateExited T {"r":{"s":3}} $v=3 $n=0
        7<-6 ExecutionSucceeded {"r":{"s":3}}
        "#,
    );
}

#[test]
fn the_context_object() {
    let context = |state: &str| {
        let run = Run::start(&machine("S", state), r#"{"a":1}"#);
        run.execution.output().unwrap_or_else(|| panic!("{}", run.history())).text().to_owned()
    };
    let execution = r#""Execution":{"Id":"arn:aws:states:us-east-1:123456789012:execution:m:x","Input":{"a":1},"StartTime":"2024-01-01T00:00:00Z","Name":"x","RoleArn":"arn:aws:iam::123456789012:role/r","RedriveCount":0}"#;
    let machine = r#""StateMachine":{"Id":"arn:aws:states:us-east-1:123456789012:stateMachine:m","Name":"m"}"#;
    let state = r#""State":{"Name":"S","EnteredTime":"2024-01-01T00:00:00Z"}"#;
    let pass = context(r#"{"Type": "Pass", "InputPath": "$$", "End": true}"#);
    assert_eq!(pass, format!("{{{execution},{machine},{state}}}"));

    let inner = r#"{"Type": "Pass", "Parameters": {"o.$": "$$.Map.Item"}, "End": true}"#;
    let map = format!(
        r#"{{"Type": "Map", "ItemsPath": "$$.Execution.Input.l", "ItemSelector": {{"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value", "w.$": "$.l"}},
            "ItemProcessor": {{"StartAt": "I", "States": {{"I": {inner}}}}}, "End": true}}"#
    );
    let run = Run::start(&crate::check::machine("S", &map), r#"{"l":["p"]}"#);
    assert!(run.history().contains(r#"PassStateEntered I {"i":0,"v":"p","w":["p"]}"#), "{}", run.history());
    assert!(run.history().contains(r#"PassStateExited I {"o":{"Index":0,"Value":"p","Source":"STATE_DATA"}}"#), "{}", run.history());
}

#[test]
fn variables_have_a_limit() {
    let half = format!("\"{}\"", "x".repeat(140_000));
    let definition =
        format!(r#"{{"StartAt": "A", "States": {{"A": {{"Type": "Pass", "Assign": {{"x": {half}, "y": {half}}}, "End": true}}}}}}"#);
    let run = Run::start(&definition, "{}");
    assert_eq!(run.execution.failure().unwrap().error.as_deref(), Some("States.DataLimitExceeded"));

    let definition = format!(
        r#"{{"StartAt": "A", "States": {{"A": {{"Type": "Pass", "Assign": {{"x": {half}}}, "Next": "B"}}, "B": {{"Type": "Pass", "Assign": {{"y": {half}}}, "End": true}}}}}}"#
    );
    let limits = baton_engine::Limits { variables_bytes_max: 200_000, ..Default::default() };
    let run = Run::start_with(&definition, "{}", limits);
    assert_eq!(run.execution.failure().unwrap().error.as_deref(), Some("States.DataLimitExceeded"));
    assert!(run.history().contains("PassStateEntered B"));
}
