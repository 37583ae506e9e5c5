//! Tasks that go through a broker, to all kinds of workers: those that read the broker, and those that speak gRPC alone; at the member that has the
//! tasks' executions, and at another. Whatever the broker does, each attempt runs once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use baton_coordinator::store::memory::MemoryStore;
use baton_local_services::RabbitMq;
use baton_task_queue::{Faults, MemoryQueue, RabbitMqQueue, RabbitMqSettings, TaskQueue};
use baton_worker::{CancellationToken, Dispatch, Worker, WorkerHandle};
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::members::{One, connected_over, name_of_second};
use crate::support::*;

/// How a worker gets offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It reads the broker.
    Broker,
    /// A member of the cluster reads it for the worker, and claims in its name.
    Grpc,
    /// A member of the cluster reads it for the worker, which claims for itself.
    Offer,
}

const KINDS: [Kind; 3] = [Kind::Broker, Kind::Grpc, Kind::Offer];

/// Where workers have their sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// At the only process there is.
    Alone,
    /// At a member that has none of the executions.
    Elsewhere,
}

/// Each way of a worker, at each place. Whoever reads a failure needs to know which.
pub(crate) fn ways() -> impl Iterator<Item = (Kind, Place)> {
    KINDS.into_iter().flat_map(|kind| [(kind, Place::Alone), (kind, Place::Elsewhere)]).inspect(|way| println!("{way:?}"))
}

/// What ran, and how often: executions and attempts.
type Ledger = Arc<Mutex<BTreeMap<(String, u32), u32>>>;

pub(crate) struct Running {
    handle: WorkerHandle,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(crate) struct Site {
    /// Has the executions.
    system: System,
    /// Has the workers' sessions, if another does.
    other: Option<One>,
    broker: MemoryQueue,
    /// A connection to the broker for each worker that reads it.
    connect: Box<dyn Fn() -> Arc<dyn TaskQueue>>,
    ledger: Ledger,
    /// Handlers end as permits come.
    pub(crate) gate: Arc<Semaphore>,
}

impl Site {
    async fn new(place: Place, seed: u64) -> Self {
        Self::with(place, seed, &task_machine(FUNCTION)).await
    }

    async fn with(place: Place, seed: u64, machine: &serde_json::Value) -> Self {
        let broker = MemoryQueue::new(seed);
        let inside = broker.clone();
        Self::over(place, machine, broker, Box::new(move || Arc::new(inside.clone()))).await
    }

    pub(crate) async fn over(
        place: Place,
        machine: &serde_json::Value,
        broker: MemoryQueue,
        connect: Box<dyn Fn() -> Arc<dyn TaskQueue>>,
    ) -> Self {
        let (system, other) = match place {
            Place::Alone => {
                let queue = connect();
                let system = System::with(Arc::new(MemoryStore::new(8)), machine, |config| config.queue = Some(queue)).await;
                (system, None)
            }
            Place::Elsewhere => {
                let (one, owner) = connected_over(machine, || Some(connect())).await;
                (owner.system, Some(one))
            }
        };
        Self { system, other, broker, connect, ledger: Ledger::default(), gate: Arc::new(Semaphore::new(0)) }
    }

    /// Of an execution that is not where the workers are.
    fn name(&self, number: usize) -> String {
        let name = format!("e{number}");
        if self.other.is_some() { name_of_second(&name) } else { name }
    }

    /// Where workers have their sessions.
    fn gateway(&self) -> &System {
        self.other.as_ref().map_or(&self.system, |one| &one.system)
    }

    /// A worker whose handler ends when the gate lets it.
    pub(crate) fn worker(&self, kind: Kind, concurrency: u32) -> Running {
        let (ledger, gate) = (self.ledger.clone(), self.gate.clone());
        let builder = Worker::builder().coordinator([&*self.gateway().url]).function("f", concurrency, move |invocation| {
            *ledger.lock().entry((invocation.execution_arn().to_owned(), invocation.attempt())).or_default() += 1;
            let gate = gate.clone();
            async move {
                gate.acquire().await.expect("the gate is never closed").forget();
                Ok(invocation.input().clone())
            }
        });
        let builder = match kind {
            Kind::Broker => builder.queue((self.connect)()),
            Kind::Grpc => builder,
            Kind::Offer => builder.dispatch(Dispatch::Offer),
        };
        let worker = builder.build().expect("a worker");
        let (handle, stop) = (worker.handle(), CancellationToken::new());
        Running { handle, task: tokio::spawn(worker.run(stop.clone())), stop }
    }

    pub(crate) fn open_gate(&self) {
        self.gate.add_permits(1_000_000);
    }

    async fn start(&self, count: usize) {
        self.start_some(0..count).await;
    }

    pub(crate) async fn start_some(&self, numbers: std::ops::Range<usize>) {
        for number in numbers {
            self.system.start(&self.name(number), &number.to_string()).await;
        }
    }

