//! A system with machines of a test's own, and a worker that a test holds in its hands.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use baton_asl::MachineType;
use baton_coordinator::cluster::{
    Activities, Cluster, ClusterConfig, ExecutionId, ExecutionRecord, Functions, Revision, Revisions, Started, Status,
};
use baton_coordinator::dispatch::TokenKey;
use baton_coordinator::gateway::Gateway;
use baton_coordinator::peers::PeerService;
use baton_coordinator::store::ShardStore;
use baton_coordinator::store::local::{LocalOptions, LocalStore, OpenError};
use baton_coordinator::store::memory::MemoryStore;
use baton_engine::{EventKind, Payload, Start};
use baton_proto::worker::v1::coordinator_message::Message as ToWorker;
use baton_proto::worker::v1::worker_client::WorkerClient;
use baton_proto::worker::v1::worker_message::Message as FromWorker;
use baton_proto::worker::v1::*;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::Streaming;
use tonic::transport::Channel;

/// Nothing in these tests takes longer on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";
pub(crate) const ACTIVITY: &str = "arn:aws:states:us-east-1:123456789012:activity:a";
pub(crate) const EXECUTION: &str = "arn:aws:states:us-east-1:123456789012:execution:m:";
pub(crate) const MACHINE: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:m";

pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("what is waited for comes in time")
}

/// A machine with one Task.
pub(crate) fn task_machine(resource: &str) -> Value {
    serde_json::json!({"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": resource, "End": true}}})
}

/// What the catalog would know.
#[derive(Default)]
pub(crate) struct Known {
    revisions: Mutex<HashMap<u128, Arc<Revision>>>,
    functions: Mutex<BTreeSet<String>>,
    activities: Mutex<BTreeSet<String>>,
    /// Stands for a defect: whoever asks about this activity or function panics.
    pub(crate) poison: Mutex<Option<String>>,
    /// Stands for what takes long to evaluate: whoever asks about this activity waits so long.
    pub(crate) slow: Mutex<Option<(String, Duration)>>,
}

impl Known {
    pub(crate) fn add_machine(&self, digest: u128, definition: &Value) {
        let text = definition.to_string();
        let machine = baton_asl::parse(&text, MachineType::Standard).unwrap_or_else(|diagnostics| panic!("{diagnostics:?}"));
        let revision = Revision {
            digest,
            definition: text.into(),
            machine,
            role_arn: "arn:aws:iam::123456789012:role/r".into(),
            machine_type: MachineType::Standard,
            logging: None,
        };
        self.revisions.lock().insert(digest, Arc::new(revision));
    }

    fn meet_defect(&self, name: &str) {
        let is_poison = self.poison.lock().as_deref() == Some(name);
        assert!(!is_poison, "the defect of this test");
    }
}

impl Revisions for Known {
    fn revision(&self, digest: u128) -> Option<Arc<Revision>> {
        self.revisions.lock().get(&digest).cloned()
    }
}

impl Functions for Known {
    fn knows(&self, name: &str) -> bool {
        self.meet_defect(name);
        self.functions.lock().contains(name)
    }

    fn register<'a>(&'a self, name: &'a str) -> BoxFuture<'a, ()> {
        self.functions.lock().insert(name.to_owned());
        std::future::ready(()).boxed()
    }
}

impl Activities for Known {
    fn exists(&self, activity_arn: &str) -> bool {
        self.meet_defect(activity_arn);
        let slow = self.slow.lock().clone().filter(|(arn, _)| arn == activity_arn);
        if let Some((_, time)) = slow {
            std::thread::sleep(time);
        }
        self.activities.lock().contains(activity_arn)
    }
}

/// A running system.
pub(crate) struct System {
    pub(crate) cluster: Cluster,
    pub(crate) gateway: Gateway,
    pub(crate) url: String,
    pub(crate) known: Arc<Known>,
    store: Weak<dyn ShardStore>,
    /// Its own, so that all of it can end at once.
    runtime: OwnRuntime,
}

/// A runtime that may end inside of another.
struct OwnRuntime(Option<Runtime>);

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        self.0.take().expect("the runtime ends once").shutdown_background();
    }
}

impl std::ops::Deref for OwnRuntime {
    type Target = Runtime;

    fn deref(&self) -> &Runtime {
        self.0.as_ref().expect("the runtime is there until its end")
    }
}

impl System {
    /// Over a store of its own, in memory.
    pub(crate) async fn in_memory(definition: &Value) -> Self {
        Self::over(Arc::new(MemoryStore::new(8)), definition).await
    }

    pub(crate) async fn over(store: Arc<dyn ShardStore>, definition: &Value) -> Self {
        Self::with(store, definition, |_| {}).await
    }

