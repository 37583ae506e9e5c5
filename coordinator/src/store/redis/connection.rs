//! Connections to the server.
//!
//! There are three, so that none waits behind another's work: appends have one of their own ([`pipeline`](super::pipeline)), and there is a
//! [`Lane`] for small calls on which leases depend and one for data. Each is made again when it breaks, by whoever needs it next.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, Pipeline, Value};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::functions::Library;
use super::names::ClusterNames;
use super::reply::{self, Refusal};
use crate::store::{StoreError, StoreId};

/// Longest time for a connection to be made, name look-up and greeting included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Pause before the first and the second attempt to connect; it doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(20);
/// Longest pause between two attempts to connect.
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// The server, and what every connection to it begins with.
pub(super) struct Server {
    client: redis::Client,
    pub(super) library: Library,
    pub(super) names: ClusterNames,
    /// Known once the store was opened: a server that has another store by now is none of ours.
    pub(super) store_id: OnceLock<StoreId>,
}

impl Server {
    pub(super) fn new(client: redis::Client, names: ClusterNames) -> Self {
        Self { client, library: Library::new(), names, store_id: OnceLock::new() }
    }

    /// Host and port.
    pub(super) fn address(&self) -> String {
        self.client.get_connection_info().addr().to_string()
    }

    /// A connection as the server gives it.
    pub(super) async fn connect_bare(&self) -> redis::RedisResult<MultiplexedConnection> {
        // Each use has a limit of its own on how long it waits.
        let config = AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT_TIMEOUT)).set_response_timeout(None);
        self.client.get_multiplexed_async_connection_with_config(&config).await
    }

    /// A connection over which functions can be called, to the store that this is.
    pub(super) async fn connect(&self) -> Result<MultiplexedConnection, String> {
        let connect = async {
            let mut connection = self.connect_bare().await.map_err(|error| error.to_string())?;
            self.load_functions(&mut connection).await?;
            self.recognise(&mut connection).await?;
            Ok(connection)
        };
        timeout(CONNECT_TIMEOUT, connect).await.unwrap_or_else(|_| Err("the server does not answer".to_owned()))
    }

    /// Puts the functions there if they are not.
    pub(super) async fn load_functions(&self, connection: &mut MultiplexedConnection) -> Result<(), String> {
        let listed = ask(connection, &self.library.look()).await?;
        if matches!(&listed, Value::Array(libraries) if libraries.is_empty()) {
            ask(connection, &self.library.load()).await?;
        }
        Ok(())
    }

    async fn recognise(&self, connection: &mut MultiplexedConnection) -> Result<(), String> {
        let Some(ours) = self.store_id.get() else { return Ok(()) };
        let found = ask(connection, redis::cmd("HGET").arg(&self.names.settings).arg("store_id")).await?;
        match reply::text(&found) {
            Some(id) if StoreId::parse(&id) == Some(*ours) => Ok(()),
            Some(id) => Err(format!("another store is there now, {id} instead of {ours}")),
            None => Err(format!("the store {ours} is not there any more: the server came back without its data")),
        }
    }
}

/// One command, without patience. An error is told in the server's words.
pub(super) async fn ask(connection: &mut MultiplexedConnection, command: &Cmd) -> Result<Value, String> {
    match connection.send_packed_command(command).await {
        Ok(Value::ServerError(error)) => Err(error.to_string()),
        Ok(value) => Ok(value),
        Err(error) => Err(error.to_string()),
    }
}

/// Pauses between attempts: longer from one to the next.
#[derive(Debug, Default)]
pub(super) struct Backoff(Duration);

impl Backoff {
    /// How long to wait now.
    pub(super) fn next(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).clamp(PAUSE_MIN, PAUSE_MAX);
        pause
    }

    /// It worked.
    pub(super) fn reset(&mut self) {
        self.0 = Duration::ZERO;
    }
}

/// How long a call may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// In all.
    pub(super) total: Duration,
    /// For one attempt, after which the connection counts as broken.
    pub(super) attempt: Duration,
}

impl Patience {
    /// Small calls.
    pub(super) const CALL: Patience = Patience { total: Duration::from_secs(3), attempt: Duration::from_millis(1200) };
    /// Calls that are made again soon in any case.
    pub(super) const BEAT: Patience = Patience { total: Duration::from_secs(1), attempt: Duration::from_millis(900) };
    /// Calls that carry much.
    pub(super) const DATA: Patience = Patience { total: Duration::from_secs(12), attempt: Duration::from_secs(6) };
}

/// A connection that many use at a time, made again when it breaks. What is sent over it may be executed twice: every call is idempotent.
pub(super) struct Lane {
    server: Arc<Server>,
    slot: Mutex<Slot>,
}

#[derive(Default)]
struct Slot {
    connection: Option<MultiplexedConnection>,
    /// Counts the connections, so that a broken one is given up once only.
    generation: u64,
    backoff: Backoff,
}

impl Lane {
    pub(super) fn new(server: Arc<Server>) -> Self {
        Self { server, slot: Mutex::default() }
    }

    /// The answer to one command.
    pub(super) async fn query(&self, command: Cmd, patience: Patience) -> Result<Value, StoreError> {
        let mut pipeline = Pipeline::with_capacity(1);
        pipeline.add_command(command);
        let mut answers = self.pipeline(&pipeline, patience).await?;
        answers.pop().expect("a command has an answer")
    }

    /// The answers to all commands, each by itself.
    pub(super) async fn pipeline(&self, pipeline: &Pipeline, patience: Patience) -> Result<Vec<Result<Value, StoreError>>, StoreError> {
        let give_up = Instant::now() + patience.total;
        loop {
            let failed = match timeout_at(give_up, self.connection()).await {
                Err(_) => return Err(StoreError::Failed("the server cannot be reached".to_owned())),
                Ok(Err(error)) => error,
                Ok(Ok((connection, generation))) => match attempt(connection, pipeline, patience.attempt).await {
                    Ok(answers) => return Ok(answers),
                    Err(error) => {
                        self.give_up(generation).await;
                        error
                    }
                },
            };
            if Instant::now() >= give_up {
                return Err(StoreError::Failed(failed));
            }
        }
    }

    /// The connection that is there, or a new one.
    async fn connection(&self) -> Result<(MultiplexedConnection, u64), String> {
        let mut slot = self.slot.lock().await;
        if let Some(connection) = &slot.connection {
            return Ok((connection.clone(), slot.generation));
        }
        let pause = slot.backoff.next();
        sleep(pause).await;
        let connection = self.server.connect().await?;
        slot.backoff.reset();
        slot.generation += 1;
        slot.connection = Some(connection.clone());
        Ok((connection, slot.generation))
    }

    async fn give_up(&self, generation: u64) {
        let mut slot = self.slot.lock().await;
        if slot.generation == generation {
            slot.connection = None;
            // The next one is not made in the same breath: it may break in the same way.
            slot.backoff.next();
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
