//! Map Runs whose process ends at any batch, and that go on when the next one has read what is there: with exact counters, and Standard children
//! that run their task once.

mod cut_store;
mod ledger_worker;
mod members;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use baton_coordinator::cluster::{
    ExecutionRecord, ExecutionSummary, ListQuery, MapRunRecord, MapRunStatus, NotRedrivable, RedriveError, Rejected, SendError, Status,
};
use baton_engine::{EventKind, Input};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::support::*;
use cut_store::{Cut, CutStore};
use ledger_worker::LedgerWorker;

const ITEMS: usize = 5;

fn machine(kind: &str, fields: &Value) -> Value {
    let mut each = json!({"Type": "Map", "Label": "L", "MaxConcurrency": 2, "End": true, "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind},
        "StartAt": "T", "States": {"T": {"Type": "Task", "Resource": FUNCTION, "End": true}}}});
    for (name, value) in fields.as_object().expect("fields are an object") {
        each[name] = value.clone();
    }
    json!({"StartAt": "Each", "States": {"Each": each}})
}

fn items() -> String {
    let items: Vec<_> = (0..ITEMS).map(|n| json!({"n": n})).collect();
    json!(items).to_string()
}

/// What a test does to the execution once it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Nothing: it runs to its end.
    Watch,
    /// It is stopped when the worker holds on to its children's tasks.
    Stop,
    /// It has failed, and goes on.
    Redrive,
    /// It is stopped, and goes on when its Map Run has ended.
    StopAndRedrive,
    /// It is stopped, and goes on while its Map Run is still stopping.
    StopAndRedriveAtOnce,
}

/// One execution, the worker of its tasks, and the store that outlives the processes.
struct Play {
    store: Arc<CutStore>,
    definition: Value,
    worker: LedgerWorker,
    step: Step,
    /// Items whose children have succeeded before the redrive, and how often each had run.
    before: Mutex<(BTreeSet<u64>, BTreeMap<u64, usize>)>,
}

impl Play {
    fn new(kind: &str, fields: &Value, step: Step) -> Self {
        Self { store: CutStore::new(4), definition: machine(kind, fields), worker: LedgerWorker::default(), step, before: Mutex::default() }
    }

    /// The execution has begun and, where it is to be redriven, has failed. No process lives.
    async fn prepare(&self) {
        let system = self.open().await;
        system.start("e", &items()).await;
        if self.step == Step::Redrive {
            tokio::select! {
                () = self.worker.work(&system) => unreachable!("a worker works as long as it is let"),
                record = system.ended("e") => assert_eq!(record.status, Status::Failed, "{record:?}"),
            }
            let mut succeeded = BTreeSet::new();
            for child in children(&system, &the_run(&system).await).await {
                let record = within(system.cluster.describe(child.id)).await.expect("it can be read").expect("it exists");
                let input: Value = serde_json::from_str(record.start.input.text()).expect("inputs are JSON");
                succeeded.extend(input["n"].as_u64().filter(|_| child.status == Status::Succeeded));
            }
            let ran = self.worker.ledger().iter().map(|(n, children)| (*n, children.values().sum())).collect();
            *self.before.lock() = (succeeded, ran);
            self.worker.breaks_for(&[]);
        }
        system.kill_keeping().await;
    }

    async fn open(&self) -> System {
        System::over(self.store.clone(), &self.definition).await
    }

    /// Runs processes with these ends, and one without. Whether each of them came to its end.
    async fn run(&self, cuts: &[(usize, Cut)]) -> bool {
        for (batches, cut) in cuts {
            let system = self.open().await;
            self.store.arm(Some((*batches, *cut)));
            let is_cut = tokio::select! {
                () = self.worker.work(&system) => unreachable!("a worker works as long as it is let"),
                () = self.play(&system) => false,
                () = within(self.store.reached.notified()) => true,
            };
            if is_cut && *cut == Cut::Close {
                system.close_keeping().await;
            } else {
                system.kill_keeping().await;
            }
            self.store.arm(None);
            if !is_cut {
                return false;
            }
        }
        true
    }

    /// What the test does to the execution, whatever of it has been done already, until all of it has ended.
    async fn play(&self, system: &System) {
        match self.step {
            Step::Watch => {}
            Step::Stop => self.stop(system).await,
            Step::Redrive => self.redrive(system).await,
            Step::StopAndRedrive | Step::StopAndRedriveAtOnce => self.stop_and_redrive(system).await,
        }
        run_ended(system).await;
    }

