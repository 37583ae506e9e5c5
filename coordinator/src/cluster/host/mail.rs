//! What has come to a host and is still to be handled.
//!
//! Work of Map Runs has a lane of its own: a thousand children in flight would keep everybody else waiting. What was taken of the first lane comes
//! first, and then bulk has its [share](super::share).

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use baton_engine::Timestamp;

use super::HostMessage;
use super::share::Share;
use crate::clock;
use crate::cluster::inbox::{Inbox, Laned};

/// Messages of one round: what is decided goes to the store before more is decided, so that both work at the same time.
const ROUND_MAX: usize = 512;

/// What was taken of one lane of the inbox.
struct Lane {
    messages: VecDeque<HostMessage>,
    /// When it was last taken.
    taken_at: Timestamp,
    /// Up to when everything that came in it has been handled.
    caught_up: Timestamp,
}

impl Default for Lane {
    fn default() -> Self {
        Self { messages: VecDeque::new(), taken_at: Timestamp::MIN, caught_up: Timestamp::MIN }
    }
}

impl Lane {
    fn take(&mut self, incoming: &mut Vec<HostMessage>, now: Timestamp) {
        self.messages.extend(incoming.drain(..));
        self.taken_at = now;
    }

    fn caught_up(&mut self) -> Timestamp {
        if self.messages.is_empty() {
            self.caught_up = self.taken_at;
        }
        self.caught_up
    }
}

/// Up to when everything has been handled that came in a lane.
#[derive(Clone, Copy, Debug)]
pub(super) struct CaughtUp {
    pub(super) first: Timestamp,
    pub(super) bulk: Timestamp,
}

/// See the module.
pub(super) struct Mail {
    inbox: Arc<Inbox<HostMessage>>,
    first: Lane,
    bulk: Lane,
    /// What comes now; its memory is used again.
    incoming: Vec<HostMessage>,
    /// Messages of this round.
    handled: usize,
    share: Share,
}

impl Mail {
    pub(super) fn new(inbox: Arc<Inbox<HostMessage>>) -> Self {
        Self { inbox, first: Lane::default(), bulk: Lane::default(), incoming: Vec::new(), handled: 0, share: Share::default() }
    }

    /// Ready when there is something to handle. For so long, milliseconds, whoever was to put something in has not been able to.
    pub(super) fn poll_take(&mut self, kept_others_ms: i64, cx: &mut Context<'_>) -> Poll<()> {
        self.inbox.register(cx);
        // What was taken is handled before more is: the inbox tells others when it is full.
        if self.first.messages.is_empty() {
            let now = clock::now() - kept_others_ms;
            if self.bulk.messages.is_empty() {
                self.inbox.take_bulk(&mut self.incoming);
                self.bulk.take(&mut self.incoming, now);
            }
            self.inbox.take_first(&mut self.incoming);
            self.first.take(&mut self.incoming, now);
        }
        self.share.look(Instant::now());
        let is_ready = !self.first.messages.is_empty() || (!self.bulk.messages.is_empty() && self.share.rests_until().is_none());
        if is_ready { Poll::Ready(()) } else { Poll::Pending }
    }

    /// When bulk has rested enough, if it rests and there is any.
    pub(super) fn goes_on_at(&self) -> Option<Instant> {
        self.share.rests_until().filter(|_| !self.bulk.messages.is_empty())
    }

    /// Something that has not come through the inbox.
    pub(super) fn push(&mut self, message: HostMessage) {
        let lane = if message.is_bulk() { &mut self.bulk } else { &mut self.first };
        lane.messages.push_back(message);
    }

    /// The next message, unless the round has had enough.
    pub(super) fn next(&mut self) -> Option<HostMessage> {
        if self.handled == ROUND_MAX {
            return None;
        }
        let message = self.next_first().or_else(|| self.next_bulk())?;
        self.handled += 1;
        Some(message)
    }

    fn next_first(&mut self) -> Option<HostMessage> {
        let message = self.first.messages.pop_front()?;
        if let HostMessage::Shard(..) = message {
            self.share.others_are_here(Instant::now());
        }
        Some(message)
    }

    fn next_bulk(&mut self) -> Option<HostMessage> {
        if self.bulk.messages.is_empty() || !self.share.allows(self.inbox.has_first()) {
            return None;
        }
        self.share.take();
        self.bulk.messages.pop_front()
    }

    /// The round is through. So much the shards hold back.
    pub(super) fn end_round(&mut self, shards_held_back: usize) {
        self.handled = 0;
        self.share.end_round(Instant::now());
        self.inbox.set_held_back(self.first.messages.len() + shards_held_back, self.bulk.messages.len() + shards_held_back);
    }

    /// Up to when everything that came has been handled. What comes for an execution comes in one lane, but for what the store answers.
    pub(super) fn caught_up(&mut self) -> CaughtUp {
        CaughtUp { first: self.first.caught_up(), bulk: self.bulk.caught_up() }
    }

    pub(super) fn len(&self) -> usize {
        self.first.messages.len() + self.bulk.messages.len()
    }

    /// Whether everything that was taken has been handled.
    pub(super) fn is_empty(&self) -> bool {
        self.first.messages.is_empty() && self.bulk.messages.is_empty()
    }
}
