//! What goes to a worker: the stream of a session's answers. Whatever has come together leaves together.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use baton_proto::worker::v1::coordinator_message::Message;
use baton_proto::worker::v1::{Ack, Acks, Cancel, CoordinatorMessage, Denied, Drain, Granted, Grants, TaskOffer};
use futures_util::Stream;
use prost::Message as _;
use tokio::sync::oneshot;
use tonic::Status;

use super::grant::granted;
use super::hello::Opened;
use crate::cluster::Cluster;
use crate::dispatch::{GRACE, SessionItem, Shape, TaskToken};

/// Grants of one message, bytes. Larger ones would make small ones behind them wait.
const GRANTS_BYTES_MAX: usize = 1 << 20;

/// The stream. Dropping it ends the session.
pub struct Outbound {
    cluster: Cluster,
    state: State,
    ready: VecDeque<CoordinatorMessage>,
}

enum State {
    Opening(oneshot::Receiver<Result<Opened, Status>>),
    Open(std::sync::Arc<super::connection::Connection>),
    Over,
}

impl Outbound {
    /// A stream that begins when the session is open.
    pub(super) fn new(cluster: Cluster) -> (Self, oneshot::Sender<Result<Opened, Status>>) {
        let (sender, opening) = oneshot::channel();
        (Self { cluster, state: State::Opening(opening), ready: VecDeque::new() }, sender)
    }

    fn fill(&mut self, items: Vec<SessionItem>) {
        let key = self.cluster.token_key();
        let mut batch = Batch { ready: &mut self.ready, grants: Vec::new(), grants_bytes: 0, acks: Vec::new() };
        let token = |execution, task, shape| key.seal(&TaskToken { execution, task, shape, claim_id: 0 });
        for item in items {
            match item {
                SessionItem::Grant { grant, queue, is_claimed } => batch.grant(granted(key, &grant, &queue, is_claimed)),
                SessionItem::Ack { report_id, code, .. } => batch.acks.push(Ack { report_id, code }),
                SessionItem::Offer { execution, task, queue } => {
                    let token = token(execution, task, Shape::Offered);
                    batch.other(Message::Offer(TaskOffer { token, queue: queue.to_string(), offer_no: 0, scheduled_ms: 0 }));
                }
                SessionItem::Denied { execution, task, claim_id } => {
                    batch.other(Message::Denied(Denied { token: token(execution, task, Shape::Offered), claim_id }));
                }
                SessionItem::Cancel { execution, task, claim_id, shape } => {
                    batch.other(Message::Cancel(Cancel { token: token(execution, task, shape), claim_id }));
                }
                SessionItem::Drain => batch.other(Message::Drain(Drain {})),
            }
        }
        batch.finish();
    }
}

struct Batch<'a> {
    ready: &'a mut VecDeque<CoordinatorMessage>,
    grants: Vec<Granted>,
    grants_bytes: usize,
    acks: Vec<Ack>,
}

impl Batch<'_> {
    fn grant(&mut self, granted: Granted) {
        self.grants_bytes += granted.encoded_len();
        self.grants.push(granted);
        if self.grants_bytes >= GRANTS_BYTES_MAX {
            self.flush_grants();
        }
    }

    fn flush_grants(&mut self) {
        self.grants_bytes = 0;
        if !self.grants.is_empty() {
            self.ready.push_back(message(Message::Grants(Grants { grants: std::mem::take(&mut self.grants) })));
        }
    }

    /// What may speak of a grant comes after it.
    fn other(&mut self, body: Message) {
        self.flush_grants();
        self.ready.push_back(message(body));
    }

    fn finish(mut self) {
        self.flush_grants();
        if !self.acks.is_empty() {
            self.ready.push_back(message(Message::Acks(Acks { acks: std::mem::take(&mut self.acks) })));
        }
    }
}

fn message(body: Message) -> CoordinatorMessage {
    CoordinatorMessage { message: Some(body) }
}

impl Stream for Outbound {
    type Item = Result<CoordinatorMessage, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(message) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(message)));
            }
            match &mut this.state {
                State::Over => return Poll::Ready(None),
                State::Opening(opening) => match std::task::ready!(Pin::new(opening).poll(cx)) {
                    Ok(Ok(opened)) => {
                        this.ready.push_back(message(Message::Welcome(opened.welcome)));
                        this.state = State::Open(opened.connection);
                    }
                    Ok(Err(status)) => {
                        this.state = State::Over;
                        return Poll::Ready(Some(Err(status)));
                    }
                    Err(_) => this.state = State::Over,
                },
                State::Open(connection) => match std::task::ready!(connection.session.poll_items(cx)) {
                    Some(items) => this.fill(items),
                    None => this.state = State::Over,
                },
            }
        }
    }
}

impl Drop for Outbound {
    fn drop(&mut self) {
        match &mut self.state {
            State::Open(connection) => connection.end(Instant::now() + GRACE),
            State::Opening(_) | State::Over => {}
        }
    }
}
