//! Reads one queue of the broker, as long as there is one: a task of its own, so that a broker that is slow holds nothing else up.

use std::sync::Arc;
use std::time::Duration;

use baton_task_queue::{Consumer, Delivery, TaskQueue};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::time::sleep;

/// Pauses after the broker has refused the queue.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// What becomes of it.
pub(in crate::session) enum PullEvent {
    /// Messages come from now on.
    Began,
    /// A message.
    Delivered(Delivery),
    /// The broker does not give the queue; it is asked again and again.
    Refused(String),
}

/// Who tells, and of which queue.
pub(in crate::session) struct Told {
    /// Pullers of an earlier round are not listened to any more.
    pub(in crate::session) round: u64,
    pub(in crate::session) queue: usize,
    pub(in crate::session) event: PullEvent,
}

pub(super) struct Puller {
    pub(super) broker: Arc<dyn TaskQueue>,
    /// What the broker calls the queue.
    pub(super) name: String,
    pub(super) round: u64,
    pub(super) queue: usize,
    /// How many messages are wanted at a time.
    pub(super) prefetch: UnboundedReceiver<u16>,
    pub(super) events: UnboundedSender<Told>,
}

impl Puller {
    /// Runs until it is aborted, or nobody is left who could want anything.
    pub(super) async fn run(mut self) {
        let (mut wanted, mut pause) = (0, PAUSE_FIRST);
        loop {
            while wanted == 0 || !self.prefetch.is_empty() {
                let Some(next) = self.prefetch.recv().await else { return };
                wanted = next;
            }
            match self.broker.consume(&self.name, wanted).await {
                Ok(consumer) => {
                    pause = PAUSE_FIRST;
                    self.tell(PullEvent::Began);
                    let Some(last) = self.read(consumer, wanted).await else { return };
                    wanted = last;
                }
                Err(error) => {
                    self.tell(PullEvent::Refused(error.to_string()));
                    sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }

    /// Reads until the connection is gone. Answers how many messages are wanted then; none if nobody is left.
    async fn read(&mut self, mut consumer: Box<dyn Consumer>, mut wanted: u16) -> Option<u16> {
        loop {
            tokio::select! {
                next = self.prefetch.recv() => {
                    wanted = next?;
                    // Only the newest number counts.
                    while let Ok(newer) = self.prefetch.try_recv() {
                        wanted = newer;
                    }
                    if consumer.set_prefetch(wanted).await.is_err() {
                        return Some(wanted);
                    }
                }
                delivery = consumer.next() => match delivery {
                    Some(delivery) => self.tell(PullEvent::Delivered(delivery)),
                    None => return Some(wanted),
                },
            }
        }
    }

    fn tell(&self, event: PullEvent) {
        // A session that has ended hears nothing more; a message in it goes back with the event.
        let _ = self.events.send(Told { round: self.round, queue: self.queue, event });
    }
}
