//! Parallel states.

use crate::check::*;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";

/// A machine of a Parallel state whose branches are these states, one each, and which has these further fields.
fn branches(states: &[(&str, &str)], fields: &str) -> String {
    let branch = |(name, state): &(&str, &str)| format!(r#"{{"StartAt": "{name}", "States": {{"{name}": {state}}}}}"#);
    let branches: Vec<String> = states.iter().map(branch).collect();
    machine("P", &format!(r#"{{"Type": "Parallel", "Branches": [{}], {fields} "End": true}}"#, branches.join(",")))
}

fn task() -> String {
    format!(r#"{{"Type": "Task", "Resource": "{FUNCTION}", "End": true}}"#)
}

const PASS: &str = r#"{"Type": "Pass", "End": true}"#;
const CATCH: &str = r#""Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.e", "Next": "C"}],"#;

#[test]
fn branches_run_side_by_side_and_keep_their_texts() {
    check(
        &branches(&[("A", PASS), ("B", &task())], "\"Comment\": \"\","),
        "[1, 2]",
        run("B", r#"{ "b": 1 }"#),
        r#"
        1<-0 ExecutionStarted [1, 2]
        2<-0 ParallelStateEntered P [1, 2]
        3<-2 ParallelStateStarted P
        4<-3 PassStateEntered A [1, 2]
        5<-4 PassStateExited A [1, 2]
        6<-3 TaskStateEntered B [1, 2]
        7<-6 LambdaFunctionScheduled B #1 [1, 2]
        8<-7 LambdaFunctionStarted B
        9<-8 LambdaFunctionSucceeded B { "b": 1 }
        10<-9 TaskStateExited B { "b": 1 }
        11<-10 ParallelStateSucceeded P
        12<-10 ParallelStateExited P [[1, 2],{ "b": 1 }]
        13<-12 ExecutionSucceeded [[1, 2],{ "b": 1 }]
        "#,
    );
}

#[test]
fn a_failing_branch_takes_the_others_with_it() {
    let wait = r#"{"Type": "Wait", "Seconds": 60, "End": true}"#;
    check(
        &branches(&[("A", wait), ("B", &task()), ("D", &task())], CATCH),
        "{}",
        fail("B", "E", "why"),
        r#"
        1<-0 ExecutionStarted {}
        2<-0 ParallelStateEntered P {}
        3<-2 ParallelStateStarted P
        4<-3 WaitStateEntered A {}
        - Wait A until +60000ms
        5<-3 TaskStateEntered B {}
        6<-5 LambdaFunctionScheduled B #1 {}
        7<-3 TaskStateEntered D {}
        8<-7 LambdaFunctionScheduled D #1 {}
        9<-6 LambdaFunctionStarted B
        10<-9 LambdaFunctionFailed B "E" "why"
        11<-10 WaitStateAborted A
        12<-10 TaskStateAborted B
        13<-10 TaskStateAborted D
        14<-10 ParallelStateFailed P
        15<-14 ParallelStateExited P {"e":{"Error":"E","Cause":"why"}}
        16<-15 SucceedStateEntered C {"e":{"Error":"E","Cause":"why"}}
        17<-16 SucceedStateExited C {"e":{"Error":"E","Cause":"why"}}
        18<-17 ExecutionSucceeded {"e":{"Error":"E","Cause":"why"}}
        "#,
    );
}

#[test]
fn a_retry_runs_all_branches_again() {
    let fail_state = r#"{"Type": "Fail", "Error": "E", "Cause": "c"}"#;
    check(
        &branches(&[("A", fail_state)], r#""Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 1}],"#),
        "{}",
        [Do::Pass(1_000)],
        r#"
        1<-0 ExecutionStarted {}
        2<-0 ParallelStateEntered P {}
        3<-2 ParallelStateStarted P
        4<-3 FailStateEntered A {}
        - Retry P by 0 at +1000ms
        5<-4 ParallelStateStarted P
        6<-5 FailStateEntered A {}
        7<-6 ParallelStateFailed P
        8<-7 ExecutionFailed "E" "c"
        "#,
    );
}

#[test]
fn an_aborted_task_is_neither_offered_nor_awaited() {
    // The second branch fails in the very decision that would hand out the first one's task.
    let fail_state = r#"{"Type": "Fail", "Error": "E"}"#;
    let run = check(
        &branches(&[("A", &task()), ("B", fail_state)], "\"Comment\": \"\","),
        "{}",
        [],
        r#"
        1<-0 ExecutionStarted {}
        2<-0 ParallelStateEntered P {}
        3<-2 ParallelStateStarted P
        4<-3 TaskStateEntered A {}
        5<-4 LambdaFunctionScheduled A #1 {}
        6<-3 FailStateEntered B {}
        7<-6 TaskStateAborted A
        8<-6 ParallelStateFailed P
        9<-8 ExecutionFailed "E" -
        "#,
    );
    assert_eq!(run.execution.outstanding(&run.machine).count(), 0);
}

#[test]
fn parallel_states_nest() {
    let inner = format!(r#"{{"Type": "Parallel", "Branches": [{{"StartAt": "I", "States": {{"I": {}}}}}], "End": true}}"#, task());
    check(
        &branches(&[("Q", &inner), ("A", &task())], CATCH),
        "{}",
        fail("A", "E", "c"),
        r#"
        1<-0 ExecutionStarted {}
        2<-0 ParallelStateEntered P {}
        3<-2 ParallelStateStarted P
        4<-3 ParallelStateEntered Q {}
        5<-4 ParallelStateStarted Q
        6<-3 TaskStateEntered A {}
        7<-6 LambdaFunctionScheduled A #1 {}
        8<-5 TaskStateEntered I {}
        9<-8 LambdaFunctionScheduled I #1 {}
        10<-7 LambdaFunctionStarted A
        11<-10 LambdaFunctionFailed A "E" "c"
        12<-11 TaskStateAborted I
        13<-11 ParallelStateAborted Q
        14<-11 TaskStateAborted A
        15<-11 ParallelStateFailed P
        16<-15 ParallelStateExited P {"e":{"Error":"E","Cause":"c"}}
        17<-16 SucceedStateEntered C {"e":{"Error":"E","Cause":"c"}}
        18<-17 SucceedStateExited C {"e":{"Error":"E","Cause":"c"}}
        19<-18 ExecutionSucceeded {"e":{"Error":"E","Cause":"c"}}
        "#,
    );
}

#[test]
fn a_failure_goes_outwards_until_somebody_takes_it() {
    let inner = format!(r#"{{"Type": "Parallel", "Branches": [{{"StartAt": "I", "States": {{"I": {}}}}}], "End": true}}"#, task());
    check(
        &branches(&[("Q", &inner)], CATCH),
        "{}",
        fail("I", "E", "c"),
        r#"
        1<-0 ExecutionStarted {}
        2<-0 ParallelStateEntered P {}
        3<-2 ParallelStateStarted P
        4<-3 ParallelStateEntered Q {}
        5<-4 ParallelStateStarted Q
        6<-5 TaskStateEntered I {}
        7<-6 LambdaFunctionScheduled I #1 {}
        8<-7 LambdaFunctionStarted I
        9<-8 LambdaFunctionFailed I "E" "c"
        10<-9 TaskStateAborted I
        11<-9 ParallelStateFailed Q
        12<-11 ParallelStateAborted Q
        13<-11 ParallelStateFailed P
        14<-13 ParallelStateExited P {"e":{"Error":"E","Cause":"c"}}
        15<-14 SucceedStateEntered C {"e":{"Error":"E","Cause":"c"}}
        16<-15 SucceedStateExited C {"e":{"Error":"E","Cause":"c"}}
        17<-16 ExecutionSucceeded {"e":{"Error":"E","Cause":"c"}}
        "#,
    );
}

#[test]
fn a_hundred_branches() {
    let states: Vec<(String, &str)> = (0..100).map(|index| (format!("S{index}"), PASS)).collect();
    let states: Vec<(&str, &str)> = states.iter().map(|(name, state)| (name.as_str(), *state)).collect();
    let limits = baton_engine::Limits { batch_events_max: 10, ..Default::default() };
    let run = Run::start_with(&branches(&states, "\"Comment\": \"\","), "7", limits);
    let output = run.execution.output().unwrap().text();
    assert_eq!(output, format!("[{}]", vec!["7"; 100].join(",")));
}
