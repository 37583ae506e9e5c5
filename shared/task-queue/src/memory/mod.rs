//! A broker inside the process, for tests and the simulation: clones share it.
//!
//! It runs no task and reads no clock: everything happens inside the calls, in an order that follows from them and from the seed. What goes wrong
//! with single messages is drawn ([`Faults`]); what happens to the broker as a whole is a call.

mod broker;
mod faults;
#[cfg(test)]
mod tests;

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use parking_lot::Mutex;
use tokio::sync::watch;

use self::broker::{Broker, Message, Taken};
pub use self::faults::Faults;
use crate::{Consumer, Delivery, Depth, Link, OFFERS_PER_MESSAGE_MAX, Offer, QueueError, Settlement, TaskQueue};

/// A broker in memory.
#[derive(Clone)]
pub struct MemoryQueue {
    broker: Arc<Mutex<Broker>>,
    link: Arc<watch::Sender<Link>>,
}

impl MemoryQueue {
    /// An empty broker that is there, as generation 1. The seed decides what [`Faults`] hit.
    pub fn new(seed: u64) -> Self {
        let link = watch::Sender::new(Link { is_up: true, generation: 1 });
        Self { broker: Arc::new(Mutex::new(Broker::new(seed))), link: Arc::new(link) }
    }

    /// From now on.
    pub fn set_faults(&self, faults: Faults) {
        self.broker.lock().faults = faults;
    }

    /// The connection is lost: calls fail, consumers end, and what they had not acknowledged goes back.
    pub fn go_away(&self) {
        self.link.send_modify(|link| link.is_up = false);
        self.broker.lock().end_all_consumers();
    }

    /// There is a connection again, with what is in the queues, as the next generation. Without effect while there is one.
    pub fn come_back(&self) {
        self.link.send_if_modified(|link| {
            let was_up = std::mem::replace(&mut link.is_up, true);
            link.generation += u64::from(!was_up);
            !was_up
        });
    }

    /// Loses every message, those too that are taken and not acknowledged. Nobody is told.
    pub fn empty(&self) {
        self.broker.lock().empty();
    }

    /// Loses a queue with all that is in it. Nobody is told; who consumes it goes on with a new one.
    pub fn delete(&self, queue: &str) {
        self.broker.lock().delete(queue);
    }

    fn take(&self, queue: &str, offers: Vec<Offer>) -> Result<(), QueueError> {
        self.connected()?;
        let mut broker = self.broker.lock();
        let mut outcome = Ok(());
        for offers in offers.chunks(OFFERS_PER_MESSAGE_MAX) {
            let Faults { refused, unconfirmed, .. } = broker.faults;
            if broker.dice.hits(refused) {
                outcome = Err(QueueError::Refused { queue: queue.to_owned(), reason: "told to".to_owned() });
                continue;
            }
            broker.put(queue, Message { offers: offers.to_vec(), is_redelivered: false });
            if broker.dice.hits(unconfirmed) {
                outcome = Err(QueueError::Away("told to lose the confirmation".to_owned()));
            }
        }
        outcome
    }

    fn connected(&self) -> Result<(), QueueError> {
        if self.link.borrow().is_up { Ok(()) } else { Err(away()) }
    }
}

fn away() -> QueueError {
    QueueError::Away("told to be".to_owned())
}

impl TaskQueue for MemoryQueue {
    fn publish<'a>(&'a self, queue: &'a str, offers: Vec<Offer>) -> BoxFuture<'a, Result<(), QueueError>> {
        async move { self.take(queue, offers) }.boxed()
    }

    fn consume<'a>(&'a self, queue: &'a str, prefetch: u16) -> BoxFuture<'a, Result<Box<dyn Consumer>, QueueError>> {
        async move {
            self.connected()?;
            let id = self.broker.lock().consume(queue, prefetch);
            let place = Arc::new(Place { broker: self.broker.clone(), queue: queue.to_owned(), consumer: id });
            Ok(Box::new(MemoryConsumer(place)) as Box<dyn Consumer>)
        }
        .boxed()
    }

    fn depth<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, Result<Option<Depth>, QueueError>> {
        async move { self.connected().map(|()| self.broker.lock().depth(queue)) }.boxed()
    }

    fn link(&self) -> watch::Receiver<Link> {
        self.link.subscribe()
    }
}

impl fmt::Debug for MemoryQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryQueue").field("link", &*self.link.borrow()).finish_non_exhaustive()
    }
}

/// Which consumer of which queue.
struct Place {
    broker: Arc<Mutex<Broker>>,
    queue: String,
    consumer: u64,
}

impl Settlement for Place {
    fn settle(&self, tag: u64, is_acknowledged: bool) {
        self.broker.lock().settle(&self.queue, self.consumer, tag, is_acknowledged);
    }
}

struct MemoryConsumer(Arc<Place>);

impl Consumer for MemoryConsumer {
    fn next(&mut self) -> BoxFuture<'_, Option<Delivery>> {
        let place = &self.0;
        poll_fn(move |context| match place.broker.lock().take(&place.queue, place.consumer, context.waker()) {
            Taken::Message { tag, message } => Poll::Ready(Some(Delivery::new(message.offers, message.is_redelivered, tag, place.clone()))),
            Taken::NothingYet => Poll::Pending,
            Taken::Ended => Poll::Ready(None),
        })
        .boxed()
    }

    fn set_prefetch(&mut self, prefetch: u16) -> BoxFuture<'_, Result<(), QueueError>> {
        let is_there = self.0.broker.lock().set_prefetch(&self.0.queue, self.0.consumer, prefetch);
        ready(if is_there { Ok(()) } else { Err(away()) }).boxed()
    }
}

impl Drop for MemoryConsumer {
    fn drop(&mut self) {
        self.0.broker.lock().end_consumer(&self.0.queue, self.0.consumer);
    }
}
