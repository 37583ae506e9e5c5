//! The task that sends appends, in order, over connections of their own: a [`Link`] to each server.
//!
//! What is queued goes out together as a flight, up to some of them at a time. An append whose outcome cannot be known, because the
//! connection broke or the server was on its way up or down, is sent again with the same bytes over the next connection, and all behind it too: the
//! function at the server knows a batch that it has. So each append ends exactly once, in the order of its shard, and with a definite answer;
//! after some seconds without one, with a failure that says so. Where slots have moved to another server, all that has no outcome is sent again
//! to whichever has them.

mod link;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::future::OptionFuture;
use tokio::sync::watch;
use tokio::time::sleep_until;

use super::heads::Heads;
use super::layout::Layout;
use super::names::ShardNames;
use super::queue::{Entry, Queue};
use super::replication::Replication;
use super::room::Room;
use super::server::Server;
use crate::store::{Durable, ShardId, StoreError};
use link::Link;

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

/// The task.
pub(super) struct Task {
    sender: Sender,
    layouts: watch::Receiver<Arc<Layout>>,
    /// One for each server of the layout.
    links: Vec<Link>,
    /// By the shards' places, which link is theirs.
    link_of: Vec<usize>,
    taken: VecDeque<Entry>,
}

/// What woke the task.
enum Event {
    Link(usize, link::Event),
    Queued,
    OtherLayout,
    Time,
}

impl Task {
    pub(super) fn new(sender: Sender) -> Self {
        let layouts = sender.server.layouts();
        let mut task = Self { sender, layouts, links: Vec::new(), link_of: Vec::new(), taken: VecDeque::new() };
        task.link();
        task
    }

    /// Makes the links of the layout as it is now.
    fn link(&mut self) {
        let layout = self.layouts.borrow_and_update().clone();
        self.links = layout.nodes().iter().map(|node| Link::new(&self.sender.server, node.clone())).collect();
        self.link_of = self.sender.shards.iter().map(|shard| layout.place_of(shard.slot)).collect();
    }

    /// Runs until the queue is closed and everything in it has ended.
    pub(super) async fn run(mut self) {
        loop {
            self.take();
            let now = Instant::now();
            for link in &mut self.links {
                link.fail_overdue(now, &self.sender);
                link.send(&self.sender);
            }
            if self.links.iter().all(Link::is_idle) && self.sender.queue.is_closed() {
                return;
            }
            match self.next().await {
                Event::Link(place, event) => self.links[place].on(event, &self.sender),
                Event::Queued => {}
                Event::OtherLayout => self.relink(),
                Event::Time => self.look_for_stalls(Instant::now()),
            }
        }
    }

    async fn next(&mut self) -> Event {
        let until = self.links.iter().filter_map(|link| link.next_deadline(self.sender.patience)).min();
        let time: OptionFuture<_> = until.map(|until| sleep_until(until.into())).into();
        let links = &mut self.links;
        tokio::select! {
            biased;
            (place, event) = poll_fn(|context| poll(links, context)) => Event::Link(place, event),
            Ok(()) = self.layouts.changed() => Event::OtherLayout,
            () = self.sender.queue.wake.notified() => Event::Queued,
            Some(()) = time => Event::Time,
        }
    }

    /// Takes what was queued. What is barred ends here: nothing else of its shard is under way.
    fn take(&mut self) {
        self.sender.queue.take(&mut self.taken);
        for entry in self.taken.drain(..) {
            match self.sender.heads.barred(entry.index, entry.append.token, entry.append.seq()) {
                Some(reason) => self.sender.refuse(entry, reason, true),
                None => self.links[self.link_of[entry.index]].push(entry),
            }
        }
    }

    /// Shards are at other servers: what has no outcome goes there, in the order of each shard.
    fn relink(&mut self) {
        let before = std::mem::take(&mut self.links);
        self.link();
        for entry in before.into_iter().flat_map(Link::into_unsent) {
            self.links[self.link_of[entry.index]].push(entry);
        }
    }

    fn look_for_stalls(&mut self, now: Instant) {
        for link in &mut self.links {
            link.look_for_stall(now, &self.sender);
        }
    }
}

/// The first that has something.
fn poll(links: &mut [Link], context: &mut Context<'_>) -> Poll<(usize, link::Event)> {
    for (place, link) in links.iter_mut().enumerate() {
        if let Poll::Ready(event) = link.poll(context) {
            return Poll::Ready((place, event));
        }
    }
    Poll::Pending
}

impl Sender {
    fn durable(&self, entry: Entry, sent_at: Instant) {
        let (token, seq, shard) = (entry.append.token, entry.append.seq(), entry.append.shard);
        self.heads.durable(entry.index, token, seq, sent_at);
        entry.append.done.deliver(Durable { shard, seq, result: Ok(()) });
    }

    fn refuse(&self, entry: Entry, reason: StoreError, unknown: bool) {
        let (index, token, seq, shard) = (entry.index, entry.append.token, entry.append.seq(), entry.append.shard);
        let heads = &self.heads;
        match &reason {
            StoreError::Fenced { .. } => heads.gave_up(index, token),
            StoreError::Regressed { expected, last, .. } => tell_of_loss(shard, *expected, *last),
            // A defect of the caller: those behind it are judged by themselves.
            StoreError::SeqConflict { .. } => {}
            StoreError::Full => {
                self.room.refused();
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
