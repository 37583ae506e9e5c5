//! Executions that go on after an unsuccessful end: only what had not succeeded is done again.

use baton_engine::{Decision, Env, NoServices, NotRedrivable, Rejected, Status, TaskRef, Verdict};

use crate::check::*;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";

fn task(fields: &str) -> String {
    format!(r#"{{"Type": "Task", "Resource": "{FUNCTION}", {fields} "End": true}}"#)
}

/// A machine of a Parallel state with these branches, one state each.
fn branches(states: &[(&str, &str)], fields: &str) -> String {
    let branch = |(name, state): &(&str, &str)| format!(r#"{{"StartAt": "{name}", "States": {{"{name}": {state}}}}}"#);
    let branches: Vec<String> = states.iter().map(branch).collect();
    machine("P", &format!(r#"{{"Type": "Parallel", "Branches": [{}], {fields} "End": true}}"#, branches.join(",")))
}

/// A machine of a Map state over its input.
fn map(state: &str, fields: &str) -> String {
    machine("M", &format!(r#"{{"Type": "Map", {fields} "ItemProcessor": {{"StartAt": "I", "States": {{"I": {state}}}}}, "End": true}}"#))
}

#[test]
fn a_failed_task_is_scheduled_again_from_its_entry() {
    let pass = r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "T"}, "T": TASK}}"#.replace("TASK", &task(""));
    check(
        &pass,
        "{}",
        [&fail("T", "E", "why")[..], &[Do::Pass(60_000), Do::Redrive], &run("T", "7")].concat(),
        r#"
        1<-0 ExecutionStarted {}
        2<-0 PassStateEntered A {}
        3<-2 PassStateExited A {}
        4<-3 TaskStateEntered T {}
        5<-4 LambdaFunctionScheduled T #1 {}
        6<-5 LambdaFunctionStarted T
        7<-6 LambdaFunctionFailed T "E" "why"
        8<-7 ExecutionFailed "E" "why"
        9<-8 ExecutionRedriven #1
        10<-4 LambdaFunctionScheduled T #2 {}
        11<-10 LambdaFunctionStarted T
        12<-11 LambdaFunctionSucceeded T 7
        13<-12 TaskStateExited T 7
        14<-13 ExecutionSucceeded 7
        "#,
    );
}

#[test]
fn retriers_count_from_the_beginning_and_attempts_go_on() {
    let retry = task(r#""Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 1}],"#);
    let script = [&fail("T", "E", "c")[..], &[Do::Pass(1_000)], &fail("T", "E", "c")].concat();
    let again = [&[Do::Redrive], &script[..], &[Do::Redrive], &run("T", "1")].concat();
    check(
        &machine("T", &retry),
        "{}",
        [script, again].concat(),
        r#"
        1<-0 ExecutionStarted {}
        2<-0 TaskStateEntered T {}
        3<-2 LambdaFunctionScheduled T #1 {}
        4<-3 LambdaFunctionStarted T
        5<-4 LambdaFunctionFailed T "E" "c"
        - Retry T by 0 at +1000ms
        6<-5 LambdaFunctionScheduled T #2 {}
        7<-6 LambdaFunctionStarted T
        8<-7 LambdaFunctionFailed T "E" "c"
        9<-8 ExecutionFailed "E" "c"
        10<-9 ExecutionRedriven #1
        11<-2 LambdaFunctionScheduled T #3 {}
        12<-11 LambdaFunctionStarted T
        13<-12 LambdaFunctionFailed T "E" "c"
        - Retry T by 0 at +2000ms
        14<-13 LambdaFunctionScheduled T #4 {}
        15<-14 LambdaFunctionStarted T
        16<-15 LambdaFunctionFailed T "E" "c"
        17<-16 ExecutionFailed "E" "c"
        18<-17 ExecutionRedriven #2
        19<-2 LambdaFunctionScheduled T #5 {}
        20<-19 LambdaFunctionStarted T
        21<-20 LambdaFunctionSucceeded T 1
        22<-21 TaskStateExited T 1
        23<-22 ExecutionSucceeded 1
        "#,
    );
}

#[test]
fn the_context_object_tells_of_the_redrive() {
    let context = r#""Parameters": {"count.$": "$$.Execution.RedriveCount", "retries.$": "$$.State.RetryCount", "entered.$": "$$.State.EnteredTime"},"#;
    let next = r#"{"StartAt": "T", "States": {"T": TASK, "X": {"Type": "Pass", "Parameters": {"at.$": "$$.Execution.RedriveTime"}, "End": true}}}"#;
    let task = task(context).replace(r#""End": true"#, r#""Next": "X""#);
    let run = check(
        &next.replace("TASK", &task),
        "{}",
        [&fail("T", "E", "c")[..], &[Do::Pass(5_000), Do::Redrive], &run("T", "1")].concat(),
        r#"
        1<-0 ExecutionStarted {}
        2<-0 TaskStateEntered T {}
        3<-2 LambdaFunctionScheduled T #1 {"count":0,"retries":0,"entered":"2024-01-01T00:00:00Z"}
        4<-3 LambdaFunctionStarted T
        5<-4 LambdaFunctionFailed T "E" "c"
        6<-5 ExecutionFailed "E" "c"
        7<-6 ExecutionRedriven #1
        8<-2 LambdaFunctionScheduled T #2 {"count":1,"retries":0,"entered":"2024-01-01T00:00:00Z"}
        9<-8 LambdaFunctionStarted T
        10<-9 LambdaFunctionSucceeded T 1
        11<-10 TaskStateExited T 1
        12<-11 PassStateEntered X 1
        13<-12 PassStateExited X {"at":"2024-01-01T00:00:05Z"}
        14<-13 ExecutionSucceeded {"at":"2024-01-01T00:00:05Z"}
        "#,
    );
    let redrives = run.execution.redrive_count();
    assert_eq!((redrives.count, redrives.at), (1, Some(START + 5_000)));
}

#[test]
fn only_branches_that_did_not_succeed_run_again() {
    check(
        &branches(&[("A", &task("")), ("B", &task("")), ("C", &task(""))], ""),
        "{}",
        [&run("A", "1")[..], &fail("B", "E", "c"), &[Do::Redrive], &run("C", "3"), &run("B", "2")].concat(),
        r#"
        1<-0 ExecutionStarted {}
        2<-0 ParallelStateEntered P {}
        3<-2 ParallelStateStarted P
        4<-3 TaskStateEntered A {}
        5<-4 LambdaFunctionScheduled A #1 {}
        6<-3 TaskStateEntered B {}
        7<-6 LambdaFunctionScheduled B #1 {}
        8<-3 TaskStateEntered C {}
        9<-8 LambdaFunctionScheduled C #1 {}
        10<-5 LambdaFunctionStarted A
        11<-10 LambdaFunctionSucceeded A 1
        12<-11 TaskStateExited A 1
        13<-7 LambdaFunctionStarted B
        14<-13 LambdaFunctionFailed B "E" "c"
        15<-14 TaskStateAborted B
        16<-14 TaskStateAborted C
        17<-14 ParallelStateFailed P
        18<-17 ExecutionFailed "E" "c"
        19<-18 ExecutionRedriven #1
        20<-6 LambdaFunctionScheduled B #2 {}
        21<-8 LambdaFunctionScheduled C #2 {}
        22<-21 LambdaFunctionStarted C
        23<-22 LambdaFunctionSucceeded C 3
        24<-23 TaskStateExited C 3
        25<-20 LambdaFunctionStarted B
        26<-25 LambdaFunctionSucceeded B 2
        27<-26 TaskStateExited B 2
        28<-27 ParallelStateSucceeded P
        29<-27 ParallelStateExited P [1,2,3]
        30<-29 ExecutionSucceeded [1,2,3]
        "#,
    );
}

#[test]
fn only_iterations_that_did_not_succeed_run_again_and_the_others_begin() {
    let second = |error| Do::Fail("I", error, "c");
    let script =
        [&run("I", "\"a\"")[..], &[Do::Claim("I"), second("E"), Do::Redrive], &run("I", "\"b\""), &run("I", "\"c\""), &run("I", "\"d\"")]
            .concat();
    check(
        &map(&task(""), "\"MaxConcurrency\": 2,"),
        "[0,1,2,3]",
        script,
        r#"
        1<-0 ExecutionStarted [0,1,2,3]
        2<-0 MapStateEntered M [0,1,2,3]
        3<-2 MapStateStarted M 4
        4<-3 MapIterationStarted M 0
        5<-3 MapIterationStarted M 1
        6<-4 TaskStateEntered I 0
        7<-6 LambdaFunctionScheduled I #1 0
        8<-5 TaskStateEntered I 1
        9<-8 LambdaFunctionScheduled I #1 1
        10<-7 LambdaFunctionStarted I
        11<-10 LambdaFunctionSucceeded I "a"
        12<-11 TaskStateExited I "a"
        13<-12 MapIterationSucceeded M 0
        14<-3 MapIterationStarted M 2
        15<-14 TaskStateEntered I 2
        16<-15 LambdaFunctionScheduled I #1 2
        17<-9 LambdaFunctionStarted I
        18<-17 LambdaFunctionFailed I "E" "c"
        19<-18 MapIterationFailed M 1
        20<-18 TaskStateAborted I
        21<-18 MapIterationAborted M 2
        22<-18 MapStateFailed M
        23<-22 ExecutionFailed "E" "c"
        24<-23 ExecutionRedriven #1
        25<-8 LambdaFunctionScheduled I #2 1
        26<-15 LambdaFunctionScheduled I #2 2
        27<-25 LambdaFunctionStarted I
        28<-27 LambdaFunctionSucceeded I "b"
        29<-28 TaskStateExited I "b"
        30<-29 MapIterationSucceeded M 1
        31<-3 MapIterationStarted M 3
        32<-31 TaskStateEntered I 3
        33<-32 LambdaFunctionScheduled I #1 3
        34<-26 LambdaFunctionStarted I
        35<-34 LambdaFunctionSucceeded I "c"
        36<-35 TaskStateExited I "c"
        37<-36 MapIterationSucceeded M 2
        38<-33 LambdaFunctionStarted I
        39<-38 LambdaFunctionSucceeded I "d"
        40<-39 TaskStateExited I "d"
        41<-40 MapIterationSucceeded M 3
        42<-41 MapStateSucceeded M
        43<-41 MapStateExited M ["a","b","c","d"]
        44<-43 ExecutionSucceeded ["a","b","c","d"]
        "#,
    );
}

#[test]
fn nested_states_go_on_at_every_depth() {
    let inner_map = format!(
        r#"{{"Type": "Map", "MaxConcurrency": 1, "ItemProcessor": {{"StartAt": "I", "States": {{"I": {}}}}}, "End": true}}"#,
        task(r#""Assign": {"seen.$": "$"},"#)
    );
    let definition = branches(&[("N", &inner_map), ("W", r#"{"Type": "Wait", "Seconds": 10, "End": true}"#)], "");
    let mut run = Run::start(&definition, "[1,2]");
    run.act(Do::Claim("I"));
    run.act(Do::Succeed("I", "10"));
    run.act(Do::Claim("I"));
    run.act(Do::Pass(4_000));
    run.act(Do::Stop("Halt", "for now"));
    assert_eq!(run.execution.status(), Status::Aborted);
    run.act(Do::Pass(100_000));
    run.act(Do::Redrive);
    assert_eq!(run.execution.next_due(), Some(run.now + 10_000), "the Wait state waits its whole time again");
    run.act(Do::Claim("I"));
    run.act(Do::Succeed("I", "20"));
    run.act(Do::Pass(10_000));
    assert_eq!(run.execution.output().map(|output| output.text().to_owned()), Some("[[10,20],[1,2]]".to_owned()), "{}", run.history());
    let entered = run.history().matches("TaskStateEntered I").count();
    assert_eq!(entered, 2, "no state is entered twice\n{}", run.history());
}

#[test]
fn what_succeeded_is_put_together_again_when_only_that_had_failed() {
    let fields = r#""ResultSelector": {"x.$": "$[0].none"},"#;
    let mut run = Run::start(&branches(&[("A", &task(""))], fields), "{}");
    run.act(Do::Claim("A"));
    run.act(Do::Succeed("A", "1"));
    assert_eq!(run.execution.status(), Status::Failed);
    run.act(Do::Redrive);
    assert_eq!(run.execution.status(), Status::Failed, "the selector fails again");
    assert_eq!(run.history().matches("LambdaFunctionScheduled").count(), 1, "{}", run.history());
}

#[test]
fn a_result_that_was_too_large_is_made_anew() {
    let limits = baton_engine::Limits { payload_bytes_max: 20, ..Default::default() };
    let mut run = Run::start_with(&branches(&[("A", &task("")), ("B", &task(""))], ""), "{}", limits);
    for name in ["A", "B"] {
        run.act(Do::Claim(name));
        run.act(Do::Succeed(name, r#""0123456789""#));
    }
    assert_eq!(run.execution.failure().and_then(|failure| failure.error.as_deref()), Some("States.DataLimitExceeded"));
    run.act(Do::Redrive);
    for name in ["A", "B"] {
        run.act(Do::Claim(name));
        run.act(Do::Succeed(name, "1"));
    }
    assert_eq!(run.execution.output().map(|output| output.text().to_owned()), Some("[1,1]".to_owned()));
    assert_eq!(run.history().matches("ParallelStateStarted").count(), 2);
}

#[test]
fn a_fail_state_fails_again() {
    check(
        &machine("F", r#"{"Type": "Fail", "Error": "E"}"#),
        "{}",
        [Do::Redrive],
        r#"
        1<-0 ExecutionStarted {}
        2<-0 FailStateEntered F {}
        3<-2 ExecutionFailed "E" -
        4<-3 ExecutionRedriven #1
        5<-2 ExecutionFailed "E" -
        "#,
    );
}

#[test]
fn the_machine_s_timeout_starts_anew() {
    let definition = format!(r#"{{"StartAt": "T", "TimeoutSeconds": 10, "States": {{"T": {}}}}}"#, task(r#""TimeoutSeconds": 8,"#));
    let mut run = Run::start(&definition, "{}");
    run.act(Do::Claim("T"));
    run.act(Do::Pass(8_000));
    assert_eq!(run.execution.status(), Status::Failed, "the task's own timeout");
    run.act(Do::Redrive);
    run.act(Do::Claim("T"));
    run.act(Do::Pass(7_999));
    assert_eq!(run.execution.status(), Status::Running);
    run.act(Do::Pass(1));
    run.act(Do::Redrive);
    assert_eq!(run.execution.next_due(), Some(run.now + 8_000));
    let machine_only = definition.replace(r#""TimeoutSeconds": 8,"#, "");
    let mut run = Run::start(&machine_only, "{}");
    run.act(Do::Pass(10_000));
    assert_eq!(run.execution.status(), Status::TimedOut);
    run.act(Do::Redrive);
    assert_eq!((run.execution.status(), run.execution.next_due()), (Status::Running, Some(START + 20_000)));
    run.act(Do::Claim("T"));
    run.act(Do::Succeed("T", "1"));
    assert_eq!(run.execution.status(), Status::Succeeded);
}

#[test]
fn a_late_outcome_of_an_attempt_before_the_redrive_does_not_count() {
    let mut run = Run::start(&branches(&[("A", &task("")), ("B", &task(""))], ""), "{}");
    run.act(Do::Claim("A"));
    let early: TaskRef = run.task("A");
    run.act(Do::Stop("Halt", "c"));
    run.act(Do::Redrive);
    let late = baton_engine::Input::TaskSucceeded { task: early, output: payload("1") };
    assert_eq!(run.decide(late), Err(Rejected::TimedOut));
    assert_eq!(run.task("A"), TaskRef { attempt: 2, ..early });
}

#[test]
fn variables_survive() {
    let definition = r#"{"StartAt": "A", "QueryLanguage": "JSONata", "States": {
        "A": {"Type": "Pass", "Assign": {"x": 42}, "Next": "T"},
        "T": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "Arguments": "{% $x %}", "End": true}}}"#;
    let mut run = Run::start(definition, "{}");
    run.act(Do::Claim("T"));
    run.act(Do::Fail("T", "E", "c"));
    run.act(Do::Redrive);
    assert!(run.history().contains("LambdaFunctionScheduled T #2 42"), "{}", run.history());
}

#[test]
fn a_repeated_token_changes_nothing() {
    let mut run = Run::start(&machine("T", &task("")), "{}");
    run.act(Do::Claim("T"));
    run.act(Do::Fail("T", "E", "c"));
    let env = Env { machine: &run.machine, limits: &run.limits, services: &NoServices };
    let mut out = Decision::default();
    let token = Some("once".into());
    let mut redrive = |token: Option<&std::sync::Arc<str>>, now| run.execution.redrive(&env, token, now, &mut out);
    assert_eq!(redrive(token.as_ref(), START + 5), Ok(START + 5));
    assert_eq!(redrive(token.as_ref(), START + 9), Ok(START + 5));
    assert_eq!(redrive(None, START + 9), Err(NotRedrivable::Running));
    assert_eq!(redrive(Some(&"other".into()), START + 9), Err(NotRedrivable::Running));
    assert_eq!(out.events.iter().filter(|event| matches!(event.kind, baton_engine::EventKind::ExecutionRedriven { .. })).count(), 1);
    assert_eq!(run.execution.redrive_count().count, 1);
}

#[test]
fn what_has_succeeded_is_not_redriven() {
    let mut run = Run::start(&machine("P", r#"{"Type": "Pass", "End": true}"#), "{}");
    let env = Env { machine: &run.machine, limits: &run.limits, services: &NoServices };
    let before = run.execution.clone();
    let mut out = Decision::default();
    assert_eq!(run.execution.redrive(&env, None, START, &mut out), Err(NotRedrivable::Succeeded));
    assert!(out.events.is_empty() && run.execution == before);
    assert_eq!(run.decide(baton_engine::Input::Tick), Err::<Verdict, _>(Rejected::Ended));
}
