//! Distributed Map states: what their execution shows, and what it asks of its Map Run.

use baton_engine::*;

use crate::check::*;

/// A machine of a Distributed Map state with these further fields, in a Parallel state if `around` says so.
fn map(fields: &str) -> String {
    machine("M", &state(fields, r#""End": true"#))
}

fn state(fields: &str, last: &str) -> String {
    let config = r#""ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}"#;
    let processor = format!(r#"{{{config}, "StartAt": "I", "States": {{"I": {{"Type": "Pass", "End": true}}}}}}"#);
    format!(r#"{{"Type": "Map", "ItemProcessor": {processor}, {fields} {last}}}"#)
}

fn read(value: &str) -> ReadItem {
    ReadItem { value: payload(value), key: None, source: "STATE_DATA".into() }
}

fn inputs(run: &Run, first: u64, items: &[ReadItem], is_last: bool) -> Result<Vec<(String, u32)>, Failure> {
    let inputs = run.execution.child_inputs(&env(run), run.map_run().entry, run.now, first, items, is_last)?;
    Ok(inputs.into_iter().map(|child| (child.input.text().to_owned(), child.items)).collect())
}

#[test]
fn a_run_does_the_states_work() {
    let run = check(
        &map(r#""ItemsPath": "$.items", "MaxConcurrency": 3, "ToleratedFailureCountPath": "$.n", "ResultPath": "$.out","#),
        r#"{"items":[1,2],"n":1}"#,
        [Do::EndMapRun("[10,20]")],
        r#"
        1<-0 ExecutionStarted {"items":[1,2],"n":1}
        2<-0 MapStateEntered M {"items":[1,2],"n":1}
        3<-2 MapStateStarted M 2
        4<-3 MapRunStarted M
        5<-4 MapRunSucceeded M
        6<-5 MapStateSucceeded M
        7<-5 MapStateExited M {"items":[1,2],"n":1,"out":[10,20]}
        8<-7 ExecutionSucceeded {"items":[1,2],"n":1,"out":[10,20]}
        "#,
    );
    let spec = run.map_run();
    assert_eq!(spec.source, ItemSource::State { items: payload("[1,2]"), length: 2, is_keyed: false });
    let limits = MapRunLimits { max_concurrency: 3, tolerated_failure_count: Some(1), tolerated_failure_percentage: None };
    assert_eq!((spec.limits, spec.entry, spec.is_express, spec.batch_items), (limits, 2, false, None));
    assert_eq!(run.map_runs.len(), 1);
}

#[test]
fn in_jsonata_the_exit_chains_to_the_runs_start() {
    check(
        &map(r#""QueryLanguage": "JSONata", "Items": "{% $states.input %}","#),
        "[1]",
        [Do::EndMapRun("[1]")],
        r#"
        1<-0 ExecutionStarted [1]
        2<-0 MapStateEntered M [1]
        3<-2 MapStateStarted M 1
        4<-3 MapRunStarted M
        5<-4 MapRunSucceeded M
        6<-5 MapStateSucceeded M
        7<-4 MapStateExited M [1]
        8<-7 ExecutionSucceeded [1]
        "#,
    );
}

#[test]
fn a_run_that_fails_is_caught_or_retried_as_any_work_is() {
    check(
        &machine(
            "M",
            &state(
                r#""Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 1}], "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "C"}],"#,
                r#""End": true"#,
            ),
        ),
        "[1]",
        [Do::FailMapRun("E", "c"), Do::Pass(1_000), Do::FailMapRun("E", "c")],
        r#"
        1<-0 ExecutionStarted [1]
        2<-0 MapStateEntered M [1]
        3<-2 MapStateStarted M 1
        4<-3 MapRunStarted M
        5<-4 MapRunFailed M "E" "c"
        - Retry M by 0 at +1000ms
        6<-5 MapStateStarted M 1
        7<-6 MapRunStarted M
        8<-7 MapRunFailed M "E" "c"
        9<-8 MapStateFailed M
        10<-9 MapStateExited M {"Error":"E","Cause":"c"}
        11<-10 SucceedStateEntered C {"Error":"E","Cause":"c"}
        12<-11 SucceedStateExited C {"Error":"E","Cause":"c"}
        13<-12 ExecutionSucceeded {"Error":"E","Cause":"c"}
        "#,
    );
}

#[test]
fn what_the_state_cannot_use_fails_it_before_a_run_begins() {
    let run = check(
        &map(r#""ItemsPath": "$.items", "ToleratedFailurePercentagePath": "$.p","#),
        r#"{"items":[],"p":101}"#,
        [],
        r#"
        1<-0 ExecutionStarted {"items":[],"p":101}
        2<-0 MapStateEntered M {"items":[],"p":101}
        3<-2 MapStateStarted M 0
        4<-3 ExecutionFailed "States.Runtime" "An error occurred while executing the state 'M' (entered at the event id #2). ToleratedFailurePercentage must be between 0 and 100."
        "#,
    );
    assert!(run.map_runs.is_empty());
}

#[test]
fn a_result_that_is_too_large_fails_the_state() {
    let large = format!("[\"{}\"]", "x".repeat(262_144));
    let run = check(
        &map(""),
        "[1]",
        [Do::EndMapRun(&large)],
        r#"
        1<-0 ExecutionStarted [1]
        2<-0 MapStateEntered M [1]
        3<-2 MapStateStarted M 1
        4<-3 MapRunStarted M
        5<-4 MapRunSucceeded M
        6<-5 ExecutionFailed "States.DataLimitExceeded" "The state/task 'M' returned a result with a size exceeding the maximum number of bytes service limit."
        "#,
    );
    assert_eq!(run.execution.status(), Status::Failed);
}

#[test]
fn an_execution_that_is_stopped_wants_nothing_of_its_run() {
    let run = check(
        &map(""),
        "[1]",
        [Do::Stop("E", "c")],
        r#"
        1<-0 ExecutionStarted [1]
        2<-0 MapStateEntered M [1]
        3<-2 MapStateStarted M 1
        4<-3 MapRunStarted M
        5<-0 ExecutionAborted "E" "c"
        "#,
    );
    assert_eq!(run.map_runs[1..], [MapRunSeen::Aborted(run.map_run().map_run_arn.clone())]);
}

#[test]
fn a_branch_that_fails_aborts_the_run_beside_it() {
    let map = state("", r#""End": true"#);
    let fail = r#"{"StartAt": "F", "States": {"F": {"Type": "Wait", "Seconds": 1, "Next": "G"}, "G": {"Type": "Fail", "Error": "E"}}}"#;
    let branches = format!(r#"[{{"StartAt": "M", "States": {{"M": {map}}}}}, {fail}]"#);
    let run = check(
        &machine("P", &format!(r#"{{"Type": "Parallel", "Branches": {branches}, "End": true}}"#)),
        "[1]",
        [Do::Pass(1_000)],
        r#"
        1<-0 ExecutionStarted [1]
        2<-0 ParallelStateEntered P [1]
        3<-2 ParallelStateStarted P
        4<-3 MapStateEntered M [1]
        5<-4 MapStateStarted M 1
        6<-5 MapRunStarted M
        7<-3 WaitStateEntered F [1]
        - Wait F until +1000ms
        8<-7 WaitStateExited F [1]
        9<-8 FailStateEntered G [1]
        10<-9 MapRunAborted M
        11<-9 MapStateAborted M
        12<-9 ParallelStateFailed P
        13<-12 ExecutionFailed "E" -
        "#,
    );
    assert_eq!(run.map_runs[1..], [MapRunSeen::Aborted(run.map_run().map_run_arn.clone())]);
}

#[test]
fn a_redrive_goes_on_with_the_same_run() {
    let run = check(
        &map(""),
        "[1]",
        [Do::FailMapRun("E", "c"), Do::Redrive, Do::EndMapRun("[1]")],
        r#"
        1<-0 ExecutionStarted [1]
        2<-0 MapStateEntered M [1]
        3<-2 MapStateStarted M 1
        4<-3 MapRunStarted M
        5<-4 MapRunFailed M "E" "c"
        6<-5 MapStateFailed M
        7<-6 ExecutionFailed "E" "c"
        8<-7 ExecutionRedriven #1
        9<-2 MapRunRedriven M #1
        10<-9 MapRunSucceeded M
        11<-10 MapStateSucceeded M
        12<-10 MapStateExited M [1]
        13<-12 ExecutionSucceeded [1]
        "#,
    );
    assert_eq!(run.map_runs[1..], [MapRunSeen::Redriven(run.map_run().map_run_arn.clone())]);
}

#[test]
fn items_become_inputs() {
    let selector = r#""ItemSelector": {"n.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value", "of.$": "$[0]"},"#;
    let run = Run::start(&map(selector), "[7]");
    let input = |n: u64, v: &str| (format!(r#"{{"n":{n},"v":{v},"of":7}}"#), 1);
    assert_eq!(inputs(&run, 40, &[read("true"), read("{}")], true), Ok(vec![input(40, "true"), input(41, "{}")]));
    let keyed = ReadItem { value: payload(r#"{"Key":"k","Value":5}"#), key: Some("k".into()), source: "S".into() };
    assert_eq!(inputs(&run, 0, &[keyed], true), Ok(vec![input(0, "5")]));
}

#[test]
fn batches_are_as_large_as_they_may_be() {
    let batcher = r#""ItemBatcher": {"MaxItemsPerBatch": 2, "BatchInput": {"a": 1}},"#;
    let run = Run::start(&map(batcher), "[7]");
    let items: Vec<_> = (0..5).map(|n| read(&n.to_string())).collect();
    let batch = |items: &str, count| (format!(r#"{{"BatchInput":{{"a":1}},"Items":[{items}]}}"#), count);
    assert_eq!(run.map_run().batch_items, Some(2));
    assert_eq!(inputs(&run, 0, &items, true), Ok(vec![batch("0,1", 2), batch("2,3", 2), batch("4", 1)]));
    assert_eq!(inputs(&run, 0, &items, false), Ok(vec![batch("0,1", 2), batch("2,3", 2)]), "more may fit into the last one");
}

/// The first child, of the item 7, and what has come of its start.
fn child_of(parent: &Run) -> (Execution, Decision) {
    let spec = parent.map_run();
    let child = MapChild {
        map_run_arn: spec.map_run_arn.clone(),
        state: spec.state,
        index: 0,
        items: 1,
        is_collected: true,
        is_express: false,
        redrive: 0,
    };
    let mut out = Decision::default();
    let start = Start { input: payload("7"), map_child: Some(child.into()), ..parent.execution.started().clone() };
    let child = Execution::start(&env(parent), start, &mut out);
    (child, out)
}

fn env(run: &Run) -> Env<'_> {
    Env { machine: &run.machine, limits: &run.limits, services: &NoServices }
}

#[test]
fn a_child_runs_the_item_processor() {
    let definition = map("");
    let parent = Run::start(&definition, "[7]");
    let (child, out) = child_of(&parent);
    assert_eq!((child.status(), child.output().map(Payload::text)), (Status::Succeeded, Some("7")));
    let mut again = Execution::recover(&parent.machine, &out.events[0]);
    out.events[1..].iter().for_each(|event| again.apply(&parent.machine, event));
    assert_eq!(again, child);
}

#[test]
fn a_stop_that_comes_late_does_not_meet_the_childs_redrive() {
    let definition = map("").replace(r#""Type": "Pass""#, r#""Type": "Wait", "Seconds": 60"#);
    let parent = Run::start(&definition, "[7]");
    let (mut child, mut out) = child_of(&parent);
    let mut stop = |child: &mut Execution, redrive| child.decide(&env(&parent), Input::StopChild { redrive }, 1, &mut out);
    assert_eq!(stop(&mut child, 0), Ok(Verdict::Applied));
    assert_eq!((child.status(), stop(&mut child, 0)), (Status::Aborted, Err(Rejected::Cancelled)));
    child.redrive(&env(&parent), Some(&redrive_token(1)), 2, &mut Decision::default()).expect("it had not succeeded");
    assert_eq!((stop(&mut child, 0), child.status()), (Err(Rejected::Ended), Status::Running));
    assert_eq!((stop(&mut child, 1), child.status()), (Ok(Verdict::Applied), Status::Aborted));
}
