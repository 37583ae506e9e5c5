//! Map Runs in a cluster: the run is at one member, its children at all of them, and members go.

use super::*;
use crate::gated_items::{GatedItems, gated_map};
use crate::link::Link;
use crate::sharing::{Roads, connected, end_at_owner, reading, start_at_owner, store, until_all_at_work, until_each_has_some};

const CHILDREN: u64 = 60;

/// Children that wait a moment, so that members go while they run.
fn definition(kind: &str) -> Value {
    json!({"StartAt": "Each", "States": {"Each": {"Type": "Map", "Label": "L", "MaxConcurrency": 20, "End": true, "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind}, "StartAt": "W", "States": {
            "W": {"Type": "Wait", "Seconds": 1, "Next": "P"}, "P": {"Type": "Pass", "End": true}}}}}})
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goes {
    /// The member that has the run.
    Owner,
    /// One that has children alone.
    Other,
}

/// Of two members one crashes, or leaves in order, in the middle of a run, which comes to its end at the other.
async fn goes_on(kind: &str, goes: Goes, is_crash: bool) {
    let (roads, store, definition) = (Arc::<Roads>::default(), store(), definition(kind));
    let a = connected(&roads, &store, &definition, "a", 4).await;
    let b = connected(&roads, &store, &definition, "b", 4).await;
    until_each_has_some(&[&a, &b]).await;
    let name = (0..).map(|number| format!("e{number}")).find(|name| a.cluster.is_owner_of(id(name))).expect("it has some");
    let items: Vec<u64> = (0..CHILDREN).collect();
    start_at_owner(&[&a, &b], &name, &json!(items).to_string()).await;
    let arn = format!("{EXECUTION}{name}");
    let begun = Instant::now();
    while within(a.cluster.map_runs(&arn)).await.expect("they can be read").first().is_none_or(|run| run.items.succeeded < 15) {
        assert!(begun.elapsed() < PATIENCE, "the first children end");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    let ((gone, gone_name), stays) = if goes == Goes::Owner { ((a, "a"), b) } else { ((b, "b"), a) };
    if !is_crash {
        within(gone.cluster.close()).await;
    }
    roads.crash(gone_name, gone);
    until_all_at_work(&[&stays]).await;
    let record = end_at_owner(&[&stays], &name).await;
    assert_eq!(record.status, Status::Succeeded, "{record:?}");
    assert_eq!(record.output.as_ref().map(|output| output.text().to_owned()), Some(json!(items).to_string()));
    let runs = within(stays.cluster.map_runs(&arn)).await.expect("they can be read");
    let [run] = &runs[..] else { panic!("one run: {runs:?}") };
    assert_eq!(run.status, MapRunStatus::Succeeded);
    for counts in [&run.items, &run.executions] {
        assert_eq!((counts.succeeded, counts.total, counts.running, counts.aborted), (CHILDREN, CHILDREN, 0, 0), "{counts:?}");
    }
    let query = ListQuery {
        map_run_arn: Some(run.map_run_arn.clone()),
        state_machine_arn: format!("{MACHINE}/L").into(),
        through: None,
        status: Some(Status::Succeeded),
        redriven: None,
        after: None,
        limit: 1_000,
    };
    let children = within(stays.cluster.list(query)).await.expect("they can be listed");
    assert_eq!(children.len() as u64, CHILDREN, "each child is there once");
    stays.crash();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_whose_member_crashed_goes_on_at_another() {
    for kind in ["STANDARD", "EXPRESS"] {
        goes_on(kind, Goes::Owner, true).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn children_of_a_member_that_crashed_go_on_at_another() {
    for kind in ["STANDARD", "EXPRESS"] {
        goes_on(kind, Goes::Other, true).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_handed_over_when_its_member_leaves() {
    for kind in ["STANDARD", "EXPRESS"] {
        goes_on(kind, Goes::Owner, false).await;
        goes_on(kind, Goes::Other, false).await;
    }
}

/// The weight of a member that keeps what it has taken from one of weight 1, however long it takes.
const ALL: u32 = 1_000;

async fn until_unread(items: &GatedItems) {
    let begun = Instant::now();
    while !items.is_unread() {
        assert!(begun.elapsed() < PATIENCE, "they are read on for nobody");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn maps_all(system: &System) {
    let record = end_at_owner(&[system], "e").await;
    assert_eq!(record.output.as_ref().map(|output| output.text()), Some("[0,1,2]"), "{record:?}");
}

/// Whoever has the run's shard next reads its items; whoever has handed it over does not any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_run_asked_for_is_given_up_where_it_has_left() {
    let (store, definition) = (store(), gated_map("STANDARD"));
    let (left, next) = (Arc::new(GatedItems::default()), Arc::new(GatedItems::default()));
    let a = reading(&store, &definition, "a", 1, left.clone()).await;
    until_all_at_work(&[&a]).await;
    start_at_owner(&[&a], "e", "{}").await;
    within(left.asked()).await;
    let b = reading(&store, &definition, "b", ALL, next.clone()).await;
    within(a.cluster.leave()).await;
    within(next.asked()).await;
    until_unread(&left).await;
    next.let_go();
    maps_all(&b).await;
    a.crash();
    b.crash();
}

/// As [`what_a_run_asked_for_is_given_up_where_it_has_left`], of an owner that another one has overtaken while its store was silent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_run_asked_for_is_given_up_where_its_owner_was_overtaken() {
    for kind in ["STANDARD", "EXPRESS"] {
        let (store, definition) = (store(), gated_map(kind));
        let link = Arc::new(Link::new(store.clone()));
        let (left, next) = (Arc::new(GatedItems::default()), Arc::new(GatedItems::default()));
        let a = reading(&link, &definition, "a", 1, left.clone()).await;
        until_all_at_work(&[&a]).await;
        start_at_owner(&[&a], "e", "{}").await;
        within(left.asked()).await;
        link.cut(true);
        let b = reading(&store, &definition, "b", ALL, next.clone()).await;
        within(next.asked()).await;
        // What it is told now is for nobody.
        left.let_go();
        link.cut(false);
        until_unread(&left).await;
        next.let_go();
        maps_all(&b).await;
        a.crash();
        b.crash();
    }
}
