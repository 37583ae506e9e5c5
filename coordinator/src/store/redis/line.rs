//! A connection that many use at a time, made again when it breaks, by whoever needs it next.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Pipeline, Value};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::connection::Backoff;
use super::node::Node;
use super::reply::{self, Refusal};
use super::server::Server;
use crate::store::StoreError;

/// To one server.
pub(super) struct Line {
    server: Arc<Server>,
    node: Arc<Node>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    connection: Option<MultiplexedConnection>,
    /// Counts the connections, so that a broken one is given up once only.
    generation: u64,
    backoff: Backoff,
}

impl Line {
    pub(super) fn new(server: Arc<Server>, node: Arc<Node>) -> Self {
        Self { server, node, held: Mutex::default() }
    }

    /// The answers to all commands, each by itself. Tries again until it is time to give up, or no attempt `is_worthwhile` any more.
    pub(super) async fn calls(
        &self,
        pipeline: &Pipeline,
        give_up: Instant,
        limit: Duration,
        is_worthwhile: impl Fn() -> bool,
    ) -> Result<Vec<Result<Value, StoreError>>, String> {
        let mut failed = "the server cannot be reached".to_owned();
        loop {
            failed = match timeout_at(give_up, self.connection()).await {
                // Why the attempts before it have failed says more.
                Err(_) => return Err(failed),
                Ok(Err(error)) => error,
                Ok(Ok((connection, generation))) => match attempt(connection, pipeline, limit).await {
                    Ok(answers) => return Ok(answers),
                    Err(error) => {
                        self.give_up(generation).await;
                        self.server.doubt();
                        error
                    }
                },
            };
            if Instant::now() >= give_up || !is_worthwhile() {
                return Err(failed);
            }
        }
    }

    /// The connection that is there, or a new one.
    async fn connection(&self) -> Result<(MultiplexedConnection, u64), String> {
        let mut held = self.held.lock().await;
        if let Some(connection) = &held.connection {
            return Ok((connection.clone(), held.generation));
        }
        let pause = held.backoff.next();
        sleep(pause).await;
        let connection = self.server.connect(&self.node).await?;
        held.backoff.reset();
        held.generation += 1;
        held.connection = Some(connection.clone());
        Ok((connection, held.generation))
    }

    async fn give_up(&self, generation: u64) {
        let mut held = self.held.lock().await;
        if held.generation == generation {
            held.connection = None;
            // The next one is not made in the same breath: it may break in the same way.
            held.backoff.next();
        }
    }
}

/// Sends all and waits for all. An error means that all is worth another attempt over another connection.
async fn attempt(
    mut connection: MultiplexedConnection,
    pipeline: &Pipeline,
    limit: Duration,
) -> Result<Vec<Result<Value, StoreError>>, String> {
    let sent = connection.send_packed_commands(pipeline, 0, pipeline.len());
    let values = match timeout(limit, sent).await {
        Err(_) => return Err("the server does not answer".to_owned()),
        Ok(Err(error)) => return Err(error.to_string()),
        Ok(Ok(values)) => values,
    };
    let judge = |value| match value {
        Value::ServerError(error) => match reply::refusal(&error) {
            Refusal::Final(error) => Ok(Err(error)),
            Refusal::Passing(text) => Err(text),
        },
        value => Ok(Ok(value)),
    };
    values.into_iter().map(judge).collect()
}