    /// How many tasks some worker has.
    pub(crate) fn begun(&self) -> usize {
        self.ledger.lock().len()
    }

    /// All have succeeded, each by one run of its only attempt.
    pub(crate) async fn all_have_run_once(&self, count: usize) {
        for number in 0..count {
            assert_eq!(self.system.succeeded(&self.name(number)).await, number.to_string());
        }
        let ledger = self.ledger.lock();
        assert!(ledger.len() == count && ledger.values().all(|runs| *runs == 1), "{ledger:?}");
    }

    pub(crate) async fn have_begun(&self, count: usize) {
        within(async {
            while self.ledger.lock().len() < count {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
    }

    async fn are_in_broker(&self, queue: &str, messages: u64) {
        within(async {
            while self.broker.depth(queue).await.expect("the broker is there").is_none_or(|depth| depth.ready != messages) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
    }

    async fn unclaimed(&self) -> usize {
        self.system.cluster.queues().iter().map(|queue| queue.waiting).sum()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_find_workers_through_the_broker() {
    for (kind, place) in ways() {
        let site = Site::new(place, 1).await;
        site.open_gate();
        let worker = site.worker(kind, 8);
        within(worker.handle.ready()).await;
        site.start(100).await;
        site.all_have_run_once(100).await;
        assert_eq!(site.unclaimed().await, 0, "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_wait_for_workers_that_come_later() {
    for (kind, place) in ways() {
        let site = Site::new(place, 2).await;
        site.open_gate();
        site.start(600).await;
        assert_eq!(site.unclaimed().await, 600);
        site.are_in_broker("lambda:f", 256).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        site.are_in_broker("lambda:f", 256).await;
        let _workers = [site.worker(kind, 4), site.worker(kind, 16)];
        site.all_have_run_once(600).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_kinds_of_workers_share_a_queue() {
    let site = Site::new(Place::Alone, 3).await;
    let _workers = [site.worker(Kind::Broker, 3), site.worker(Kind::Grpc, 3)];
    site.start(20).await;
    site.have_begun(6).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(site.ledger.lock().len(), 6, "no more than there are slots");
    site.open_gate();
    site.all_have_run_once(20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_busy_worker_cannot_take_goes_to_another() {
    for (kind, place) in ways() {
        let site = Site::new(place, 4).await;
        let _busy = site.worker(kind, 1);
        site.start(3).await;
        site.have_begun(1).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let _other = site.worker(kind, 2);
        site.have_begun(3).await;
        site.open_gate();
        site.all_have_run_once(3).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_repeats_reorders_and_refuses_makes_nothing_run_twice() {
    for (kind, place) in ways() {
        let site = Site::new(place, 5).await;
        site.open_gate();
        site.broker.set_faults(Faults { repeated: 300, reordered: 300, refused: 200, unconfirmed: 200, ..Faults::default() });
        let _workers = [site.worker(kind, 4), site.worker(kind, 4)];
        site.start(150).await;
        site.all_have_run_once(150).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_goes_away_loses_nothing() {
    for (kind, place) in ways() {
        let site = Site::new(place, 6).await;
        site.open_gate();
        let _workers = [site.worker(kind, 4), site.worker(kind, 4)];
        for number in 0..120 {
            site.system.start(&site.name(number), &number.to_string()).await;
            match number % 40 {
                10 => site.broker.go_away(),
                30 => {
                    site.broker.empty();
                    site.broker.come_back();
                }
                _ => {}
            }
        }
        site.all_have_run_once(120).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_broker_is_away_sessions_get_tasks_directly() {
    for (kind, place) in ways() {
        let site = Site::new(place, 7).await;
        site.start(10).await;
        site.are_in_broker("lambda:f", 10).await;
        site.broker.go_away();
        site.open_gate();
        let _worker = site.worker(kind, 4);
        site.all_have_run_once(10).await;
        site.broker.come_back();
        for number in 10..30 {
            site.system.start(&site.name(number), &number.to_string()).await;
        }
        site.all_have_run_once(30).await;
    }
}

/// The members bring tasks and sessions together by themselves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_without_a_broker_gives_tasks_to_sessions_wherever_they_are() {
    for kind in [Kind::Grpc, Kind::Offer] {
        let (one, owner) = connected_over(&task_machine(FUNCTION), || None).await;
        let connect = || -> Arc<dyn TaskQueue> { unreachable!("there is no broker") };
        let (ledger, gate) = (Ledger::default(), Arc::new(Semaphore::new(0)));
        let site = Site { system: owner.system, other: Some(one), broker: MemoryQueue::new(0), connect: Box::new(connect), ledger, gate };
        let _worker = site.worker(kind, 4);
        site.start(10).await;
        site.have_begun(4).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(site.ledger.lock().len(), 4, "no more than there are slots");
        site.open_gate();
        site.all_have_run_once(10).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_drains_gives_back_what_it_has_not_begun() {
    for (kind, place) in ways() {
        let site = Site::new(place, 8).await;
        let mut leaving = site.worker(kind, 2);
        site.start(10).await;
        site.have_begun(2).await;
        let handle = leaving.handle.clone();
        let drained = tokio::spawn(async move { handle.drain(PATIENCE).await });
        tokio::time::sleep(Duration::from_millis(50)).await;
        let _staying = site.worker(kind, 8);
        site.have_begun(10).await;
        site.open_gate();
        let report = within(drained).await.expect("no panic");
        assert_eq!((report.unfinished, report.unacknowledged), (0, 0));
        within(&mut leaving.task).await.expect("the worker has ended");
        site.all_have_run_once(10).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_worker_fails_its_attempt_and_the_next_one_runs() {
    let machine = json!({"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": FUNCTION, "End": true,
        "Retry": [{"ErrorEquals": ["Lambda.ServiceException"], "IntervalSeconds": 1}]}}});
    for kind in KINDS {
        let site = Site::with(Place::Alone, 9, &machine).await;
        let mut lost = site.worker(kind, 1);
        site.start(1).await;
        site.have_begun(1).await;
        lost.stop.cancel();
        within(&mut lost.task).await.expect("the worker has ended");
        site.open_gate();
        let _other = site.worker(kind, 1);
        assert_eq!(site.system.succeeded(&site.name(0)).await, "0");
        let ledger = site.ledger.lock();
        assert_eq!(ledger.iter().map(|((_, attempt), runs)| (*attempt, *runs)).collect::<Vec<_>>(), [(1, 1), (2, 1)], "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_execution_is_not_offered_any_more() {
    for (kind, place) in ways() {
        let site = Site::new(place, 10).await;
        site.start(2).await;
        let stop = baton_engine::Input::Stop { error: None, cause: None };
        within(site.system.cluster.send(id(&site.name(0)), stop)).await.expect("it is stopped");
        assert_eq!(site.unclaimed().await, 1);
        site.open_gate();
        let _worker = site.worker(kind, 4);
        assert_eq!(site.system.succeeded(&site.name(1)).await, "1");
        assert_eq!(site.ledger.lock().len(), 1, "its offer is still in the broker, and its claim is denied");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pollers_get_tasks_through_the_broker() {
    let site = Site::with(Place::Alone, 11, &task_machine(ACTIVITY)).await;
    site.system.start("e", "{\"n\":1}").await;
    let queue = format!("activity:{ACTIVITY}");
    site.are_in_broker(&queue, 1).await;
    let task = within(site.system.cluster.poll_activity(ACTIVITY, Some("w"), PATIENCE)).await.expect("no error").expect("a task");
    assert_eq!(task.input.text(), "{\"n\":1}");
    let none = within(site.system.cluster.poll_activity(ACTIVITY, None, Duration::from_millis(50))).await.expect("no error");
    assert!(none.is_none());
    within(async {
        while site.broker.depth(&queue).await.expect("the broker is there").is_none_or(|depth| depth.consumers > 0) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_poller_has_got_does_not_come_back_to_the_next() {
    let site = Site::with(Place::Alone, 12, &task_machine(ACTIVITY)).await;
    let queue = format!("activity:{ACTIVITY}");
    for number in 0..5 {
        site.system.start(&format!("e{number}"), "1").await;
        site.are_in_broker(&queue, 1).await;
        let task = within(site.system.cluster.poll_activity(ACTIVITY, None, PATIENCE)).await.expect("no error");
        assert!(task.is_some());
        // Nobody has asked since, so nobody else can have taken it out.
        site.are_in_broker(&queue, 0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_broker_that_is_killed_and_comes_back_makes_nothing_run_twice_or_never() {
    let mut server = RabbitMq::start().expect("rabbitmq-server is installed (scripts/services.sh)");
    for (kind, place) in ways() {
        let settings = RabbitMqSettings::new(&server.url(), format!("{kind:?}-{place:?}")).expect("an address");
        let connect = move || Arc::new(RabbitMqQueue::start(settings.clone())) as Arc<dyn TaskQueue>;
        let site = Site::over(place, &task_machine(FUNCTION), MemoryQueue::new(0), Box::new(connect)).await;
        let _workers = [site.worker(kind, 4), site.worker(kind, 4)];
        site.start(100).await;
        site.have_begun(8).await;
        site.gate.add_permits(40);
        site.have_begun(40).await;
        server.kill();
        site.gate.add_permits(20);
        server.restart().expect("it starts again");
        site.open_gate();
        site.all_have_run_once(100).await;
        assert_eq!(site.unclaimed().await, 0, "{kind:?}");
    }
}
