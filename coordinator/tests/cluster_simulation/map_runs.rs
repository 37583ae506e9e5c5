//! What must be true of Map Runs in the end: their own events in the log, the counters that follow from them, and their children.

use std::collections::BTreeMap;
use std::sync::Arc;

use baton_coordinator::shard::codec::{EntryKind, read_batch};
use baton_coordinator::shard::{ExecutionId, MapRunContext};
use baton_engine::{MapRun, MapRunStatus, Status};

use super::clients::arn_of;
use super::cluster::{BEGIN, Cluster, ORDERS};
use super::machine;

impl Cluster {
    /// The runs as the log has them, by the execution whose state began them.
    fn map_runs(&self) -> BTreeMap<Arc<str>, (ExecutionId, MapRun)> {
        let mut runs: BTreeMap<ExecutionId, MapRun> = BTreeMap::new();
        for (_, batch) in self.store.logs.values().flat_map(|log| &log.batches) {
            for entry in read_batch(batch).expect("a batch can be read") {
                let EntryKind::MapRun(position) = entry.kind() else { continue };
                let mut events = entry.chunk.map_run_events().expect("events can be read").into_iter();
                let run = runs.entry(entry.id).or_insert_with(|| {
                    assert_eq!(position, 0, "I2: the first event of {} comes first", entry.id);
                    MapRun::recover(events.next().expect("a chunk has events")).expect("a run begins with its start")
                });
                assert!(position == 0 || position == run.events(), "I2: events of {} follow each other", entry.id);
                events.for_each(|event| run.apply(&event));
            }
        }
        let count = runs.len();
        let runs: BTreeMap<_, _> = runs.into_iter().map(|(id, run)| (run.spec().execution_arn.clone(), (id, run))).collect();
        assert_eq!(runs.len(), count, "I2: a state that is entered once begins one run");
        runs
    }

    /// Whether the key-value side has the ends of all children.
    pub(crate) fn children_are_stored(&self) -> bool {
        self.open_children().is_empty()
    }

    /// Children that have not succeeded, as the key-value side has them, and what the log has of them last.
    pub(crate) fn open_children(&self) -> Vec<String> {
        let runs = self.map_runs();
        let children = runs.values().flat_map(|(id, run)| (0_u64..).zip(self.children(*id, run)).map(move |child| (run, child)));
        let open = children.filter(|(_, (_, child))| self.stored_status(*child) != Some(Status::Succeeded));
        let last =
            |child| self.events_of_log(child).into_iter().rev().take(4).map(|event| (event.at - BEGIN, event.kind)).collect::<Vec<_>>();
        open.map(|(run, (index, child))| format!("child {index} of {} ({:?}): {:?}", run.spec().execution_arn, run.status(), last(child)))
            .collect()
    }

    /// I9: each item has one child that has succeeded, and the counters say so.
    pub(crate) fn verify_map_runs(&self) {
        let runs = self.map_runs();
        for n in 0..ORDERS {
            let (id, run) = runs.get(&*arn_of(n)).unwrap_or_else(|| panic!("order {n} has had a Map Run"));
            assert_eq!(run.status(), MapRunStatus::Succeeded, "the Map Run of order {n}");
            for counts in [run.item_counts(), run.execution_counts()] {
                let expected = (machine::items(n), machine::items(n));
                assert_eq!((counts.succeeded, counts.total), expected, "I9: order {n}: {counts:?}");
                assert_eq!((counts.running, counts.pending, counts.pending_redrive), (0, 0, 0), "I9: order {n}: {counts:?}");
            }
            let children = self.children(*id, run);
            assert_eq!(children.len() as u64, machine::items(n), "I9: order {n}");
            for (item, child) in children.into_iter().enumerate() {
                let output = self.sound(&format!("child {item} of order {n}"), child, &self.events_of_log(child));
                assert_eq!(output, format!(r#"{{"item":{item}}}"#), "order {n}");
            }
        }
    }

    /// As each of them was last begun: an Express one is another execution after a redrive.
    fn children(&self, id: ExecutionId, run: &MapRun) -> Vec<ExecutionId> {
        let (spec, revision) = (run.spec().clone(), self.revision.clone());
        let context = MapRunContext { id, parent: ExecutionId::of_arn(&spec.execution_arn), spec, revision };
        let last = |index| {
            let each = (0..=run.redrive_count()).rev().map(|redrive| context.child(index, redrive));
            each.into_iter().find(|child| !self.events_of_log(*child).is_empty()).unwrap_or_else(|| context.child(index, 0))
        };
        (0..run.issued()).map(last).collect()
    }
}
