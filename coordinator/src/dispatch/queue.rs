//! One task queue: sessions and pollers with free slots, and tasks that wait for one. Tasks wait only while no slot is free; a slot is free only
//! while no task waits, or while all that waits is offered through a broker.

use std::collections::VecDeque;
use std::sync::Arc;

use baton_engine::{Claim, Holder, TaskRef};
use foldhash::fast::FixedState;
use hashbrown::HashSet;
use tokio::sync::oneshot;

use super::offers::{Batch, Outbox, Published, Repeated};
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
    /// A session that has claimed what it was offered, under an id that its worker has made: the worker claims again, over any session, until it
    /// is answered.
    Asked(Arc<Session>),
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

/// How the offers of a queue stand.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct QueueFigures {
    /// Those that the broker has.
    pub(crate) unclaimed: usize,
    /// How long it has had the oldest, milliseconds.
    pub(crate) oldest_ms: u64,
    /// Those that were made again since the last look.
    pub(crate) repeated: Repeated,
    /// Tasks that went to a session or a poller while the broker was away, since the last look.
    pub(crate) direct: u64,
}

/// An offer that a session has claimed.
#[derive(Debug)]
pub(crate) enum ClaimedOffer {
    /// Its task waited here.
    OfHere,
    /// It came from elsewhere; this is to be told when the claim is answered.
    PassedOn(oneshot::Sender<()>),
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
            Slot::Asked(_) | Slot::Claimant(_) => unreachable!("whoever claims a task brings the claim, and waits at no queue"),
        }
    }

    fn is_gone(&self) -> bool {
        match self {
            Slot::Session { session, .. } | Slot::Asked(session) => session.is_closed(),
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
    /// Offers of tasks that wait elsewhere, of which sessions here have been told.
    passed: Vec<Passed>,
    /// Tasks that are offered through the broker; none without one.
    outbox: Option<Box<Outbox>>,
    /// Whoever publishes has been told that there is something to do, and has not looked yet.
    pub(super) is_noted: bool,
    /// Tasks that found a session or a poller while the broker was away, since this was looked at last.
    direct: u64,
    /// Somebody takes offers out of the broker for those who serve this queue here.
    pub(super) is_consumed: bool,
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

/// An offer that came from the broker or from another member.
#[derive(Debug)]
struct Passed {
    execution: ExecutionId,
    task: TaskRef,
    session_id: u64,
    /// Milliseconds on the process' own clock.
    expires_at: u64,
    /// Is told when the claim is answered, or the offer handed back. Dropped, the offer goes to somebody else.
    answered: oneshot::Sender<()>,
}

impl Passed {
    fn is(&self, execution: ExecutionId, task: TaskRef, session_id: u64) -> bool {
        (self.execution, self.task, self.session_id) == (execution, task, session_id)
    }
}

impl Waiting {
    fn is(&self, execution: ExecutionId, task: TaskRef) -> bool {
        (self.task.execution, self.task.task) == (execution, task)
    }
}

/// An offer that nobody answers goes to somebody else after this time, milliseconds.
const OFFER_MS: u64 = 10_000;
/// A task that another member has borrowed and not claimed is there for others after this time, milliseconds.
const LENT_MS: u64 = 3_000;
/// Tasks that are lent at a time.
const LENT_MAX: usize = 1_024;
/// Stands where a session's id would for what is lent; no session has it.
const LENT: u64 = 0;

impl Queue {
    /// An empty queue, with or without a broker.
    pub(super) fn new(outbox: Option<Outbox>) -> Self {
        Self { outbox: outbox.map(Box::new), ..Self::default() }
    }

    /// Reserves a slot that can be granted at once. None as long as others wait: they come first.
    pub(super) fn reserve(&mut self) -> Option<Slot> {
        if !self.waiting.is_empty() {
            return None;
        }
        let slot = self.take_slot();
        self.count_direct(usize::from(slot.is_some()));
        slot
    }

    fn count_direct(&mut self, tasks: usize) {
        if self.outbox.as_ref().is_some_and(|outbox| outbox.is_stalled()) {
            self.direct += tasks as u64;
        }
    }

    /// Reserves a slot for a task of any queue of this name.
    pub(super) fn take_slot(&mut self) -> Option<Slot> {
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
        self.pair_stalled(&mut pairs);
        while let Some(waiting) = self.next_waiting() {
            match self.take_slot() {
                Some(slot) => pairs.push((waiting.task, slot)),
                None => {
                    self.waiting.push_front(waiting);
                    break;
                }
            }
        }
        self.count_direct(pairs.len());
        self.offer(now_ms);
        pairs
    }

    /// While the broker takes nothing, what it does not have is there for free slots here.
    fn pair_stalled(&mut self, pairs: &mut Vec<(QueuedTask, Slot)>) {
        while self.has_stalled() {
            let Some(slot) = self.take_slot() else { return };
            match self.next_stalled() {
                Some(waiting) => pairs.push((waiting.task, slot)),
                None => return self.give_back(slot),
            }
        }
    }

    /// Whether there is something that was to be offered through the broker, which takes nothing.
    fn has_stalled(&self) -> bool {
        self.outbox.as_ref().is_some_and(|outbox| outbox.is_stalled() && outbox.len() > 0)
    }

    fn next_stalled(&mut self) -> Option<Waiting> {
        let outbox = self.outbox.as_mut().filter(|outbox| outbox.is_stalled())?;
        outbox.take_back().map(|(task, since_ms)| Waiting { task, since_ms })
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
        while !self.waiting.is_empty() || self.has_stalled() {
            let Some(index) = self.find_session(|served| served.session.info().wants_offers) else { return };
            let Some(waiting) = self.next_stalled().or_else(|| self.next_waiting()) else { return };
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

    /// A session answers an offer; `None` if it was not offered this, or the offer has gone to somebody else.
    pub(super) fn claim(&mut self, execution: ExecutionId, task: TaskRef, session_id: u64) -> Option<ClaimedOffer> {
        let place = self.offered.iter().position(|offered| offered.session_id == session_id && offered.waiting.is(execution, task));
        if let Some(place) = place {
            // The task is no longer the queue's.
            self.offered.swap_remove(place);
            return Some(ClaimedOffer::OfHere);
        }
        self.take_passed(execution, task, session_id).map(ClaimedOffer::PassedOn)
    }

    /// A session is done with an offer that was passed on to it: answers whom to tell.
    pub(super) fn take_passed(&mut self, execution: ExecutionId, task: TaskRef, session_id: u64) -> Option<oneshot::Sender<()>> {
        let place = self.passed.iter().position(|passed| passed.is(execution, task, session_id))?;
        Some(self.passed.swap_remove(place).answered)
    }

    /// Tells a session that wants offers of a task that waits elsewhere, if one has a free slot. Answers who hears of the end.
    pub(super) fn pass_on(&mut self, execution: ExecutionId, task: TaskRef, now_ms: u64) -> Option<oneshot::Receiver<()>> {
        loop {
            let index = self.find_session(|served| served.session.info().wants_offers)?;
            let served = &mut self.sessions[index];
            let item = SessionItem::Offer { execution, task, queue: served.name.clone() };
            if served.session.push(item).is_err() {
                // It is closed from now on, and not found again.
                continue;
            }
            served.credits -= 1;
            let (answered, end) = oneshot::channel();
            let session_id = served.session.info().session_id;
            self.passed.push(Passed { execution, task, session_id, expires_at: now_ms + OFFER_MS, answered });
            return Some(end);
        }
    }

    /// Names tasks for free slots at another member: those that cannot go through a broker. They are offered here again if they are not claimed soon.
    /// Whoever has no broker hears of those in there that nobody has claimed for a while.
    pub(super) fn lend(&mut self, slots: usize, is_cut_off: bool, now_ms: u64) -> Vec<QueuedTask> {
        if let Some(outbox) = self.outbox.as_mut().filter(|outbox| !outbox.is_stalled()) {
            return if is_cut_off { outbox.lend(slots, now_ms) } else { Vec::new() };
        }
        let lent_before = self.offered.iter().filter(|offered| offered.session_id == LENT).count();
        let slots = slots.min(LENT_MAX.saturating_sub(lent_before));
        let mut lent = Vec::new();
        while lent.len() < slots {
            let Some(waiting) = self.next_stalled().or_else(|| self.next_waiting()) else { break };
            lent.push(waiting.task.clone());
            self.offered.push(Offered { waiting, session_id: LENT, expires_at: now_ms + LENT_MS });
        }
        self.direct += lent.len() as u64;
        lent
    }

    /// Offers that nobody has answered in time wait again, before the others.
    pub(super) fn expire_offers(&mut self, now_ms: u64) {
        self.take_back(|offered| offered.expires_at <= now_ms);
        self.forget_passed(|passed| passed.expires_at <= now_ms);
    }

    /// They go to somebody else.
    fn forget_passed(&mut self, is_over: impl Fn(&Passed) -> bool) {
        let over: Vec<_> = self.passed.extract_if(.., |passed| is_over(passed)).collect();
        over.iter().for_each(|passed| self.add_credits(passed.session_id, 1));
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
        self.forget_passed(|passed| passed.session_id == session_id);
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
            Slot::Asked(_) | Slot::Claimant(_) => {}
        }
    }

    /// A session does not claim what it was offered: it waits again, before the others. The session keeps no slot for it.
    pub(super) fn hand_back(&mut self, execution: ExecutionId, task: TaskRef, now_ms: u64, random: u64) -> bool {
        if let Some(place) = self.offered.iter().position(|offered| offered.waiting.is(execution, task)) {
            let offered = self.offered.swap_remove(place);
            self.waiting.push_front(offered.waiting);
            return true;
        }
        self.outbox.as_mut().is_some_and(|outbox| outbox.hand_back(execution, task, now_ms, random))
    }

    /// A task is claimed or no longer wanted.
    pub(super) fn withdraw(&mut self, execution: ExecutionId, task: TaskRef, now_ms: u64) {
        if self.outbox.as_mut().is_some_and(|outbox| outbox.remove(execution, task, now_ms)) {
            return;
        }
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
        let offered = self.outbox.as_ref().and_then(|outbox| outbox.oldest_since());
        offered.into_iter().chain(self.waiting.front().map(|waiting| waiting.since_ms)).min()
    }

    /// Tasks that wait, sessions and pollers that serve it, free slots of sessions.
    pub(super) fn counts(&self) -> (usize, usize, u64) {
        let credits = self.sessions.iter().map(|served| u64::from(served.credits)).sum();
        let waiting = self.waiting.len() - self.withdrawn.len().min(self.waiting.len());
        let in_broker = self.outbox.as_ref().map_or(0, |outbox| outbox.len());
        (waiting + in_broker, self.sessions.len() + self.pollers.len(), credits)
    }

    // ---- With a broker ----

    /// Whether there may be something to publish.
    pub(super) fn wants_publisher(&self, now_ms: u64) -> bool {
        self.outbox.as_ref().is_some_and(|outbox| {
            outbox.is_link_up() && (!self.waiting.is_empty() || outbox.next_due(now_ms).is_some_and(|due| due <= now_ms))
        })
    }

    /// The next message to publish: what waits and may be offered moves into the outbox first.
    pub(super) fn next_batch(&mut self, now_ms: u64) -> Option<Batch> {
        let room = self.outbox.as_mut()?.room(now_ms);
        for _ in 0..room {
            let Some(waiting) = self.next_waiting() else { break };
            self.outbox.as_mut()?.enter(waiting.task, waiting.since_ms);
        }
        self.outbox.as_mut()?.next_batch(now_ms)
    }

    /// What became of a message.
    pub(super) fn published(&mut self, batch: &Batch, outcome: Published, now_ms: u64, random: u64) {
        if let Some(outbox) = &mut self.outbox {
            outbox.published(batch, outcome, now_ms, random);
        }
    }

    /// When there may be something to publish next, milliseconds.
    pub(super) fn next_due(&self, now_ms: u64) -> Option<u64> {
        self.outbox.as_ref()?.next_due(now_ms)
    }

    /// The connection to the broker has come or gone.
    pub(super) fn link_changed(&mut self, is_up: bool, now_ms: u64) {
        if let Some(outbox) = &mut self.outbox {
            outbox.link_changed(is_up, now_ms);
        }
    }

    /// What the broker says of the queue.
    pub(super) fn audited(&mut self, ready: Option<u64>, now_ms: u64) {
        if let Some(outbox) = &mut self.outbox {
            outbox.audited(ready, now_ms);
        }
    }

    /// Whether something is offered through the broker.
    pub(super) fn has_offers(&self) -> bool {
        self.outbox.as_ref().is_some_and(|outbox| outbox.len() > 0)
    }

    /// How its offers stand, and what has come of some since the last call.
    pub(super) fn take_figures(&mut self, now_ms: u64) -> QueueFigures {
        let Some(outbox) = &mut self.outbox else { return QueueFigures::default() };
        let (unclaimed, oldest) = outbox.unclaimed();
        let oldest_ms = oldest.map_or(0, |at| now_ms.saturating_sub(at));
        QueueFigures { unclaimed, oldest_ms, repeated: outbox.take_repeated(), direct: std::mem::take(&mut self.direct) }
    }

    /// Slots that tasks can come for: free ones of sessions, and pollers. `None` if nobody is here who could have any.
    pub(super) fn free_slots(&self) -> Option<u64> {
        let open = self.sessions.iter().filter(|served| !served.session.is_closed());
        let pollers = self.pollers.iter().filter(|poller| !poller.reply.is_closed()).count() as u64;
        let (sessions, credits) = open.fold((0, 0), |(count, credits), served| (count + 1, credits + u64::from(served.credits)));
        (sessions + pollers > 0).then_some(credits + pollers)
    }

    /// These tasks wait elsewhere from now on.
    pub(super) fn withdraw_all(&mut self, is_elsewhere: impl Fn(&QueuedTask) -> bool) {
        let Self { waiting, withdrawn, offered, outbox, .. } = self;
        waiting.retain(|Waiting { task, .. }| {
            let stays = !is_elsewhere(task);
            if !stays {
                withdrawn.remove(&(task.execution, task.task));
            }
            stays
        });
        offered.retain(|offered| !is_elsewhere(&offered.waiting.task));
        if let Some(outbox) = outbox {
            outbox.retain(|task| !is_elsewhere(task));
        }
    }
}

#[cfg(test)]
mod tests;
