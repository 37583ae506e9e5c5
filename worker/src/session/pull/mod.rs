//! Offers that come from a message broker: the messages in hand, and what is to become of each.
//!
//! A message is acknowledged when each of its offers was granted, denied or handed back. Nothing is held for long: an offer that finds no slot
//! goes back, with its message or, when others of the message have been claimed, by a word to the coordinator. Pullers live as long as there
//! are a session to claim over and a connection to the broker; what is in hand when either ends goes to others.

mod prefetch;
mod puller;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use baton_task_queue::{Delivery, Link, TaskQueue};
use bytes::Bytes;
use foldhash::fast::RandomState;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::offers::PendingClaims;
use super::queues::Queues;
use prefetch::Prefetch;
pub(super) use puller::{PullEvent, Told};

/// An offer that has found no slot in this time goes back.
const HOLD_MAX: Duration = Duration::from_millis(100);

/// Number of a message in hand.
pub(super) type DeliveryNumber = u64;

/// See the module.
pub(super) struct Pulls {
    source: Option<Source>,
    pullers: HashMap<usize, Pulled, RandomState>,
    deliveries: HashMap<DeliveryNumber, InHand, RandomState>,
    last_number: DeliveryNumber,
    events_sender: mpsc::UnboundedSender<Told>,
    events: mpsc::UnboundedReceiver<Told>,
    round: u64,
}

struct Source {
    broker: Arc<dyn TaskQueue>,
    link: watch::Receiver<Link>,
}

/// A queue that is pulled from.
struct Pulled {
    prefetch: Prefetch,
    tell_prefetch: mpsc::UnboundedSender<u16>,
    task: AbortHandle,
    /// Offers without a slot, oldest first.
    waiting: VecDeque<WaitingOffer>,
    messages: usize,
    was_refused: bool,
}

struct WaitingOffer {
    token: Bytes,
    delivery: DeliveryNumber,
    since: Instant,
}

/// A message that is not acknowledged.
struct InHand {
    message: Delivery,
    queue: usize,
    /// Offers that are neither answered nor handed back.
    open: usize,
    has_claims: bool,
}

/// Something for the session to look at.
pub(super) enum PullNews {
    Told(Told),
    /// The connection to the broker has come or gone.
    Link(Link),
}

impl Pulls {
    pub(super) fn new(broker: Option<Arc<dyn TaskQueue>>) -> Self {
        let (events_sender, events) = mpsc::unbounded_channel();
        let source = broker.map(|broker| Source { link: broker.link(), broker });
        let (pullers, deliveries) = Default::default();
        Self { source, pullers, deliveries, last_number: 0, events_sender, events, round: 0 }
    }

    /// Whether offers can be expected from a broker now.
    pub(super) fn is_link_up(&self) -> bool {
        self.source.as_ref().is_some_and(|source| source.link.borrow().is_up)
    }

    /// Waits for what happens next. Cancel-safe.
    pub(super) async fn next(&mut self) -> PullNews {
        let Some(source) = &mut self.source else { return std::future::pending().await };
        tokio::select! {
            told = self.events.recv() => PullNews::Told(told.expect("a sender is kept here")),
            changed = source.link.changed() => match changed {
                Ok(()) => PullNews::Link(*source.link.borrow_and_update()),
                // A broker that is no more comes back no more.
                Err(_) => std::future::pending().await,
            },
        }
    }

    /// What else has come.
    pub(super) fn try_next(&mut self) -> Option<Told> {
        self.events.try_recv().ok()
    }

    /// Pulls from this queue from now on, which the broker calls so.
    pub(super) fn begin(&mut self, queue: usize, name: String) {
        let Some(source) = &self.source else { return };
        let (tell_prefetch, prefetch) = mpsc::unbounded_channel();
        let (broker, events) = (source.broker.clone(), self.events_sender.clone());
        let puller = puller::Puller { broker, name, round: self.round, queue, prefetch, events };
        let task = tokio::spawn(puller.run()).abort_handle();
        let prefetch = Prefetch::new(Instant::now());
        let pulled = Pulled { prefetch, tell_prefetch, task, waiting: VecDeque::new(), messages: 0, was_refused: false };
        self.pullers.insert(queue, pulled);
    }

    /// Takes nothing more; what is in hand goes to others, unless they find that it is claimed.
    pub(super) fn end(&mut self) {
        self.round += 1;
        self.pullers.drain().for_each(|(_, pulled)| pulled.task.abort());
        self.deliveries.clear();
    }

