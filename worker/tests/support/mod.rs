//! A coordinator that does what a test tells it: a real gRPC server, whose sessions the test holds in its hands.
#![allow(dead_code, unreachable_pub, missing_docs)]

use std::pin::Pin;
use std::time::Duration;

use baton_proto::worker::v1::coordinator_message::Message as ToWorker;
use baton_proto::worker::v1::worker_message::Message as FromWorker;
use baton_proto::worker::v1::worker_server::{Worker as WorkerService, WorkerServer};
use baton_proto::worker::v1::*;
use baton_worker::{Bytes, CancellationToken, Worker, WorkerBuilder, WorkerHandle};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::{TcpListenerStream, UnboundedReceiverStream};
use tonic::{Request, Response, Status, Streaming};

/// Nothing in these tests takes longer on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Coordinator {
    pub url: String,
    sessions: mpsc::UnboundedReceiver<Session>,
    server: JoinHandle<()>,
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// One session as the coordinator sees it. Dropping it ends the session.
pub struct Session {
    from_worker: Streaming<WorkerMessage>,
    to_worker: mpsc::UnboundedSender<Result<CoordinatorMessage, Status>>,
    outcomes: std::collections::VecDeque<Outcome>,
    /// Credits that have come with outcomes or alone, in order.
    pub credits: Vec<(String, u32)>,
    pub lines: Vec<LogLine>,
    pub heartbeats: Vec<Vec<ClaimRef>>,
    /// Offers that were handed back.
    pub released: Vec<Bytes>,
    pub messages_with_outcomes: usize,
    /// As the hello named them, and as the broker does.
    queues: Vec<String>,
}

struct Service(mpsc::UnboundedSender<Session>);

#[tonic::async_trait]
impl WorkerService for Service {
    type SessionStream = Pin<Box<dyn tokio_stream::Stream<Item = Result<CoordinatorMessage, Status>> + Send>>;

    async fn session(&self, request: Request<Streaming<WorkerMessage>>) -> Result<Response<Self::SessionStream>, Status> {
        let (to_worker, receiver) = mpsc::unbounded_channel();
        let session = Session {
            from_worker: request.into_inner(),
            to_worker,
            outcomes: Default::default(),
            credits: Vec::new(),
            lines: Vec::new(),
            heartbeats: Vec::new(),
            released: Vec::new(),
            messages_with_outcomes: 0,
            queues: Vec::new(),
        };
        self.0.send(session).map_err(|_| Status::unavailable("the test is over"))?;
        Ok(Response::new(Box::pin(UnboundedReceiverStream::new(receiver))))
    }

    async fn complete(&self, _: Request<Outcome>) -> Result<Response<Ack>, Status> {
        Err(Status::unimplemented("the worker reports on its session"))
    }

    async fn heartbeat(&self, _: Request<HeartbeatRequest>) -> Result<Response<HeartbeatResponse>, Status> {
        Err(Status::unimplemented("the worker reports on its session"))
    }
}

impl Coordinator {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (sender, sessions) = mpsc::unbounded_channel();
        let service = WorkerServer::new(Service(sender)).max_decoding_message_size(64 << 20).max_encoding_message_size(64 << 20);
        // `Server::tcp_nodelay` does not reach connections that come in this way.
        let server = tonic::transport::Server::builder().add_service(service).serve_with_incoming(
            TcpListenerStream::new(listener).map(|stream| stream.inspect(|stream| stream.set_nodelay(true).expect("a TCP stream"))),
        );
        let server = tokio::spawn(async move { server.await.expect("the server runs") });
        Self { url, sessions, server }
    }

    /// The next session, with its hello.
    pub async fn session(&mut self) -> (Session, Hello) {
        let mut session = within(self.sessions.recv()).await.expect("a session");
        match session.next().await {
            Some(FromWorker::Hello(hello)) => {
                session.queues = hello.queues.iter().map(|queue| queue.name.clone()).collect();
                (session, hello)
            }
            other => panic!("a session begins with a hello, not {other:?}"),
        }
    }

    /// The next session, welcomed.
    pub async fn welcomed(&mut self) -> (Session, Hello) {
        let (session, hello) = self.session().await;
        session.welcome(1_000, vec![]);
        (session, hello)
    }
}

impl Session {
    pub fn send(&self, message: ToWorker) {
        self.to_worker.send(Ok(CoordinatorMessage { message: Some(message) })).expect("the session is open");
    }

    pub fn welcome(&self, heartbeat_interval_ms: u32, lost: Vec<ClaimRef>) {
        self.send(ToWorker::Welcome(Welcome { session_id: 1, heartbeat_interval_ms, lost, broker_queues: self.queues.clone() }));
    }

