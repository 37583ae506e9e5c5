//! The state of the broker: queues, their consumers, and who has what unacknowledged.
//!
//! It pushes as a real broker does: a message belongs to a consumer as soon as its prefetch allows, in turn, whether or not it has asked.

use std::collections::{BTreeMap, VecDeque};
use std::task::Waker;

use super::faults::{Dice, Faults};
use crate::{Depth, Offer};

#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) offers: Vec<Offer>,
    pub(super) is_redelivered: bool,
}

#[derive(Debug)]
pub(super) struct Broker {
    pub(super) faults: Faults,
    pub(super) dice: Dice,
    queues: BTreeMap<String, Queue>,
    last_consumer: u64,
    last_tag: u64,
}

#[derive(Debug, Default)]
struct Queue {
    ready: VecDeque<Message>,
    consumers: BTreeMap<u64, Inbox>,
    /// Whose turn it was last.
    served_last: u64,
}

/// What one consumer has been given.
#[derive(Debug, Default)]
struct Inbox {
    prefetch: usize,
    /// Given, and not yet taken by [`Broker::take`].
    waiting: VecDeque<(u64, Message)>,
    /// Taken and not acknowledged.
    taken: BTreeMap<u64, Message>,
    waker: Option<Waker>,
}

impl Inbox {
    fn unacknowledged(&self) -> usize {
        self.waiting.len() + self.taken.len()
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// What a consumer finds when it asks.
pub(super) enum Taken {
    Message {
        tag: u64,
        message: Message,
    },
    /// The waker will be called.
    NothingYet,
    /// The connection of this consumer is gone.
    Ended,
}

impl Broker {
    pub(super) fn new(seed: u64) -> Self {
        Self { faults: Faults::default(), dice: Dice::new(seed), queues: BTreeMap::new(), last_consumer: 0, last_tag: 0 }
    }

    /// Puts a message in, with what may go wrong with it.
    pub(super) fn put(&mut self, name: &str, message: Message) {
        let Faults { lost, repeated, reordered, .. } = self.faults;
        if self.dice.hits(lost) {
            self.declare(name);
            return;
        }
        let copies = if self.dice.hits(repeated) { 2 } else { 1 };
        for _ in 0..copies {
            let length = self.declare(name).ready.len();
            let at = if self.dice.hits(reordered) { self.dice.below(length + 1) } else { length };
            self.declare(name).ready.insert(at, message.clone());
        }
        self.hand_out(name);
    }

    pub(super) fn consume(&mut self, name: &str, prefetch: u16) -> u64 {
        self.last_consumer += 1;
        let consumer = self.last_consumer;
        self.declare(name).consumers.insert(consumer, Inbox { prefetch: prefetch.into(), ..Inbox::default() });
        self.hand_out(name);
        consumer
    }

    pub(super) fn take(&mut self, name: &str, consumer: u64, waker: &Waker) -> Taken {
        let Some(inbox) = self.inbox(name, consumer) else {
            return Taken::Ended;
        };
        let Some((tag, message)) = inbox.waiting.pop_front() else {
            inbox.waker = Some(waker.clone());
            return Taken::NothingYet;
        };
        inbox.taken.insert(tag, message.clone());
        Taken::Message { tag, message }
    }

    /// False if there is no such consumer any more.
    pub(super) fn set_prefetch(&mut self, name: &str, consumer: u64, prefetch: u16) -> bool {
        let Some(inbox) = self.inbox(name, consumer) else {
            return false;
        };
        inbox.prefetch = prefetch.into();
        let too_many = inbox.unacknowledged().saturating_sub(prefetch.into()).min(inbox.waiting.len());
        let keep = inbox.waiting.len() - too_many;
        let back = inbox.waiting.split_off(keep);
        self.put_back(name, back.into_iter().map(|(_, message)| message));
        true
    }

    /// Nothing happens if the consumer or its queue is gone: the message has gone back with it.
    pub(super) fn settle(&mut self, name: &str, consumer: u64, tag: u64, is_acknowledged: bool) {
        let Some(message) = self.inbox(name, consumer).and_then(|inbox| inbox.taken.remove(&tag)) else {
            return;
        };
        let back = (!is_acknowledged).then_some(message);
        self.put_back(name, back.into_iter());
    }

    pub(super) fn end_consumer(&mut self, name: &str, consumer: u64) {
        let Some(mut inbox) = self.queues.get_mut(name).and_then(|queue| queue.consumers.remove(&consumer)) else {
            return;
        };
        inbox.wake();
        let mut back: BTreeMap<u64, Message> = inbox.waiting.into_iter().collect();
        back.append(&mut inbox.taken);
        self.put_back(name, back.into_values());
    }

    /// Every connection ends: what nobody has acknowledged is there again.
    pub(super) fn end_all_consumers(&mut self) {
        let all: Vec<(String, u64)> =
            self.queues.iter().flat_map(|(name, queue)| queue.consumers.keys().map(|consumer| (name.clone(), *consumer))).collect();
        for (name, consumer) in all {
            self.end_consumer(&name, consumer);
        }
    }

    /// Every message is gone, the unacknowledged ones too. Queues and consumers stay.
    pub(super) fn empty(&mut self) {
        for queue in self.queues.values_mut() {
            queue.ready.clear();
            for inbox in queue.consumers.values_mut() {
                inbox.waiting.clear();
                inbox.taken.clear();
            }
        }
    }

    /// The queue is gone with all that is in it; those who consumed it stay with a new one of the same name.
    pub(super) fn delete(&mut self, name: &str) {
        let Some(old) = self.queues.remove(name) else {
            return;
        };
        let consumers =
            old.consumers.into_iter().map(|(id, inbox)| (id, Inbox { prefetch: inbox.prefetch, waker: inbox.waker, ..Inbox::default() }));
        let consumers: BTreeMap<u64, Inbox> = consumers.collect();
        if !consumers.is_empty() {
            self.declare(name).consumers = consumers;
        }
    }

    pub(super) fn depth(&self, name: &str) -> Option<Depth> {
        let queue = self.queues.get(name)?;
        Some(Depth { ready: queue.ready.len() as u64, consumers: queue.consumers.len() as u64 })
    }

    fn declare(&mut self, name: &str) -> &mut Queue {
        self.queues.entry(name.to_owned()).or_default()
    }

    fn inbox(&mut self, name: &str, consumer: u64) -> Option<&mut Inbox> {
        self.queues.get_mut(name)?.consumers.get_mut(&consumer)
    }

    /// To the front, in their order, as a real broker does as far as it can.
    fn put_back(&mut self, name: &str, messages: impl DoubleEndedIterator<Item = Message>) {
        let Some(queue) = self.queues.get_mut(name) else {
            return;
        };
        for message in messages.rev() {
            queue.ready.push_front(Message { is_redelivered: true, ..message });
        }
        self.hand_out(name);
    }

    /// Gives what is ready to consumers that may have more, in turn.
    fn hand_out(&mut self, name: &str) {
        let Some(queue) = self.queues.get_mut(name) else {
            return;
        };
        while !queue.ready.is_empty() {
            let Some(consumer) = queue.next_free() else {
                return;
            };
            let message = queue.ready.pop_front().expect("it is not empty");
            queue.served_last = consumer;
            self.last_tag += 1;
            let inbox = queue.consumers.get_mut(&consumer).expect("next_free names one that is there");
            inbox.waiting.push_back((self.last_tag, message));
            inbox.wake();
        }
    }
}

impl Queue {
    fn next_free(&self) -> Option<u64> {
        let after = self.consumers.range(self.served_last + 1..);
        let before = self.consumers.range(..=self.served_last);
        after.chain(before).find(|(_, inbox)| inbox.unacknowledged() < inbox.prefetch).map(|(consumer, _)| *consumer)
    }
}
