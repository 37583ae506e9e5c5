//! Publishes what is to be offered, hears what becomes of it, and audits what the broker has.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use baton_task_queue::{Offer, QueueError, TaskQueue};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use super::figures::PublisherFigures;
use crate::clock;
use crate::dispatch::{Batch, BatchOffer, Published, Queues, Random, Shape, SharedQueue, TaskToken, TokenKey};
use crate::telemetry::trace::traceparent_of_attempt;

/// A broker that has not confirmed a message after this time does not do so any more.
const CONFIRM_MAX: Duration = Duration::from_secs(10);
/// A message whose connection was lost after this time was not confirmed by a broker that was there.
const SILENT_AFTER: Duration = Duration::from_secs(9);
/// How often the broker is asked what it has.
const AUDIT_INTERVAL: Duration = Duration::from_secs(10);
/// How often the figures are brought up to date.
const FIGURES_INTERVAL: Duration = Duration::from_secs(1);

/// See the module.
pub(super) struct Publisher {
    broker: Arc<dyn TaskQueue>,
    queues: Arc<Queues>,
    key: Arc<TokenKey>,
    random: Random,
    figures: PublisherFigures,
    /// Messages on their way.
    under_way: FuturesUnordered<BoxFuture<'static, Sent>>,
    /// Queues that have something to publish at a later time.
    due: BTreeMap<Arc<str>, Instant>,
    /// The last messages were not taken.
    is_refused: bool,
    /// There has been a connection.
    was_connected: bool,
}

struct Sent {
    queue: Arc<SharedQueue>,
    batch: Batch,
    result: Result<(), QueueError>,
    took: Duration,
}

impl Publisher {
    pub(super) fn new(broker: Arc<dyn TaskQueue>, queues: Arc<Queues>, key: Arc<TokenKey>) -> Self {
        Self {
            broker,
            queues,
            key,
            random: Random::from_system(),
            figures: PublisherFigures::new(),
            under_way: FuturesUnordered::new(),
            due: BTreeMap::new(),
            is_refused: false,
            was_connected: false,
        }
    }

    /// Runs until it is dropped.
    pub(super) async fn run(mut self) {
        let mut link = self.broker.link();
        let mut audit = Box::pin(audits(self.broker.clone(), self.queues.clone()));
        let mut look = interval(FIGURES_INTERVAL);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // It may have changed since the queues were made.
        let mut seen = None;
        loop {
            let now = *link.borrow_and_update();
            if seen != Some(now) {
                let is_new = seen.is_some() || !now.is_up;
                seen = Some(now);
                self.link_changed(now.is_up, is_new);
            }
            let next_due = self.due.values().min().copied();
            tokio::select! {
                changed = link.changed() => if changed.is_err() { return },
                queue = self.queues.to_publish() => self.publish(&queue),
                Some(sent) = self.under_way.next() => self.sent(sent),
                () = sleep_until(next_due.unwrap_or_else(Instant::now)), if next_due.is_some() => self.publish_due(),
                _ = look.tick() => self.show(),
                () = &mut audit => {}
            }
        }
    }

    fn link_changed(&mut self, is_up: bool, is_new: bool) {
        if is_new {
            tracing::info!(is_up, "the connection to the broker has changed; what is not claimed is offered anew");
            self.queues.link_changed(is_up);
        }
        self.is_refused = false;
        self.show_link(is_up);
        let is_another = is_up && std::mem::replace(&mut self.was_connected, true);
        self.figures.reconnects.increment(u64::from(is_another));
        self.publish_all();
    }

    fn publish_all(&mut self) {
        self.queues.all().iter().for_each(|queue| self.publish(queue));
    }

    fn publish_due(&mut self) {
        let now = Instant::now();
        let due: Vec<Arc<str>> = self.due.iter().filter(|(_, at)| **at <= now).map(|(name, _)| name.clone()).collect();
        due.iter().for_each(|name| self.publish(&self.queues.get(name)));
    }

