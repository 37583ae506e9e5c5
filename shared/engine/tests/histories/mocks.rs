//! Executions of a test case: mocked tasks leave the history that real ones leave, and nobody is asked to do them.

use std::collections::BTreeMap;
use std::sync::Arc;

use baton_engine::*;

use crate::check::{Do, Run, assert_history, payload, start_of};

/// Answers with the numbers of the first and the last task that gets each.
type Answers = Vec<(u32, u32, MockedOutcome)>;

/// A test case: the answers of each state.
fn test_case<const N: usize>(states: [(&str, Answers); N]) -> Option<Arc<TestCase>> {
    let mocked = |answers: Answers| MockedState {
        response: "Response".into(),
        answers: answers.into_iter().map(|(first, last, outcome)| MockedAnswer { first, last, outcome }).collect(),
    };
    let states = states.into_iter().map(|(name, answers)| (Arc::from(name), mocked(answers))).collect::<BTreeMap<_, _>>();
    Some(Arc::new(TestCase { name: "Case".into(), states }))
}

fn returns(text: &str) -> MockedOutcome {
    MockedOutcome::Return(payload(text))
}

fn throws(error: &str) -> MockedOutcome {
    MockedOutcome::Throw(Failure { error: Some(error.into()), cause: None })
}

fn start(definition: &str, input: &str, test_case: Option<Arc<TestCase>>) -> Run {
    Run::start_as(definition, Start { test_case, ..start_of(input) }, Limits::default())
}

