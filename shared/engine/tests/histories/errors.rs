//! Retry and Catch.

use crate::{check::*, tasks::one_task};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";

/// A machine of a Task state with these fields, and what its catchers lead to.
fn caught(fields: &str) -> String {
    one_task(FUNCTION, fields)
}

#[test]
fn a_retrier_tries_again_and_then_gives_up() {
    let script =
        [fail("T", "E", "1"), [Do::Pass(1_999), Do::Pass(1)], fail("T", "E", "2"), [Do::Pass(3_999), Do::Pass(1)], fail("T", "E", "3")];
    check(
        &one_task(
            FUNCTION,
            r#""Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 2, "MaxAttempts": 2}, {"ErrorEquals": ["States.ALL"]}], "#,
        ),
        "{}",
        script.concat(),
        r#"
        1<-0 ExecutionStarted {}
        2<-0 TaskStateEntered T {}
        3<-2 LambdaFunctionScheduled T #1 {}
        4<-3 LambdaFunctionStarted T
        5<-4 LambdaFunctionFailed T "E" "1"
        - Retry T by 0 at +2000ms
        6<-5 LambdaFunctionScheduled T #2 {}
        7<-6 LambdaFunctionStarted T
        8<-7 LambdaFunctionFailed T "E" "2"
        - Retry T by 0 at +6000ms
        9<-8 LambdaFunctionScheduled T #3 {}
        10<-9 LambdaFunctionStarted T
        11<-10 LambdaFunctionFailed T "E" "3"
        12<-11 ExecutionFailed "E" "3"
        "#,
    );
}

