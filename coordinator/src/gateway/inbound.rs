//! What a worker says.

use std::sync::Arc;
use std::time::{Duration, Instant};

use baton_engine::TaskRef;
use baton_proto::worker::v1::worker_message::Message;
use baton_proto::worker::v1::{Claim, Code, Credit, Heartbeats, LogLine, Logs, Outcomes, WorkerMessage};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tonic::{Status, Streaming};

use super::connection::Connection;
use super::hello::{self, Opened};
use super::outcome;
use super::silence::unless_silent;
use crate::cluster::{ClaimOutcome, Cluster, ExecutionId, SessionReport, count_claim};
use crate::dispatch::{ClaimedOffer, GRACE, Random, SessionInfo, SessionItem, Shape, TaskToken};

/// A session begins with its hello within this time.
const HELLO_MAX: Duration = Duration::from_secs(10);

/// Reads a session from its hello to its end.
pub(super) async fn run(cluster: Cluster, mut inbound: Streaming<WorkerMessage>, opening: oneshot::Sender<Result<Opened, Status>>) {
    let opened = match timeout(HELLO_MAX, inbound.message()).await {
        Ok(Ok(Some(WorkerMessage { message: Some(Message::Hello(hello)) }))) => hello::open(&cluster, hello).await,
        Ok(Ok(_)) => Err(Status::failed_precondition("a session begins with a hello")),
        Ok(Err(status)) => Err(status),
        Err(_) => Err(Status::deadline_exceeded("no hello in time")),
    };
    let connection = opened.as_ref().ok().map(|opened| opened.connection.clone());
    let is_wanted = opening.send(opened).is_ok();
    if let Some(connection) = connection {
        let lost_at = if is_wanted { Reader::new(&connection).read(inbound).await } else { Instant::now() + GRACE };
        connection.end(lost_at);
        tracing::info!(worker = %connection.session.info().worker_name, "a worker's session has ended");
    }
}

struct Reader<'a> {
    connection: &'a Arc<Connection>,
    random: Random,
    has_said_bye: bool,
}

impl<'a> Reader<'a> {
    fn new(connection: &'a Arc<Connection>) -> Self {
        Self { connection, random: Random::from_system(), has_said_bye: false }
    }

    /// Reads until the session ends; answers when what the worker holds then is lost.
    async fn read(mut self, mut inbound: Streaming<WorkerMessage>) -> Instant {
        loop {
            match self.next(&mut inbound).await {
                Some(Ok(Some(message))) => self.handle(message).await,
                Some(Ok(None) | Err(_)) => return Instant::now() + GRACE,
                None => return Instant::now(),
            }
            if self.connection.session.is_closed() || (self.has_said_bye && self.connection.session.held_counts().0 == 0) {
                return Instant::now() + GRACE;
            }
        }
    }

    /// What the worker says next; `None` if it has been silent for too long. A worker inside of this process needs not say that it lives.
    async fn next(&self, inbound: &mut Streaming<WorkerMessage>) -> Option<Result<Option<WorkerMessage>, Status>> {
        match self.connection.session.info().is_in_process {
            true => Some(inbound.message().await),
            false => unless_silent(inbound.message()).await,
        }
    }

    async fn handle(&mut self, message: WorkerMessage) {
        match message.message {
            Some(Message::Outcomes(outcomes)) => self.outcomes(outcomes).await,
            Some(Message::Credits(credits)) => self.credits(&credits.credits),
            Some(Message::Heartbeats(heartbeats)) => self.heartbeats(&heartbeats),
            Some(Message::Claim(claim)) => self.claim(claim),
            Some(Message::Bye(_)) => {
                self.has_said_bye = true;
                self.connection.leave_queues();
            }
            Some(Message::Logs(logs)) => self.logs(&logs),
            Some(Message::Release(release)) => self.release(&release.tokens),
            // A second hello says nothing that the first did not; a message of a newer worker cannot be guessed.
            Some(Message::Hello(_)) | None => {}
        }
    }

    async fn outcomes(&mut self, outcomes: Outcomes) {
        let Connection { cluster, session, .. } = &**self.connection;
        // Running work is never refused. A worker that reports faster than the shards decide waits here instead.
        cluster.has_space().await;
        let mut reports = Vec::with_capacity(outcomes.outcomes.len());
        for outcome in outcomes.outcomes {
            let report_id = outcome.report_id;
            let token = self.token(&outcome.token, outcome.claim_id).await;
            match token.and_then(|token| outcome::read(token, outcome, &mut self.random).ok_or(Code::UnknownTask)) {
                Ok(report) => {
                    let TaskToken { execution, task, claim_id, .. } = report.token;
                    reports.push(SessionReport { execution, task, claim_id, input: report.input, report_id });
                }
                Err(code) => {
                    let (execution, task) = outcome::NOBODY;
                    let item = SessionItem::Ack { execution, task, report_id, code: code.into() };
                    // A session that has ended needs no answer.
                    drop(session.push(item));
                }
            }
        }
        cluster.report_all(session, reports);
        // Slots come free after the outcomes that freed them, so that a follow-up task finds its session in the same step.
        self.credits(&outcomes.credits);
    }

