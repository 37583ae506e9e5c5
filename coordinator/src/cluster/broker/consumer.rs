//! Takes one queue's offers out of the broker for those who serve it at this process, and claims them in their name.
//!
//! A slot is reserved first, so an offer that is claimed has somebody; one that finds no slot in time goes back. The claim is made under an id of
//! its own, so that a grant which provably has not left can be given to others.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use baton_task_queue::{Consumer, Delivery, Offer, TaskQueue};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

use crate::cluster::{ClaimName, ClaimOutcome, Cluster, count_claim};
use crate::dispatch::{Random, SessionItem, SharedQueue, Slot, TaskToken, new_claim_id};
use crate::shard::Grant;

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
    random: Random,
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
        Self {
            cluster,
            queue,
            random: Random::from_system(),
            waiting: VecDeque::new(),
            prefetch,
            changed_at: Instant::now(),
            in_hand: Arc::default(),
        }
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
        while !self.waiting.is_empty() {
            let Some(slot) = self.cluster.inner.queues.take_slot(self.queue) else { return };
            let Some(Waiting { offer, message, .. }) = self.waiting.pop_front() else { return };
            match self.cluster.inner.key.open(&offer.token) {
                Some(token) => self.claim(slot, token, message),
                None => {
                    // Made under another key: whoever has that offers the task again.
                    tracing::warn!(queue = %self.queue.name, "an offer is none of ours: another cluster uses the same queue");
                    self.cluster.inner.queues.give_back(slot, &self.queue.name);
                    message.settle();
                }
            }
        }
    }

    fn claim(&mut self, slot: Slot, token: TaskToken, message: Arc<Message>) {
        let token = TaskToken { claim_id: new_claim_id(self.random.next_u64()), ..token };
        let claimed = Claimed { cluster: self.cluster.clone(), queue: self.queue.clone() };
        tokio::spawn(claimed.run(slot, token, message));
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

/// One claim for a slot.
struct Claimed {
    cluster: Cluster,
    queue: Arc<SharedQueue>,
}

impl Claimed {
    async fn run(self, slot: Slot, token: TaskToken, message: Arc<Message>) {
        let TaskToken { execution, task, claim_id, .. } = token;
        let claim = slot.claim(claim_id);
        let _listed = self.cluster.list_claim(claim.incarnation, ClaimName { execution, task, claim_id });
        match self.cluster.claim_at_owner(execution, task, claim).await {
            Ok(Some(grant)) => {
                count_claim(ClaimOutcome::Granted);
                self.grant(slot, grant);
            }
            Ok(None) => {
                count_claim(ClaimOutcome::Denied);
                self.cluster.inner.queues.give_back(slot, &self.queue.name);
            }
            Err(error) => {
                // Whether it is granted is not known, and nobody will be told that it is.
                tracing::warn!(%execution, %error, "a claim has no answer; its task is offered again");
                self.cluster.grant_lost(execution, task, claim_id);
                self.cluster.inner.queues.give_back(slot, &self.queue.name);
            }
        }
        message.settle();
    }

    fn grant(&self, slot: Slot, grant: Box<Grant>) {
        let (execution, task, claim_id) = (grant.execution, grant.activation.task, grant.claim.claim_id);
        let is_lost = match slot {
            Slot::Session { session, queue } => session.push(SessionItem::Grant { grant, queue, is_claimed: false }).is_err(),
            Slot::Poller(poller) => poller.reply.send(grant).is_err(),
            Slot::Asked(_) | Slot::Claimant(_) => unreachable!("a queue gives out slots of sessions and pollers"),
        };
        if is_lost {
            // It has provably not left: this claim is known to nobody else, and the session was gone before.
            self.cluster.grant_lost(execution, task, claim_id);
        }
    }
}
