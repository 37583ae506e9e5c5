//! Task states: functions, activities and integrations.

use baton_engine::{Holder, Input, Rejected, Verdict};

use crate::check::*;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";
const ACTIVITY: &str = "arn:aws:states:us-east-1:123456789012:activity:a";

/// A machine of one Task state with these fields.
pub fn one_task(resource: &str, fields: &str) -> String {
    machine("T", &format!(r#"{{"Type": "Task", "Resource": "{resource}", {fields} "End": true}}"#))
}

#[test]
fn a_function_runs() {
    check(
        &one_task(FUNCTION, ""),
        r#"{"a":1}"#,
        run("T", "[1, 2]"),
        r#"
        1<-0 ExecutionStarted {"a":1}
        2<-0 TaskStateEntered T {"a":1}
        3<-2 LambdaFunctionScheduled T #1 {"a":1}
        4<-3 LambdaFunctionStarted T
        5<-4 LambdaFunctionSucceeded T [1, 2]
        6<-5 TaskStateExited T [1, 2]
        7<-6 ExecutionSucceeded [1, 2]
        "#,
    );
}

#[test]
fn a_result_goes_through_the_whole_data_flow() {
    check(
        &one_task(FUNCTION, r#""InputPath": "$.in", "ResultPath": "$.out", "OutputPath": "$.out", "#),
        r#"{"in":{"k":2}}"#,
        run("T", r#"{"r":1}"#),
        r#"
        1<-0 ExecutionStarted {"in":{"k":2}}
        2<-0 TaskStateEntered T {"in":{"k":2}}
        3<-2 LambdaFunctionScheduled T #1 {"k":2}
        4<-3 LambdaFunctionStarted T
        5<-4 LambdaFunctionSucceeded T {"r":1}
        6<-5 TaskStateExited T {"r":1}
        7<-6 ExecutionSucceeded {"r":1}
        "#,
    );
}

#[test]
fn a_function_fails_the_execution() {
    check(
        &one_task(FUNCTION, ""),
        "{}",
        fail("T", "E", "why"),
        r#"
        1<-0 ExecutionStarted {}
        2<-0 TaskStateEntered T {}
        3<-2 LambdaFunctionScheduled T #1 {}
        4<-3 LambdaFunctionStarted T
        5<-4 LambdaFunctionFailed T "E" "why"
        6<-5 ExecutionFailed "E" "why"
        "#,
    );
}

#[test]
fn an_activity_times_out_before_anybody_takes_it() {
    check(
        &one_task(ACTIVITY, r#""TimeoutSeconds": 5,"#),
        "{}",
        [Do::Pass(6_000)],
        r#"
        1<-0 ExecutionStarted {}
        2<-0 TaskStateEntered T {}
        3<-2 ActivityScheduled T #1 {} timeout=5
        4<-3 ActivityTimedOut T "States.Timeout" -
        5<-4 ExecutionFailed "States.Timeout" -
        "#,
    );
}

#[test]
fn heartbeats_keep_an_activity_alive() {
    check(
        &one_task(ACTIVITY, r#""TimeoutSecondsPath": "$.t", "HeartbeatSeconds": 10,"#),
        r#"{"t":"60"}"#,
        [Do::Pass(20_000), Do::Claim("T"), Do::Pass(9_000), Do::Beat("T"), Do::Pass(9_000), Do::Beat("T"), Do::Pass(11_000)],
        r#"
        1<-0 ExecutionStarted {"t":"60"}
        2<-0 TaskStateEntered T {"t":"60"}
        3<-2 ActivityScheduled T #1 {"t":"60"} timeout=60 heartbeat=10
        4<-3 ActivityStarted T
        5<-4 ActivityTimedOut T "States.Timeout" -
        6<-5 ExecutionFailed "States.Timeout" -
        "#,
    );
}

#[test]
fn heartbeats_of_functions_do_not_matter() {
    let mut run = Run::start(&one_task(FUNCTION, r#""HeartbeatSeconds": 1,"#), "{}");
    run.act(Do::Claim("T"));
    run.pass(100_000);
    assert_eq!(run.execution.status(), baton_engine::Status::Running);
}

#[test]
fn a_callback_comes_back_with_its_token() {
    let resource = "arn:aws:states:::sqs:sendMessage.waitForTaskToken";
    let definition =
        one_task(resource, r#""HeartbeatSeconds": 5, "Parameters": {"QueueUrl": "q", "MessageBody": {"t.$": "$$.Task.Token"}},"#);
    let mut run = Run::start(&definition, "{}");
    run.act(Do::Claim("T"));
    let early = Input::TaskSucceeded { task: run.task("T"), output: payload("1") };
    assert_eq!(run.decide(early), Err(Rejected::NotSubmitted));
    run.act(Do::Pass(4_000));
    run.act(Do::Submit("T", r#"{"MessageId":"m"}"#));
    run.act(Do::Pass(4_000));
    run.act(Do::Succeed("T", "1"));
    assert_history(
        &run,
        r#"
        1<-0 ExecutionStarted {}
        2<-0 TaskStateEntered T {}
        3<-2 TaskScheduled T #1 {"QueueUrl":"q","MessageBody":{"t":"arn:aws:states:us-east-1:123456789012:execution:m:x/2/1"}} heartbeat=5
        4<-3 TaskStarted T
        5<-4 TaskSubmitted T {"MessageId":"m"}
        6<-5 TaskSucceeded T 1
        7<-6 TaskStateExited T 1
        8<-7 ExecutionSucceeded 1
        "#,
    );
}

#[test]
fn each_attempt_has_a_token_of_its_own() {
    let resource = "arn:aws:states:::lambda:invoke.waitForTaskToken";
    let fields = r#""Parameters": {"FunctionName": "f", "Payload.$": "$$.Task.Token"}, "ResultSelector": {"t.$": "$$.Task.Token"}, "Retry": [{"ErrorEquals": ["E"]}],"#;
    let mut run = Run::start(&one_task(resource, fields), "{}");
    fail("T", "E", "").into_iter().for_each(|act| run.act(act));
    [Do::Pass(1_000), Do::Claim("T"), Do::Submit("T", "{}"), Do::Succeed("T", "{}")].into_iter().for_each(|act| run.act(act));
    let token = |attempt: u32| format!(r#""arn:aws:states:us-east-1:123456789012:execution:m:x/2/{attempt}""#);
    let history = run.history();
    assert!(history.contains(&format!(r#"TaskScheduled T #1 {{"FunctionName":"f","Payload":{}}}"#, token(1))), "{history}");
    assert!(history.contains(&format!(r#"TaskScheduled T #2 {{"FunctionName":"f","Payload":{}}}"#, token(2))), "{history}");
    assert!(history.contains(&format!(r#"ExecutionSucceeded {{"t":{}}}"#, token(2))), "{history}");
}

#[test]
fn a_result_has_a_limit() {
    let long = format!("\"{}\"", "x".repeat(262_143));
    let run = check(
        &one_task(
            "arn:aws:states:::lambda:invoke",
            r#""Parameters": {"FunctionName": "f"}, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "C"}], "#,
        ),
        "{}",
        run("T", &long),
        r#"
        1<-0 ExecutionStarted {}
        2<-0 TaskStateEntered T {}
        3<-2 TaskScheduled T #1 {"FunctionName":"f"}
        4<-3 TaskStarted T
        5<-4 TaskFailed T "States.DataLimitExceeded" "The state/task 'lambda' returned a result with a size exceeding the maximum number of bytes service limit."
        6<-5 TaskStateExited T {"Error":"States.DataLimitExceeded","Cause":"The state/task 'lambda' returned a result with a size exceeding the maximum number of bytes service limit."}
        7<-6 SucceedStateEntered C {"Error":"States.DataLimitExceeded","Cause":"The state/task 'lambda' returned a result with a size exceeding the maximum number of bytes service limit."}
        8<-7 SucceedStateExited C {"Error":"States.DataLimitExceeded","Cause":"The state/task 'lambda' returned a result with a size exceeding the maximum number of bytes service limit."}
        9<-8 ExecutionSucceeded {"Error":"States.DataLimitExceeded","Cause":"The state/task 'lambda' returned a result with a size exceeding the maximum number of bytes service limit."}
        "#,
    );
    assert_eq!(run.execution.status(), baton_engine::Status::Succeeded);
}

#[test]
fn a_task_that_cannot_be_handed_out_fails() {
    check(
        &one_task(ACTIVITY, ""),
        "{}",
        [Do::Refuse("T", "States.Runtime", "gone")],
        r#"
        1<-0 ExecutionStarted {}
        2<-0 TaskStateEntered T {}
        3<-2 ActivityScheduled T #1 {}
        4<-3 ActivityScheduleFailed T "States.Runtime" "gone"
        5<-4 ExecutionFailed "States.Runtime" "gone"
        "#,
    );
}

#[test]
fn late_and_repeated_reports_fall_away() {
    let retry = r#""Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 1}], "#;
    let mut run = Run::start(&one_task(FUNCTION, retry), "{}");
    let first = run.task("T");
    let claim = run.claim();
    let started = |task, claim: &baton_engine::Claim| Input::TaskStarted { task, claim: claim.clone() };
    let failed = |task| Input::TaskFailed { task, error: Some("E".into()), cause: None };
    let succeeded = |task| Input::TaskSucceeded { task, output: payload("1") };

    let beat = Input::TaskHeartbeat { task: first };
    assert_eq!(run.decide(beat.clone()), Err(Rejected::UnknownTask), "nobody has claimed it");
    assert_eq!(run.decide(succeeded(first)), Err(Rejected::UnknownTask), "nobody has claimed it");
    assert_eq!(run.decide(started(first, &claim)), Ok(Verdict::Applied));
    assert_eq!(run.decide(started(first, &claim)), Ok(Verdict::Duplicate));
    let other = baton_engine::Claim { claim_id: 99, holder: Holder::Poller, ..claim.clone() };
    assert_eq!(run.decide(started(first, &other)), Err(Rejected::AlreadyClaimed));
    assert_eq!(run.decide(beat.clone()), Ok(Verdict::Applied));

    assert_eq!(run.decide(failed(first)), Ok(Verdict::Applied));
    assert_eq!(run.decide(failed(first)), Ok(Verdict::Duplicate));
    assert_eq!(run.decide(succeeded(first)), Err(Rejected::TimedOut));
    assert_eq!(run.decide(beat), Err(Rejected::TimedOut));
    let next = baton_engine::TaskRef { attempt: 2, ..first };
    assert_eq!(run.decide(started(next, &claim)), Err(Rejected::UnknownTask), "still to come");
    run.pass(1_000);
    assert_eq!(run.task("T"), next);
    assert_eq!(run.decide(succeeded(first)), Err(Rejected::TimedOut));
    let foreign = baton_engine::TaskRef { entry: 77, attempt: 1 };
    assert_eq!(run.decide(succeeded(foreign)), Err(Rejected::UnknownTask));

    assert_eq!(run.decide(started(next, &claim)), Ok(Verdict::Applied));
    assert_eq!(run.decide(succeeded(next)), Ok(Verdict::Applied));
    assert_eq!(run.decide(succeeded(next)), Ok(Verdict::Duplicate));
    assert_eq!(run.decide(failed(next)), Err(Rejected::Ended));
    assert_eq!(run.decide(Input::Tick), Err(Rejected::Ended));
    assert_eq!(run.decide(Input::Stop { error: None, cause: None }), Err(Rejected::Ended));
}

#[test]
fn a_claim_passes_on_without_a_trace_in_the_history() {
    let mut run = Run::start(&one_task(FUNCTION, ""), "{}");
    let (task, first, nobody) = (run.task("T"), run.claim(), baton_engine::Claim::nobody());
    let second = baton_engine::Claim { claim_id: 99, incarnation: 2, ..first.clone() };
    let regranted = |lost, claim: &baton_engine::Claim| Input::TaskRegranted { task, lost, claim: claim.clone() };

    assert_eq!(run.decide(regranted(first.claim_id, &nobody)), Err(Rejected::UnknownTask), "it has not started");
    assert_eq!(run.decide(Input::TaskStarted { task, claim: first.clone() }), Ok(Verdict::Applied));
    assert_eq!(run.decide(regranted(98, &nobody)), Err(Rejected::AlreadyClaimed), "another claim is lost");
    let next = run.execution.next_event_id();
    assert_eq!(run.decide(regranted(first.claim_id, &nobody)), Ok(Verdict::Applied));
    assert_eq!(run.decide(regranted(first.claim_id, &nobody)), Ok(Verdict::Duplicate));
    assert_eq!(run.decide(regranted(0, &second)), Ok(Verdict::Applied));
    assert_eq!(run.decide(regranted(0, &second)), Ok(Verdict::Duplicate));
    assert_eq!(run.decide(regranted(first.claim_id, &nobody)), Err(Rejected::AlreadyClaimed), "what is lost is lost once");
    assert_eq!(run.execution.next_event_id(), next, "nothing of it is public");
    assert_eq!(run.decide(Input::TaskSucceeded { task, output: payload("1") }), Ok(Verdict::Applied));
    assert_eq!(run.execution.status(), baton_engine::Status::Succeeded);
}

#[test]
fn errors_and_causes_are_cut() {
    let mut run = Run::start(&one_task(FUNCTION, ""), "{}");
    let (error, cause) = ("é".repeat(300), "ü".repeat(40_000));
    fail("T", &error, &cause).into_iter().for_each(|act| run.act(act));
    let failure = run.execution.failure().unwrap();
    assert_eq!(failure.error.as_deref(), Some("é".repeat(256).as_str()));
    assert_eq!(failure.cause.as_deref(), Some("ü".repeat(32_768).as_str()));
}

#[test]
fn a_full_history_cancels_the_task_that_would_start() {
    let limits = baton_engine::Limits { history_events_max: 4, ..Default::default() };
    let mut run = Run::start_with(&one_task(FUNCTION, ""), "{}", limits);
    run.act(Do::Claim("T"));
    assert_eq!(run.execution.status(), baton_engine::Status::Failed);
    assert_eq!(run.events.len(), 4);
}

#[test]
fn a_stopped_execution_cancels_its_tasks() {
    let mut run = Run::start(&one_task(FUNCTION, ""), "{}");
    let task = run.task("T");
    run.act(Do::Claim("T"));
    run.act(Do::Stop("E", "c"));
    assert_eq!(run.decide(Input::TaskSucceeded { task, output: payload("1") }), Err(Rejected::Cancelled));
}

#[test]
fn heartbeats_begin_again_after_a_recovery() {
    let mut run = Run::start(&one_task(ACTIVITY, r#""HeartbeatSeconds": 10,"#), "{}");
    run.act(Do::Claim("T"));
    assert_eq!(run.execution.next_due(), Some(START + 10_000));
    let mut bytes = Vec::new();
    baton_engine::encode_with_table(&run.execution, &mut bytes);
    run.execution = baton_engine::decode_with_table(&bytes).unwrap();
    assert_eq!(run.execution.next_due(), Some(START + 365 * 86_400_000));
    run.execution.restart_heartbeats(&run.machine, START + 60_000);
    assert_eq!(run.execution.next_due(), Some(START + 70_000));
}

#[test]
fn people_see_what_an_execution_waits_for() {
    use baton_engine::WaitingFor;
    let retry = r#""TimeoutSeconds": 60, "Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 7}], "#;
    let mut run = Run::start(&one_task(FUNCTION, retry), "{}");
    let waiting = |run: &Run| {
        let mut waiting = run.execution.waiting(&run.machine);
        assert_eq!(waiting.len(), 1);
        let waiting = waiting.remove(0);
        assert_eq!(&*waiting.state_name, "T");
        (waiting.since, waiting.reason)
    };
    let deadline = Some(START + 60_000);
    assert_eq!(waiting(&run), (START, WaitingFor::Worker { deadline }));
    run.act(Do::Claim("T"));
    assert!(matches!(waiting(&run).1, WaitingFor::Result { deadline: found, .. } if found == deadline));
    run.pass(1_000);
    run.act(Do::Fail("T", "E", "c"));
    assert_eq!(waiting(&run), (START + 1_000, WaitingFor::Retry { at: START + 8_000, attempts: 1, error: Some("E".into()) }));
}