    /// What a reported token names. One that was offered takes its shape from what was granted.
    async fn token(&self, token: &[u8], claim_id: u64) -> Result<TaskToken, Code> {
        let Connection { cluster, session, .. } = &**self.connection;
        let token = outcome::claimed(cluster.token_key(), token, claim_id).ok_or(Code::UnknownTask)?;
        let held = session.held(token.execution, token.task).filter(|held| held.shape != Shape::Offered);
        match held.filter(|_| token.shape == Shape::Offered) {
            Some(held) => Ok(TaskToken { shape: held.shape, ..token }),
            None => outcome::resolved(cluster, token).await,
        }
    }

    fn credits(&self, credits: &[Credit]) {
        let Connection { cluster, session, .. } = &**self.connection;
        for credit in credits {
            if let Some(queue) = self.connection.queue(&credit.queue) {
                cluster.task_queues().add_credits(&queue, session.info().session_id, credit.slots);
            }
        }
    }

    /// The message itself says that the worker lives; only tasks that want signs of life of their own need more.
    fn heartbeats(&self, heartbeats: &Heartbeats) {
        let Connection { cluster, session, .. } = &**self.connection;
        if session.held_counts().1 == 0 {
            return;
        }
        for claim in &heartbeats.claims {
            let Some(token) = outcome::claimed(cluster.token_key(), &claim.token, claim.claim_id) else { continue };
            if session.held(token.execution, token.task).is_some_and(|held| held.wants_heartbeats) {
                cluster.heartbeat_claim(token.execution, token.task, token.claim_id);
            }
        }
    }

    fn claim(&self, claim: Claim) {
        let Connection { cluster, session, .. } = &**self.connection;
        let Some(token) = outcome::claimed(cluster.token_key(), &claim.token, claim.claim_id) else {
            return;
        };
        let (id, task) = (token.execution, token.task);
        // Also what this session was not offered: a broker was asked, or the answer to the same claim was lost.
        cluster.claim(id, task, session, session.claim(claim.claim_id), self.offered(id, task));
    }

    /// The session answers what it was offered. Whom to tell that it is done with, if it came from elsewhere.
    fn offered(&self, id: ExecutionId, task: TaskRef) -> Option<oneshot::Sender<()>> {
        let Connection { cluster, session, .. } = &**self.connection;
        let SessionInfo { session_id, wants_offers: true, .. } = *session.info() else { return None };
        let queues: Vec<_> = self.connection.queues.lock().values().cloned().collect();
        match queues.iter().find_map(|queue| cluster.task_queues().claim(queue, id, task, session_id))? {
            ClaimedOffer::OfHere => None,
            ClaimedOffer::PassedOn(answered) => Some(answered),
        }
    }

    /// An offer that came from elsewhere is not claimed; its owner is told.
    fn done_with(&self, id: ExecutionId, task: TaskRef) {
        let Connection { cluster, session, .. } = &**self.connection;
        let queues: Vec<_> = self.connection.queues.lock().values().cloned().collect();
        let session_id = session.info().session_id;
        let answered = queues.iter().find_map(|queue| cluster.task_queues().take_passed(queue, id, task, session_id));
        // Whoever passed the offer on may be gone.
        let _ = answered.map(|answered| answered.send(()));
    }

    fn release(&self, tokens: &[prost::bytes::Bytes]) {
        let cluster = &self.connection.cluster;
        let tokens = tokens.iter().filter_map(|token| cluster.token_key().open(token));
        tokens.for_each(|token| {
            count_claim(ClaimOutcome::HandedBack);
            self.done_with(token.execution, token.task);
            cluster.hand_back(token.execution, token.task);
        });
    }

    fn logs(&self, logs: &Logs) {
        for line in logs.lines.iter().filter(|line| self.connection.cluster.token_key().open(&line.token).is_some()) {
            let LogLine { function, execution, execution_arn, trace_id, text, .. } = line;
            tracing::info!(target: "baton::function", function, execution, execution_arn, trace_id, "{text}");
        }
    }
}
