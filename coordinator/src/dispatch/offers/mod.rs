//! Offers of one queue's tasks through a message broker: which tasks are offered, what is to be published next, and what is to be offered again.
//!
//! The broker may lose, repeat or reorder everything, so nothing here believes it: an offer stands until its task is claimed or no longer wanted.
//! It is made again when the broker has refused it, when the connection over which it was made is gone, when it must be lost (*audit*), and when
//! somebody hands it back. At most a window of tasks is offered at a time; the rest waits where giving it up costs nothing. Without IO: time and
//! randomness are arguments.

mod audit;
mod rate;

use std::collections::{BTreeMap, VecDeque};

use baton_engine::TaskRef;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::shard::{ExecutionId, QueuedTask};
use rate::Rate;

/// Tasks that may be offered and unclaimed at a time,
const WINDOW_MIN: usize = 256;
/// or this many times what is claimed in a second.
const WINDOW_PER_CLAIMED: u64 = 4;
/// Publishing goes on while so many messages are unconfirmed.
const UNCONFIRMED_MAX: usize = 64;
/// With more claims in a second than this, messages carry several offers where several are there: as many as are claimed in 10 ms, a tenth of the time
/// after which whoever finds no slot for one gives it back.
const MESSAGES_PER_SECOND: u64 = 100;
/// Pauses after a broker has refused, and between offers of what is handed back again and again, milliseconds.
const PAUSE_FIRST_MS: u64 = 50;
const PAUSE_MAX_MS: u64 = 2_000;

/// Somebody without a broker is told of what has been unclaimed for so long, and another not before so long after, milliseconds.
const LEND_AFTER_MS: u64 = 1_000;
const LENT_MS: u64 = 3_000;

type Key = (ExecutionId, TaskRef);

/// Why an offer is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// The broker has refused it.
    Refused,
    /// The connection was lost over which it was made.
    LinkLost,
    /// It must have been lost.
    Audit,
    /// Somebody has handed it back.
    HandedBack,
}

/// How often offers were made again, by reason, since this was looked at last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Repeated {
    /// [`Again::Refused`].
    pub(crate) refused: u64,
    /// [`Again::LinkLost`].
    pub(crate) link_lost: u64,
    /// [`Again::Audit`].
    pub(crate) audit: u64,
    /// [`Again::HandedBack`].
    pub(crate) handed_back: u64,
}

/// What is to be published as one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Names it in [`Outbox::published`].
    pub(crate) number: u64,
    /// At least one.
    pub(crate) offers: Vec<BatchOffer>,
}

