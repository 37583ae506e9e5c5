//! What goes to the coordinator, put together into as few messages as there is room for.

use std::collections::VecDeque;

use baton_proto::SESSION_PROTOCOL;
use baton_proto::worker::v1::worker_message::Message;
use baton_proto::worker::v1::{
    Bye, ClaimRef, Credits, Heartbeats, Hello, LogLine, Logs, Outcome, Outcomes, Queue, Release, WorkerMessage, outcome,
};
use tokio::sync::mpsc::{self, Permit};
use tokio::time::Instant;

use super::claims::Claims;
use super::offers::PendingClaims;
use super::queues::Queues;
use super::{SessionConfig, push_bounded};

/// Outcomes of one message, in number and in bytes.
const OUTCOMES_MAX: usize = 4_096;
const OUTCOME_BYTES_MAX: usize = 1_048_576;
/// Log lines of one message.
const LOG_LINES_MAX: usize = 1_024;
/// Claims of one heartbeat message.
const HEARTBEAT_CLAIMS_MAX: usize = 8_192;
/// While so many outcomes are undecided no further credit is given, so that a coordinator that does not decide is not given more to decide.
const UNACKNOWLEDGED_MAX: usize = 100_000;

/// The way out, and what waits for room on it.
#[derive(Default)]
pub(super) struct Outbound {
    sender: Option<mpsc::Sender<WorkerMessage>>,
    /// True while something could not be sent for lack of room.
    blocked: bool,
    lines: VecDeque<LogLine>,
    heartbeats: VecDeque<Vec<ClaimRef>>,
    bye_said: Option<Instant>,
}

pub(super) fn hello(config: &SessionConfig, queues: Vec<Queue>, running: Vec<ClaimRef>) -> WorkerMessage {
    message(Message::Hello(Hello {
        worker_name: config.name.clone(),
        incarnation: config.incarnation,
        queues,
        dispatch: config.dispatch.into(),
        running,
        in_process: config.in_process,
        protocol: SESSION_PROTOCOL,
        broker_namespace: config.broker.as_ref().and_then(|broker| broker.namespace()).unwrap_or_default().to_owned(),
    }))
}

impl Outbound {
    pub(super) fn begin(&mut self, sender: mpsc::Sender<WorkerMessage>) {
        *self = Self { sender: Some(sender), lines: std::mem::take(&mut self.lines), ..Self::default() };
    }

    pub(super) fn end(&mut self) {
        *self = Self { lines: std::mem::take(&mut self.lines), ..Self::default() };
    }

    /// Waits until there is room again; pends for ever if none is wanted.
    pub(super) async fn room(&self) {
        match &self.sender {
            // A closed channel is noticed on the connection's other half.
            Some(sender) if self.blocked && sender.reserve().await.is_ok() => {}
            _ => std::future::pending().await,
        }
    }

    pub(super) fn log_line(&mut self, line: LogLine) {
        push_bounded(&mut self.lines, line);
    }

    /// Prepares a heartbeat for all running claims; an empty one says that the worker lives.
    pub(super) fn heartbeats(&mut self, running: impl Iterator<Item = ClaimRef>) {
        let claims: Vec<_> = running.collect();
        // One that has not even left yet is replaced.
        self.heartbeats.clear();
        if claims.is_empty() {
            self.heartbeats.push_back(claims);
        } else {
            self.heartbeats.extend(claims.chunks(HEARTBEAT_CLAIMS_MAX).map(<[_]>::to_vec));
        }
    }

    /// When `Bye` was sent on this connection.
    pub(super) fn bye_said(&self) -> Option<Instant> {
        self.bye_said
    }

    /// Sends what is ready as far as there is room. Heartbeats go first, since they may not wait; logs before the outcomes that they belong to.
    pub(super) fn flush(
        &mut self,
        claims: &mut Claims,
        queues: &mut Queues,
        offers: &mut PendingClaims,
        draining: bool,
        may_say_bye: bool,
    ) {
        let Some(sender) = self.sender.clone() else {
            return;
        };
        self.blocked = false;
        loop {
            let gives_credits = !draining && claims.unacknowledged_count() < UNACKNOWLEDGED_MAX && queues.owes_credits();
            let says_bye = may_say_bye && self.bye_said.is_none();
            let ready = !self.heartbeats.is_empty()
                || offers.has_next()
                || offers.has_releases()
                || !self.lines.is_empty()
                || claims.has_reports()
                || gives_credits
                || says_bye;
            if !ready {
                return;
            }
            let Ok(permit) = sender.try_reserve() else {
                self.blocked = true;
                return;
            };
            self.send_one(permit, claims, queues, offers, gives_credits);
        }
    }

    fn send_one(
        &mut self,
        permit: Permit<'_, WorkerMessage>,
        claims: &mut Claims,
        queues: &mut Queues,
        offers: &mut PendingClaims,
        gives_credits: bool,
    ) {
        let body = if let Some(claims) = self.heartbeats.pop_front() {
            Message::Heartbeats(Heartbeats { claims })
        } else if let Some(claim) = offers.next() {
            Message::Claim(claim)
        } else if offers.has_releases() {
            Message::Release(Release { tokens: offers.take_releases() })
        } else if !self.lines.is_empty() {
            let count = self.lines.len().min(LOG_LINES_MAX);
            Message::Logs(Logs { lines: self.lines.drain(..count).collect() })
        } else if claims.has_reports() {
            let credits = if gives_credits { queues.credits() } else { Vec::new() };
            Message::Outcomes(Outcomes { outcomes: outcomes(claims), credits })
        } else if gives_credits {
            Message::Credits(Credits { credits: queues.credits() })
        } else {
            self.bye_said = Some(Instant::now());
            Message::Bye(Bye {})
        };
        permit.send(message(body));
    }
}

fn outcomes(claims: &mut Claims) -> Vec<Outcome> {
    let now = std::time::Instant::now();
    let mut outcomes = Vec::new();
    let mut bytes = 0;
    while bytes < OUTCOME_BYTES_MAX && outcomes.len() < OUTCOMES_MAX {
        let Some(outcome) = claims.next_report(now) else {
            break;
        };
        bytes += size(&outcome);
        outcomes.push(outcome);
    }
    outcomes
}

fn size(outcome: &Outcome) -> usize {
    let result = match &outcome.result {
        Some(outcome::Result::Output(output)) => output.len(),
        Some(outcome::Result::Failure(failure)) => failure.error.len() + failure.cause.len(),
        None => 0,
    };
    result + outcome.token.len() + outcome.log_tail.len()
}

fn message(body: Message) -> WorkerMessage {
    WorkerMessage { message: Some(body) }
}
