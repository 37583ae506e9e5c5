//! The broker: queues of messages, each with one consumer's name on it while it is unacknowledged. It loses and repeats when it is told to.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use baton_coordinator::shard::QueuedTask;

use super::random::Random;

#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) number: u64,
    pub(crate) queue: Arc<str>,
    pub(crate) offers: Vec<QueuedTask>,
}

#[derive(Default)]
pub(crate) struct Broker {
    ready: BTreeMap<Arc<str>, VecDeque<Message>>,
    /// By number: who has it.
    unacknowledged: BTreeMap<u64, (usize, Message)>,
    last_number: u64,
    pub(crate) is_up: bool,
}

impl Broker {
    pub(crate) fn publish(&mut self, queue: &Arc<str>, offers: Vec<QueuedTask>) {
        self.last_number += 1;
        let message = Message { number: self.last_number, queue: queue.clone(), offers };
        self.ready.entry(queue.clone()).or_default().push_back(message);
    }

    /// A message for this worker, out of any queue, mostly the oldest.
    pub(crate) fn take(&mut self, worker: usize, random: &mut Random) -> Option<Message> {
        let queues: Vec<_> = self.ready.iter().filter(|(_, messages)| !messages.is_empty()).map(|(name, _)| name.clone()).collect();
        if queues.is_empty() || !self.is_up {
            return None;
        }
        let messages = self.ready.get_mut(&queues[random.below(queues.len() as u64) as usize])?;
        let place = if random.once_in(4) { random.below(messages.len() as u64) as usize } else { 0 };
        let message = messages.remove(place)?;
        self.unacknowledged.insert(message.number, (worker, message.clone()));
        Some(message)
    }

    pub(crate) fn acknowledge(&mut self, number: u64) {
        self.unacknowledged.remove(&number);
    }

    /// The consumer is gone: what it had not acknowledged is delivered again.
    pub(crate) fn consumer_gone(&mut self, worker: usize) {
        let back: Vec<_> = self.unacknowledged.extract_if(.., |_, (of, _)| *of == worker).collect();
        for (_, (_, message)) in back.into_iter().rev() {
            self.ready.entry(message.queue.clone()).or_default().push_front(message);
        }
    }

    /// Some message comes a second time.
    pub(crate) fn repeat(&mut self) {
        let Some((_, (_, message))) = self.unacknowledged.first_key_value() else { return };
        let message = message.clone();
        self.ready.entry(message.queue.clone()).or_default().push_back(message);
    }

    /// Everything is gone, queues and all.
    pub(crate) fn lose_everything(&mut self) {
        self.ready.clear();
        self.unacknowledged.clear();
    }

    /// Messages that nobody has taken; `None` if there is no such queue.
    pub(crate) fn depth(&self, queue: &Arc<str>) -> Option<u64> {
        self.ready.get(queue).map(|messages| messages.len() as u64)
    }
}
