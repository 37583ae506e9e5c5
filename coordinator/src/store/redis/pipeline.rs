//! The task that sends appends, in order, over a connection of its own.
//!
//! What is queued goes out together as a flight, up to [`FLIGHTS_MAX`] of them at a time. An append whose outcome cannot be known, because the
//! connection broke or the server was on its way up or down, is sent again with the same bytes over the next connection, and all behind it too: the
//! function at the server knows a batch that it has. So each append ends exactly once, in the order of its shard, and with a definite answer;
//! after some seconds without one, with a failure that says so.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, OptionFuture};
use redis::aio::MultiplexedConnection;
use redis::{Pipeline, RedisResult, Value};
use tokio::time::{sleep, sleep_until};

use super::connection::{Backoff, Server};
use super::figures::{self, Operation};
use super::functions::{Answer, Function};
use super::heads::Heads;
use super::names::ShardNames;
use super::queue::{Entry, Queue};
use super::replication::Replication;
use super::reply::{self, Refusal};
use super::room::Room;
use super::token_bytes;
use crate::store::{Durable, ShardId, StoreError};

/// Flights under way at a time.
const FLIGHTS_MAX: usize = 4;
/// Appends of a flight.
const FLIGHT_LEN_MAX: usize = 512;
/// Bytes after which a flight takes no more.
const FLIGHT_BYTES: usize = 1 << 20;

/// A connection over which nothing came for so long, although something should, is broken. Longer than a server waits for its replicas.
const STALL: Duration = Duration::from_millis(1200);

/// What sends.
pub(super) struct Sender {
    pub(super) server: Arc<Server>,
    pub(super) shards: Arc<[ShardNames]>,
    pub(super) heads: Arc<Heads>,
    pub(super) room: Arc<Room>,
    pub(super) queue: Arc<Queue>,
    pub(super) replication: Replication,
    pub(super) lease_ms: u64,
    pub(super) patience: Duration,
}

/// Appends that were sent together.
struct Flight {
    entries: Vec<Entry>,
    sent_at: Instant,
    answer: BoxFuture<'static, RedisResult<Vec<Value>>>,
}

/// The task.
pub(super) struct Task {
    sender: Sender,
    link: Link,
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

enum Link {
    Up(MultiplexedConnection),
    Coming(BoxFuture<'static, Result<MultiplexedConnection, String>>),
}

/// What woke the task.
enum Event {
    Linked(Result<MultiplexedConnection, String>),
    Answered(RedisResult<Vec<Value>>),
    Queued,
    Time,
}

impl Task {
    pub(super) fn new(sender: Sender) -> Self {
        let mut backoff = Backoff::default();
        let link = Link::Coming(connect(&sender.server, backoff.next()));
        Self { sender, link, unsent: VecDeque::new(), flights: VecDeque::new(), heard_at: Instant::now(), backoff, trouble: None }
    }

    /// Runs until the queue is closed and everything in it has ended.
    pub(super) async fn run(mut self) {
        loop {
            self.take();
            self.fail_overdue(Instant::now());
            self.send();
            if self.is_idle() && self.sender.queue.is_closed() {
                return;
            }
            match self.next().await {
                Event::Linked(Ok(connection)) => self.link = Link::Up(connection),
                Event::Linked(Err(error)) => self.broken(error),
                Event::Answered(Ok(values)) => self.answered(values),
                Event::Answered(Err(error)) => self.broken(error.to_string()),
                Event::Queued => {}
                Event::Time => self.look_for_stall(Instant::now()),
            }
        }
    }

    fn is_idle(&self) -> bool {
        self.unsent.is_empty() && self.flights.is_empty()
    }

    async fn next(&mut self) -> Event {
        let until = self.next_deadline();
        let coming: OptionFuture<_> = match &mut self.link {
            Link::Coming(coming) => Some(coming),
            Link::Up(_) => None,
        }
        .into();
        let answer: OptionFuture<_> = self.flights.front_mut().map(|flight| &mut flight.answer).into();
        let time: OptionFuture<_> = until.map(|until| sleep_until(until.into())).into();
        tokio::select! {
            biased;
            Some(answered) = answer => Event::Answered(answered),
            Some(linked) = coming => Event::Linked(linked),
            () = self.sender.queue.wake.notified() => Event::Queued,
            Some(()) = time => Event::Time,
        }
    }