    /// Publishes what the queue has to publish now, and remembers when it has more.
    fn publish(&mut self, queue: &Arc<SharedQueue>) {
        while let Some(batch) = self.queues.next_batch(queue) {
            let offers = batch.offers.iter().map(|offer| self.offer(offer)).collect();
            self.under_way.push(send(self.broker.clone(), queue.clone(), batch, offers).boxed());
        }
        match self.queues.next_due(queue) {
            Some(in_ms) => drop(self.due.insert(queue.name.clone(), Instant::now() + Duration::from_millis(in_ms.max(1)))),
            None => drop(self.due.remove(&queue.name)),
        }
    }

    fn offer(&self, offer: &BatchOffer) -> Offer {
        let (execution, task) = (offer.task.execution.0, offer.task.task);
        let traceparent = traceparent_of_attempt(offer.task.trace_header.as_ref(), execution, task.entry, task.attempt);
        let token = TaskToken { execution: offer.task.execution, task: offer.task.task, shape: Shape::Offered, claim_id: 0 };
        Offer {
            token: self.key.seal(&token),
            offer_no: offer.offer_no,
            scheduled_ms: clock::now() - i64::try_from(offer.waited_ms).unwrap_or(i64::MAX),
            traceparent: traceparent.unwrap_or_default(),
        }
    }

    fn sent(&mut self, sent: Sent) {
        let Sent { queue, batch, result, took } = sent;
        let count = batch.offers.len() as u64;
        let outcome = match &result {
            Ok(()) => {
                self.figures.published.increment(count);
                self.figures.publish_duration.observe(took);
                Published::Confirmed
            }
            Err(QueueError::Away(_)) => {
                self.figures.unconfirmed.increment(count);
                if took >= SILENT_AFTER { Published::Unconfirmed } else { Published::Unknown }
            }
            Err(QueueError::Refused { .. }) => {
                self.figures.refused.increment(count);
                Published::Refused
            }
            Err(QueueError::Foreign { .. }) => {
                self.figures.foreign.increment(count);
                Published::Refused
            }
        };
        let was_refused = std::mem::replace(&mut self.is_refused, result.is_err());
        if let Err(error) = result
            && !was_refused
        {
            tracing::warn!(queue = %queue.name, %error, "an offer was not taken; it is made again");
        }
        self.queues.published(&queue, &batch, outcome, self.random.next_u64());
        self.publish(&queue);
    }

    fn show(&self) {
        for queue in self.queues.all() {
            self.figures.queue(&queue.name, self.queues.take_figures(&queue));
        }
        self.show_link(self.broker.link().borrow().is_up);
    }

    fn show_link(&self, is_up: bool) {
        let gauge = |is_so: bool| f64::from(u8::from(is_so));
        self.figures.connected.set(gauge(is_up));
        self.figures.stalled.set(gauge(!is_up || self.is_refused));
    }
}

async fn send(broker: Arc<dyn TaskQueue>, queue: Arc<SharedQueue>, batch: Batch, offers: Vec<Offer>) -> Sent {
    let began = Instant::now();
    let published = timeout(CONFIRM_MAX, broker.publish(&queue.name, offers)).await;
    let result = published.unwrap_or_else(|_| Err(QueueError::Away("it has not confirmed in time".to_owned())));
    Sent { queue, batch, result, took: began.elapsed() }
}

/// Asks the broker from time to time what it has of each queue with offers in it.
async fn audits(broker: Arc<dyn TaskQueue>, queues: Arc<Queues>) {
    loop {
        tokio::time::sleep(AUDIT_INTERVAL).await;
        for queue in queues.all() {
            if !queues.has_offers(&queue) {
                continue;
            }
            match timeout(CONFIRM_MAX, broker.depth(&queue.name)).await {
                Ok(Ok(depth)) => queues.audited(&queue, depth.map(|depth| depth.ready)),
                Ok(Err(error)) => tracing::debug!(queue = %queue.name, %error, "the broker does not say what it has"),
                Err(_) => tracing::debug!(queue = %queue.name, "the broker does not say in time what it has"),
            }
        }
    }
}
