//! All task queues of a process, by name.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use baton_engine::TaskRef;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, oneshot};

use super::noted::Noted;
use super::offers::{Batch, Outbox, Published};
use super::queue::{ClaimedOffer, Queue, QueueFigures};
use super::{Poller, QueueFull, Random, Session, Slot};
use crate::shard::{ExecutionId, QueuedTask};

/// A queue that several hosts and sessions share.
#[derive(Debug)]
pub(crate) struct SharedQueue {
    pub(crate) name: Arc<str>,
    state: Mutex<Queue>,
    /// More or fewer slots are free than before, or nobody serves it any more. For whoever takes offers out of the broker.
    pub(crate) demand: Notify,
}

/// Takes a task and the slot that has come free for it to the task's shard.
type Deliver = Box<dyn Fn(QueuedTask, Slot) + Send + Sync>;

/// All queues. See the module.
pub struct Queues {
    by_name: RwLock<HashMap<Arc<str>, Arc<SharedQueue>, FixedState>>,
    deliver: OnceLock<Deliver>,
    began: Instant,
    /// Through which tasks are offered that find no slot here.
    broker: Option<BrokerSide>,
}

/// What those hear of who stand between queues and a broker.
#[derive(Debug)]
struct BrokerSide {
    is_link_up: AtomicBool,
    /// Queues that may have something to publish.
    to_publish: Noted,
    /// Queues that are served here and that nobody consumes.
    to_consume: Noted,
}

impl std::fmt::Debug for Queues {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queues").field("by_name", &self.by_name).finish_non_exhaustive()
    }
}

/// How a queue stands, for metrics and people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueStatus {
    /// Its name: `lambda:<function name>`, `activity:<ARN>`.
    pub name: Arc<str>,
    /// Tasks that wait.
    pub waiting: usize,
    /// How long the one in front has waited here, milliseconds.
    pub oldest_ms: u64,
    /// Sessions and pollers.
    pub served_by: usize,
    /// Free slots of sessions.
    pub credits: u64,
}

impl Default for Queues {
    fn default() -> Self {
        Self { by_name: RwLock::default(), deliver: OnceLock::new(), began: Instant::now(), broker: None }
    }
}

impl Queues {
    /// Queues whose tasks go through a broker when they find no slot here.
    pub(crate) fn with_broker(is_link_up: bool) -> Self {
        let broker = BrokerSide { is_link_up: is_link_up.into(), to_publish: Noted::default(), to_consume: Noted::default() };
        Self { broker: Some(broker), ..Self::default() }
    }

    /// Says where tasks go whose slot has come free. Once, before anything waits.
    pub(crate) fn connect(&self, deliver: impl Fn(QueuedTask, Slot) + Send + Sync + 'static) {
        let connected = self.deliver.set(Box::new(deliver));
        assert!(connected.is_ok(), "queues are connected once");
    }

    /// The queue of this name.
    pub(crate) fn get(&self, name: &str) -> Arc<SharedQueue> {
        if let Some(queue) = self.by_name.read().get(name) {
            return queue.clone();
        }
        let name: Arc<str> = name.into();
        let mut by_name = self.by_name.write();
        let outbox = self.broker.as_ref().map(|broker| Outbox::new(broker.is_link_up.load(Ordering::Acquire)));
        let queue = || Arc::new(SharedQueue { name: name.clone(), state: Mutex::new(Queue::new(outbox)), demand: Notify::new() });
        by_name.entry(name.clone()).or_insert_with(queue).clone()
    }

    /// A slot for a task that is being scheduled, or the task's place in the queue.
    pub(crate) fn place(&self, queue: &SharedQueue, task: impl FnOnce() -> QueuedTask) -> Option<Slot> {
        let mut state = queue.state.lock();
        let slot = state.reserve();
        if slot.is_none() {
            let now_ms = self.now_ms();
            state.wait(task(), now_ms);
            self.note_unpublished(queue, &mut state, now_ms);
        }
        slot
    }

    /// A task waits from now on, unless a slot is free.
    pub(crate) fn enqueue(&self, name: &str, task: QueuedTask) {
        let queue = self.get(name);
        self.change(&queue, |state, now_ms| state.wait(task, now_ms));
    }

    /// A task is claimed or no longer wanted.
    pub(crate) fn withdraw(&self, name: &str, execution: ExecutionId, task: TaskRef) {
        let (queue, now_ms) = (self.get(name), self.now_ms());
        let mut state = queue.state.lock();
        state.withdraw(execution, task, now_ms);
        self.note_unpublished(&queue, &mut state, now_ms);
    }

