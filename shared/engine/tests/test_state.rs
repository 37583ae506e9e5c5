//! One state by itself: what it waits for, and what comes of what it is given.
#![allow(missing_docs)]

use std::sync::Arc;

use baton_asl::{LONE_STATE_NAME, MachineType, StateMachine};
use baton_engine::*;
use serde_json::{Value, json};

const NOW: Timestamp = 1_704_067_200_000;

struct Bench {
    machine: StateMachine,
    limits: Limits,
}

impl Bench {
    fn new(state: &Value) -> Self {
        let machine = baton_asl::parse_state(&state.to_string(), MachineType::Standard).expect("the state is valid");
        Self { machine, limits: Limits::default() }
    }

    fn env(&self) -> Env<'_> {
        Env { machine: &self.machine, limits: &self.limits, services: &NoServices }
    }

    fn begin(&self, input: Value, change: impl FnOnce(&mut TestedState)) -> (StateTest, TestProgress) {
        let start = Start {
            execution_arn: "arn:aws:states:us-east-1:123456789012:express:m:e".into(),
            state_machine_arn: "arn:aws:states:us-east-1:123456789012:stateMachine:m".into(),
            state_machine_name: "m".into(),
            name: "e".into(),
            revision: 0,
            version_arn: None,
            alias_arn: None,
            role_arn: "".into(),
            input: Payload::from_value(input),
            trace_header: None,
            seed: 1,
            at: NOW,
            deadline: None,
            test_case: None,
            map_child: None,
        };
        let state = self.machine.state_named(LONE_STATE_NAME).expect("the state has AWS's name").id;
        let mut tested = TestedState { state, start, variables: Vec::new(), context: None, retries: 0, item_reader_data: None };
        change(&mut tested);
        StateTest::begin(self.env(), tested)
    }
}

fn ended(progress: TestProgress) -> TestResult {
    match progress {
        TestProgress::Ended(result) => result,
        TestProgress::Waits(pending) => panic!("it waits: {pending:?}"),
    }
}

fn payload(value: Value) -> Payload {
    Payload::from_value(value)
}

fn error(result: &TestResult) -> Option<&str> {
    result.failure.as_ref()?.error.as_deref()
}

#[test]
fn a_wait_state_is_left_when_its_time_has_come() {
    let bench = Bench::new(&json!({"Type": "Wait", "SecondsPath": "$.s", "OutputPath": "$.s", "End": true}));
    let (test, progress) = bench.begin(json!({"s": 9}), |_| {});
    assert_eq!(progress, TestProgress::Waits(Pending::Time { until: NOW + 9_000 }));
    let result = test.wake(bench.env(), NOW + 9_000);
    assert_eq!((result.status, result.output), (TestStatus::Succeeded, Some(payload(json!(9)))));
    let late = test.expire(bench.env());
    assert_eq!((late.status, error(&late)), (TestStatus::Failed, Some("States.Timeout")));
}

#[test]
fn a_task_says_what_it_is_called_with() {
    let task = json!({"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:1:function:f", "TimeoutSecondsPath": "$.t", "HeartbeatSeconds": 2,
        "Parameters": {"t.$": "$.t"}, "Credentials": {"RoleArn": "arn:aws:iam::1:role/r"}, "End": true});
    let bench = Bench::new(&task);
    let (_, progress) = bench.begin(json!({"t": 7}), |_| {});
    let expected = Pending::Task {
        input: payload(json!({"t": 7})),
        timeout_seconds: Some(7),
        heartbeat_seconds: Some(2),
        role_arn: Some(Arc::from("arn:aws:iam::1:role/r")),
    };
    assert_eq!(progress, TestProgress::Waits(expected));
}

#[test]
fn a_result_that_is_too_large_is_the_task_s_failure() {
    let arn = "arn:aws:lambda:us-east-1:1:function:f";
    let bench = Bench::new(&json!({"Type": "Task", "Resource": arn, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "C"}], "End": true}));
    let (test, _) = bench.begin(json!({}), |_| {});
    let result = test.succeed(bench.env(), &payload(json!("x".repeat(262_144))), NOW);
    assert_eq!((result.status, error(&result)), (TestStatus::CaughtError, Some("States.DataLimitExceeded")));
    let cause = result.failure.and_then(|failure| failure.cause).expect("there is a cause");
    assert!(cause.contains(arn), "{cause}");
}

