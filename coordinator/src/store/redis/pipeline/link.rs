//! The appends of one server's shards, and the connection over which they go.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use redis::aio::MultiplexedConnection;
use redis::{Pipeline, RedisResult, Value};
use tokio::time::sleep;

use super::super::connection::Backoff;
use super::super::figures::{self, Operation};
use super::super::functions::{Answer, Function};
use super::super::node::Node;
use super::super::queue::Entry;
use super::super::replication::Replication;
use super::super::reply::{self, Refusal};
use super::super::server::Server;
use super::super::token_bytes;
use super::Sender;
use crate::store::StoreError;

/// Flights under way at a time.
const FLIGHTS_MAX: usize = 4;
/// Appends of a flight.
const FLIGHT_LEN_MAX: usize = 512;
/// Bytes after which a flight takes no more.
const FLIGHT_BYTES: usize = 1 << 20;

/// A connection over which nothing came for so long, although something should, is broken. Longer than a server waits for its replicas.
const STALL: Duration = Duration::from_millis(1200);

/// Appends that were sent together.
struct Flight {
    entries: Vec<Entry>,
    sent_at: Instant,
    answer: BoxFuture<'static, RedisResult<Vec<Value>>>,
}

/// See the module.
pub(super) struct Link {
    node: Arc<Node>,
    connection: Connection,
    /// Not sent, or to be sent again, in order.
    unsent: VecDeque<Entry>,
    /// Oldest first.
    flights: VecDeque<Flight>,
    /// When the last answer came.
    heard_at: Instant,
    backoff: Backoff,
    /// What was wrong with the last connection, while that has not been mended.
    trouble: Option<String>,
}

enum Connection {
    Up(MultiplexedConnection),
    Coming(BoxFuture<'static, Result<MultiplexedConnection, String>>),
}

/// What has happened to a link.
pub(super) enum Event {
    Connected(Result<MultiplexedConnection, String>),
    Answered(RedisResult<Vec<Value>>),
}

impl Link {
    pub(super) fn new(server: &Arc<Server>, node: Arc<Node>) -> Self {
        let mut backoff = Backoff::default();
        let connection = Connection::Coming(connect(server, &node, backoff.next()));
        Self { node, connection, unsent: VecDeque::new(), flights: VecDeque::new(), heard_at: Instant::now(), backoff, trouble: None }
    }

    pub(super) fn push(&mut self, entry: Entry) {
        self.unsent.push_back(entry);
    }

    /// Everything that has no outcome, in order.
    pub(super) fn into_unsent(mut self) -> VecDeque<Entry> {
        self.land();
        self.unsent
    }

    pub(super) fn is_idle(&self) -> bool {
        self.unsent.is_empty() && self.flights.is_empty()
    }

    /// The next thing that happens to it.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        if let Some(flight) = self.flights.front_mut()
            && let Poll::Ready(answered) = flight.answer.poll_unpin(context)
        {
            return Poll::Ready(Event::Answered(answered));
        }
        match &mut self.connection {
            Connection::Coming(coming) => coming.poll_unpin(context).map(Event::Connected),
            Connection::Up(_) => Poll::Pending,
        }
    }

    pub(super) fn on(&mut self, event: Event, sender: &Sender) {
        match event {
            Event::Connected(Ok(connection)) => self.connection = Connection::Up(connection),
            Event::Connected(Err(error)) => self.broken(error, sender),
            Event::Answered(Ok(values)) => self.answered(values, sender),
            Event::Answered(Err(error)) => self.broken(error.to_string(), sender),
        }
    }

    /// When something has to be done although nothing comes.
    pub(super) fn next_deadline(&self, patience: Duration) -> Option<Instant> {
        let overdue = self.oldest().map(|since| since + patience);
        let stall = self.flights.front().map(|flight| flight.sent_at.max(self.heard_at) + STALL);
        overdue.into_iter().chain(stall).min()
    }

    /// When the append was queued that has waited longest. Their order is that of the queue.
    fn oldest(&self) -> Option<Instant> {
        let sent = self.flights.front().and_then(|flight| flight.entries.first());
        sent.or(self.unsent.front()).map(|entry| entry.since)
    }

    pub(super) fn send(&mut self, sender: &Sender) {
        while self.flights.len() < FLIGHTS_MAX && !self.unsent.is_empty() {
            let Connection::Up(connection) = &self.connection else { return };
            let mut connection = connection.clone();
            let (entries, pipeline) = self.pack(sender);
            let len = pipeline.len();
            let mut answer = async move {
                match len {
                    0 => Ok(Vec::new()),
                    _ => connection.send_packed_commands(&pipeline, 0, len).await,
                }
            }
            .boxed();
            let sent_at = Instant::now();
            // Polled once, it stands in the connection's queue: flights arrive in the order in which they are made here.
            let answer = match (&mut answer).now_or_never() {
                Some(answered) => std::future::ready(answered).boxed(),
                None => answer,
            };
            self.flights.push_back(Flight { entries, sent_at, answer });
        }
    }

    /// The next flight.
    fn pack(&mut self, sender: &Sender) -> (Vec<Entry>, Pipeline) {
        let (mut entries, mut pipeline, mut bytes) = (Vec::new(), Pipeline::new(), 0);
        while entries.len() < FLIGHT_LEN_MAX && bytes < FLIGHT_BYTES {
            let Some(entry) = self.unsent.pop_front() else { break };
            if entry.refused.is_none() {
                let append = &entry.append;
                let names = &sender.shards[entry.index];
                let mut command = sender.server.library.call(Function::Append, &[names.record.as_str(), names.log.as_str()]);
                command.arg(&token_bytes(append.token)[..]).arg(append.expected_seq).arg(sender.lease_ms).arg(&append.batch[..]);
                pipeline.add_command(command);
                bytes += append.batch.len();
            }
            entries.push(entry);
        }
        if let Some(wait) = sender.replication.command().filter(|_| !pipeline.is_empty()) {
            pipeline.add_command(wait);
        }
        (entries, pipeline)
    }

