//! Consuming: what the broker has sent waits here until it is asked for.
//!
//! A [`Subscription`](super::subscription) fills the inbox and tells the broker how messages ended; this is the side of those who take them.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, oneshot};

use super::acknowledgements::{Acknowledgements, Answer};
use crate::{Consumer, Delivery, Offer, QueueError, Settlement};

/// Most acknowledgements that wait to be told together.
const GROUP_MAX: usize = 32;

/// Between a subscription and who takes from it.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    /// Something has come, or a place has become free, or it has ended: for who takes.
    arrivals: Notify,
    /// There is something to tell the broker: for the subscription.
    work: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Arrival>,
    /// Taken and not ended.
    taken: usize,
    prefetch: usize,
    acknowledgements: Acknowledgements,
    /// Something goes back, for which others may wait.
    is_urgent: bool,
    has_ended: bool,
}

/// A message that was sent and not taken.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) tag: u64,
    pub(super) offers: Vec<Offer>,
    pub(super) is_redelivered: bool,
}

/// Whether, and how soon, the broker is to be told something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Soon,
    Now,
}

impl Inbox {
    pub(super) fn new(prefetch: u16) -> Arc<Self> {
        let inbox = Self::default();
        inbox.state.lock().prefetch = prefetch.into();
        Arc::new(inbox)
    }

    pub(super) fn arrived(&self, arrival: Arrival) {
        let mut state = self.state.lock();
        state.acknowledgements.delivered(arrival.tag);
        state.waiting.push_back(arrival);
        self.arrivals.notify_one();
    }

    /// A message that nobody can use: it ends as it comes.
    pub(super) fn discarded(&self, tag: u64) {
        let mut state = self.state.lock();
        state.acknowledgements.delivered(tag);
        state.acknowledgements.settle(tag, true);
        self.work.notify_one();
    }

    /// Fewer may be out from now on; what waits beyond goes back.
    pub(super) fn give_back_surplus(&self) {
        let mut state = self.state.lock();
        let keep = state.prefetch.saturating_sub(state.taken).min(state.waiting.len());
        for surplus in state.waiting.split_off(keep) {
            state.acknowledgements.settle(surplus.tag, false);
        }
    }

    pub(super) fn due(&self) -> Due {
        let state = self.state.lock();
        let group = (state.prefetch / 4).clamp(1, GROUP_MAX);
        match state.acknowledgements.waiting() {
            0 => Due::Nothing,
            waiting if waiting >= group || state.is_urgent => Due::Now,
            _ => Due::Soon,
        }
    }

    pub(super) fn answers(&self) -> Vec<Answer> {
        let mut state = self.state.lock();
        state.is_urgent = false;
        state.acknowledgements.take()
    }

    pub(super) async fn work(&self) {
        self.work.notified().await;
    }

    pub(super) fn end(&self) {
        let mut state = self.state.lock();
        state.has_ended = true;
        // The broker gives it to others: taken from here, it would be there twice.
        state.waiting.clear();
        self.arrivals.notify_one();
    }

    async fn take(self: &Arc<Self>) -> Option<Delivery> {
        loop {
            {
                let mut state = self.state.lock();
                if state.has_ended {
                    return None;
                }
                if state.taken < state.prefetch
                    && let Some(arrival) = state.waiting.pop_front()
                {
                    state.taken += 1;
                    return Some(Delivery::new(arrival.offers, arrival.is_redelivered, arrival.tag, self.clone()));
                }
            }
            self.arrivals.notified().await;
        }
    }
}

impl Settlement for Inbox {
    fn settle(&self, tag: u64, is_acknowledged: bool) {
        let mut state = self.state.lock();
        state.taken -= 1;
        state.is_urgent |= !is_acknowledged;
        state.acknowledgements.settle(tag, is_acknowledged);
        self.work.notify_one();
        self.arrivals.notify_one();
    }
}

/// What the subscription is asked to do.
pub(super) struct SetPrefetch {
    pub(super) prefetch: u16,
    pub(super) done: oneshot::Sender<Result<(), QueueError>>,
}

/// Dropped, it ends the subscription.
pub(super) struct RabbitConsumer {
    inbox: Arc<Inbox>,
    orders: mpsc::Sender<SetPrefetch>,
}

impl RabbitConsumer {
    pub(super) fn new(inbox: Arc<Inbox>, orders: mpsc::Sender<SetPrefetch>) -> Self {
        Self { inbox, orders }
    }

    async fn change_prefetch(&mut self, prefetch: u16) -> Result<(), QueueError> {
        let before = std::mem::replace(&mut self.inbox.state.lock().prefetch, prefetch.into());
        if before == usize::from(prefetch) {
            return Ok(());
        }
        let gone = || QueueError::Away("the connection of this consumer is gone".to_owned());
        let (done, outcome) = oneshot::channel();
        self.orders.send(SetPrefetch { prefetch, done }).await.map_err(|_| gone())?;
        outcome.await.unwrap_or_else(|_| Err(gone()))
    }
}

impl Consumer for RabbitConsumer {
    fn next(&mut self) -> BoxFuture<'_, Option<Delivery>> {
        self.inbox.take().boxed()
    }

    fn set_prefetch(&mut self, prefetch: u16) -> BoxFuture<'_, Result<(), QueueError>> {
        self.change_prefetch(prefetch).boxed()
    }
}
