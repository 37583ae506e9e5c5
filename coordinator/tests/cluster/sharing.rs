//! Several systems over one store: shards come, go, and are taken over, and executions go on.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use baton_coordinator::cluster::{
    CatalogShard, Cluster, ExecutionId, ExecutionRecord, Holding, MapRunIo, MemberConfig, Notice, PeerAnswer, Question, Remote,
    RemoteWatch, StartError, Status, Unreachable,
};
use baton_coordinator::store::memory::MemoryStore;
use baton_coordinator::store::{Acquired, Member, Membership, ShardId, ShardStore, StoreError};
use baton_proto::worker::v1::coordinator_message::Message as ToWorker;
use baton_proto::worker::v1::{Code, Granted, Hello};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::link::Link;
use crate::store_support::redis_server::RedisServer;
use crate::support::*;

const SHARDS: u16 = 32;
pub(crate) const LIFETIME: Duration = Duration::from_millis(1_500);
/// A crash is over within this time: a lease ends, others hear of it, ask, and read. Tests allow for a busy machine.
const TAKEN_OVER: Duration = Duration::from_secs(6);

pub(crate) fn store() -> Arc<MemoryStore> {
    Arc::new(MemoryStore::shared(SHARDS, LIFETIME))
}

async fn member<S: ShardStore + Membership>(store: &Arc<S>, definition: &Value, name: &str, weight: u32) -> System {
    connected(&Arc::default(), store, definition, name, weight).await
}

/// As [`member`], with ways to the others.
pub(crate) async fn connected<S: ShardStore + Membership>(
    roads: &Arc<Roads>,
    store: &Arc<S>,
    definition: &Value,
    name: &str,
    weight: u32,
) -> System {
    beside_catalog(roads, store, definition, name, weight, None).await
}

async fn beside_catalog<S: ShardStore + Membership>(
    roads: &Arc<Roads>,
    store: &Arc<S>,
    definition: &Value,
    name: &str,
    weight: u32,
    catalog: Option<Arc<dyn CatalogShard>>,
) -> System {
    let membership: Arc<dyn Membership> = store.clone();
    let holding = Some(Arc::new(Road(roads.clone())) as Arc<dyn Holding>);
    let member = MemberConfig { membership, name: name.into(), address: name.into(), weight, catalog, holding };
    let remote = Arc::new(Road(roads.clone()));
    let system = System::with(store.clone(), definition, |config| {
        config.member = Some(member);
        config.remote = remote;
    })
    .await;
    roads.0.lock().insert(name.to_owned(), system.cluster.clone());
    system
}

/// As [`member`], with items for its Map Runs.
pub(crate) async fn reading<S: ShardStore + Membership>(
    store: &Arc<S>,
    definition: &Value,
    name: &str,
    weight: u32,
    items: Arc<dyn MapRunIo>,
) -> System {
    let membership: Arc<dyn Membership> = store.clone();
    let member = MemberConfig { membership, name: name.into(), address: name.into(), weight, catalog: None, holding: None };
    let opened = System::with(store.clone(), definition, |config| {
        config.member = Some(member);
        config.map_run_io = items;
    });
    opened.await
}

/// The members that can be reached, by name.
#[derive(Default)]
pub(crate) struct Roads(Mutex<HashMap<String, Cluster>>);

impl Roads {
    fn to(&self, member: &Member) -> Result<Cluster, Unreachable> {
        self.0.lock().get(&*member.address).cloned().ok_or_else(|| Unreachable("nobody is there".into()))
    }

    /// As a process that is killed.
    pub(crate) fn crash(&self, name: &str, system: System) {
        self.0.lock().remove(name);
        system.crash();
    }
}

/// Ways inside of this process.
struct Road(Arc<Roads>);

impl Remote for Road {
    fn ask<'a>(&'a self, member: &'a Arc<Member>, question: Question) -> BoxFuture<'a, Result<PeerAnswer, Unreachable>> {
        async move { Ok(self.0.to(member)?.answer(question).await) }.boxed()
    }

    fn tell(&self, member: &Arc<Member>, notice: Notice) {
        if let Ok(cluster) = self.0.to(member) {
            cluster.hear(notice);
        }
    }

    fn watch<'a>(&'a self, member: &'a Arc<Member>, id: ExecutionId) -> BoxFuture<'a, Result<Option<RemoteWatch>, Unreachable>> {
        async move { Ok(self.0.to(member)?.watch_here(id).await) }.boxed()
    }

