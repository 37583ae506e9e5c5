//! A channel that consumes one queue: the task between the broker and an inbox.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, ChannelState, Connection};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::acknowledgements::Answer;
use super::backoff::Backoff;
use super::consumer::{Arrival, Due, Inbox, RabbitConsumer, SetPrefetch};
use super::settings::QueueType;
use super::{errors, message, normal_close, topology};
use crate::QueueError;

/// How long an acknowledgement waits for others.
const GROUP_PAUSE: Duration = Duration::from_millis(5);
/// For a consumer to be made or ended.
const PATIENCE: Duration = Duration::from_secs(15);

pub(super) struct Subscription {
    connection: Arc<Connection>,
    channel: Channel,
    /// At the broker.
    queue: String,
    queue_type: QueueType,
    inbox: Arc<Inbox>,
    orders: mpsc::Receiver<SetPrefetch>,
    prefetch: u16,
    /// None while the prefetch is 0.
    deliveries: Option<lapin::Consumer>,
    /// Consumers that this channel has had.
    consumers: u32,
}

impl Subscription {
    /// Makes the queue, subscribes, and goes on as a task of its own until the consumer is dropped or the connection is gone.
    pub(super) async fn start(
        connection: Arc<Connection>,
        queue: String,
        queue_type: QueueType,
        prefetch: u16,
    ) -> Result<RabbitConsumer, QueueError> {
        let channel = topology::declare_queue(&connection, &queue, queue_type).await?;
        let (sender, orders) = mpsc::channel(1);
        let inbox = Inbox::new(prefetch);
        let consumer = RabbitConsumer::new(inbox.clone(), sender);
        let mut subscription = Self { connection, channel, queue, queue_type, inbox, orders, prefetch, deliveries: None, consumers: 0 };
        subscription.subscribe().await.map_err(|error| errors::of_declaration(&subscription.queue, &error))?;
        tokio::spawn(subscription.run());
        Ok(consumer)
    }

    async fn run(mut self) {
        if let Err(error) = self.serve().await {
            tracing::debug!(queue = self.queue, %error, "a subscription has ended");
        }
        self.inbox.end();
        // What was acknowledged before the consumer was dropped is not to come back.
        if self.answer().await.is_ok() {
            normal_close(&self.channel).await;
        }
    }

    /// Until the consumer is dropped.
    async fn serve(&mut self) -> lapin::Result<()> {
        let mut answer_at: Option<Instant> = None;
        let inbox = self.inbox.clone();
        loop {
            tokio::select! {
                delivery = next(&mut self.deliveries) => match delivery {
                    Some(delivery) => self.receive(delivery?),
                    None => self.make_again().await?,
                },
                () = inbox.work() => {}
                () = until(answer_at) => {
                    self.answer().await?;
                    answer_at = None;
                }
                order = self.orders.recv() => match order {
                    Some(order) => self.carry_out(order).await?,
                    None => return Ok(()),
                },
            }
            match self.inbox.due() {
                Due::Nothing => {}
                Due::Soon => {
                    answer_at.get_or_insert_with(|| Instant::now() + GROUP_PAUSE);
                }
                Due::Now => {
                    self.answer().await?;
                    answer_at = None;
                }
            }
        }
    }

    fn receive(&self, delivery: lapin::message::Delivery) {
        let tag = delivery.delivery_tag;
        match message::decode(&delivery.data, &delivery.properties) {
            Ok(offers) => self.inbox.arrived(Arrival { tag, offers, is_redelivered: delivery.redelivered }),
            Err(reason) => {
                // Put back, it would come again for ever.
                tracing::warn!(
                    queue = self.queue,
                    exchange = %delivery.exchange,
                    reason,
                    bytes = delivery.data.len(),
                    body = message::excerpt(&delivery.data),
                    "a message that is not an offer is dropped"
                );
                self.inbox.discarded(tag);
            }
        }
    }

    async fn answer(&self) -> lapin::Result<()> {
        for answer in self.inbox.answers() {
            match answer {
                Answer::Acknowledge(tag) => self.channel.basic_ack(tag, BasicAckOptions { multiple: false }).await?,
                Answer::AcknowledgeUpTo(tag) => self.channel.basic_ack(tag, BasicAckOptions { multiple: true }).await?,
                Answer::Return(tag) => self.channel.basic_nack(tag, BasicNackOptions { multiple: false, requeue: true }).await?,
            }
        }
        Ok(())
    }

    async fn carry_out(&mut self, SetPrefetch { prefetch, done }: SetPrefetch) -> lapin::Result<()> {
        self.prefetch = prefetch;
        let outcome = self.subscribe().await;
        // Who asked may have gone.
        let _ = done.send(outcome.as_ref().copied().map_err(errors::away));
        outcome
    }

    /// With the prefetch as it is now. The broker counts it for each consumer from its beginning, so another one is made on the same channel, which
    /// goes on knowing what is unacknowledged.
    async fn subscribe(&mut self) -> lapin::Result<()> {
        let late = || std::io::Error::new(std::io::ErrorKind::TimedOut, "the broker does not answer a consumer").into();
        timeout(PATIENCE, self.subscribe_again()).await.unwrap_or_else(|_| Err(late()))
    }

    async fn subscribe_again(&mut self) -> lapin::Result<()> {
        if let Some(mut old) = self.deliveries.take() {
            self.channel.basic_cancel(old.tag(), BasicCancelOptions::default()).await?;
            while let Some(delivery) = old.next().await {
                self.receive(delivery?);
            }
            self.inbox.give_back_surplus();
            self.answer().await?;
        }
        if self.prefetch > 0 {
            self.channel.basic_qos(self.prefetch, BasicQosOptions::default()).await?;
            self.consumers += 1;
            let tag = format!("baton-{}", self.consumers);
            let consuming =
                self.channel.basic_consume(self.queue.as_str().into(), tag.into(), BasicConsumeOptions::default(), FieldTable::default());
            self.deliveries = Some(consuming.await?);
        }
        Ok(())
    }

    /// The broker has ended the consumer: its queue was deleted. Made again, it is another queue of the same name.
    async fn make_again(&mut self) -> lapin::Result<()> {
        tracing::warn!(queue = self.queue, "the broker has ended a consumer, its queue is made again");
        self.deliveries = None;
        let mut backoff = Backoff::default();
        loop {
            match topology::declare_queue(&self.connection, &self.queue, self.queue_type).await {
                Ok(channel) => {
                    normal_close(&channel).await;
                    return self.subscribe().await;
                }
                Err(error) if !self.channel.status().connected() || self.orders.is_closed() => {
                    tracing::debug!(queue = self.queue, %error, "the queue is not made again");
                    return Err(lapin::ErrorKind::InvalidChannelState(ChannelState::Closed, "queue.declare").into());
                }
                Err(error) => tracing::warn!(queue = self.queue, %error, "the queue cannot be made again yet"),
            }
            sleep(backoff.next_pause()).await;
        }
    }
}

/// Never, while there are none.
async fn next(deliveries: &mut Option<lapin::Consumer>) -> Option<lapin::Result<lapin::message::Delivery>> {
    match deliveries {
        Some(deliveries) => deliveries.next().await,
        None => std::future::pending().await,
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