    /// Takes note of what a puller tells. Answers whether the queue is pulled from, if that is new.
    pub(super) fn on_told(&mut self, told: Told) -> Option<(usize, bool)> {
        let Told { round, queue, event } = told;
        let pulled = self.pullers.get_mut(&queue).filter(|_| round == self.round)?;
        match event {
            PullEvent::Began => {
                pulled.was_refused = false;
                Some((queue, true))
            }
            PullEvent::Refused(reason) => {
                if !std::mem::replace(&mut pulled.was_refused, true) {
                    tracing::warn!(reason, "the broker does not give a queue; its tasks come over the session meanwhile");
                }
                Some((queue, false))
            }
            PullEvent::Delivered(message) => {
                self.on_delivered(queue, message);
                None
            }
        }
    }

    fn on_delivered(&mut self, queue: usize, mut message: Delivery) {
        let pulled = self.pullers.get_mut(&queue).expect("looked at before");
        self.last_number += 1;
        let (delivery, since) = (self.last_number, Instant::now());
        let offers = std::mem::take(&mut message.offers);
        if offers.is_empty() {
            return message.acknowledge();
        }
        pulled.prefetch.delivered(offers.len());
        pulled.messages += 1;
        self.deliveries.insert(delivery, InHand { message, queue, open: offers.len(), has_claims: false });
        pulled.waiting.extend(offers.into_iter().map(|offer| WaitingOffer { token: offer.token, delivery, since }));
    }

    /// Claims what there are slots for, and sees to it that as much comes as there will be slots for.
    pub(super) fn claim(&mut self, queues: &mut Queues, claims: &mut PendingClaims) {
        let freed = queues.take_freed();
        let now = Instant::now();
        for (&queue, pulled) in &mut self.pullers {
            if let Some(slots) = freed.get(&queue) {
                pulled.prefetch.freed(*slots, queues.capacity(queue), now);
            }
            while queues.free_beside_credits(queue) > 0
                && let Some(offer) = pulled.waiting.pop_front()
            {
                queues.take_pulled_slot(queue);
                if let Some(in_hand) = self.deliveries.get_mut(&offer.delivery) {
                    in_hand.has_claims = true;
                }
                claims.claim(offer.token, queue, Some(offer.delivery));
            }
            let free = queues.free_beside_credits(queue);
            if let Some(wanted) = pulled.prefetch.change(queues.capacity(queue), free, pulled.messages, now) {
                // A puller ends only with its queue.
                let _ = pulled.tell_prefetch.send(wanted);
            }
        }
    }

    /// An offer of this message was granted, denied or handed back.
    pub(super) fn settle(&mut self, delivery: DeliveryNumber) {
        let Some(in_hand) = self.deliveries.get_mut(&delivery) else { return };
        in_hand.open -= 1;
        if in_hand.open == 0
            && let Some(in_hand) = self.take(delivery)
        {
            in_hand.message.acknowledge();
        }
    }

    fn take(&mut self, delivery: DeliveryNumber) -> Option<InHand> {
        let in_hand = self.deliveries.remove(&delivery)?;
        if let Some(pulled) = self.pullers.get_mut(&in_hand.queue) {
            pulled.messages -= 1;
        }
        Some(in_hand)
    }

    /// Gives back what has waited too long for a slot.
    pub(super) fn give_back(&mut self, claims: &mut PendingClaims, now: Instant) {
        let queues: Vec<usize> = self.pullers.iter().filter(|(_, pulled)| pulled.is_overdue(now)).map(|(queue, _)| *queue).collect();
        for queue in queues {
            while let Some(offer) = self.pullers.get_mut(&queue).and_then(|pulled| pulled.take_overdue(now)) {
                if self.deliveries.get(&offer.delivery).is_some_and(|in_hand| in_hand.has_claims) {
                    claims.release(offer.token);
                    self.settle(offer.delivery);
                } else {
                    // Dropped without an acknowledgement, and all of its offers with it.
                    drop(self.take(offer.delivery));
                    if let Some(pulled) = self.pullers.get_mut(&queue) {
                        pulled.waiting.retain(|other| other.delivery != offer.delivery);
                    }
                }
            }
        }
    }

    /// When the next of all this is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.pullers.values().flat_map(|pulled| [pulled.prefetch.due(), pulled.overdue_at()]).flatten().min()
    }
}

impl Pulled {
    fn overdue_at(&self) -> Option<Instant> {
        self.waiting.front().map(|offer| offer.since + HOLD_MAX)
    }

    fn is_overdue(&self, now: Instant) -> bool {
        self.overdue_at().is_some_and(|at| at <= now)
    }

    fn take_overdue(&mut self, now: Instant) -> Option<WaitingOffer> {
        if !self.is_overdue(now) {
            return None;
        }
        self.prefetch.returned();
        self.waiting.pop_front()
    }
}

impl Drop for Pulls {
    fn drop(&mut self) {
        self.end();
    }
}
