//! What is declared at the broker: an exchange, and a durable queue per task queue, bound by its own name.
//!
//! The queue's type is the only argument that is ever given, since a queue cannot be declared again with other arguments; all else is a policy
//! of the operator. Each declaration has a channel of its own, because the broker closes the channel of one that it refuses.

use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{Channel, Connection, ExchangeKind};
use tokio::time::timeout;

use super::names::EXCHANGE;
use super::settings::QueueType;
use super::{errors, normal_close};
use crate::{Depth, QueueError};

/// A declaration waits for the disk, at a quorum queue for several.
const PATIENCE: Duration = Duration::from_secs(15);

pub(super) async fn declare_exchange(connection: &Connection) -> Result<(), QueueError> {
    within_patience(async {
        let channel = connection.create_channel().await.map_err(|error| errors::away(&error))?;
        let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let declared = channel.exchange_declare(EXCHANGE.into(), ExchangeKind::Direct, options, FieldTable::default()).await;
        declared.map_err(|error| errors::of_declaration(&format!("the exchange {EXCHANGE}"), &error))?;
        normal_close(&channel).await;
        Ok(())
    })
    .await
}

/// Makes the queue unless it is there, binds it, and answers a fresh channel.
///
/// A queue of the other type is ours all the same: the broker had fewer members when it was made, or more.
pub(super) async fn declare_queue(connection: &Connection, name: &str, preferred: QueueType) -> Result<Channel, QueueError> {
    within_patience(async {
        let first = match declare_as(connection, name, preferred).await {
            Err(error) if errors::is_other_declaration(&error) => error,
            other => return other.map_err(|error| errors::of_declaration(&what(name), &error)),
        };
        let second = declare_as(connection, name, preferred.other()).await;
        // Neither way: what the broker said first is about how we would have it.
        second.map_err(|_| errors::of_declaration(&what(name), &first))
    })
    .await
}

async fn declare_as(connection: &Connection, name: &str, queue_type: QueueType) -> lapin::Result<Channel> {
    let channel = connection.create_channel().await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString(LongString::from(queue_type.name())));
    channel.queue_declare(name.into(), QueueDeclareOptions::durable(), arguments).await?;
    channel.queue_bind(name.into(), EXCHANGE.into(), name.into(), QueueBindOptions::default(), FieldTable::default()).await?;
    Ok(channel)
}

/// `None` if there is no such queue.
pub(super) async fn depth(connection: &Connection, name: &str) -> Result<Option<Depth>, QueueError> {
    within_patience(async {
        let channel = connection.create_channel().await.map_err(|error| errors::away(&error))?;
        let found = channel.queue_declare(name.into(), QueueDeclareOptions::durable().passive(), FieldTable::default()).await;
        let queue = match found {
            Ok(queue) => queue,
            Err(error) if errors::is_not_found(&error) => return Ok(None),
            Err(error) => return Err(errors::of_declaration(&what(name), &error)),
        };
        normal_close(&channel).await;
        Ok(Some(Depth { ready: queue.message_count().into(), consumers: queue.consumer_count().into() }))
    })
    .await
}

fn what(queue: &str) -> String {
    format!("the queue {queue}")
}

async fn within_patience<T>(work: impl Future<Output = Result<T, QueueError>>) -> Result<T, QueueError> {
    let late = || QueueError::Away(format!("the broker has not answered a declaration within {} s", PATIENCE.as_secs()));
    timeout(PATIENCE, work).await.unwrap_or_else(|_| Err(late()))
}