    pub(crate) async fn with(store: Arc<dyn ShardStore>, definition: &Value, change: impl FnOnce(&mut ClusterConfig)) -> Self {
        let known = Arc::new(Known::default());
        known.add_machine(1, definition);
        known.activities.lock().insert(ACTIVITY.to_owned());
        known.functions.lock().insert("f".to_owned());
        let weak = Arc::downgrade(&store);
        let mut config = ClusterConfig::new(store, known.clone(), known.clone(), known.clone());
        config.token_key = Arc::new(TokenKey::new([3; 32]));
        change(&mut config);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let runtime = OwnRuntime(Some(runtime));
        let opened = runtime.spawn(Cluster::open(config));
        let cluster = within(opened).await.expect("no panic").expect("the system opens");
        let gateway = Gateway::new(cluster.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let peers = PeerService::new(cluster.clone());
        let router = tonic::transport::Server::builder().add_service(gateway.service()).add_service(peers.service());
        let listener = listener.into_std().expect("a listener");
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).expect("a listener");
            router.serve_with_incoming(TcpListenerStream::new(listener)).await.expect("the server runs");
        });
        Self { cluster, gateway, url, known, store: weak, runtime }
    }

    /// Ends in order.
    pub(crate) async fn close(self) {
        within(self.cluster.close()).await;
        self.kill().await;
    }

    /// As [`close`](Self::close), when the test keeps the store.
    pub(crate) async fn close_keeping(self) {
        within(self.cluster.close()).await;
        self.kill_keeping().await;
    }

    /// As a process that is killed ends: whatever it was about to do is not done. Answers when its store is free.
    pub(crate) async fn kill(self) {
        let Self { cluster, gateway, store, runtime, .. } = self;
        drop(runtime);
        drop((cluster, gateway));
        within(async {
            while store.strong_count() > 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
    }

    /// As [`kill`](Self::kill), when the test keeps the store.
    pub(crate) async fn kill_keeping(self) {
        let Self { cluster, gateway, runtime, store, .. } = self;
        drop(runtime);
        drop((cluster, gateway));
        within(async {
            while store.strong_count() > 1 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
    }

    /// As [`kill`](Self::kill), when others go on with the store.
    pub(crate) fn crash(self) {
        let Self { cluster, gateway, runtime, .. } = self;
        drop(runtime);
        drop((cluster, gateway));
    }

    /// A connection as workers have one.
    pub(crate) async fn client(&self) -> WorkerClient<Channel> {
        let endpoint = Channel::from_shared(self.url.clone()).expect("an address");
        WorkerClient::new(within(endpoint.connect()).await.expect("a connection"))
    }

    /// Runs something in the system's own runtime.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(work);
    }

    pub(crate) async fn start(&self, name: &str, input: &str) -> Started {
        within(self.cluster.start(start(name, input))).await.expect("the execution is started")
    }

    pub(crate) async fn ended(&self, name: &str) -> ExecutionRecord {
        let record = within(self.cluster.wait_end(id(name), PATIENCE)).await.expect("it can be read").expect("it exists");
        assert_ne!(record.status, Status::Running, "{name} waits for {:?}", record.waiting);
        record
    }

    pub(crate) async fn succeeded(&self, name: &str) -> String {
        let record = self.ended(name).await;
        assert_eq!(record.status, Status::Succeeded, "{:?}", record.failure);
        record.output.expect("a success has an output").text().to_owned()
    }

    /// Names of the public events, as far as tests need them.
    pub(crate) async fn history(&self, name: &str) -> Vec<&'static str> {
        let (_, events) = within(self.cluster.history(id(name))).await.expect("it can be read").expect("it exists");
        events.iter().map(|event| event_name(&event.kind)).collect()
    }
}

pub(crate) fn id(name: &str) -> ExecutionId {
    ExecutionId::of_arn(&format!("{EXECUTION}{name}"))
}

pub(crate) fn start(name: &str, input: &str) -> Start {
    Start {
        execution_arn: format!("{EXECUTION}{name}").into(),
        state_machine_arn: MACHINE.into(),
        state_machine_name: "m".into(),
        name: name.into(),
        revision: 1,
        version_arn: None,
        alias_arn: None,
        role_arn: "arn:aws:iam::123456789012:role/r".into(),
        input: Payload::from_validated(bytes::Bytes::from(input.to_owned())),
        trace_header: None,
        seed: 0,
        at: 0,
        deadline: None,
        test_case: None,
        map_child: None,
    }
}

fn event_name(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::ExecutionStarted(_) => "ExecutionStarted",
        EventKind::ExecutionSucceeded { .. } => "ExecutionSucceeded",
        EventKind::ExecutionFailed { .. } => "ExecutionFailed",
        EventKind::ExecutionAborted { .. } => "ExecutionAborted",
        EventKind::ExecutionTimedOut { .. } => "ExecutionTimedOut",
        EventKind::StateEntered { .. } => "StateEntered",
        EventKind::StateExited { .. } => "StateExited",
        EventKind::TaskScheduled { .. } => "TaskScheduled",
        EventKind::TaskStarted { .. } => "TaskStarted",
        EventKind::TaskSubmitted { .. } => "TaskSubmitted",
        EventKind::TaskSucceeded { .. } => "TaskSucceeded",
        EventKind::TaskFailed { .. } => "TaskFailed",
        EventKind::TaskRefused { .. } => "TaskRefused",
        EventKind::TaskTimedOut { .. } => "TaskTimedOut",
        EventKind::WaitStarted { .. } => "WaitStarted",
        EventKind::RetryScheduled { .. } => "RetryScheduled",
        EventKind::TaskRegranted { .. } => "TaskRegranted",
        EventKind::ExecutionRedriven { .. } => "ExecutionRedriven",
        other => panic!("the machines of these tests do not get to {other:?}"),
    }
}

