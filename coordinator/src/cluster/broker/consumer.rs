//! Takes one queue's offers out of the broker for those who serve it at this process, and claims them in their name.
//!
//! A slot is reserved first, so an offer that is claimed has somebody; one that finds no slot in time goes back. Sessions that want offers are told of
//! them, and claim for themselves.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use baton_task_queue::{Consumer, Delivery, Offer, TaskQueue};
use tokio::time::{Instant, sleep, sleep_until};

use super::claiming::{Taker, named};
use super::in_hand::{InHand, Message};
use crate::cluster::{ClaimOutcome, Cluster, count_claim};
use crate::dispatch::{SharedQueue, TaskToken};

/// An offer that has found no slot in this time goes back.
const HOLD_MAX: Duration = Duration::from_millis(100);
/// The broker is told of other numbers of free slots at most this often.
const CHANGE_PAUSE: Duration = Duration::from_millis(20);
/// Pauses after the broker has refused the queue.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);
const PREFETCH_MAX: u64 = 2_048;

/// Consumes the queue as long as somebody serves it here.
pub(super) async fn run(cluster: Cluster, broker: Arc<dyn TaskQueue>, queue: Arc<SharedQueue>) {
    let (mut link, mut pause) = (broker.link(), PAUSE_FIRST);
    while let Some(free) = cluster.inner.queues.free_slots(&queue) {
        if free == 0 || !link.borrow_and_update().is_up {
            tokio::select! {
                () = queue.demand.notified() => {}
                changed = link.changed() => if changed.is_err() { return },
            }
            continue;
        }
        match broker.consume(&queue.name, prefetch_for(free)).await {
            Ok(consumer) => {
                pause = PAUSE_FIRST;
                if Reader::new(&cluster, &queue, prefetch_for(free)).read(consumer).await == End::Unserved {
                    return;
                }
            }
            Err(error) => {
                tracing::debug!(queue = %queue.name, %error, "the broker does not give a queue");
                sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}

fn prefetch_for(slots: u64) -> u16 {
    slots.min(PREFETCH_MAX) as u16
}

/// Why nothing more is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The connection is gone.
    Disconnected,
    /// Nobody serves the queue here any more. If somebody does by now, it is consumed anew by another.
    Unserved,
}

struct Reader<'a> {
    cluster: &'a Cluster,
    queue: &'a Arc<SharedQueue>,
    /// Those with offers that have no slot, oldest first.
    waiting: VecDeque<Waiting>,
    /// Offers that a message carries, as of late; at least 1.
    offers_per_message: f64,
    /// What the broker was told, and since when.
    prefetch: u16,
    changed_at: Instant,
    in_hand: Arc<InHand>,
}

/// A message of which some offers have no slot.
struct Waiting {
    /// Those, in order.
    offers: VecDeque<Offer>,
    /// How many it came with.
    came: usize,
    message: Arc<Message>,
    since: Instant,
}

impl<'a> Reader<'a> {
    fn new(cluster: &'a Cluster, queue: &'a Arc<SharedQueue>, prefetch: u16) -> Self {
        let (waiting, changed_at) = (VecDeque::new(), Instant::now());
        Self { cluster, queue, waiting, offers_per_message: 1.0, prefetch, changed_at, in_hand: Arc::default() }
    }

    /// Reads until the connection is gone or nobody serves the queue here any more.
    async fn read(mut self, mut consumer: Box<dyn Consumer>) -> End {
        loop {
            self.claim_waiting();
            self.give_back();
            let Some(wanted) = self.wanted() else {
                self.settle_rest(consumer).await;
                return End::Unserved;
            };
            let may_change = self.changed_at + CHANGE_PAUSE;
            if wanted != self.prefetch && Instant::now() >= may_change {
                (self.prefetch, self.changed_at) = (wanted, Instant::now());
                if consumer.set_prefetch(wanted).await.is_err() {
                    return End::Disconnected;
                }
            }
            let overdue = self.waiting.front().map(|waiting| waiting.since + HOLD_MAX);
            let wake = [overdue, (wanted != self.prefetch).then_some(may_change)].into_iter().flatten().min();
            tokio::select! {
                delivery = consumer.next() => match delivery {
                    Some(delivery) => self.take(delivery),
                    None => return End::Disconnected,
                },
                () = self.queue.demand.notified() => {}
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {}
            }
        }
    }

    /// Nobody serves the queue here any more. What has no slot goes back; what is being claimed is acknowledged when the claims are answered: a
    /// message whose consumer has gone before goes to others, who would claim it in vain, and each of them anew if they do the same.
    async fn settle_rest(mut self, consumer: Box<dyn Consumer>) {
        self.give_back_before(Instant::now() + HOLD_MAX);
        self.in_hand.all_settled().await;
        drop(consumer);
    }

    /// As many messages as have offers for the slots that are free, beside those in hand; `None` if nobody serves the queue any more.
    fn wanted(&self) -> Option<u16> {
        let waiting: usize = self.waiting.iter().map(|waiting| waiting.offers.len()).sum();
        let free = self.cluster.inner.queues.free_slots(self.queue)?.saturating_sub(waiting as u64);
        let messages = (free as f64 / self.offers_per_message).ceil() as u64;
        Some(prefetch_for(messages + self.in_hand.count() as u64))
    }

    fn take(&mut self, mut delivery: Delivery) {
        let offers = std::mem::take(&mut delivery.offers);
        if offers.is_empty() {
            return delivery.acknowledge();
        }
        let came = offers.len();
        self.offers_per_message += (came as f64 - self.offers_per_message) / 8.0;
        let message = self.in_hand.take(delivery, came);
        self.waiting.push_back(Waiting { offers: offers.into(), came, message, since: Instant::now() });
    }

    fn claim_waiting(&mut self) {
        while let Some(Waiting { offers, message, .. }) = self.waiting.front_mut() {
            let Some(offer) = offers.front() else {
                self.waiting.pop_front();
                continue;
            };
            let Some(TaskToken { execution, task, .. }) = named(self.cluster, &offer.token) else {
                // Made under another key: whoever has that offers the task again.
                tracing::warn!(queue = %self.queue.name, "an offer is none of ours: another cluster uses the same queue");
                offers.pop_front();
                message.settle();
                continue;
            };
            let Some(taker) = Taker::of(self.cluster, self.queue, execution, task) else { return };
            offers.pop_front();
            let (taken, message) = (taker.take(self.cluster.clone(), self.queue.clone(), execution, task), message.clone());
            tokio::spawn(async move {
                // What nobody has answered goes back with its message.
                if taken.await {
                    message.settle();
                }
            });
        }
    }

    /// Gives back what has waited too long: with its message, or by a word to the owner when others of the message have been claimed.
    fn give_back(&mut self) {
        self.give_back_before(Instant::now());
    }

    /// As [`give_back`](Self::give_back) would then.
    fn give_back_before(&mut self, then: Instant) {
        while self.waiting.front().is_some_and(|waiting| waiting.since + HOLD_MAX <= then)
            && let Some(Waiting { offers, came, message, .. }) = self.waiting.pop_front()
        {
            offers.iter().for_each(|_| count_claim(ClaimOutcome::HandedBack));
            if offers.len() == came {
                // Nobody has claimed any of it: dropped, it goes back whole.
                continue;
            }
            for offer in offers {
                if let Some(token) = self.cluster.inner.key.open(&offer.token) {
                    self.cluster.hand_back(token.execution, token.task);
                }
                message.settle();
            }
        }
    }
}