    fn forward<'a>(&'a self, _: &'a Arc<Member>, _: http::Request<Bytes>) -> BoxFuture<'a, Result<http::Response<Bytes>, Unreachable>> {
        async { Err(Unreachable("there is no API here".into())) }.boxed()
    }
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) -> Duration {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    since.elapsed()
}

fn shard_counts(systems: &[&System]) -> Vec<usize> {
    systems.iter().map(|system| system.cluster.owned_shards().len()).collect()
}

pub(crate) async fn until_all_at_work(systems: &[&System]) -> Duration {
    until("all shards are at work", || shard_counts(systems).iter().sum::<usize>() == usize::from(SHARDS)).await
}

pub(crate) async fn until_each_has_some(systems: &[&System]) {
    let all = usize::from(SHARDS);
    until("each has its part", || {
        let counts = shard_counts(systems);
        counts.iter().sum::<usize>() == all && counts.iter().all(|count| *count > 0)
    })
    .await;
}

/// Waits until nothing has moved for a while. Whoever comes is handed its part after five seconds.
async fn until_settled(systems: &[&System]) {
    let mut seen = (Vec::new(), Instant::now());
    until("everything stays where it is", || {
        let counts = shard_counts(systems);
        if counts != seen.0 || counts.iter().sum::<usize>() < usize::from(SHARDS) {
            seen = (counts, Instant::now());
        }
        seen.1.elapsed() > Duration::from_secs(6)
    })
    .await;
}

