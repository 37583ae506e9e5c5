//! The gateway: workers' sessions over gRPC, as `baton/worker/v1/worker.proto` says.
//!
//! A connection has two sides. `inbound` reads what the worker says and hands it to the cluster; `outbound` is the stream of what goes to the
//! worker, everything that has become durable together in one message. `hello` begins a session, `end` ends it, whichever side goes first.

mod connection;
mod grant;
mod hello;
mod inbound;
mod outbound;
mod outcome;
mod silence;
mod tokens;

pub use tokens::WorkerTokens;

use std::sync::Arc;
use std::time::{Duration, Instant};

use baton_proto::MESSAGE_BYTES_MAX;
use baton_proto::worker::v1::worker_server::{Worker, WorkerServer};
use baton_proto::worker::v1::{Ack, Code, HeartbeatRequest, HeartbeatResponse, Outcome, WorkerMessage};
use tonic::{Request, Response, Status, Streaming};

use crate::cluster::{Cluster, report_code};
use crate::dispatch::SessionItem;
use outbound::Outbound;

/// How often a draining gateway looks whether workers are through.
const DRAIN_LOOK: Duration = Duration::from_millis(20);

/// Workers' sessions. Clones speak for the same cluster.
#[derive(Clone)]
pub struct Gateway {
    cluster: Cluster,
    tokens: Arc<WorkerTokens>,
}

impl Gateway {
    /// The gateway to a cluster.
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster, tokens: Arc::default() }
    }

    /// It lets in only workers with one of these, if there are any.
    #[must_use]
    pub fn with_tokens(self, tokens: WorkerTokens) -> Self {
        Self { tokens: Arc::new(tokens), ..self }
    }

    /// The gRPC service, to be put into a server.
    pub fn service(&self) -> WorkerServer<Gateway> {
        WorkerServer::new(self.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX).max_encoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// Tells all workers that this process is going away, and waits until none holds a task any more, at most so long. Answers whether all were
    /// through.
    pub async fn drain(&self, at_most: Duration) -> bool {
        let sessions = self.cluster.sessions().all();
        for session in &sessions {
            // First nothing new is granted to it, or it would never be through.
            self.cluster.task_queues().leave_all(session.info().session_id);
            // A session that has ended needs not be told.
            drop(session.push(SessionItem::Drain));
        }
        let deadline = Instant::now() + at_most;
        while sessions.iter().any(|session| !session.is_closed() && session.held_counts().0 > 0) {
            if Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(DRAIN_LOOK).await;
        }
        true
    }
}

#[tonic::async_trait]
impl Worker for Gateway {
    type SessionStream = Outbound;

    async fn session(&self, request: Request<Streaming<WorkerMessage>>) -> Result<Response<Outbound>, Status> {
        self.tokens.admit(request.metadata())?;
        if self.cluster.is_closing() {
            return Err(Status::unavailable("this server is going away"));
        }
        let (outbound, opening) = Outbound::new(self.cluster.clone());
        tokio::spawn(inbound::run(self.cluster.clone(), request.into_inner(), opening));
        Ok(Response::new(outbound))
    }

    async fn complete(&self, request: Request<Outcome>) -> Result<Response<Ack>, Status> {
        self.tokens.admit(request.metadata())?;
        let outcome = request.into_inner();
        let report_id = outcome.report_id;
        let code = match outcome::read_alone(&self.cluster, outcome).await {
            Ok(report) => report_code(self.cluster.report(&report.token, report.input).await),
            Err(code) => code,
        };
        Ok(Response::new(Ack { report_id, code: code.into() }))
    }

    async fn heartbeat(&self, request: Request<HeartbeatRequest>) -> Result<Response<HeartbeatResponse>, Status> {
        self.tokens.admit(request.metadata())?;
        let claim = request.into_inner().claim.unwrap_or_default();
        let code = match outcome::claimed(self.cluster.token_key(), &claim.token, claim.claim_id) {
            Some(token) => report_code(self.cluster.report(&token, baton_engine::Input::TaskHeartbeat { task: token.task }).await),
            None => Code::UnknownTask,
        };
        Ok(Response::new(HeartbeatResponse { code: code.into() }))
    }
}