    pub fn grant(&self, granted: Granted) {
        self.grants(vec![granted]);
    }

    pub fn grants(&self, grants: Vec<Granted>) {
        self.send(ToWorker::Grants(Grants { grants }));
    }

    pub fn ack(&self, outcome: &Outcome, code: Code) {
        self.send(ToWorker::Acks(Acks { acks: vec![Ack { report_id: outcome.report_id, code: code.into() }] }));
    }

    /// The next message; none once the worker has ended the session.
    pub async fn next(&mut self) -> Option<FromWorker> {
        within(self.from_worker.message()).await.ok().flatten().and_then(|message| message.message)
    }

    /// Takes one message apart. False once the worker has ended the session.
    pub async fn take_one(&mut self) -> bool {
        match self.next().await {
            Some(FromWorker::Outcomes(outcomes)) => {
                self.messages_with_outcomes += 1;
                self.outcomes.extend(outcomes.outcomes);
                self.credits.extend(outcomes.credits.into_iter().map(|credit| (credit.queue, credit.slots)));
            }
            Some(FromWorker::Credits(credits)) => {
                self.credits.extend(credits.credits.into_iter().map(|credit| (credit.queue, credit.slots)))
            }
            Some(FromWorker::Logs(logs)) => self.lines.extend(logs.lines),
            Some(FromWorker::Heartbeats(heartbeats)) => self.heartbeats.push(heartbeats.claims),
            Some(FromWorker::Release(release)) => self.released.extend(release.tokens),
            Some(other) => panic!("not expected here: {other:?}"),
            None => return false,
        }
        true
    }

    /// The next outcome, not acknowledged.
    pub async fn outcome(&mut self) -> Outcome {
        loop {
            if let Some(outcome) = self.outcomes.pop_front() {
                return outcome;
            }
            assert!(self.take_one().await, "an outcome should have come");
        }
    }

    /// The next outcome, applied.
    pub async fn applied(&mut self) -> Outcome {
        let outcome = self.outcome().await;
        self.ack(&outcome, Code::Applied);
        outcome
    }

    /// True if nothing but heartbeats, credits and logs comes for a while.
    pub async fn is_quiet(&mut self, time: Duration) -> bool {
        let before = self.messages_with_outcomes;
        let _ = tokio::time::timeout(time, async { while self.take_one().await {} }).await;
        before == self.messages_with_outcomes && self.outcomes.is_empty()
    }

    pub async fn heartbeat(&mut self) -> Vec<ClaimRef> {
        let before = self.heartbeats.len();
        while self.heartbeats.len() == before {
            assert!(self.take_one().await, "a heartbeat should have come");
        }
        self.heartbeats.last().cloned().expect("one more than before")
    }
}

pub async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("what is waited for comes in time")
}

pub fn granted(queue: &str, token: &str, claim_id: u64, input: &str) -> Granted {
    let name = queue.split_once(':').map_or(queue, |(_, name)| name);
    Granted {
        token: Bytes::copy_from_slice(token.as_bytes()),
        claim_id,
        queue: queue.to_owned(),
        input: Bytes::copy_from_slice(input.as_bytes()),
        resource: format!("arn:aws:lambda:us-east-1:123456789012:function:{name}"),
        execution_arn: "arn:aws:states:us-east-1:123456789012:execution:m:e".to_owned(),
        state_name: "State".to_owned(),
        attempt: 1,
        ..Granted::default()
    }
}

pub fn claim(token: &str, claim_id: u64) -> ClaimRef {
    ClaimRef { token: Bytes::copy_from_slice(token.as_bytes()), claim_id }
}

pub fn output(outcome: &Outcome) -> &str {
    match &outcome.result {
        Some(outcome::Result::Output(output)) => std::str::from_utf8(output).expect("UTF-8"),
        other => panic!("an output, not {other:?}"),
    }
}

pub fn failure(outcome: &Outcome) -> &Failure {
    match &outcome.result {
        Some(outcome::Result::Failure(failure)) => failure,
        other => panic!("a failure, not {other:?}"),
    }
}

/// A running worker; ends with the test.
pub struct Running {
    pub handle: WorkerHandle,
    pub stop: CancellationToken,
    pub task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub fn run(builder: WorkerBuilder) -> Running {
    let worker: Worker = builder.build().expect("a worker");
    let (handle, stop) = (worker.handle(), CancellationToken::new());
    Running { handle, task: tokio::spawn(worker.run(stop.clone())), stop }
}