    /// When something has to be done although nothing comes.
    fn next_deadline(&self) -> Option<Instant> {
        let overdue = self.oldest().map(|since| since + self.sender.patience);
        let stall = self.flights.front().map(|flight| flight.sent_at.max(self.heard_at) + STALL);
        overdue.into_iter().chain(stall).min()
    }

    /// When the append was queued that has waited longest. Their order is that of the queue.
    fn oldest(&self) -> Option<Instant> {
        let sent = self.flights.front().and_then(|flight| flight.entries.first());
        sent.or(self.unsent.front()).map(|entry| entry.since)
    }

    /// Takes what was queued. What is barred ends here: nothing else of its shard is under way.
    fn take(&mut self) {
        let first = self.unsent.len();
        self.sender.queue.take(&mut self.unsent);
        for entry in self.unsent.split_off(first) {
            match self.sender.heads.barred(entry.index, entry.append.token, entry.append.seq()) {
                Some(reason) => self.refuse(entry, reason, true),
                None => self.unsent.push_back(entry),
            }
        }
    }

    fn send(&mut self) {
        while self.flights.len() < FLIGHTS_MAX && !self.unsent.is_empty() {
            let Link::Up(connection) = &self.link else { return };
            let mut connection = connection.clone();
            let (entries, pipeline) = self.pack();
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
    fn pack(&mut self) -> (Vec<Entry>, Pipeline) {
        let sender = &self.sender;
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
    fn answered(&mut self, mut values: Vec<Value>) {
        self.heard_at = Instant::now();
        let flight = self.flights.pop_front().expect("an answer is a flight's");
        let sent = flight.entries.iter().filter(|entry| entry.refused.is_none()).count();
        if sent > 0 && self.sender.replication != Replication::None {
            let waited = values.pop().unwrap_or_default();
            if let Some(lacking) = self.sender.replication.lacking(&waited) {
                return self.again(flight.entries.into_iter(), lacking);
            }
        }
        let mut values = values.into_iter();
        let mut entries = flight.entries.into_iter();
        while let Some(entry) = entries.next() {
            let end = match &entry.refused {
                Some(reason) => Ok(Err(reason.clone())),
                None => self.judge(&entry, values.next().unwrap_or_default()),
            };
            match end {
                Ok(Ok(())) => self.durable(entry, flight.sent_at),
                Ok(Err(reason)) => self.refuse(entry, reason, false),
                Err(passing) => return self.again(std::iter::once(entry).chain(entries), passing),
            }
        }
        if let Some(trouble) = self.trouble.take() {
            tracing::info!("the Redis server at {} takes batches again, after: {trouble}", self.sender.server.address());
        }
        self.backoff.reset();
    }

    /// How one append ended; an error if that is not known, or may change by itself.
    fn judge(&self, entry: &Entry, value: Value) -> Result<Result<(), StoreError>, String> {
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
            Some(Answer::Behind(last)) => Ok(Err(self.sender.heads.behind(entry.index, shard, append.token, expected, last))),
            Some(Answer::Conflict(last)) => Ok(Err(StoreError::SeqConflict { shard, expected, last })),
            // Sent again: whatever this was, it says nothing about the batch.
            Some(Answer::Held(_)) | None => Err(reply::unexpected("an append", &value).to_string()),
        }
    }

    fn durable(&self, entry: Entry, sent_at: Instant) {
        let (token, seq, shard) = (entry.append.token, entry.append.seq(), entry.append.shard);
        self.sender.heads.durable(entry.index, token, seq, sent_at);
        entry.append.done.deliver(Durable { shard, seq, result: Ok(()) });
    }

    fn refuse(&self, entry: Entry, reason: StoreError, unknown: bool) {
        let (index, token, seq, shard) = (entry.index, entry.append.token, entry.append.seq(), entry.append.shard);
        let heads = &self.sender.heads;
        match &reason {
            StoreError::Fenced { .. } => heads.gave_up(index, token),
            StoreError::Regressed { expected, last, .. } => tell_of_loss(shard, *expected, *last),
            // A defect of the caller: those behind it are judged by themselves.
            StoreError::SeqConflict { .. } => {}
            StoreError::Full => {
                self.sender.room.refused();
                heads.refused(index, token, seq, &reason, unknown);
            }
            StoreError::Held { .. }
            | StoreError::TooLarge { .. }
            | StoreError::UnknownShard { .. }
            | StoreError::Corrupt(_)
            | StoreError::Failed(_)
            | StoreError::Closed => heads.refused(index, token, seq, &reason, unknown),
        }
        entry.append.refuse(reason);
    }

    /// These, which were sent first of all that is under way, have no outcome yet.
    fn again(&mut self, entries: impl Iterator<Item = Entry>, why: String) {
        let entries: Vec<_> = entries.collect();
        self.broken(why);
        for entry in entries.into_iter().rev() {
            self.unsent.push_front(entry);
        }
    }

    /// The connection is of no use any more: what is under way over it has no outcome.
    fn broken(&mut self, why: String) {
        let without_outcome: usize = self.flights.iter().map(|flight| flight.entries.len()).sum();
        // A connection that is not made has nothing under way, and is a call all the same.
        figures::count_failed(Operation::Append, without_outcome.max(1) as u64);
        for flight in std::mem::take(&mut self.flights).into_iter().rev() {
            for entry in flight.entries.into_iter().rev() {
                self.unsent.push_front(entry);
            }
        }
        if self.trouble.is_none() {
            tracing::warn!(
                "the Redis server at {} does not take batches ({why}); they are sent again until it does",
                self.sender.server.address()
            );
        }
        self.trouble = Some(why);
        self.link = Link::Coming(connect(&self.sender.server, self.backoff.next()));
    }

    fn look_for_stall(&mut self, now: Instant) {
        let front = self.flights.front().map(|flight| flight.sent_at.max(self.heard_at));
        if front.is_some_and(|since| now >= since + STALL) {
            self.broken("it does not answer".to_owned());
        }
    }

    /// Appends that have waited for too long fail, and with them all behind them.
    fn fail_overdue(&mut self, now: Instant) {
        let patience = self.sender.patience;
        if self.oldest().is_none_or(|since| now < since + patience) {
            return;
        }
        let is_overdue = |entry: &&Entry| now >= entry.since + patience;
        let under_way = self.flights.iter().flat_map(|flight| &flight.entries);
        let overdue: BTreeSet<_> = under_way.chain(&self.unsent).filter(is_overdue).map(|entry| entry.index).collect();
        if !self.flights.is_empty() {
            self.broken("it does not answer".to_owned());
        }
        let why = self.trouble.clone().unwrap_or_else(|| "it is too slow".to_owned());
        let reason = StoreError::Failed(format!("the Redis server has not confirmed a batch in time: {why}"));
        let (failed, rest) =
            std::mem::take(&mut self.unsent).into_iter().partition::<VecDeque<_>, _>(|entry| overdue.contains(&entry.index));
        self.unsent = rest;
        for entry in failed {
            self.refuse(entry, reason.clone(), true);
        }
    }
}

/// Said once for each batch that was acknowledged and is gone; nothing else names the loss.
pub(super) fn tell_of_loss(shard: ShardId, expected: u64, last: u64) {
    tracing::error!(
        %shard, expected, last,
        "the store has lost data that it had acknowledged: batches {} to {expected} of shard {shard} are gone. It was set back, by a backup or by the \
         promotion of a replica that was behind; executions of this shard go on from an earlier state",
        last + 1
    );
}

fn connect(server: &Arc<Server>, pause: Duration) -> BoxFuture<'static, Result<MultiplexedConnection, String>> {
    let server = server.clone();
    async move {
        sleep(pause).await;
        server.connect().await
    }
    .boxed()
}
