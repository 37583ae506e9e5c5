//! All task queues of a process, by name.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use baton_engine::TaskRef;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use parking_lot::{Mutex, RwLock};

use super::queue::Queue;
use super::{Poller, QueueFull, Session, Slot};
use crate::shard::{ExecutionId, QueuedTask};

/// A queue that several hosts and sessions share.
#[derive(Debug)]
pub(crate) struct SharedQueue {
    pub(crate) name: Arc<str>,
    state: Mutex<Queue>,
}

/// Takes a task and the slot that has come free for it to the task's shard.
type Deliver = Box<dyn Fn(QueuedTask, Slot) + Send + Sync>;

/// All queues. See the module.
pub struct Queues {
    by_name: RwLock<HashMap<Arc<str>, Arc<SharedQueue>, FixedState>>,
    deliver: OnceLock<Deliver>,
    began: Instant,
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
        Self { by_name: RwLock::default(), deliver: OnceLock::new(), began: Instant::now() }
    }
}

impl Queues {
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
        let queue = by_name.entry(name.clone()).or_insert_with(|| Arc::new(SharedQueue { name, state: Mutex::default() }));
        queue.clone()
    }

    /// A slot for a task that is being scheduled, or the task's place in the queue.
    pub(crate) fn place(&self, queue: &SharedQueue, task: impl FnOnce() -> QueuedTask) -> Option<Slot> {
        let mut state = queue.state.lock();
        let slot = state.reserve();
        if slot.is_none() {
            state.wait(task(), self.now_ms());
        }
        slot
    }

    /// A task waits from now on, unless a slot is free.
    pub(crate) fn enqueue(&self, name: &str, task: QueuedTask) {
        let queue = self.get(name);
        self.change(&queue, |state, now_ms| state.wait(task, now_ms));
    }

    /// A task is no longer wanted.
    pub(crate) fn withdraw(&self, name: &str, execution: ExecutionId, task: TaskRef) {
        self.get(name).state.lock().withdraw(execution, task);
    }

    /// These tasks wait elsewhere from now on, and are claimed there if they were offered.
    pub(crate) fn withdraw_all(&self, is_elsewhere: impl Fn(&QueuedTask) -> bool) {
        let queues: Vec<_> = self.by_name.read().values().cloned().collect();
        queues.iter().for_each(|queue| queue.state.lock().withdraw_all(&is_elsewhere));
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

    /// A session answers an offer. `None` if the offer was withdrawn or has gone to somebody else.
    pub(crate) fn claim(&self, queue: &SharedQueue, execution: ExecutionId, task: TaskRef, session_id: u64) -> Option<Slot> {
        queue.state.lock().claim(execution, task, session_id)
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
            (answer, state.pair(now_ms))
        };
        if !pairs.is_empty() {
            let deliver = self.deliver.get().expect("queues are connected before anything waits in them");
            pairs.into_iter().for_each(|(task, slot)| deliver(task, slot));
        }
        answer
    }

    fn now_ms(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }
}