    /// Somebody does not claim what was offered.
    pub(crate) fn hand_back(&self, execution: ExecutionId, task: TaskRef) {
        let random = Random::from_system().next_u64();
        let is_there = |queue: &Arc<SharedQueue>| self.change(queue, |state, now_ms| state.hand_back(execution, task, now_ms, random));
        // The offer does not say which queue it was in; it is seldom asked.
        let queues: Vec<_> = self.by_name.read().values().cloned().collect();
        queues.iter().any(is_there);
    }

    /// A session serves the queue from now on; `name` is what it calls it.
    pub(crate) fn join(&self, queue: &SharedQueue, session: &Arc<Session>, name: Arc<str>, credits: u32) {
        self.change(queue, |state, _| state.join(session, name, credits));
    }

    /// A session has more free slots.
    pub(crate) fn add_credits(&self, queue: &SharedQueue, session_id: u64, slots: u32) {
        self.change(queue, |state, _| state.add_credits(session_id, slots));
    }

    /// A session has gone.
    pub(crate) fn leave(&self, queue: &SharedQueue, session_id: u64) {
        self.change(queue, |state, _| state.leave(session_id));
    }

    /// A session takes nothing more from any queue.
    pub(crate) fn leave_all(&self, session_id: u64) {
        let queues: Vec<_> = self.by_name.read().values().cloned().collect();
        queues.iter().for_each(|queue| self.leave(queue, session_id));
    }

    /// A session answers an offer; `None` if it was not offered this, or the offer has gone to somebody else.
    pub(crate) fn claim(&self, queue: &SharedQueue, execution: ExecutionId, task: TaskRef, session_id: u64) -> Option<ClaimedOffer> {
        queue.state.lock().claim(execution, task, session_id)
    }

    /// A session is done with an offer that was passed on to it: answers whom to tell.
    pub(crate) fn take_passed(
        &self,
        queue: &SharedQueue,
        execution: ExecutionId,
        task: TaskRef,
        session_id: u64,
    ) -> Option<oneshot::Sender<()>> {
        queue.state.lock().take_passed(execution, task, session_id)
    }

    /// Tells a session that wants offers of a task that waits elsewhere, if one has a free slot. Answers who hears of the end.
    pub(crate) fn pass_on(&self, queue: &SharedQueue, execution: ExecutionId, task: TaskRef) -> Option<oneshot::Receiver<()>> {
        let now_ms = self.now_ms();
        queue.state.lock().pass_on(execution, task, now_ms)
    }

    /// Tasks of the queue for free slots at another member.
    pub(crate) fn lend(&self, name: &str, slots: usize, is_cut_off: bool) -> Vec<QueuedTask> {
        let queue = self.by_name.read().get(name).cloned();
        let now_ms = self.now_ms();
        queue.map(|queue| queue.state.lock().lend(slots, is_cut_off, now_ms)).unwrap_or_default()
    }

    /// Queues with free slots, and how many.
    pub(crate) fn with_free_slots(&self) -> Vec<(Arc<SharedQueue>, u32)> {
        let free = |queue: Arc<SharedQueue>| {
            let slots = queue.state.lock().free_slots().filter(|slots| *slots > 0)?;
            Some((queue, u32::try_from(slots).unwrap_or(u32::MAX)))
        };
        self.all().into_iter().filter_map(free).collect()
    }

    /// Somebody waits for one task.
    pub(crate) fn poll(&self, queue: &SharedQueue, poller: Poller) -> Result<(), QueueFull> {
        self.change(queue, |state, _| state.poll(poller))
    }

    /// A reserved slot was not used.
    pub(crate) fn give_back(&self, slot: Slot, name: &str) {
        let queue = self.get(name);
        self.change(&queue, |state, _| state.give_back(slot));
    }

    /// Offers that nobody has answered in time go to others. To be called every second or so.
    pub(crate) fn expire_offers(&self) {
        let queues: Vec<_> = self.by_name.read().values().cloned().collect();
        for queue in queues {
            self.change(&queue, |state, now_ms| state.expire_offers(now_ms));
        }
    }

    /// A task of any queue of this name has come from the broker: a slot for it.
    pub(crate) fn take_slot(&self, queue: &SharedQueue) -> Option<Slot> {
        queue.state.lock().take_slot()
    }

    /// Slots that could be granted tasks of the queue. `None` if nobody is here who could have any: then whoever has asked consumes it no more.
    pub(crate) fn free_slots(&self, queue: &SharedQueue) -> Option<u64> {
        let mut state = queue.state.lock();
        let free = state.free_slots();
        state.is_consumed = free.is_some();
        free
    }

    /// The next queue that is served here and that nobody consumes. Only with a broker.
    pub(crate) async fn to_consume(&self) -> Arc<SharedQueue> {
        match &self.broker {
            Some(broker) => self.get(&broker.to_consume.next().await),
            None => std::future::pending().await,
        }
    }