#[test]
fn each_retrier_counts_for_itself() {
    let script =
        [fail("T", "A", ""), [Do::Pass(500), Do::Pass(500)], fail("T", "B", ""), [Do::Pass(500), Do::Pass(500)], fail("T", "A", "")];
    check(
        &one_task(FUNCTION, r#""Retry": [{"ErrorEquals": ["A"], "MaxAttempts": 1}, {"ErrorEquals": ["B"], "MaxAttempts": 1}], "#),
        "{}",
        script.concat(),
        r#"
        1<-0 ExecutionStarted {}
        2<-0 TaskStateEntered T {}
        3<-2 LambdaFunctionScheduled T #1 {}
        4<-3 LambdaFunctionStarted T
        5<-4 LambdaFunctionFailed T "A" ""
        - Retry T by 0 at +1000ms
        6<-5 LambdaFunctionScheduled T #2 {}
        7<-6 LambdaFunctionStarted T
        8<-7 LambdaFunctionFailed T "B" ""
        - Retry T by 1 at +2000ms
        9<-8 LambdaFunctionScheduled T #3 {}
        10<-9 LambdaFunctionStarted T
        11<-10 LambdaFunctionFailed T "A" ""
        12<-11 ExecutionFailed "A" ""
        "#,
    );
}

#[test]
fn a_catcher_takes_what_it_names() {
    check(
        &caught(
            r#""OutputPath": "$.no.such", "Catch": [{"ErrorEquals": ["Other"], "Next": "D"}, {"ErrorEquals": ["States.TaskFailed"], "ResultPath": "$.error", "Next": "C"}],"#,
        ),
        r#"{"a":1}"#,
        fail("T", "E", "why"),
        r#"
        1<-0 ExecutionStarted {"a":1}
        2<-0 TaskStateEntered T {"a":1}
        3<-2 LambdaFunctionScheduled T #1 {"a":1}
        4<-3 LambdaFunctionStarted T
        5<-4 LambdaFunctionFailed T "E" "why"
        6<-5 TaskStateExited T {"a":1,"error":{"Error":"E","Cause":"why"}}
        7<-6 SucceedStateEntered C {"a":1,"error":{"Error":"E","Cause":"why"}}
        8<-7 SucceedStateExited C {"a":1,"error":{"Error":"E","Cause":"why"}}
        9<-8 ExecutionSucceeded {"a":1,"error":{"Error":"E","Cause":"why"}}
        "#,
    );
}

#[test]
fn a_failure_without_a_name_is_caught_by_all_only() {
    check(
        &caught(
            r#""Catch": [{"ErrorEquals": ["States.Runtime"], "Next": "D"}, {"ErrorEquals": ["States.ALL"], "ResultPath": null, "Next": "C"}],"#,
        ),
        r#"{"a":1}"#,
        [Do::Claim("T"), Do::FailWithNothing("T")],
        r#"
        1<-0 ExecutionStarted {"a":1}
        2<-0 TaskStateEntered T {"a":1}
        3<-2 LambdaFunctionScheduled T #1 {"a":1}
        4<-3 LambdaFunctionStarted T
        5<-4 LambdaFunctionFailed T - -
        6<-5 TaskStateExited T {"a":1}
        7<-6 SucceedStateEntered C {"a":1}
        8<-7 SucceedStateExited C {"a":1}
        9<-8 ExecutionSucceeded {"a":1}
        "#,
    );
}

#[test]
fn a_timeout_is_retried_and_caught_by_its_name() {
    check(
        &caught(
            r#""TimeoutSeconds": 3, "Retry": [{"ErrorEquals": ["States.Timeout"], "MaxAttempts": 1, "IntervalSeconds": 1}],
            "Catch": [{"ErrorEquals": ["States.TaskFailed"], "Next": "D"}, {"ErrorEquals": ["States.Timeout"], "Next": "C"}],"#,
        ),
        "{}",
        [Do::Claim("T"), Do::Pass(4_000), Do::Claim("T"), Do::Pass(3_000)],
        r#"
        1<-0 ExecutionStarted {}
        2<-0 TaskStateEntered T {}
        3<-2 LambdaFunctionScheduled T #1 {} timeout=3
        4<-3 LambdaFunctionStarted T
        5<-4 LambdaFunctionTimedOut T "States.Timeout" -
        - Retry T by 0 at +4000ms
        6<-5 LambdaFunctionScheduled T #2 {} timeout=3
        7<-6 LambdaFunctionStarted T
        8<-7 LambdaFunctionTimedOut T "States.Timeout" -
        9<-8 TaskStateExited T {"Error":"States.Timeout","Cause":""}
        10<-9 SucceedStateEntered C {"Error":"States.Timeout","Cause":""}
        11<-10 SucceedStateExited C {"Error":"States.Timeout","Cause":""}
        12<-11 ExecutionSucceeded {"Error":"States.Timeout","Cause":""}
        "#,
    );
}

#[test]
fn a_runtime_error_is_nobody_s_to_catch() {
    check(
        &caught(
            r#""OutputPath": "$.no.such", "Retry": [{"ErrorEquals": ["States.Runtime"]}], "Catch": [{"ErrorEquals": ["States.Runtime"], "Next": "C"}],"#,
        ),
        "{}",
        run("T", "{}"),
        r#"
        1<-0 ExecutionStarted {}
        2<-0 TaskStateEntered T {}
        3<-2 LambdaFunctionScheduled T #1 {}
        4<-3 LambdaFunctionStarted T
        5<-4 LambdaFunctionSucceeded T {}
        6<-5 ExecutionFailed "States.Runtime" "An error occurred while executing the state 'T' (entered at the event id #2). Invalid path '$.no.such' : Missing property in path $['no']"
        "#,
    );
}

#[test]
fn a_lost_heartbeat_has_a_name_of_its_own() {
    let definition = caught(r#""HeartbeatSeconds": 2, "Catch": [{"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "C"}],"#)
        .replace(FUNCTION, "arn:aws:states:us-east-1:123456789012:activity:a");
    let run = check(
        &definition,
        "{}",
        [Do::Claim("T"), Do::Pass(2_000)],
        r#"
        1<-0 ExecutionStarted {}
        2<-0 TaskStateEntered T {}
        3<-2 ActivityScheduled T #1 {} heartbeat=2
        4<-3 ActivityStarted T
        5<-4 ActivityTimedOut T "States.Timeout" -
        6<-5 TaskStateExited T {"Error":"States.Timeout","Cause":""}
        7<-6 SucceedStateEntered C {"Error":"States.Timeout","Cause":""}
        8<-7 SucceedStateExited C {"Error":"States.Timeout","Cause":""}
        9<-8 ExecutionSucceeded {"Error":"States.Timeout","Cause":""}
        "#,
    );
    assert_eq!(run.execution.stopped_at(), Some(START + 2_000));
}

#[test]
fn full_jitter_is_in_the_event_and_within_its_bound() {
    let retry = r#""Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 100, "JitterStrategy": "FULL"}], "#;
    let mut run = Run::start(&one_task(FUNCTION, retry), "{}");
    fail("T", "E", "c").into_iter().for_each(|act| run.act(act));
    let due = run.execution.next_due().unwrap() - START;
    assert!((0..=100_000).contains(&due) && due % 1_000 != 0, "{due}");
}