    /// The oldest flight has been answered.
    fn answered(&mut self, mut values: Vec<Value>, sender: &Sender) {
        self.heard_at = Instant::now();
        let flight = self.flights.pop_front().expect("an answer is a flight's");
        let sent = flight.entries.iter().filter(|entry| entry.refused.is_none()).count();
        if sent > 0 && sender.replication != Replication::None {
            let waited = values.pop().unwrap_or_default();
            if let Some(lacking) = sender.replication.lacking(&waited) {
                return self.again(flight.entries.into_iter(), lacking, sender);
            }
        }
        let mut values = values.into_iter();
        let mut entries = flight.entries.into_iter();
        while let Some(entry) = entries.next() {
            let end = match &entry.refused {
                Some(reason) => Ok(Err(reason.clone())),
                None => judge(&entry, values.next().unwrap_or_default(), sender),
            };
            match end {
                Ok(Ok(())) => sender.durable(entry, flight.sent_at),
                Ok(Err(reason)) => sender.refuse(entry, reason, false),
                Err(passing) => return self.again(std::iter::once(entry).chain(entries), passing, sender),
            }
        }
        if let Some(trouble) = self.trouble.take() {
            tracing::info!("the Redis server at {} takes batches again, after: {trouble}", self.node.address());
        }
        self.backoff.reset();
    }

    /// These, which were sent first of all that is under way, have no outcome yet.
    fn again(&mut self, entries: impl Iterator<Item = Entry>, why: String, sender: &Sender) {
        let entries: Vec<_> = entries.collect();
        self.broken(why, sender);
        for entry in entries.into_iter().rev() {
            self.unsent.push_front(entry);
        }
    }

    /// The connection is of no use any more: what is under way over it has no outcome.
    fn broken(&mut self, why: String, sender: &Sender) {
        // A connection that is not made has nothing under way, and is a call all the same.
        figures::count_failed(Operation::Append, self.land().max(1) as u64);
        if self.trouble.is_none() {
            tracing::warn!("the Redis server at {} does not take batches ({why}); they are sent again until it does", self.node.address());
        }
        self.trouble = Some(why);
        sender.server.doubt();
        self.connection = Connection::Coming(connect(&sender.server, &self.node, self.backoff.next()));
    }

    /// What is under way is to be sent again. Answers how much that is.
    fn land(&mut self) -> usize {
        let before = self.unsent.len();
        for flight in std::mem::take(&mut self.flights).into_iter().rev() {
            for entry in flight.entries.into_iter().rev() {
                self.unsent.push_front(entry);
            }
        }
        self.unsent.len() - before
    }

    pub(super) fn look_for_stall(&mut self, now: Instant, sender: &Sender) {
        let front = self.flights.front().map(|flight| flight.sent_at.max(self.heard_at));
        if front.is_some_and(|since| now >= since + STALL) {
            self.broken("it does not answer".to_owned(), sender);
        }
    }

    /// Appends that have waited for too long fail, and with them all behind them.
    pub(super) fn fail_overdue(&mut self, now: Instant, sender: &Sender) {
        let patience = sender.patience;
        if self.oldest().is_none_or(|since| now < since + patience) {
            return;
        }
        let is_overdue = |entry: &&Entry| now >= entry.since + patience;
        let under_way = self.flights.iter().flat_map(|flight| &flight.entries);
        let overdue: BTreeSet<_> = under_way.chain(&self.unsent).filter(is_overdue).map(|entry| entry.index).collect();
        if !self.flights.is_empty() {
            self.broken("it does not answer".to_owned(), sender);
        }
        let why = self.trouble.clone().unwrap_or_else(|| "it is too slow".to_owned());
        let reason = StoreError::Failed(format!("the Redis server has not confirmed a batch in time: {why}"));
        let (failed, rest) =
            std::mem::take(&mut self.unsent).into_iter().partition::<VecDeque<_>, _>(|entry| overdue.contains(&entry.index));
        self.unsent = rest;
        for entry in failed {
            sender.refuse(entry, reason.clone(), true);
        }
    }
}

/// How one append ended; an error if that is not known, or may change by itself.
fn judge(entry: &Entry, value: Value, sender: &Sender) -> Result<Result<(), StoreError>, String> {
    let append = &entry.append;
    let (shard, expected) = (append.shard, append.expected_seq);
    if let Value::ServerError(error) = &value {
        return match reply::refusal(error) {
            Refusal::Final(error) => Ok(Err(error)),
            Refusal::Passing(text) => Err(text),
        };
    }
    match Answer::read(&value) {
        Some(Answer::Done(_)) => Ok(Ok(())),
        Some(Answer::Fenced) => Ok(Err(StoreError::Fenced { shard })),
        Some(Answer::Behind(last)) => Ok(Err(sender.heads.behind(entry.index, shard, append.token, expected, last))),
        Some(Answer::Conflict(last)) => Ok(Err(StoreError::SeqConflict { shard, expected, last })),
        // Sent again: whatever this was, it says nothing about the batch.
        Some(Answer::Held(_) | Answer::Gone) | None => Err(reply::unexpected("an append", &value).to_string()),
    }
}

fn connect(server: &Arc<Server>, node: &Arc<Node>, pause: Duration) -> BoxFuture<'static, Result<MultiplexedConnection, String>> {
    let (server, node) = (server.clone(), node.clone());
    async move {
        sleep(pause).await;
        server.connect(&node).await
    }
    .boxed()
}
