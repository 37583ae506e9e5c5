//! One task queue: sessions and pollers with free slots, and tasks that wait for one. Tasks wait only while no slot is free; a slot is free only
//! while no task waits.

use std::collections::VecDeque;
use std::sync::Arc;

use baton_engine::{Claim, Holder, TaskRef};
use foldhash::fast::FixedState;
use hashbrown::HashSet;
use tokio::sync::oneshot;

use super::{Session, SessionItem};
use crate::shard::{ExecutionId, Grant, QueuedTask};

/// Pollers that may wait at one activity: AWS's `ActivityWorkerLimitExceeded`.
const POLLERS_MAX: usize = 1_000;
/// Tasks that may be withdrawn before the queue is gone through for them.
const WITHDRAWN_MIN: usize = 64;

/// A reserved slot.
#[derive(Debug)]
pub enum Slot {
    /// Of a session.
    Session {
        /// The session.
        session: Arc<Session>,
        /// The queue, as the session calls it.
        queue: Arc<str>,
    },
    /// A poller that waits for one task.
    Poller(Poller),
    /// Somebody elsewhere who claims this one task: it is told what is granted, or that nothing is. Dropped, it asks again.
    Claimant(oneshot::Sender<Option<Box<Grant>>>),
}

/// Somebody who waits for one task.
#[derive(Debug)]
pub struct Poller {
    /// `workerName`.
    pub worker_name: Option<Arc<str>>,
    /// The queue that it waits at.
    pub queue: Arc<str>,
    /// Where the task goes.
    pub reply: oneshot::Sender<Box<Grant>>,
}

/// Too many pollers wait already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueFull;

impl Slot {
    /// The claim of whoever has the slot.
    pub fn claim(&self, claim_id: u64) -> Claim {
        match self {
            Slot::Session { session, .. } => session.claim(claim_id),
            Slot::Poller(poller) => Claim { worker_name: poller.worker_name.clone(), claim_id, incarnation: 0, holder: Holder::Poller },
            Slot::Claimant(_) => unreachable!("whoever claims a task brings the claim, and waits at no queue"),
        }
    }

    fn is_gone(&self) -> bool {
        match self {
            Slot::Session { session, .. } => session.is_closed(),
            Slot::Poller(poller) => poller.reply.is_closed(),
            Slot::Claimant(reply) => reply.is_closed(),
        }
    }
}

/// One queue.
#[derive(Debug, Default)]
pub(super) struct Queue {
    sessions: Vec<Served>,
    next: usize,
    pollers: VecDeque<Poller>,
    waiting: VecDeque<Waiting>,
    /// Of those that wait, the ones that nobody wants any more.
    withdrawn: HashSet<(ExecutionId, TaskRef), FixedState>,
    /// Tasks that were offered to sessions and are not claimed yet.
    offered: Vec<Offered>,
}

#[derive(Debug)]
struct Served {
    session: Arc<Session>,
    name: Arc<str>,
    credits: u32,
}

#[derive(Debug)]
struct Waiting {
    task: QueuedTask,
    /// Milliseconds on the process' own clock.
    since_ms: u64,
}

#[derive(Debug)]
struct Offered {
    waiting: Waiting,
    session_id: u64,
    /// Milliseconds on the process' own clock.
    expires_at: u64,
}

impl Waiting {
    fn is(&self, execution: ExecutionId, task: TaskRef) -> bool {
        (self.task.execution, self.task.task) == (execution, task)
    }
}

/// An offer that nobody answers goes to somebody else after this time, milliseconds.
const OFFER_MS: u64 = 10_000;

impl Queue {
    /// Reserves a slot that can be granted at once. None as long as others wait: they come first.
    pub(super) fn reserve(&mut self) -> Option<Slot> {
        if !self.waiting.is_empty() {
            return None;
        }
        self.take_slot()
    }

    fn take_slot(&mut self) -> Option<Slot> {
        while let Some(poller) = self.pollers.pop_front() {
            if !poller.reply.is_closed() {
                return Some(Slot::Poller(poller));
            }
        }
        let index = self.find_session(|served| !served.session.info().wants_offers)?;
        let served = &mut self.sessions[index];
        served.credits -= 1;
        Some(Slot::Session { session: served.session.clone(), queue: served.name.clone() })
    }

    /// The next session with a free slot, in turn.
    fn find_session(&mut self, fits: impl Fn(&Served) -> bool) -> Option<usize> {
        let count = self.sessions.len();
        let found = (0..count).map(|step| (self.next + step) % count).find(|index| {
            let served = &self.sessions[*index];
            served.credits > 0 && fits(served) && !served.session.is_closed()
        });
        self.next = found.map_or(0, |index| index + 1);
        found
    }

    /// A task waits from now on, or is offered.
    pub(super) fn wait(&mut self, task: QueuedTask, now_ms: u64) {
        self.withdrawn.remove(&(task.execution, task.task));
        self.waiting.push_back(Waiting { task, since_ms: now_ms });
        self.offer(now_ms);
    }

    /// Tasks that wait and slots that are free, brought together.
    pub(super) fn pair(&mut self, now_ms: u64) -> Vec<(QueuedTask, Slot)> {
        let mut pairs = Vec::new();
        while let Some(waiting) = self.next_waiting() {
            match self.take_slot() {
                Some(slot) => pairs.push((waiting.task, slot)),
                None => {
                    self.waiting.push_front(waiting);
                    break;
                }
            }
        }
        self.offer(now_ms);
        pairs
    }