/// A store in a folder. The one before it in this process may still be on its way out.
pub(crate) fn local(folder: &std::path::Path) -> Arc<dyn ShardStore> {
    let options = || LocalOptions { shard_count: 8, ..LocalOptions::default() };
    let since = Instant::now();
    loop {
        match LocalStore::open(folder, options()) {
            Err(OpenError::Locked { .. }) if since.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(2)),
            opened => return Arc::new(opened.expect("the store opens")),
        }
    }
}

/// A worker that a test holds in its hands. Dropping it is what a crash looks like.
pub(crate) struct TestWorker {
    sender: mpsc::Sender<WorkerMessage>,
    stream: Streaming<CoordinatorMessage>,
    pub(crate) welcome: Welcome,
    grants: VecDeque<Granted>,
    acks: VecDeque<Ack>,
    others: VecDeque<ToWorker>,
    next_report: u64,
}

pub(crate) fn hello(queue: &str, credits: u32) -> Hello {
    let queues = vec![Queue { name: queue.to_owned(), credits, timeout_seconds: 0 }];
    Hello { worker_name: "test-worker".to_owned(), incarnation: 77, queues, ..Hello::default() }
}

impl TestWorker {
    pub(crate) async fn connect(system: &System, hello: Hello) -> Self {
        let (sender, receiver) = mpsc::channel(64);
        sender.try_send(WorkerMessage { message: Some(FromWorker::Hello(hello)) }).expect("an empty channel has room");
        let mut client = system.client().await;
        let mut stream = within(client.session(ReceiverStream::new(receiver))).await.expect("a session").into_inner();
        let first = within(stream.message()).await.expect("a message").expect("a message");
        let Some(ToWorker::Welcome(welcome)) = first.message else { panic!("a session begins with a welcome, not {first:?}") };
        let (grants, acks, others) = Default::default();
        Self { sender, stream, welcome, grants, acks, others, next_report: 1 }
    }

    pub(crate) async fn send(&self, message: FromWorker) {
        self.sender.send(WorkerMessage { message: Some(message) }).await.expect("the session is open");
    }

    async fn read(&mut self) {
        let message = within(self.stream.message()).await.expect("the session is open").expect("the session goes on");
        match message.message.expect("a message says something") {
            ToWorker::Grants(grants) => self.grants.extend(grants.grants),
            ToWorker::Acks(acks) => self.acks.extend(acks.acks),
            other => self.others.push_back(other),
        }
    }

    pub(crate) async fn granted(&mut self) -> Granted {
        while self.grants.is_empty() {
            self.read().await;
        }
        self.grants.pop_front().expect("just looked")
    }

    pub(crate) async fn ack(&mut self) -> Ack {
        while self.acks.is_empty() {
            self.read().await;
        }
        self.acks.pop_front().expect("just looked")
    }

    pub(crate) async fn other(&mut self) -> ToWorker {
        while self.others.is_empty() {
            self.read().await;
        }
        self.others.pop_front().expect("just looked")
    }

    /// Whether nothing comes for a while.
    pub(crate) async fn is_quiet(&mut self, time: Duration) -> bool {
        self.grants.is_empty() && self.acks.is_empty() && tokio::time::timeout(time, self.stream.message()).await.is_err()
    }

    /// Reports and frees the slot; answers the ack's code.
    pub(crate) async fn report(&mut self, granted: &Granted, result: outcome::Result) -> Code {
        let report_id = self.next_report;
        self.next_report += 1;
        let outcome =
            Outcome { token: granted.token.clone(), claim_id: granted.claim_id, report_id, result: Some(result), ..Outcome::default() };
        let credits = vec![Credit { queue: granted.queue.clone(), slots: 1 }];
        self.send(FromWorker::Outcomes(Outcomes { outcomes: vec![outcome], credits })).await;
        loop {
            let ack = self.ack().await;
            if ack.report_id == report_id {
                return ack.code();
            }
        }
    }

    pub(crate) async fn succeed(&mut self, granted: &Granted, output: &str) -> Code {
        self.report(granted, outcome::Result::Output(bytes::Bytes::from(output.to_owned()))).await
    }
}

pub(crate) fn claim_of(granted: &Granted) -> ClaimRef {
    ClaimRef { token: granted.token.clone(), claim_id: granted.claim_id }
}