fn task(resource: &str, rest: &str) -> String {
    format!(r#"{{"StartAt": "T", "States": {{"T": {{"Type": "Task", "Resource": "{resource}", {rest} "End": true}}}}}}"#)
}

#[test]
fn functions_and_activities_end_at_once() {
    let case = || test_case([("T", vec![(0, 0, returns("[1]"))])]);
    let run = start(&task("arn:aws:lambda:us-east-1:123456789012:function:f", ""), "{}", case());
    assert_history(
        &run,
        r#"1<-0 ExecutionStarted {}
        2<-0 TaskStateEntered T {}
        3<-2 LambdaFunctionScheduled T #1 {}
        4<-3 LambdaFunctionStarted T
        5<-4 LambdaFunctionSucceeded T [1]
        6<-5 TaskStateExited T [1]
        7<-6 ExecutionSucceeded [1]"#,
    );
    // What Lambda's Invoke would answer is written as its answer; the state gets the function's own result.
    let invoked = test_case([("T", vec![(0, 0, returns(r#"{"StatusCode": 200, "Payload": {"body": "b"}}"#))])]);
    let run = start(&task("arn:aws:lambda:us-east-1:123456789012:function:f", ""), "{}", invoked);
    assert_eq!(run.execution.output().map(Payload::text), Some(r#"{"body":"b"}"#));

    let run = start(&task("arn:aws:states:us-east-1:123456789012:activity:a", ""), "{}", case());
    assert_history(
        &run,
        r#"1<-0 ExecutionStarted {}
        2<-0 TaskStateEntered T {}
        3<-2 ActivityScheduled T #1 {}
        4<-3 ActivityStarted T
        5<-4 ActivitySucceeded T [1]
        6<-5 TaskStateExited T [1]
        7<-6 ExecutionSucceeded [1]"#,
    );
}

#[test]
fn jobs_and_callbacks_are_submitted_first() {
    let parameters = r#""Parameters": {"StateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:child"},"#;
    let result = r#"{"ExecutionArn":"arn:child","Status":"SUCCEEDED"}"#;
    let case = test_case([("T", vec![(0, 0, returns(result))])]);
    let run = start(&task("arn:aws:states:::states:startExecution.sync:2", parameters), "{}", case);
    let submitted = submitted(&run);
    // What the result says of the request's answer is what the request has answered.
    assert_eq!(submitted["ExecutionArn"], "arn:child");
    assert_eq!(submitted["StartDate"], "2024-01-01T00:00:00Z");
    assert_eq!(submitted["SdkHttpMetadata"]["HttpStatusCode"], 200);
    assert_eq!(run.execution.output().map(Payload::text), Some(result));

    let parameters = r#""Parameters": {"QueueUrl": "q", "MessageBody": {"T.$": "$$.Task.Token"}},"#;
    let case = test_case([("T", vec![(0, 0, throws("Refused"))])]);
    let run = start(&task("arn:aws:states:::sqs:sendMessage.waitForTaskToken", parameters), "{}", case);
    let body = r#"{"T":"arn:aws:states:us-east-1:123456789012:execution:m:x/2/1"}"#;
    assert_eq!(self::submitted(&run)["MD5OfMessageBody"], baton_query::text::md5(body));
    let last = |count: usize| run.events.iter().rev().nth(count).map(|event| &event.kind);
    assert!(matches!(last(0), Some(EventKind::ExecutionFailed { .. })));
    assert!(matches!(last(1), Some(EventKind::TaskFailed { .. })));
    assert!(matches!(last(2), Some(EventKind::TaskSubmitted { .. })));
}

fn submitted(run: &Run) -> serde_json::Value {
    let output = run.events.iter().find_map(|event| match &event.kind {
        EventKind::TaskSubmitted { output, .. } => Some(output.value().clone()),
        _ => None,
    });
    output.expect("the request was answered")
}

#[test]
fn retries_count() {
    let retry = r#""Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 2, "MaxAttempts": 3}],"#;
    let case = test_case([("T", vec![(0, 1, throws("Busy")), (2, 2, returns("\"at last\""))])]);
    let mut run = start(&task("arn:aws:states:::lambda:invoke", &format!(r#""Parameters": {{"FunctionName": "f"}}, {retry}"#)), "{}", case);
    run.act(Do::Pass(10_000));
    assert_history(
        &run,
        r#"1<-0 ExecutionStarted {}
        2<-0 TaskStateEntered T {}
        3<-2 TaskScheduled T #1 {"FunctionName":"f"}
        4<-3 TaskStarted T
        5<-4 TaskFailed T "Busy" -
        - Retry T by 0 at +2000ms
        6<-5 TaskScheduled T #2 {"FunctionName":"f"}
        7<-6 TaskStarted T
        8<-7 TaskFailed T "Busy" -
        - Retry T by 0 at +6000ms
        9<-8 TaskScheduled T #3 {"FunctionName":"f"}
        10<-9 TaskStarted T
        11<-10 TaskSucceeded T "at last"
        12<-11 TaskStateExited T "at last"
        13<-12 ExecutionSucceeded "at last""#,
    );
}

/// As recorded from Step Functions Local: one count for each state, through the whole execution.
#[test]
fn iterations_and_loops_count_on() {
    let definition = r#"{"StartAt": "M", "States": {"M": {"Type": "Map", "MaxConcurrency": 1, "End": true, "ItemProcessor": {
        "StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Parameters": {"TopicArn": "t", "Message": "m"},
        "Retry": [{"ErrorEquals": ["Boom"]}], "End": true}}}}}}"#;
    let case = test_case([("T", vec![(0, 0, throws("Boom")), (1, 1, returns("1")), (2, 2, returns("2"))])]);
    let mut run = start(definition, "[0, 0]", case);
    run.act(Do::Pass(1_000));
    assert_eq!(run.execution.output().map(Payload::text), Some("[1,2]"), "{}", run.history());

    let definition = r#"{"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f",
        "Next": "C"}, "C": {"Type": "Choice", "Choices": [{"Variable": "$", "StringEquals": "done", "Next": "E"}], "Default": "T"},
        "E": {"Type": "Succeed"}}}"#;
    let case = test_case([("T", vec![(0, 2_999, returns("\"not yet\"")), (3_000, 3_000, returns("\"done\""))])]);
    let run = start(definition, "{}", case);
    assert_eq!(run.execution.status(), Status::Succeeded);
    assert_eq!(run.events.iter().filter(|event| matches!(event.kind, EventKind::TaskSucceeded { .. })).count(), 3_001);
}

#[test]
fn a_task_without_an_answer_fails_the_execution() {
    let catch = r#""Catch": [{"ErrorEquals": ["States.ALL"], "Next": "T"}], "Retry": [{"ErrorEquals": ["States.ALL"]}],"#;
    let case = test_case([("T", vec![(1, 1, returns("1"))])]);
    let run = start(&task("arn:aws:lambda:us-east-1:123456789012:function:f", catch), "{}", case);
    assert_history(
        &run,
        r#"1<-0 ExecutionStarted {}
        2<-0 TaskStateEntered T {}
        3<-2 ExecutionFailed "States.Runtime" "An error occurred while executing the state 'T' (entered at the event id #2). The mocked response 'Response' of the test case 'Case' has no answer with the number 0.""#,
    );
}

#[test]
fn states_without_a_mock_are_done_by_workers() {
    let case = test_case([("Other", vec![(0, 0, returns("1"))])]);
    let mut run = start(&task("arn:aws:lambda:us-east-1:123456789012:function:f", ""), "{}", case);
    run.act(Do::Claim("T"));
    run.act(Do::Succeed("T", "7"));
    assert_eq!(run.execution.output().map(Payload::text), Some("7"));
}

#[test]
fn a_result_that_is_too_large_is_refused_as_any() {
    let case = test_case([("T", vec![(0, 0, returns(&format!("\"{}\"", "x".repeat(262_144))))])]);
    let run = start(&task("arn:aws:lambda:us-east-1:123456789012:function:f", ""), "{}", case);
    assert_eq!(run.execution.failure().and_then(|failure| failure.error.as_deref()), Some("States.DataLimitExceeded"));
}

#[test]
fn a_redriven_task_gets_the_next_answer() {
    let case = test_case([("T", vec![(0, 0, throws("Down")), (1, 1, returns("2"))])]);
    let mut run = start(&task("arn:aws:lambda:us-east-1:123456789012:function:f", ""), "{}", case);
    assert_eq!(run.execution.status(), Status::Failed);
    run.act(Do::Redrive);
    assert_eq!(run.execution.output().map(Payload::text), Some("2"), "{}", run.history());
}