    fn next_waiting(&mut self) -> Option<Waiting> {
        while let Some(waiting) = self.waiting.pop_front() {
            if !self.withdrawn.remove(&(waiting.task.execution, waiting.task.task)) {
                return Some(waiting);
            }
        }
        self.withdrawn.clear();
        None
    }

    /// Offers what waits to sessions that want offers.
    fn offer(&mut self, now_ms: u64) {
        while !self.waiting.is_empty() {
            let Some(index) = self.find_session(|served| served.session.info().wants_offers) else { return };
            let Some(waiting) = self.next_waiting() else { return };
            let task = &waiting.task;
            let served = &mut self.sessions[index];
            let item = SessionItem::Offer { execution: task.execution, task: task.task, queue: served.name.clone() };
            if served.session.push(item).is_err() {
                self.waiting.push_front(waiting);
                continue;
            }
            served.credits -= 1;
            let session_id = served.session.info().session_id;
            self.offered.push(Offered { waiting, session_id, expires_at: now_ms + OFFER_MS });
        }
    }

    /// A session answers an offer: the slot that was reserved with it.
    pub(super) fn claim(&mut self, execution: ExecutionId, task: TaskRef, session_id: u64) -> Option<Slot> {
        let place = self.offered.iter().position(|offered| offered.session_id == session_id && offered.waiting.is(execution, task))?;
        self.offered.swap_remove(place);
        let served = self.sessions.iter().find(|served| served.session.info().session_id == session_id)?;
        Some(Slot::Session { session: served.session.clone(), queue: served.name.clone() })
    }

    /// Offers that nobody has answered in time wait again, before the others.
    pub(super) fn expire_offers(&mut self, now_ms: u64) {
        self.take_back(|offered| offered.expires_at <= now_ms);
    }

    fn take_back(&mut self, is_over: impl Fn(&Offered) -> bool) {
        let (over, kept) = std::mem::take(&mut self.offered).into_iter().partition(|offered| is_over(offered));
        self.offered = kept;
        let over: Vec<Offered> = over;
        for offered in over {
            self.add_credits(offered.session_id, 1);
            self.waiting.push_front(offered.waiting);
        }
    }

    /// A session serves this queue from now on.
    pub(super) fn join(&mut self, session: &Arc<Session>, name: Arc<str>, credits: u32) {
        match self.sessions.iter_mut().find(|served| Arc::ptr_eq(&served.session, session)) {
            Some(served) => served.credits = served.credits.saturating_add(credits),
            None => self.sessions.push(Served { session: session.clone(), name, credits }),
        }
    }

    /// A session has more free slots.
    pub(super) fn add_credits(&mut self, session_id: u64, slots: u32) {
        if let Some(served) = self.sessions.iter_mut().find(|served| served.session.info().session_id == session_id) {
            served.credits = served.credits.saturating_add(slots);
        }
    }

    /// A session has gone; what it was offered waits again.
    pub(super) fn leave(&mut self, session_id: u64) {
        self.sessions.retain(|served| served.session.info().session_id != session_id);
        self.next = 0;
        self.take_back(|offered| offered.session_id == session_id);
    }

    /// Somebody waits for one task.
    pub(super) fn poll(&mut self, poller: Poller) -> Result<(), QueueFull> {
        if self.pollers.len() >= POLLERS_MAX {
            self.pollers.retain(|poller| !poller.reply.is_closed());
        }
        if self.pollers.len() >= POLLERS_MAX {
            return Err(QueueFull);
        }
        self.pollers.push_back(poller);
        Ok(())
    }

    /// A reserved slot was not used. It goes before the others: a poller has waited longest.
    pub(super) fn give_back(&mut self, slot: Slot) {
        if slot.is_gone() {
            return;
        }
        match slot {
            Slot::Session { session, .. } => self.add_credits(session.info().session_id, 1),
            Slot::Poller(poller) => self.pollers.push_front(poller),
            Slot::Claimant(_) => {}
        }
    }

    /// A task is no longer wanted.
    pub(super) fn withdraw(&mut self, execution: ExecutionId, task: TaskRef) {
        let before = self.offered.len();
        self.offered.retain(|offered| !offered.waiting.is(execution, task));
        if self.offered.len() < before {
            return;
        }
        self.withdrawn.insert((execution, task));
        if self.withdrawn.len() > WITHDRAWN_MIN && self.withdrawn.len() * 2 > self.waiting.len() {
            let withdrawn = &mut self.withdrawn;
            self.waiting.retain(|Waiting { task, .. }| !withdrawn.remove(&(task.execution, task.task)));
            withdrawn.clear();
        }
    }

    /// Since when the task at the front waits, on the process' own clock.
    pub(super) fn oldest_since_ms(&self) -> Option<u64> {
        self.waiting.front().map(|waiting| waiting.since_ms)
    }

    /// These tasks wait elsewhere from now on.
    pub(super) fn withdraw_all(&mut self, is_elsewhere: impl Fn(&QueuedTask) -> bool) {
        let Self { waiting, withdrawn, offered, .. } = self;
        waiting.retain(|Waiting { task, .. }| {
            let stays = !is_elsewhere(task);
            if !stays {
                withdrawn.remove(&(task.execution, task.task));
            }
            stays
        });
        offered.retain(|offered| !is_elsewhere(&offered.waiting.task));
    }

    /// Tasks that wait, sessions and pollers that serve it, free slots of sessions.
    pub(super) fn counts(&self) -> (usize, usize, u64) {
        let credits = self.sessions.iter().map(|served| u64::from(served.credits)).sum();
        (self.waiting.len() - self.withdrawn.len().min(self.waiting.len()), self.sessions.len() + self.pollers.len(), credits)
    }
}

#[cfg(test)]
mod tests;