#[test]
fn runtime_errors_are_neither_retried_nor_caught() {
    let retry = json!([{"ErrorEquals": ["States.ALL"]}]);
    let bench = Bench::new(
        &json!({"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:1:function:f", "InputPath": "$.no", "Retry": retry, "End": true}),
    );
    let result = ended(bench.begin(json!({}), |_| {}).1);
    assert_eq!((result.status, error(&result), result.error_details), (TestStatus::Failed, Some("States.Runtime"), None));
}

#[test]
fn a_fault_of_a_catcher_s_own_fields_is_final() {
    let catch = json!([{"ErrorEquals": ["E"], "Next": "C", "Output": "{% $error('no') %}"}]);
    let bench = Bench::new(
        &json!({"Type": "Task", "QueryLanguage": "JSONata", "Resource": "arn:aws:lambda:us-east-1:1:function:f", "Catch": catch, "End": true}),
    );
    let (test, _) = bench.begin(json!({}), |_| {});
    let result = test.fail(bench.env(), Failure::new("E", "c"), NOW);
    assert_eq!((result.status, error(&result), result.next), (TestStatus::Failed, Some("States.QueryEvaluationError"), None));
}

#[test]
fn variables_are_those_before_and_those_assigned() {
    let bench = Bench::new(&json!({"Type": "Pass", "Assign": {"b.$": "$a"}, "End": true}));
    let result = ended(bench.begin(json!({}), |tested| tested.variables = vec![("a".into(), payload(json!([1])))]).1);
    assert_eq!(result.variables, Some(payload(json!({"a": [1], "b": [1]}))));
    let result = ended(bench.begin(json!({}), |_| {}).1);
    assert_eq!((result.status, result.variables), (TestStatus::Failed, None));
}

fn map(more: Value) -> Value {
    let processor = json!({"StartAt": "In", "States": {"In": {"Type": "Pass", "End": true}}});
    let mut state = json!({"Type": "Map", "ItemProcessor": processor, "End": true});
    for (field, value) in more.as_object().expect("an object") {
        state[field] = value.clone();
    }
    state
}

fn iterations(bench: &Bench, items: Value) -> (Option<u64>, Inspection) {
    let (test, progress) = bench.begin(items, |_| {});
    let TestProgress::Waits(Pending::Iterations { count }) = progress else { panic!("it does not wait: {progress:?}") };
    (count, test.end_iterations(bench.env(), &payload(json!([])), 0, count.unwrap_or(0), NOW).inspection)
}

#[test]
fn batches_keep_to_the_smaller_of_their_limits() {
    let bench = Bench::new(&map(json!({"ItemBatcher": {"MaxItemsPerBatch": 3, "MaxInputBytesPerBatch": 30}})));
    let (count, seen) = iterations(&bench, json!([1, 2, 3, 4, "a long item of its own, far too long"]));
    let sizes = |value: &Value| value["Items"].as_array().map(Vec::len);
    let batches = seen.after_item_batcher.expect("there is a batcher");
    assert_eq!(batches.as_array().expect("an array").iter().map(sizes).collect::<Vec<_>>(), [Some(3), Some(1), Some(1)]);
    assert_eq!(count, Some(3));
}

#[test]
fn many_items_are_counted_and_not_selected() {
    let bench = Bench::new(&map(json!({"ItemSelector": {"v.$": "$$.Map.Item.Value"}})));
    let (count, seen) = iterations(&bench, json!(vec![0; 1_000]));
    assert_eq!((count, seen.after_item_selector.and_then(|inputs| inputs.as_array().map(Vec::len))), (Some(1_000), Some(1_000)));
    let (count, seen) = iterations(&bench, json!(vec![0; 1_001]));
    assert_eq!((count, seen.after_item_selector), (Some(1_001), None));
}

#[test]
fn items_that_are_not_given_are_not_counted() {
    let reader = json!({"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "b", "Key": "k"}, "ReaderConfig": {"InputType": "PARQUET"}});
    let bench = Bench::new(&map(json!({"ItemReader": reader})));
    assert_eq!(iterations(&bench, json!({})).0, None);
    let (_, progress) = bench.begin(json!({}), |tested| tested.item_reader_data = Some("PAR1".to_owned()));
    assert_eq!(progress, TestProgress::Waits(Pending::Iterations { count: None }));
}
