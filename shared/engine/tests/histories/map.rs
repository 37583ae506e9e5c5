//! Inline Map states.

use baton_engine::Payload;

use crate::check::*;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";

/// A machine of a Map state with this processor state, and these further fields.
fn map(state: &str, fields: &str) -> String {
    let processor = format!(r#"{{"StartAt": "I", "States": {{"I": {state}}}}}"#);
    machine("M", &format!(r#"{{"Type": "Map", "ItemProcessor": {processor}, {fields} "End": true}}"#))
}

fn task() -> String {
    format!(r#"{{"Type": "Task", "Resource": "{FUNCTION}", "End": true}}"#)
}

const PASS: &str = r#"{"Type": "Pass", "End": true}"#;

#[test]
fn one_after_the_other_the_iterations_form_a_chain() {
    check(
        &map(PASS, r#""MaxConcurrency": 1,"#),
        r#"[1, "a"]"#,
        [],
        r#"
        1<-0 ExecutionStarted [1, "a"]
        2<-0 MapStateEntered M [1, "a"]
        3<-2 MapStateStarted M 2
        4<-3 MapIterationStarted M 0
        5<-4 PassStateEntered I 1
        6<-5 PassStateExited I 1
        7<-6 MapIterationSucceeded M 0
        8<-6 MapIterationStarted M 1
        9<-8 PassStateEntered I "a"
        10<-9 PassStateExited I "a"
        11<-10 MapIterationSucceeded M 1
        12<-11 MapStateSucceeded M
        13<-11 MapStateExited M [1,"a"]
        14<-13 ExecutionSucceeded [1,"a"]
        "#,
    );
}

#[test]
fn side_by_side_each_iteration_chains_to_the_start() {
    check(
        &map(&task(), r#""ItemsPath": "$.items", "ResultPath": "$.out", "MaxConcurrencyPath": "$.n","#),
        r#"{"items":[{},[]],"n":"2"}"#,
        [Do::Claim("I"), Do::Succeed("I", "0"), Do::Claim("I"), Do::Succeed("I", "1")],
        r#"
        1<-0 ExecutionStarted {"items":[{},[]],"n":"2"}
        2<-0 MapStateEntered M {"items":[{},[]],"n":"2"}
        3<-2 MapStateStarted M 2
        4<-3 MapIterationStarted M 0
        5<-3 MapIterationStarted M 1
        6<-4 TaskStateEntered I {}
        7<-6 LambdaFunctionScheduled I #1 {}
        8<-5 TaskStateEntered I []
        9<-8 LambdaFunctionScheduled I #1 []
        10<-7 LambdaFunctionStarted I
        11<-10 LambdaFunctionSucceeded I 0
        12<-11 TaskStateExited I 0
        13<-12 MapIterationSucceeded M 0
        14<-9 LambdaFunctionStarted I
        15<-14 LambdaFunctionSucceeded I 1
        16<-15 TaskStateExited I 1
        17<-16 MapIterationSucceeded M 1
        18<-17 MapStateSucceeded M
        19<-17 MapStateExited M {"items":[{},[]],"n":"2","out":[0,1]}
        20<-19 ExecutionSucceeded {"items":[{},[]],"n":"2","out":[0,1]}
        "#,
    );
}

#[test]
fn nothing_to_do_is_done_at_once() {
    check(
        &map(PASS, "\"Comment\": \"\","),
        "[]",
        [],
        r#"
        1<-0 ExecutionStarted []
        2<-0 MapStateEntered M []
        3<-2 MapStateStarted M 0
        4<-3 MapStateSucceeded M
        5<-3 MapStateExited M []
        6<-5 ExecutionSucceeded []
        "#,
    );
}

#[test]
fn a_failing_iteration_takes_the_others_with_it() {
    check(
        &map(&task(), r#""Catch": [{"ErrorEquals": ["E"], "Next": "C"}],"#),
        "[0,1,2]",
        [Do::Claim("I"), Do::Succeed("I", "0"), Do::Claim("I"), Do::Fail("I", "E", "c")],
        r#"
        1<-0 ExecutionStarted [0,1,2]
        2<-0 MapStateEntered M [0,1,2]
        3<-2 MapStateStarted M 3
        4<-3 MapIterationStarted M 0
        5<-3 MapIterationStarted M 1
        6<-3 MapIterationStarted M 2
        7<-4 TaskStateEntered I 0
        8<-7 LambdaFunctionScheduled I #1 0
        9<-5 TaskStateEntered I 1
        10<-9 LambdaFunctionScheduled I #1 1
        11<-6 TaskStateEntered I 2
        12<-11 LambdaFunctionScheduled I #1 2
        13<-8 LambdaFunctionStarted I
        14<-13 LambdaFunctionSucceeded I 0
        15<-14 TaskStateExited I 0
        16<-15 MapIterationSucceeded M 0
        17<-10 LambdaFunctionStarted I
        18<-17 LambdaFunctionFailed I "E" "c"
        19<-18 MapIterationFailed M 1
        20<-18 TaskStateAborted I
        21<-18 MapIterationAborted M 2
        22<-18 MapStateFailed M
        23<-22 MapStateExited M {"Error":"E","Cause":"c"}
        24<-23 SucceedStateEntered C {"Error":"E","Cause":"c"}
        25<-24 SucceedStateExited C {"Error":"E","Cause":"c"}
        26<-25 ExecutionSucceeded {"Error":"E","Cause":"c"}
        "#,
    );
}

#[test]
fn a_retry_iterates_again_from_the_start() {
    let fail_state = r#"{"Type": "Fail", "Error": "E"}"#;
    check(
        &map(fail_state, r#""MaxConcurrency": 1, "Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 1}],"#),
        "[1]",
        [Do::Pass(1_000)],
        r#"
        1<-0 ExecutionStarted [1]
        2<-0 MapStateEntered M [1]
        3<-2 MapStateStarted M 1
        4<-3 MapIterationStarted M 0
        5<-4 FailStateEntered I 1
        6<-5 MapIterationFailed M 0
        - Retry M by 0 at +1000ms
        7<-5 MapStateStarted M 1
        8<-7 MapIterationStarted M 0
        9<-8 FailStateEntered I 1
        10<-9 MapIterationFailed M 0
        11<-9 MapStateFailed M
        12<-11 ExecutionFailed "E" -
        "#,
    );
}

#[test]
fn no_more_than_forty_run_at_once() {
    let items: Vec<String> = (0..100).map(|index| index.to_string()).collect();
    let run = Run::start(&map(&task(), "\"MaxConcurrency\": 0,"), &format!("[{}]", items.join(",")));
    assert_eq!(run.execution.outstanding(&run.machine).count(), 40);
    let run = Run::start(&map(&task(), "\"MaxConcurrency\": 7,"), &format!("[{}]", items.join(",")));
    assert_eq!(run.execution.outstanding(&run.machine).count(), 7);
}

#[test]
fn a_map_inside_a_parallel_inside_a_map() {
    let inner_map = r#"{"Type": "Map", "ItemsPath": "$.v", "MaxConcurrency": 1, "ItemProcessor": {"StartAt": "J", "States": {"J": {"Type": "Pass", "End": true}}}, "End": true}"#;
    let parallel = format!(r#"{{"Type": "Parallel", "Branches": [{{"StartAt": "N", "States": {{"N": {inner_map}}}}}], "End": true}}"#);
    let run = Run::start(&map(&parallel, "\"MaxConcurrency\": 2,"), r#"[{"v":[1,2]},{"v":[]},{"v":[3]}]"#);
    assert_eq!(run.execution.output().unwrap().text(), "[[[1,2]],[[]],[[3]]]");
}

/// Runs a machine of one Map state and gives the cause of its failure.
fn cause_of_map(fields: &str, input: &str) -> String {
    let run = Run::start(&map(PASS, fields), input);
    let failure = run.execution.failure().unwrap_or_else(|| panic!("{}", run.history()));
    assert_eq!(failure.error.as_deref(), Some("States.Runtime"));
    let cause = failure.cause.as_deref().unwrap_or_default();
    cause.strip_prefix("An error occurred while executing the state 'M' (entered at the event id #2). ").unwrap_or(cause).to_owned()
}

#[test]
fn causes_of_maps() {
    assert_eq!(cause_of_map("\"Comment\": \"\",", "{}"), r#"Reference path "$" must point to array."#);
    assert_eq!(cause_of_map(r#""ItemsPath": "$.x","#, r#"{"x":1}"#), r#"Reference path "$.x" must point to array."#);
    assert_eq!(cause_of_map(r#""ItemsPath": "$$.Execution.Input","#, "{}"), r#"Reference path "$.Execution.Input" must point to array."#);
    let concurrency =
        |value: &str| cause_of_map(r#""ItemsPath": "$.x", "MaxConcurrencyPath": "$.n","#, &format!(r#"{{"x":[],"n":{value}}}"#));
    assert_eq!(concurrency("\"No\""), r#"The MaxConcurrencyPath field refers to value "No" which is not a valid integer: $.n"#);
    assert_eq!(concurrency("{}"), r#"The MaxConcurrencyPath field refers to value "{}" which is not a valid integer: $.n"#);
    assert_eq!(concurrency("-1"), "MaxConcurrency cannot be negative.");
}

#[test]
fn ten_thousand_iterations_are_not_slow() {
    let items = vec!["1"; 10_000].join(",");
    let limits = baton_engine::Limits { history_events_max: u64::MAX, ..Default::default() };
    let machine = baton_asl::parse(&map(PASS, "\"MaxConcurrency\": 40,"), baton_asl::MachineType::Standard).unwrap();
    let env = baton_engine::Env { machine: &machine, limits: &limits, services: &baton_engine::NoServices };
    let mut out = baton_engine::Decision::default();
    let mut execution = baton_engine::Execution::start(&env, start_of(&format!("[{items}]")), &mut out);
    let mut batches = 1;
    while execution.wants_continue() {
        out.clear();
        execution.decide(&env, baton_engine::Input::Continue, START, &mut out).unwrap();
        assert!(out.events.len() <= 520, "a batch is bounded");
        batches += 1;
    }
    assert_eq!(execution.status(), baton_engine::Status::Succeeded);
    assert!(batches >= 40_000 / 520);
    assert_eq!(execution.output().unwrap().len(), 20_001);
}

/// An object that stands in `Items` gives its members, in the order of its text. Everywhere else an array is asked for, as recorded.
#[test]
fn an_object_in_items_gives_its_members() {
    let definition = r#"{"QueryLanguage": "JSONata", "StartAt": "M", "States": {"M": {"Type": "Map", "Items": {"b": 1, "a": [2]}, "End": true,
        "ItemSelector": {"key": "{% $states.context.Map.Item.Key %}", "value": "{% $states.context.Map.Item.Value %}"},
        "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}}}}"#;
    let run = Run::start(definition, "{}");
    assert_eq!(run.execution.output().map(Payload::text), Some(r#"[{"key":"b","value":1},{"key":"a","value":[2]}]"#), "{}", run.history());
    // Without an ItemSelector, an item is its key and its value.
    let plain = r#"{"QueryLanguage": "JSONata", "StartAt": "M", "States": {"M": {"Type": "Map", "Items": {"b": 1}, "End": true,
        "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}}}}"#;
    assert_eq!(Run::start(plain, "{}").execution.output().map(Payload::text), Some(r#"[{"Key":"b","Value":1}]"#));
}
