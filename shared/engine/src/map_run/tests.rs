//! Runs whose children fail, come twice, and are lost on the way.

use proptest::prelude::*;

use super::*;
use crate::{Failure, Payload};

fn spec(length: u64, limits: MapRunLimits) -> MapRunSpec {
    MapRunSpec {
        map_run_arn: "arn:aws:states:us-east-1:123456789012:mapRun:m/l:r".into(),
        execution_arn: "arn:aws:states:us-east-1:123456789012:execution:m:e".into(),
        entry: 2,
        state: baton_asl::StateId(0),
        revision: 0,
        role_arn: "role".into(),
        trace_header: None,
        test_case: None,
        is_express: false,
        batch_items: None,
        source: ItemSource::State { items: Payload::from_text("[]".to_owned()), length, is_keyed: false },
        max_items: None,
        limits,
        results: None,
        result_bytes_max: 1 << 18,
        refused: None,
    }
}

fn limits(max_concurrency: u64, tolerated_failure_count: Option<u64>) -> MapRunLimits {
    MapRunLimits { max_concurrency, tolerated_failure_count, tolerated_failure_percentage: None }
}

/// Does what the run wants until only its children can go on; answers what is left to want.
fn settle(run: &mut MapRun, length: u64) -> MapRunWant {
    loop {
        let event = match run.wanted() {
            MapRunWant::Read(order) => {
                let count = order.items.min(length - order.first_item);
                let children = vec![ChildInput { input: Payload::from_text("1".to_owned()), items: 1 }; count as usize];
                let position = ItemPosition { cursor: None, skip: order.first_item + count };
                let is_last = order.first_item + count == length;
                run.issue(&children, position, 7, is_last)
            }
            MapRunWant::Redrive(indices) => MapRunEvent::ChildrenRedriven { indices },
            MapRunWant::Fail(failure) => run.stop(Stop::Failed(failure)).expect("it has not stopped yet"),
            want => return want,
        };
        run.apply(&event);
    }
}

fn end(index: u64, outcome: ChildOutcome) -> ChildEnd {
    end_in(0, index, outcome)
}

fn end_in(redrive: u32, index: u64, outcome: ChildOutcome) -> ChildEnd {
    let output = (outcome == ChildOutcome::Succeeded).then(|| Payload::from_text(index.to_string()));
    ChildEnd { index, redrive, outcome, items: 1, output, failure: Some(Failure::new("E", "c")) }
}

#[test]
fn a_run_goes_through_its_window_and_gives_the_outputs_in_order() {
    let (mut run, _) = MapRun::begin(spec(5, limits(2, None)), 1);
    assert_eq!(settle(&mut run, 5), MapRunWant::Nothing);
    assert_eq!(run.running().collect::<Vec<_>>(), [0, 1]);
    assert_eq!(run.item_counts(), MapRunCounts { pending: 3, running: 2, total: 5, ..MapRunCounts::default() });
    while let Some(last) = run.running().last() {
        let event = run.children_ended(vec![end(last, ChildOutcome::Succeeded)]).expect("it runs");
        run.apply(&event);
        settle(&mut run, 5);
        assert!(run.running().count() <= 2);
    }
    assert_eq!(run.wanted(), MapRunWant::End);
    run.apply(&MapRunEvent::Ended { at: 9 });
    assert_eq!(run.state_outcome(), Some(MapRunOutcome::Succeeded { result: Payload::from_text("[0,1,2,3,4]".to_owned()) }));
    assert_eq!((run.status(), run.execution_counts().succeeded), (MapRunStatus::Succeeded, 5));
}