/// One offer of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BatchOffer {
    /// The task.
    pub(crate) task: QueuedTask,
    /// How often it was offered before.
    pub(crate) offer_no: u32,
    /// How long it has waited, milliseconds.
    pub(crate) waited_ms: u64,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Published {
    /// The broker has it.
    Confirmed,
    /// The broker has not taken it.
    Refused,
    /// Nobody knows: the connection was lost.
    Unknown,
    /// Nobody knows: the broker has said nothing about it for long.
    Unconfirmed,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Outbox {
    offers: HashMap<Key, Offer, FixedState>,
    /// To be published, in order. Some may have been claimed meanwhile.
    ready: VecDeque<Key>,
    /// To be published at that time, milliseconds.
    later: BTreeMap<(u64, u64), Key>,
    last_number: u64,
    unconfirmed: usize,
    /// Refusals in a row, and until when nothing is published.
    refusals: u32,
    paused_until: u64,
    is_link_up: bool,
    /// A message was not confirmed in time, and none since: a queue without a leader takes nothing, over whichever connection.
    is_doubted: bool,
    claims: Rate,
    audit: audit::Audit,
    repeated: Repeated,
}

#[derive(Debug)]
struct Offer {
    task: QueuedTask,
    offer_no: u32,
    hand_backs: u32,
    /// Since when it has been here, milliseconds.
    since: u64,
    /// Until then it is not lent to another, milliseconds.
    lent_until: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It stands in `ready` or `later`.
    Waiting,
    /// It is on its way in this batch.
    Publishing { batch: u64, at: u64 },
    /// The broker has had it since then.
    Offered { at: u64 },
}

impl Outbox {
    /// Nothing is offered; the connection is as it is.
    pub(crate) fn new(is_link_up: bool) -> Self {
        Self {
            offers: HashMap::default(),
            ready: VecDeque::new(),
            later: BTreeMap::new(),
            last_number: 0,
            unconfirmed: 0,
            refusals: 0,
            paused_until: 0,
            is_link_up,
            is_doubted: false,
            claims: Rate::default(),
            audit: audit::Audit::default(),
            repeated: Repeated::default(),
        }
    }

    /// How many more tasks may be offered now.
    pub(crate) fn room(&mut self, now_ms: u64) -> usize {
        if !self.is_link_up {
            return 0;
        }
        let claimed = WINDOW_PER_CLAIMED.saturating_mul(self.claims.per_second(now_ms));
        WINDOW_MIN.max(usize::try_from(claimed).unwrap_or(usize::MAX)).saturating_sub(self.offers.len())
    }

    /// Since when the oldest task has waited, milliseconds.
    pub(crate) fn oldest_since(&self) -> Option<u64> {
        self.offers.values().map(|offer| offer.since).min()
    }

    /// How many tasks are offered or about to be.
    pub(crate) fn len(&self) -> usize {
        self.offers.len()
    }

    /// A task is to be offered.
    pub(crate) fn enter(&mut self, task: QueuedTask, now_ms: u64) {
        let key = (task.execution, task.task);
        let offer = Offer { task, offer_no: 0, hand_backs: 0, since: now_ms, lent_until: 0, state: State::Waiting };
        self.offers.insert(key, offer);
        self.ready.push_back(key);
    }

    /// A task is claimed or no longer wanted. Answers whether it was here.
    pub(crate) fn remove(&mut self, execution: ExecutionId, task: TaskRef, now_ms: u64) -> bool {
        let Some(offer) = self.offers.remove(&(execution, task)) else { return false };
        if let State::Publishing { at, .. } | State::Offered { at } = offer.state {
            self.claims.add(now_ms);
            self.audit.claimed(at);
        }
        true
    }

    /// The oldest task that the broker does not have, and since when it has waited: somebody takes it without the broker. Only while that takes nothing.
    /// The one that is to find out whether it does comes last; should the broker have it after all, whoever gets it there is told that it is taken.
    pub(crate) fn take_back(&mut self) -> Option<(QueuedTask, u64)> {
        debug_assert!(self.is_stalled(), "what the broker takes is not handed out beside it");
        let waits = self.ready.iter().chain(self.later.values()).find(|key| self.waits(key)).copied();
        let key = waits.or_else(|| self.offers.keys().next().copied().filter(|_| self.is_doubted && self.offers.len() == 1))?;
        while self.ready.front().is_some_and(|front| *front == key || !self.waits(front)) {
            self.ready.pop_front();
        }
        self.later.retain(|_, other| *other != key);
        self.offers.remove(&key).map(|offer| (offer.task, offer.since))
    }

    /// Tasks that the broker has had for a while, for somebody who cannot find them there. They stay offered; whoever claims one first has it.
    pub(crate) fn lend(&mut self, slots: usize, now_ms: u64) -> Vec<QueuedTask> {
        let unclaimed = |offer: &&mut Offer| matches!(offer.state, State::Offered { at } if at + LEND_AFTER_MS <= now_ms);
        let mut lent: Vec<_> = self.offers.values_mut().filter(unclaimed).filter(|offer| offer.lent_until <= now_ms).collect();
        lent.sort_unstable_by_key(|offer| (offer.since, offer.task.execution, offer.task.task.entry, offer.task.task.attempt));
        lent.truncate(slots);
        lent.iter_mut().for_each(|offer| offer.lent_until = now_ms + LENT_MS);
        lent.into_iter().map(|offer| offer.task.clone()).collect()
    }

    fn waits(&self, key: &Key) -> bool {
        self.offers.get(key).is_some_and(|offer| offer.state == State::Waiting)
    }

    /// Whether the broker is away, refuses what it is given (the queue may be somebody else's, or full), or keeps silent about it.
    pub(crate) fn is_stalled(&self) -> bool {
        !self.is_link_up || self.refusals > 0 || self.is_doubted
    }

    /// How many messages may be on their way. While the queue is doubted one of them finds out; the other tasks are there for whoever takes them directly.
    fn unconfirmed_max(&self) -> usize {
        if self.is_doubted { 1 } else { UNCONFIRMED_MAX }
    }

    /// Forgets all tasks that are not wanted here any more.
    pub(crate) fn retain(&mut self, is_wanted: impl Fn(&QueuedTask) -> bool) {
        self.offers.retain(|_, offer| is_wanted(&offer.task));
    }

    /// The next message, if there is something to publish and the broker takes it.
    pub(crate) fn next_batch(&mut self, now_ms: u64) -> Option<Batch> {
        self.due(now_ms);
        if !self.is_link_up || now_ms < self.paused_until || self.unconfirmed >= self.unconfirmed_max() {
            return None;
        }
        let most = if self.is_doubted { 1 } else { baton_task_queue::OFFERS_PER_MESSAGE_MAX as u64 };
        let offers_max = (self.claims.per_second(now_ms) / MESSAGES_PER_SECOND).clamp(1, most);
        let number = self.last_number + 1;
        let mut offers = Vec::new();
        while (offers.len() as u64) < offers_max
            && let Some(key) = self.ready.pop_front()
        {
            let Some(offer) = self.offers.get_mut(&key).filter(|offer| offer.state == State::Waiting) else { continue };
            // What has come back from a message that was too much for one worker goes to whoever has room for it, alone.
            let goes_alone = offer.hand_backs > 0;
            if goes_alone && !offers.is_empty() {
                self.ready.push_front(key);
                break;
            }
            offer.state = State::Publishing { batch: number, at: now_ms };
            let waited_ms = now_ms.saturating_sub(offer.since);
            offers.push(BatchOffer { task: offer.task.clone(), offer_no: offer.offer_no, waited_ms });
            if goes_alone {
                break;
            }
        }
        if offers.is_empty() {
            return None;
        }
        self.last_number = number;
        self.unconfirmed += 1;
        Some(Batch { number, offers })
    }

    /// What became of a batch that was published.
    pub(crate) fn published(&mut self, batch: &Batch, outcome: Published, now_ms: u64, random: u64) {
        self.unconfirmed = self.unconfirmed.saturating_sub(1);
        match outcome {
            Published::Confirmed => (self.refusals, self.is_doubted) = (0, false),
            Published::Refused | Published::Unknown | Published::Unconfirmed => {
                self.paused_until = now_ms + pause(self.refusals, random);
                self.refusals += 1;
                self.is_doubted |= outcome == Published::Unconfirmed;
            }
        }
        for BatchOffer { task, .. } in &batch.offers {
            let key = (task.execution, task.task);
            let Some(offer) = self.offers.get_mut(&key) else { continue };
            if !matches!(offer.state, State::Publishing { batch: published, .. } if published == batch.number) {
                continue;
            }
            match outcome {
                Published::Confirmed => offer.state = State::Offered { at: now_ms },
                Published::Refused => self.again(key, Again::Refused, now_ms),
                Published::Unknown | Published::Unconfirmed => self.again(key, Again::LinkLost, now_ms),
            }
        }
    }

    /// The connection to the broker has come, or has gone. With another than before, everything is offered again.
    pub(crate) fn link_changed(&mut self, is_up: bool, now_ms: u64) {
        self.is_link_up = is_up;
        self.audit = audit::Audit::default();
        self.paused_until = 0;
        self.refusals = 0;
        self.again_where(Again::LinkLost, now_ms, |state| state != State::Waiting);
        self.later.clear();
        let mut all: Vec<(u64, Key)> = self.offers.iter().map(|(key, offer)| (offer.since, *key)).collect();
        all.sort_unstable();
        self.ready = all.into_iter().map(|(_, key)| key).collect();
    }

    /// How many messages of the queue nobody has taken, as the broker says; `None` if it has no such queue.
    pub(crate) fn audited(&mut self, ready: Option<u64>, now_ms: u64) {
        let audit = &mut self.audit;
        audit.note(ready);
        let audit = audit.clone();
        self.again_where(Again::Audit, now_ms, |state| matches!(state, State::Offered { at } if audit.is_lost(at, now_ms)));
    }

    /// Somebody has had the offer and does not claim it. Answers whether it is still wanted.
    pub(crate) fn hand_back(&mut self, execution: ExecutionId, task: TaskRef, now_ms: u64, random: u64) -> bool {
        let key = (execution, task);
        let Some(offer) = self.offers.get_mut(&key) else { return false };
        if offer.state == State::Waiting {
            return true;
        }
        let before = offer.hand_backs;
        offer.hand_backs += 1;
        // At once the first time; what nobody seems to want comes more and more seldom.
        let at = if before == 0 { now_ms } else { now_ms + pause(before - 1, random) };
        self.again(key, Again::HandedBack, at);
        self.due(now_ms);
        true
    }

    /// Offers it again, from `at` on.
    fn again(&mut self, key: Key, why: Again, at: u64) {
        let Some(offer) = self.offers.get_mut(&key) else { return };
        offer.state = State::Waiting;
        offer.offer_no += 1;
        match why {
            Again::Refused => self.repeated.refused += 1,
            Again::LinkLost => self.repeated.link_lost += 1,
            Again::Audit => self.repeated.audit += 1,
            Again::HandedBack => self.repeated.handed_back += 1,
        }
        self.last_number += 1;
        self.later.insert((at, self.last_number), key);
    }

    /// Offers again, oldest first, what stands so.
    fn again_where(&mut self, why: Again, now_ms: u64, is_meant: impl Fn(State) -> bool) {
        let mut meant: Vec<(u64, Key)> =
            self.offers.iter().filter(|(_, offer)| is_meant(offer.state)).map(|(key, offer)| (offer.since, *key)).collect();
        meant.sort_unstable();
        meant.into_iter().for_each(|(_, key)| self.again(key, why, now_ms));
    }

    /// What was to come later and is due now.
    fn due(&mut self, now_ms: u64) {
        while let Some(entry) = self.later.first_entry().filter(|entry| entry.key().0 <= now_ms) {
            self.ready.push_back(entry.remove());
        }
    }

    /// When there may be something to publish next, milliseconds; now if there is.
    pub(crate) fn next_due(&self, now_ms: u64) -> Option<u64> {
        if !self.is_link_up || self.unconfirmed >= self.unconfirmed_max() {
            return None;
        }
        let due = if self.ready.is_empty() { self.later.keys().next().map(|(at, _)| *at)? } else { now_ms };
        Some(due.max(self.paused_until))
    }

    /// Whether the connection to the broker is there.
    pub(crate) fn is_link_up(&self) -> bool {
        self.is_link_up
    }

    /// How many offers the broker has, and since when it has had the oldest, milliseconds.
    pub(crate) fn unclaimed(&self) -> (usize, Option<u64>) {
        let offered = self.offers.values().filter_map(|offer| match offer.state {
            State::Offered { at } => Some(at),
            State::Waiting | State::Publishing { .. } => None,
        });
        offered.fold((0, None), |(count, oldest), at| (count + 1, Some(oldest.map_or(at, |oldest: u64| oldest.min(at)))))
    }

    /// How often offers were made again since the last call.
    pub(crate) fn take_repeated(&mut self) -> Repeated {
        std::mem::take(&mut self.repeated)
    }
}

/// Doubling, with jitter: between half and all of it.
fn pause(failures: u32, random: u64) -> u64 {
    let whole = (PAUSE_FIRST_MS << failures.min(6)).min(PAUSE_MAX_MS);
    whole / 2 + random % (whole / 2 + 1)
}

#[cfg(test)]
mod tests;