    /// The stop comes before anything else; whoever comes to a run that goes on has it go on.
    async fn stop_and_redrive(&self, system: &System) {
        if describe(system).await.redrives.count == 0 {
            self.worker.reports_only(Some(1));
            self.stop(system).await;
            if self.step == Step::StopAndRedrive {
                run_ended(system).await;
            }
        }
        self.worker.reports_only(None);
        self.redrive(system).await;
    }

    async fn stop(&self, system: &System) {
        let begun = Instant::now();
        while describe(system).await.status == Status::Running && self.worker.held() < 2 {
            if begun.elapsed() >= PATIENCE {
                self.give_up_waiting(system).await;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        match system.cluster.send(id("e"), Input::Stop { error: None, cause: None }).await {
            Ok(_) | Err(SendError::Rejected(Rejected::Ended | Rejected::Cancelled) | SendError::NoSuchExecution) => {}
            Err(error) => panic!("{error:?}"),
        }
    }

    /// Says all that there is to say of a run whose children's tasks have not come to the worker.
    async fn give_up_waiting(&self, system: &System) -> ! {
        let run = the_run(system).await;
        let mut seen = Vec::new();
        for child in children(system, &run).await {
            let record = within(system.cluster.describe(child.id)).await.expect("it can be read");
            seen.push((child.status, record.map(|record| (record.status, record.waiting.clone()))));
        }
        panic!("the worker holds {} tasks alone: {run:?} {seen:?} {:?}", self.worker.held(), self.worker.ledger());
    }

    async fn redrive(&self, system: &System) {
        match system.cluster.redrive(id("e"), Some("once".into())).await {
            Ok(_) | Err(RedriveError::NotRedrivable(NotRedrivable::Running)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }

    /// The last process: everything ends, and is looked at.
    async fn conclude(&self, name: &str) -> Concluded {
        let system = self.open().await;
        tokio::select! {
            () = self.worker.work(&system) => unreachable!("a worker works as long as it is let"),
            () = self.play(&system) => {}
        }
        let run = the_run(&system).await;
        let children = children(&system, &run).await;
        let mut starts = BTreeMap::new();
        for child in &children {
            assert_ne!(child.status, Status::Running, "{name}: {} runs and its Map Run has ended: {run:?}", child.execution_arn);
            let (_, events) = within(system.cluster.history(child.id)).await.expect("it can be read").expect("it exists");
            let started = events.iter().filter(|event| matches!(event.kind, EventKind::TaskStarted { .. })).count();
            starts.insert(child.execution_arn.to_string(), started);
        }
        let concluded = Concluded { record: describe(&system).await, run, starts, ledger: self.worker.ledger() };
        system.close_keeping().await;
        // What a checkpoint has written of a run that has ended is what was there.
        let system = self.open().await;
        assert_eq!(the_run(&system).await, concluded.run);
        system.close_keeping().await;
        concluded
    }
}

async fn children(system: &System, run: &MapRunRecord) -> Vec<ExecutionSummary> {
    let query = ListQuery {
        map_run_arn: Some(run.map_run_arn.clone()),
        state_machine_arn: format!("{MACHINE}/L").into(),
        through: None,
        status: None,
        redriven: None,
        after: None,
        limit: 100,
    };
    within(system.cluster.list(query)).await.expect("they can be listed")
}

/// The execution has ended, and its run with it.
async fn run_ended(system: &System) {
    system.ended("e").await;
    let begun = Instant::now();
    loop {
        let run = the_run(system).await;
        if run.status != MapRunStatus::Running {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "its execution has ended, and it stays {run:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn describe(system: &System) -> ExecutionRecord {
    within(system.cluster.describe(id("e"))).await.expect("it can be read").expect("it exists")
}

async fn the_run(system: &System) -> MapRunRecord {
    loop {
        let mut runs = within(system.cluster.map_runs(&format!("{EXECUTION}e"))).await.expect("they can be read");
        assert!(runs.len() <= 1, "{runs:?}");
        if let Some(run) = runs.pop() {
            return run;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Everything at the end.
struct Concluded {
    record: ExecutionRecord,
    run: MapRunRecord,
    /// How often each child's task was started, as its history says.
    starts: BTreeMap<String, usize>,
    /// Which children ran which item, and how often.
    ledger: BTreeMap<u64, BTreeMap<String, usize>>,
}

impl Concluded {
    /// Each item has had one child, whose task ran so often.
    fn ran(&self, n: u64, times: usize) {
        let of_item = self.ledger.get(&n).map(|children| children.values().copied().collect::<Vec<_>>()).unwrap_or_default();
        assert_eq!(of_item, vec![times; usize::from(times > 0)], "of item {n}: {:?}", self.ledger);
    }

    fn counted(&self) -> [u64; 6] {
        let items = &self.run.items;
        let executions = &self.run.executions;
        let sum = items.pending + items.running + items.succeeded + items.failed + items.timed_out + items.aborted + items.pending_redrive;
        assert_eq!((items.total, sum), (ITEMS as u64, ITEMS as u64), "{items:?}");
        assert_eq!(items, executions, "a child has one item");
        [items.pending, items.running, items.succeeded, items.failed, items.aborted, items.pending_redrive]
    }
}

/// Plays with one end at each batch in turn, of each kind, until there are no more batches; then with two ends.
async fn at_every_batch(play: impl Fn() -> Play, check: impl AsyncFn(&Play, &str)) {
    let mut batches = 0;
    for cut in [Cut::Before, Cut::After, Cut::Close] {
        for batch in 1.. {
            println!("{cut:?} {batch}");
            let played = play();
            played.prepare().await;
            let is_reached = played.run(&[(batch, cut)]).await;
            check(&played, &format!("{cut:?} {batch}")).await;
            batches = batches.max(batch);
            if !is_reached {
                break;
            }
        }
    }
    assert!(batches > 4, "it takes more than {batches} batches");
    let mut seed = 11_u64;
    let mut below = |bound: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % bound
    };
    for _ in 0..25 {
        let mut cut = || (1 + below(batches / 2), [Cut::Before, Cut::After, Cut::Close][below(3)]);
        let cuts = [cut(), cut(), cut()];
        println!("{cuts:?}");
        let played = play();
        played.prepare().await;
        played.run(&cuts).await;
        check(&played, &format!("{cuts:?}")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn standard_children_run_once_and_are_counted_once() {
    let play = || {
        let play = Play::new("STANDARD", &json!({"ToleratedFailureCount": 1}), Step::Watch);
        play.worker.breaks_for(&[3]);
        play
    };
    at_every_batch(play, async |play, name| {
        let end = play.conclude(name).await;
        assert_eq!(end.record.status, Status::Succeeded, "{name}: {:?}", end.record);
        let output = end.record.output.as_ref().map(|output| output.text().to_owned());
        assert_eq!(output.as_deref(), Some(r#"[0,10,20,{"Error":"Broken"},40]"#), "{name}");
        assert_eq!((end.run.status, end.counted()), (MapRunStatus::Succeeded, [0, 0, 4, 1, 0, 0]), "{name}");
        (0..ITEMS as u64).for_each(|n| end.ran(n, 1));
        assert_eq!(end.starts.values().copied().collect::<Vec<_>>(), [1; ITEMS], "{name}");
    })
    .await;
}

/// Of what an Express child does nothing is kept but its end: its task may run again, and it is counted once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn express_children_are_counted_once() {
    let play = || {
        let play = Play::new("EXPRESS", &json!({"ToleratedFailureCount": 1}), Step::Watch);
        play.worker.breaks_for(&[3]);
        play
    };
    at_every_batch(play, async |play, name| {
        let end = play.conclude(name).await;
        assert_eq!(end.record.status, Status::Succeeded, "{name}: {:?}", end.record);
        assert_eq!((end.run.status, end.counted()), (MapRunStatus::Succeeded, [0, 0, 4, 1, 0, 0]), "{name}");
        assert_eq!(end.starts.len(), ITEMS, "{name}: {:?}", end.starts);
        assert!(end.ledger.values().all(|children| children.len() == 1), "{name}: {:?}", end.ledger);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_stopped_ends_stopped() {
    for kind in ["STANDARD", "EXPRESS"] {
        let play = || {
            let play = Play::new(kind, &json!({}), Step::Stop);
            play.worker.reports_only(Some(1));
            play
        };
        at_every_batch(play, async |play, name| {
            let end = play.conclude(name).await;
            assert_eq!((end.record.status, end.run.status), (Status::Aborted, MapRunStatus::Aborted), "{kind} {name}: {:?}", end.record);
            let [pending, running, succeeded, failed, aborted, redrive] = end.counted();
            assert_eq!((running, failed, redrive), (0, 0, 0), "{kind} {name}: {:?}", end.run);
            let begun = end.ledger.len() as u64;
            assert!(succeeded + aborted >= begun && pending <= ITEMS as u64 - begun, "{kind} {name}: {:?} {:?}", end.run, end.ledger);
            if kind == "STANDARD" {
                assert!(end.ledger.values().flat_map(BTreeMap::values).all(|times| *times == 1), "{name}: {:?}", end.ledger);
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redrive_runs_what_had_failed_alone() {
    for kind in ["STANDARD", "EXPRESS"] {
        let play = || {
            let play = Play::new(kind, &json!({"ToleratedFailureCount": 1, "MaxConcurrency": 0}), Step::Redrive);
            play.worker.breaks_for(&[1, 3]);
            play
        };
        at_every_batch(play, async |play, name| {
            let end = play.conclude(name).await;
            // Two failures have been tolerated by nobody; what ran when the second came was aborted, and is done again too.
            assert_eq!((end.record.status, end.run.status), (Status::Succeeded, MapRunStatus::Succeeded), "{kind} {name}: {:?}", end.run);
            assert_eq!(end.counted(), [0, 0, 5, 0, 0, 0], "{kind} {name}");
            assert_eq!((end.run.redrive_count, end.record.redrives.count), (1, 1), "{kind} {name}");
            assert_eq!(end.record.output.as_ref().map(|output| output.text()), Some("[0,10,20,30,40]"), "{kind} {name}");
            let (succeeded, ran) = &*play.before.lock();
            for (n, children) in &end.ledger {
                let again = children.values().sum::<usize>() - ran.get(n).copied().unwrap_or_default();
                let is_right = if succeeded.contains(n) { again == 0 } else { again == 1 || kind == "EXPRESS" && again > 1 };
                assert!(
                    is_right,
                    "{kind} {name}: item {n} ran {again} times since the redrive: {:?}, {succeeded:?} had succeeded",
                    end.ledger
                );
            }
        })
        .await;
    }
}

/// Children that had been issued and had not begun when everything stopped begin then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_run_that_is_redriven_does_everything() {
    let steps = [Step::StopAndRedrive, Step::StopAndRedriveAtOnce];
    for (kind, step) in ["STANDARD", "EXPRESS"].into_iter().flat_map(|kind| steps.map(|step| (kind, step))) {
        let play = || Play::new(kind, &json!({"MaxConcurrency": 3}), step);
        at_every_batch(play, async |play, name| {
            let end = play.conclude(name).await;
            assert_eq!((end.record.status, end.run.status), (Status::Succeeded, MapRunStatus::Succeeded), "{kind} {name}: {:?}", end.run);
            assert_eq!(end.counted(), [0, 0, 5, 0, 0, 0], "{kind} {name}");
            assert_eq!((end.run.redrive_count, end.record.redrives.count), (1, 1), "{kind} {name}");
            assert_eq!(end.record.output.as_ref().map(|output| output.text()), Some("[0,10,20,30,40]"), "{kind} {name}");
            let most = if kind == "STANDARD" { 2 } else { usize::MAX };
            assert!(end.ledger.values().all(|children| children.values().sum::<usize>() <= most), "{kind} {name}: {:?}", end.ledger);
        })
        .await;
    }
}

/// A child that is stopped before it began counts with all of its items.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_item_of_a_stopped_batch_is_counted() {
    let play = || {
        let play = Play::new("STANDARD", &json!({"ItemBatcher": {"MaxItemsPerBatch": 2}}), Step::Stop);
        play.worker.reports_only(Some(0));
        play
    };
    at_every_batch(play, async |play, name| {
        let end = play.conclude(name).await;
        let (items, executions) = (&end.run.items, &end.run.executions);
        assert_eq!((items.running, items.succeeded, items.failed, executions.running), (0, 0, 0, 0), "{name}: {:?}", end.run);
        assert_eq!(items.aborted + items.pending, ITEMS as u64, "{name}: {items:?}");
        assert_eq!(items.aborted, 2 * executions.aborted - u64::from(executions.aborted == 3), "{name}: {:?}", end.run);
    })
    .await;
}
