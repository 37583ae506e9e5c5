//! Publishing: every message is persistent, must reach a queue, and is done when the broker has confirmed it.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use lapin::message::BasicReturnMessage;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation, Connection};
use parking_lot::Mutex;
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::timeout;

use super::names::{EXCHANGE, queue_name};
use super::settings::QueueType;
use super::supervisor::GiveUp;
use super::{errors, message, topology};
use crate::{OFFERS_PER_MESSAGE_MAX, Offer, QueueError};

/// Messages that wait for their confirmation.
const WINDOW: usize = 512;
/// A broker that has not confirmed by then has lost its disk or its way.
const CONFIRM_PATIENCE: Duration = Duration::from_secs(10);

/// The publishing connection while it is there.
#[derive(Debug)]
pub(super) struct Publisher {
    connection: Arc<Connection>,
    channel: Channel,
    give_up: GiveUp,
    namespace: String,
    queue_type: QueueType,
    window: Semaphore,
    /// Held while a message gets its number and its place among the frames, which must not part.
    order: Mutex<()>,
    /// What this connection has declared, by the name in our words.
    queues: Mutex<HashMap<String, Arc<Queue>>>,
}

/// What messages of a queue have in common.
#[derive(Debug)]
struct Queue {
    /// At the broker.
    name: String,
    properties: BasicProperties,
    declared: OnceCell<()>,
}

/// A message on its way.
struct Message<'a> {
    /// Its queue at the broker.
    queue: &'a str,
    properties: &'a BasicProperties,
    body: &'a [u8],
}

impl Publisher {
    pub(super) async fn set_up(
        connection: Arc<Connection>,
        give_up: GiveUp,
        namespace: String,
        queue_type: QueueType,
    ) -> Result<Arc<Self>, QueueError> {
        topology::declare_exchange(&connection).await?;
        let channel = connection.create_channel().await.map_err(|error| errors::away(&error))?;
        channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(|error| errors::away(&error))?;
        let (window, order, queues) = (Semaphore::new(WINDOW), Mutex::default(), Mutex::default());
        Ok(Arc::new(Self { connection, channel, give_up, namespace, queue_type, window, order, queues }))
    }

    /// Splits into messages, sends them without waiting for one another, and answers when the last is confirmed.
    pub(super) async fn publish(&self, queue: &str, offers: &[Offer]) -> Result<(), QueueError> {
        let queue = self.queue(queue);
        let messages = offers.chunks(OFFERS_PER_MESSAGE_MAX).map(|offers| self.publish_one(&queue, offers));
        join_all(messages).await.into_iter().collect()
    }

    async fn publish_one(&self, queue: &Queue, offers: &[Offer]) -> Result<(), QueueError> {
        let body = message::encode(offers);
        let message = Message { queue: &queue.name, properties: &queue.properties, body: &body };
        self.declare(queue).await?;
        let Some(returned) = self.confirmed(&message).await? else {
            return Ok(());
        };
        self.publish_returned(&message, returned).await
    }

    /// Publishes a message again that had no queue to go to, after its queue was made.
    ///
    /// The library hands a returned message to whichever confirmation comes next, so it need not be the one that was sent here: it is taken as it
    /// says it is. If another's cannot be saved, the connection ends, and with its generation everybody knows that messages may be gone.
    async fn publish_returned(&self, sent: &Message<'_>, returned: BasicReturnMessage) -> Result<(), QueueError> {
        let BasicReturnMessage { delivery, reply_text, .. } = returned;
        let again = Message { queue: delivery.routing_key.as_str(), properties: &delivery.properties, body: &delivery.data };
        let is_ours = again.queue == sent.queue && again.body == sent.body;
        let outcome = async {
            topology::declare_queue(&self.connection, again.queue, self.queue_type).await?;
            match self.confirmed(&again).await? {
                None => Ok(()),
                Some(_) => Err(QueueError::Refused { queue: again.queue.to_owned(), reason: reply_text.to_string() }),
            }
        };
        match outcome.await {
            Err(error) if !is_ours => {
                self.give_up.because(format!("a message to {} was returned and could not be published again: {error}", again.queue));
                Ok(())
            }
            other => other,
        }
    }

    /// Sends it, and waits for what the broker says: nothing more, or a message that was returned.
    async fn confirmed(&self, message: &Message<'_>) -> Result<Option<BasicReturnMessage>, QueueError> {
        if self.connection.status().blocked() {
            return Err(self.refused(message, "it takes nothing for the time being: its memory or its disk is full"));
        }
        match timeout(CONFIRM_PATIENCE, self.sent_and_confirmed(message)).await {
            Ok(Ok(Confirmation::Ack(returned))) => Ok(returned),
            Ok(Ok(Confirmation::Nack(_))) => Err(self.refused(message, "it has not taken the message: the queue is full or is just going")),
            Ok(Ok(Confirmation::NotRequested)) => unreachable!("the channel asks for confirmations"),
            Ok(Err(error)) => {
                self.give_up.because(error.to_string());
                Err(errors::away(&error))
            }
            Err(_) if self.connection.status().blocked() => {
                Err(self.refused(message, "it has stopped taking messages: its memory or its disk is full"))
            }
            Err(_) => {
                let reason = format!("no confirmation within {} s", CONFIRM_PATIENCE.as_secs());
                self.give_up.because(reason.clone());
                Err(QueueError::Away(reason))
            }
        }
    }

    async fn sent_and_confirmed(&self, message: &Message<'_>) -> lapin::Result<Confirmation> {
        let _place = self.window.acquire().await.expect("the window is never closed");
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let properties = message.properties.clone();
        let mut sending = pin!(self.channel.basic_publish(EXCHANGE.into(), message.queue.into(), options, message.body, properties));
        let confirmation = poll_fn(|context| {
            let _order = self.order.lock();
            sending.as_mut().poll(context)
        })
        .await?;
        confirmation.await
    }

    fn refused(&self, message: &Message<'_>, reason: &str) -> QueueError {
        QueueError::Refused { queue: message.queue.to_owned(), reason: reason.to_owned() }
    }

    fn queue(&self, queue: &str) -> Arc<Queue> {
        let mut queues = self.queues.lock();
        if let Some(known) = queues.get(queue) {
            return known.clone();
        }
        let name = queue_name(&self.namespace, queue);
        let new = Arc::new(Queue { name, properties: message::properties(&self.namespace, queue), declared: OnceCell::new() });
        queues.insert(queue.to_owned(), new.clone());
        new
    }

    /// Once for each queue: what goes behind our back is noticed when a message comes back.
    async fn declare(&self, queue: &Queue) -> Result<(), QueueError> {
        let declared = queue.declared.get_or_try_init(|| async {
            let channel = topology::declare_queue(&self.connection, &queue.name, self.queue_type).await?;
            super::normal_close(&channel).await;
            Ok(())
        });
        declared.await.copied()
    }
}