    /// The next queue that may have something to publish. Only with a broker.
    pub(crate) async fn to_publish(&self) -> Arc<SharedQueue> {
        match &self.broker {
            Some(broker) => self.get(&broker.to_publish.next().await),
            None => std::future::pending().await,
        }
    }

    /// The next message to publish of the queue.
    pub(crate) fn next_batch(&self, queue: &SharedQueue) -> Option<Batch> {
        let now_ms = self.now_ms();
        let mut state = queue.state.lock();
        state.is_noted = false;
        state.next_batch(now_ms)
    }

    /// In how many milliseconds there may be something to publish.
    pub(crate) fn next_due(&self, queue: &SharedQueue) -> Option<u64> {
        let now_ms = self.now_ms();
        queue.state.lock().next_due(now_ms).map(|due| due.saturating_sub(now_ms))
    }

    /// What became of a message.
    pub(crate) fn published(&self, queue: &SharedQueue, batch: &Batch, outcome: Published, random: u64) {
        match outcome {
            // Refused, or not confirmed in time: a session may have room. After a lost connection `link_changed` sees to that.
            Published::Refused | Published::Unconfirmed => {
                self.change(queue, |state, now_ms| state.published(batch, outcome, now_ms, random))
            }
            Published::Confirmed | Published::Unknown => {
                let now_ms = self.now_ms();
                queue.state.lock().published(batch, outcome, now_ms, random);
            }
        }
    }

    /// The connection to the broker has come or gone.
    pub(crate) fn link_changed(&self, is_up: bool) {
        if let Some(broker) = &self.broker {
            broker.is_link_up.store(is_up, Ordering::Release);
        }
        for queue in self.all() {
            self.change(&queue, |state, now_ms| state.link_changed(is_up, now_ms));
        }
    }

    /// What the broker says of the queue: how many messages nobody has taken; `None` if it is not there.
    pub(crate) fn audited(&self, queue: &SharedQueue, ready: Option<u64>) {
        self.change(queue, |state, now_ms| state.audited(ready, now_ms));
    }

    /// Whether something of the queue is offered through the broker.
    pub(crate) fn has_offers(&self, queue: &SharedQueue) -> bool {
        queue.state.lock().has_offers()
    }

    /// How the queue's offers stand, and what has come of some since the last call.
    pub(crate) fn take_figures(&self, queue: &SharedQueue) -> QueueFigures {
        let now_ms = self.now_ms();
        queue.state.lock().take_figures(now_ms)
    }

    /// These tasks wait elsewhere from now on, and are claimed there if they were offered.
    pub(crate) fn withdraw_all(&self, is_elsewhere: impl Fn(&QueuedTask) -> bool) {
        self.all().iter().for_each(|queue| queue.state.lock().withdraw_all(&is_elsewhere));
    }

    /// All queues.
    pub(crate) fn all(&self) -> Vec<Arc<SharedQueue>> {
        self.by_name.read().values().cloned().collect()
    }

    /// How all queues stand.
    pub fn status(&self) -> Vec<QueueStatus> {
        let queues: Vec<_> = self.by_name.read().values().cloned().collect();
        let status = |queue: Arc<SharedQueue>| {
            let state = queue.state.lock();
            let (waiting, served_by, credits) = state.counts();
            let oldest_ms = state.oldest_since_ms().map_or(0, |since| self.now_ms().saturating_sub(since));
            QueueStatus { name: queue.name.clone(), waiting, oldest_ms, served_by, credits }
        };
        let mut all: Vec<_> = queues.into_iter().map(status).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// Changes the queue and delivers what fits together afterwards, outside its lock.
    fn change<T>(&self, queue: &SharedQueue, act: impl FnOnce(&mut Queue, u64) -> T) -> T {
        let now_ms = self.now_ms();
        let (answer, pairs) = {
            let mut state = queue.state.lock();
            let answer = act(&mut state, now_ms);
            let pairs = state.pair(now_ms);
            self.note_unpublished(queue, &mut state, now_ms);
            self.note_demand(queue, &mut state);
            (answer, pairs)
        };
        if !pairs.is_empty() {
            let deliver = self.deliver.get().expect("queues are connected before anything waits in them");
            pairs.into_iter().for_each(|(task, slot)| deliver(task, slot));
        }
        answer
    }

    fn note_unpublished(&self, queue: &SharedQueue, state: &mut Queue, now_ms: u64) {
        let Some(broker) = &self.broker else { return };
        if !state.is_noted && state.wants_publisher(now_ms) {
            state.is_noted = true;
            broker.to_publish.note(&queue.name);
        }
    }

    fn note_demand(&self, queue: &SharedQueue, state: &mut Queue) {
        let Some(broker) = &self.broker else { return };
        if state.is_consumed {
            queue.demand.notify_one();
        } else if state.free_slots().is_some() {
            state.is_consumed = true;
            broker.to_consume.note(&queue.name);
        }
    }

    fn now_ms(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }
}