#[test]
fn too_many_failures_stop_it_and_a_redrive_does_those_again() {
    let (mut run, _) = MapRun::begin(spec(6, limits(3, Some(1))), 1);
    settle(&mut run, 6);
    let failed = vec![end(0, ChildOutcome::Failed), end(2, ChildOutcome::TimedOut)];
    run.apply(&run.children_ended(failed.clone()).expect("they run"));
    assert_eq!(run.children_ended(failed), None, "told again, they change nothing");
    assert_eq!(settle(&mut run, 6), MapRunWant::StopChildren);
    run.apply(&run.children_ended(vec![end(1, ChildOutcome::Aborted)]).expect("it runs"));
    assert_eq!(settle(&mut run, 6), MapRunWant::End);
    run.apply(&MapRunEvent::Ended { at: 5 });
    assert_eq!(run.status(), MapRunStatus::Failed);
    let counts = MapRunCounts { pending: 3, failed: 1, timed_out: 1, aborted: 1, total: 6, ..MapRunCounts::default() };
    assert_eq!((run.item_counts(), run.execution_counts()), (counts, counts));

    assert!(run.can_be_redriven());
    run.apply(&MapRunEvent::Redriven { at: 7 });
    assert_eq!(run.execution_counts().pending_redrive, 3);
    assert_eq!(settle(&mut run, 6), MapRunWant::Nothing);
    assert_eq!(run.running().collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(run.children_ended(vec![end(0, ChildOutcome::Failed)]), None, "what is told late of the time before counts no more");
    for index in 0..6 {
        if let Some(event) = run.children_ended(vec![end_in(1, index, ChildOutcome::Succeeded)]) {
            run.apply(&event);
        }
        settle(&mut run, 6);
    }
    assert_eq!(run.wanted(), MapRunWant::End);
    let counts = MapRunCounts { succeeded: 6, total: 6, ..MapRunCounts::default() };
    assert_eq!((run.item_counts(), run.execution_counts()), (counts, counts));
}

proptest! {
    #[test]
    fn counters_are_what_the_children_say(
        length in 0_u64..40, concurrency in 1_u64..7, steps in proptest::collection::vec((any::<u64>(), 0_u8..4), 0..200),
    ) {
        let (mut run, first) = MapRun::begin(spec(length, limits(concurrency, Some(u64::MAX))), 1);
        let mut events = vec![first];
        let mut told = std::collections::BTreeMap::new();
        settle_into(&mut run, length, &mut events);
        for (place, outcome) in steps {
            let outcome = [ChildOutcome::Succeeded, ChildOutcome::Failed, ChildOutcome::TimedOut, ChildOutcome::Aborted][outcome as usize];
            let index = if length == 0 { 0 } else { place % length };
            if let Some(event) = run.children_ended(vec![end(index, outcome), end(index, ChildOutcome::Succeeded)]) {
                told.insert(index, outcome);
                run.apply(&event);
                events.push(event);
            }
            settle_into(&mut run, length, &mut events);
            let counts = run.execution_counts();
            let told_as = |wanted| told.values().filter(|outcome| **outcome == wanted).count() as u64;
            prop_assert_eq!(counts.succeeded, told_as(ChildOutcome::Succeeded));
            prop_assert_eq!(counts.failed, told_as(ChildOutcome::Failed));
            prop_assert_eq!(counts.timed_out, told_as(ChildOutcome::TimedOut));
            prop_assert_eq!(counts.aborted, told_as(ChildOutcome::Aborted));
            prop_assert_eq!(counts.total, length);
            prop_assert_eq!(counts.running, run.running().count() as u64);
            prop_assert!(counts.running <= concurrency);
        }
        let mut events = events.into_iter();
        let mut again = MapRun::recover(events.next().expect("it has begun")).expect("that is how it begins");
        events.for_each(|event| again.apply(&event));
        prop_assert_eq!(again, run);
    }
}

fn settle_into(run: &mut MapRun, length: u64, events: &mut Vec<MapRunEvent>) {
    while let MapRunWant::Read(order) = run.wanted() {
        let count = order.items.min(length - order.first_item);
        let children = vec![ChildInput { input: Payload::from_text("1".to_owned()), items: 1 }; count as usize];
        let position = ItemPosition { cursor: None, skip: order.first_item + count };
        let event = run.issue(&children, position, 7, order.first_item + count == length);
        run.apply(&event);
        events.push(event);
    }
}
