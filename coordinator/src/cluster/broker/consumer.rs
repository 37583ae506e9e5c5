//! Takes one queue's offers out of the broker for those who serve it at this process, and claims them in their name.
//!
//! A slot is reserved first, so an offer that is claimed has somebody; one that finds no slot in time goes back. Sessions that want offers are told of
//! them, and claim for themselves.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use baton_task_queue::{Consumer, Delivery, Offer, TaskQueue};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

use super::claiming::{Taker, named};
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
    /// Offers without a slot, oldest first.
    waiting: VecDeque<Waiting>,
    /// What the broker was told, and since when.
    prefetch: u16,
    changed_at: Instant,
    in_hand: Arc<InHand>,
}

struct Waiting {
    offer: Offer,
    message: Arc<Message>,
    since: Instant,
}

/// Messages that are not settled.
#[derive(Default)]
struct InHand {
    count: AtomicUsize,
    fewer: Notify,
}

/// A message in hand. The last of its offers that is settled acknowledges it; without that it goes back.
struct Message {
    delivery: parking_lot::Mutex<Option<Delivery>>,
    open: AtomicUsize,
    in_hand: Arc<InHand>,
}

impl Message {
    /// One of its offers was granted, denied or handed back.
    fn settle(&self) {
        if self.open.fetch_sub(1, Ordering::AcqRel) == 1
            && let Some(delivery) = self.delivery.lock().take()
        {
            delivery.acknowledge();
        }
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        self.in_hand.count.fetch_sub(1, Ordering::AcqRel);
        self.in_hand.fewer.notify_one();
    }
}

impl<'a> Reader<'a> {
    fn new(cluster: &'a Cluster, queue: &'a Arc<SharedQueue>, prefetch: u16) -> Self {
        Self { cluster, queue, waiting: VecDeque::new(), prefetch, changed_at: Instant::now(), in_hand: Arc::default() }
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
        while self.in_hand.count.load(Ordering::Acquire) > 0 {
            self.in_hand.fewer.notified().await;
        }
        drop(consumer);
    }

    /// As many messages as slots are free, beside those whose claims are under way; `None` if nobody serves the queue any more.
    fn wanted(&self) -> Option<u16> {
        let free = self.cluster.inner.queues.free_slots(self.queue)?.saturating_sub(self.waiting.len() as u64);
        Some(prefetch_for(free + self.in_hand.count.load(Ordering::Acquire) as u64))
    }

    fn take(&mut self, mut delivery: Delivery) {
        let offers = std::mem::take(&mut delivery.offers);
        if offers.is_empty() {
            return delivery.acknowledge();
        }
        self.in_hand.count.fetch_add(1, Ordering::AcqRel);
        let message = Message { delivery: Some(delivery).into(), open: offers.len().into(), in_hand: self.in_hand.clone() };
        let (message, since) = (Arc::new(message), Instant::now());
        self.waiting.extend(offers.into_iter().map(|offer| Waiting { offer, message: message.clone(), since }));
    }

    fn claim_waiting(&mut self) {
        while let Some(waiting) = self.waiting.front() {
            let Some(TaskToken { execution, task, .. }) = named(self.cluster, &waiting.offer.token) else {
                // Made under another key: whoever has that offers the task again.
                tracing::warn!(queue = %self.queue.name, "an offer is none of ours: another cluster uses the same queue");
                let foreign = self.waiting.pop_front();
                foreign.into_iter().for_each(|Waiting { message, .. }| message.settle());
                continue;
            };
            let Some(taker) = Taker::of(self.cluster, self.queue, execution, task) else { return };
            let Some(Waiting { message, .. }) = self.waiting.pop_front() else { return };
            let taken = taker.take(self.cluster.clone(), self.queue.clone(), execution, task);
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
            && let Some(Waiting { offer, message, .. }) = self.waiting.pop_front()
        {
            count_claim(ClaimOutcome::HandedBack);
            let others = self.waiting.iter().filter(|waiting| Arc::ptr_eq(&waiting.message, &message)).count();
            if message.open.load(Ordering::Acquire) == others + 1 && Arc::strong_count(&message) == others + 1 {
                // Nobody has claimed any of it: dropped, it goes back whole.
                self.waiting.retain(|waiting| !Arc::ptr_eq(&waiting.message, &message));
                continue;
            }
            if let Some(token) = self.cluster.inner.key.open(&offer.token) {
                self.cluster.hand_back(token.execution, token.task);
            }
            message.settle();
        }
    }
}