/// Starts it at whoever has its shard.
pub(crate) async fn start_at_owner(systems: &[&System], name: &str, input: &str) {
    let since = Instant::now();
    loop {
        assert!(since.elapsed() < PATIENCE, "{name} can be started");
        for system in systems.iter().filter(|system| system.cluster.is_owner_of(id(name))) {
            match system.cluster.start(start(name, input)).await {
                Ok(_) => return,
                Err(StartError::Unavailable(_)) => {}
                Err(error) => panic!("{name}: {error}"),
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) async fn end_at_owner(systems: &[&System], name: &str) -> ExecutionRecord {
    let since = Instant::now();
    loop {
        for system in systems.iter().filter(|system| system.cluster.is_owner_of(id(name))) {
            let record = system.cluster.wait_end(id(name), Duration::from_secs(1)).await;
            if let Ok(Some(record)) = record
                && record.status != Status::Running
            {
                return record;
            }
        }
        assert!(since.elapsed() < PATIENCE, "{name} ends");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn assert_all_succeed(systems: &[&System], count: usize) {
    for number in 0..count {
        let record = end_at_owner(systems, &format!("e{number}")).await;
        assert_eq!(record.status, Status::Succeeded, "{:?}", record.failure);
    }
}

/// Random enough for a name that `name_here` may take.
fn rand_name() -> String {
    static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed).to_string()
}

fn waits(seconds: u32) -> Value {
    json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": seconds, "Next": "P"}, "P": {"Type": "Pass", "End": true}}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn executions_of_a_member_that_crashed_go_on_at_the_others() {
    let (store, machine) = (store(), waits(3));
    let (a, b, c) =
        (member(&store, &machine, "a", 4).await, member(&store, &machine, "b", 4).await, member(&store, &machine, "c", 4).await);
    until_each_has_some(&[&a, &b, &c]).await;
    for number in 0..60 {
        start_at_owner(&[&a, &b, &c], &format!("e{number}"), "{}").await;
    }
    a.crash();
    let pause = until_all_at_work(&[&b, &c]).await;
    assert!(pause < TAKEN_OVER, "{pause:?}");
    assert_all_succeed(&[&b, &c], 60).await;
    b.crash();
    until_all_at_work(&[&c]).await;
    // What has ended is known to whoever comes after.
    assert_all_succeed(&[&c], 60).await;
    c.crash();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_leaves_hands_its_shards_over_in_order() {
    let (store, machine) = (store(), waits(2));
    let (a, b) = (member(&store, &machine, "a", 4).await, member(&store, &machine, "b", 4).await);
    until_each_has_some(&[&a, &b]).await;
    for number in 0..40 {
        start_at_owner(&[&a, &b], &format!("e{number}"), "{}").await;
    }
    within(a.cluster.close()).await;
    a.crash();
    // What was handed over in order has nothing to be replayed, and nobody has waited for a lease to end.
    assert_eq!(shard_counts(&[&b]), [usize::from(SHARDS)]);
    assert_all_succeed(&[&b], 40).await;
    within(b.cluster.close()).await;
    b.crash();
    for shard in 0..SHARDS {
        let acquired = store.acquire(ShardId(shard)).await.expect("the last one has released everything");
        assert_eq!(acquired.seq, acquired.checkpoint_seq, "shard {shard}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_comes_is_handed_its_part_while_executions_wait_for_workers() {
    let (store, machine) = (store(), task_machine(FUNCTION));
    let a = member(&store, &machine, "a", 4).await;
    until_all_at_work(&[&a]).await;
    for number in 0..60 {
        start_at_owner(&[&a], &format!("e{number}"), "{}").await;
    }
    let b = member(&store, &machine, "b", 4).await;
    until_each_has_some(&[&a, &b]).await;
    until_settled(&[&a, &b]).await;
    let mut at_a = TestWorker::connect(&a, hello("lambda:f", 100)).await;
    let mut at_b = TestWorker::connect(&b, Hello { incarnation: 78, ..hello("lambda:f", 100) }).await;
    let mut granted = BTreeSet::new();
    while granted.len() < 60 {
        let (worker, grant) = tokio::select! {
            grant = at_a.granted() => (&mut at_a, grant),
            grant = at_b.granted() => (&mut at_b, grant),
        };
        assert_eq!(grant.attempt, 1);
        assert!(granted.insert(grant.execution_arn.clone()), "{} was granted twice", grant.execution_arn);
        assert_eq!(worker.succeed(&grant, "1").await, Code::Applied);
    }
    assert_all_succeed(&[&a, &b], 60).await;
    a.crash();
    b.crash();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shards_are_spread_by_weight() {
    let (store, machine) = (store(), waits(1));
    let (small, large) = (member(&store, &machine, "small", 1).await, member(&store, &machine, "large", 7).await);
    until_all_at_work(&[&small, &large]).await;
    until("the larger one has the most", || shard_counts(&[&large])[0] >= usize::from(SHARDS) * 3 / 4).await;
    small.crash();
    large.crash();
}

/// While something else goes on.
async fn says_that_it_lives<T>(worker: &TestWorker, meanwhile: impl Future<Output = T>) -> T {
    let mut meanwhile = std::pin::pin!(meanwhile);
    loop {
        worker.send(baton_proto::worker::v1::worker_message::Message::Heartbeats(Default::default())).await;
        if let Ok(done) = tokio::time::timeout(Duration::from_secs(1), &mut meanwhile).await {
            return done;
        }
    }
}

/// A task that a worker has, at a member that has the shard and the session.
async fn granted_at(system: &System, hello: Hello) -> (TestWorker, Granted, String) {
    let mut worker = TestWorker::connect(system, hello).await;
    let name = (0..).map(|number| format!("e{number}")).find(|name| system.cluster.is_owner_of(id(name))).expect("it has some");
    start_at_owner(&[system], &name, "{}").await;
    let granted = worker.granted().await;
    (worker, granted, name)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_whose_member_crashed_reports_at_another_what_it_holds() {
    let (roads, store, machine) = (Arc::default(), store(), task_machine(FUNCTION));
    let (a, b) = (connected(&roads, &store, &machine, "a", 4).await, connected(&roads, &store, &machine, "b", 4).await);
    until_each_has_some(&[&a, &b]).await;
    let (worker, granted, name) = granted_at(&a, hello("lambda:f", 1)).await;
    roads.crash("a", a);
    drop(worker);
    // It comes while the shard has no owner yet.
    let mut worker = TestWorker::connect(&b, Hello { running: vec![claim_of(&granted)], ..hello("lambda:f", 0) }).await;
    assert!(worker.welcome.lost.is_empty());
    // Longer than a worker may be away.
    says_that_it_lives(&worker, tokio::time::sleep(Duration::from_secs(12))).await;
    assert_eq!(worker.succeed(&granted, "7").await, Code::Applied);
    assert_eq!(b.succeeded(&name).await, "7");
    assert_eq!(b.history(&name).await.iter().filter(|event| **event == "TaskStarted").count(), 1);
    roads.crash("b", b);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_that_was_lost_with_its_member_goes_to_somebody_else_as_the_same_attempt() {
    let (roads, store, machine) = (Arc::default(), store(), task_machine(FUNCTION));
    let (a, b) = (connected(&roads, &store, &machine, "a", 4).await, connected(&roads, &store, &machine, "b", 4).await);
    until_each_has_some(&[&a, &b]).await;
    let (worker, lost, name) = granted_at(&a, hello("lambda:f", 1)).await;
    roads.crash("a", a);
    drop(worker);
    // It has not got what it was granted.
    let mut worker = TestWorker::connect(&b, hello("lambda:f", 1)).await;
    let granted = worker.granted().await;
    assert_eq!((granted.attempt, granted.claim_id == lost.claim_id), (1, false));
    assert_eq!(worker.succeed(&granted, "7").await, Code::Applied);
    assert_eq!(b.succeeded(&name).await, "7");
    roads.crash("b", b);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_comes_back_nowhere_is_lost_at_the_owner_that_came_after() {
    let (roads, store, machine) = (Arc::default(), store(), task_machine(FUNCTION));
    let (a, b) = (connected(&roads, &store, &machine, "a", 4).await, connected(&roads, &store, &machine, "b", 4).await);
    until_each_has_some(&[&a, &b]).await;
    let (worker, _, name) = granted_at(&a, hello("lambda:f", 1)).await;
    let since = Instant::now();
    roads.crash("a", a);
    drop(worker);
    let record = b.ended(&name).await;
    assert!(since.elapsed() > Duration::from_secs(9), "it had time to come back");
    assert_eq!(record.failure.and_then(|failure| failure.error).as_deref(), Some("Lambda.ServiceException"));
    roads.crash("b", b);
}

/// The shard goes to another member while the worker stays where it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_at_another_member_keeps_what_it_holds_of_a_shard_that_was_handed_over() {
    let (roads, store, machine) = (Arc::default(), store(), task_machine(FUNCTION));
    let a = connected(&roads, &store, &machine, "a", 1).await;
    until_all_at_work(&[&a]).await;
    let mut worker = TestWorker::connect(&a, hello("lambda:f", 40)).await;
    let mut granted = Vec::new();
    for number in 0..40 {
        start_at_owner(&[&a], &format!("e{number}"), "{}").await;
        granted.push(worker.granted().await);
    }
    let b = connected(&roads, &store, &machine, "b", 7).await;
    says_that_it_lives(&worker, until_each_has_some(&[&a, &b])).await;
    // It is asked meanwhile what it holds.
    says_that_it_lives(&worker, until_settled(&[&a, &b])).await;
    for granted in &granted {
        assert_eq!(worker.succeed(granted, "7").await, Code::Applied);
    }
    for number in 0..40 {
        let name = format!("e{number}");
        assert_eq!(a.succeeded(&name).await, "7", "either answers for all");
        assert_eq!(b.succeeded(&name).await, "7");
    }
    roads.crash("a", a);
    roads.crash("b", b);
}

/// Every member answers for every execution while members come and go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_acknowledged_is_lost_while_members_come_and_go() {
    let (roads, store, machine) = (Arc::default(), store(), waits(1));
    let a = connected(&roads, &store, &machine, "a", 4).await;
    let mut others = vec![connected(&roads, &store, &machine, "b", 4).await];
    let mut started = Vec::new();
    for round in 0..4 {
        for number in 0..25 {
            let name = format!("r{round}-{number}");
            a.start(&name, "{}").await;
            started.push(name);
        }
        match round {
            0 => others.push(connected(&roads, &store, &machine, "c", 4).await),
            1 => roads.crash("b", others.remove(0)),
            2 => {
                let leaving = others.remove(0);
                within(leaving.cluster.close()).await;
                roads.crash("c", leaving);
            }
            _ => {}
        }
    }
    for name in &started {
        a.succeeded(name).await;
    }
    roads.crash("a", a);
}

/// The same over the store that clusters have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_over_redis_take_over_and_hand_over() {
    let server = RedisServer::start();
    let options = || baton_coordinator::store::redis::RedisOptions { shard_count: Some(SHARDS), ..server.options() };
    let open = || async { Arc::new(baton_coordinator::store::redis::RedisStore::connect(options()).await.expect("the store opens")) };
    let (roads, machine) = (Arc::default(), waits(1));
    let a = connected(&roads, &open().await, &machine, "a", 4).await;
    let b = connected(&roads, &open().await, &machine, "b", 4).await;
    until_each_has_some(&[&a, &b]).await;
    for number in 0..30 {
        let system = if number % 2 == 0 { &a } else { &b };
        system.start(&format!("e{number}"), "{}").await;
    }
    roads.crash("b", b);
    until_all_at_work(&[&a]).await;
    for number in 0..30 {
        a.succeeded(&format!("e{number}")).await;
    }
    let c = connected(&roads, &open().await, &machine, "c", 4).await;
    until_each_has_some(&[&a, &c]).await;
    a.start("last", "{}").await;
    within(a.cluster.close()).await;
    roads.crash("a", a);
    c.succeeded("last").await;
    for number in 0..30 {
        c.succeeded(&format!("e{number}")).await;
    }
    roads.crash("c", c);
}

/// An owner that cannot reach the store does not know whether it is one still.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_is_cut_off_falls_silent_before_another_takes_over() {
    let (store, machine) = (store(), json!({"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": ACTIVITY, "End": true}}}));
    let (link, other) = (Arc::new(Link::new(store.clone())), Arc::new(Link::new(store.clone())));
    let (a, b) = (member(&link, &machine, "a", 4).await, member(&other, &machine, "b", 4).await);
    until_each_has_some(&[&a, &b]).await;
    let name = (0..).map(|number| format!("e{number}")).find(|name| a.cluster.is_owner_of(id(name))).expect("it has some");
    start_at_owner(&[&a], &name, "{}").await;
    link.cut(true);
    until_all_at_work(&[&b]).await;
    // The new owner ends the execution; the old one must not say that it runs.
    let stop = baton_engine::Input::Stop { error: None, cause: None };
    within(b.cluster.send(id(&name), stop)).await.expect("it is stopped");
    for _ in 0..20 {
        if let Ok(Ok(record)) = tokio::time::timeout(Duration::from_millis(50), a.cluster.describe(id(&name))).await {
            assert_eq!(record.map(|record| record.status), Some(Status::Aborted), "an owner that was is not asked");
        }
    }
    link.cut(false);
    until_each_has_some(&[&a, &b]).await;
    assert_eq!(end_at_owner(&[&a, &b], &name).await.status, Status::Aborted);
    a.crash();
    b.crash();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_does_not_reach_the_store_sends_its_workers_to_others_before_they_are_lost() {
    let (store, machine) = (store(), task_machine(FUNCTION));
    let link = Arc::new(Link::new(store.clone()));
    let a = member(&link, &machine, "a", 4).await;
    let b = member(&store, &machine, "b", 4).await;
    until_each_has_some(&[&a, &b]).await;
    let (mut worker, granted, name) = granted_at(&a, hello("lambda:f", 1)).await;
    link.cut(true);
    // Others take it for lost after ten seconds.
    let sent_away = tokio::time::timeout(Duration::from_secs(9), worker.other()).await;
    assert!(matches!(sent_away, Ok(ToWorker::Drain(_))), "{sent_away:?}");
    let mut worker = TestWorker::connect(&b, Hello { running: vec![claim_of(&granted)], ..hello("lambda:f", 0) }).await;
    says_that_it_lives(&worker, until_all_at_work(&[&b])).await;
    assert_eq!(worker.succeed(&granted, "7").await, Code::Applied);
    assert_eq!(b.succeeded(&name).await, "7");
    link.cut(false);
    a.crash();
    b.crash();
}

/// Only the member that runs it can answer, so that a hand-over waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_synchronous_express_execution_ends_before_its_shard_is_handed_over() {
    let (roads, store, machine) = (Arc::default(), store(), task_machine(FUNCTION));
    let (a, b) = (connected(&roads, &store, &machine, "a", 4).await, connected(&roads, &store, &machine, "b", 4).await);
    until_each_has_some(&[&a, &b]).await;
    let mut worker = TestWorker::connect(&a, hello("lambda:f", 4)).await;
    let sync = async |number: u32| {
        let arn = a.cluster.name_here(|| format!("arn:aws:states:us-east-1:123456789012:express:m:x{number}:{}", rand_name())).await;
        baton_engine::Start { execution_arn: arn.into(), ..start("x", "[1]") }
    };
    let begun = |start| {
        let cluster = a.cluster.clone();
        tokio::spawn(async move { cluster.start_sync(start).await })
    };
    let (answered, late) = (begun(sync(1).await), begun(sync(2).await));
    let mut granted = Vec::new();
    for _ in 0..2 {
        granted.push(worker.granted().await);
    }
    let cluster = a.cluster.clone();
    let leaving = tokio::spawn(async move { cluster.leave().await });
    // All others are handed over meanwhile.
    until("the other member has almost all", || shard_counts(&[&b])[0] >= usize::from(SHARDS) - 2).await;
    assert!(!leaving.is_finished());
    let first = granted.iter().find(|grant| grant.execution_arn.contains(":x1:")).expect("both are granted");
    assert_eq!(worker.succeed(first, "7").await, Code::Applied);
    let end = within(answered).await.expect("no panic").expect("it has ended");
    assert_eq!(end.record.output.as_ref().map(|output| output.text()), Some("7"));
    // What takes too long is not waited for.
    let refused = within(late).await.expect("no panic");
    assert!(matches!(refused, Err(StartError::Unavailable(_))), "{refused:?}");
    within(leaving).await.expect("no panic");
    assert_eq!(shard_counts(&[&b])[0], usize::from(SHARDS));
    a.crash();
    b.crash();
}

/// A catalog that writes down what becomes of its shard, and takes its time to settle.
struct ToldCatalog {
    name: &'static str,
    told: Arc<Mutex<Vec<String>>>,
}

impl ToldCatalog {
    fn tell(&self, what: &str) {
        self.told.lock().push(format!("{} {what}", self.name));
    }
}

impl CatalogShard for ToldCatalog {
    fn acquired(&self, _: Acquired, _: oneshot::Sender<()>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.tell("has it");
        async { Ok(()) }.boxed()
    }

    fn give_up(&self) -> BoxFuture<'_, ()> {
        async {
            self.tell("settles");
            tokio::time::sleep(Duration::from_millis(200)).await;
            self.tell("has settled");
        }
        .boxed()
    }

    fn lost(&self) {
        self.tell("has lost it");
    }

    fn refresh(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async { Ok(()) }.boxed()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_catalog_is_handed_over_when_it_has_settled_and_taken_over_when_its_owner_is_gone() {
    let (roads, store, machine, told) = (Arc::default(), store(), waits(1), Arc::default());
    let catalog = |name| Some(Arc::new(ToldCatalog { name, told: Arc::clone(&told) }) as Arc<dyn CatalogShard>);
    let owns = |system: &System| system.cluster.owned_shards().iter().any(|shard| shard == ShardId::CATALOG);
    let a = beside_catalog(&roads, &store, &machine, "a", 4, catalog("a")).await;
    until("the first has the catalog", || owns(&a)).await;
    let b = beside_catalog(&roads, &store, &machine, "b", 4, catalog("b")).await;
    until("both have shards", || shard_counts(&[&a, &b]).iter().all(|count| *count > 0)).await;
    until_quiet(&[&a, &b]).await;
    // It may have been handed over when the second came: whoever has it leaves.
    let (first, next, (leaves, follows)) = if owns(&a) { (a, b, ("a", "b")) } else { (b, a, ("b", "a")) };
    told.lock().clear();
    within(first.cluster.leave()).await;
    until("the other has the catalog", || owns(&next)).await;
    let in_order = [format!("{leaves} settles"), format!("{leaves} has settled"), format!("{follows} has it")];
    assert_eq!(*told.lock(), in_order);
    first.crash();
    // Without a word: nothing is settled, and whoever comes has it when the lease has ended.
    told.lock().clear();
    next.crash();
    let last = beside_catalog(&roads, &store, &machine, "c", 4, catalog("c")).await;
    until("the third has the catalog", || owns(&last)).await;
    assert_eq!(*told.lock(), ["c has it"]);
    last.crash();
}

/// As [`until_settled`], with the catalog's shard.
async fn until_quiet(systems: &[&System]) {
    let mut seen = (Vec::new(), Instant::now());
    until("everything stays where it is", || {
        let counts = shard_counts(systems);
        if counts != seen.0 || counts.iter().sum::<usize>() <= usize::from(SHARDS) {
            seen = (counts, Instant::now());
        }
        seen.1.elapsed() > Duration::from_secs(6)
    })
    .await;
}
