//! Keeps one connection: any error ends it, and another one is made, until nobody wants one any more.
//!
//! The library's own recovery is left alone: what was under way over a connection that is gone fails, and who asked for it decides.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::{Connection, ConnectionProperties, Event};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, interval, sleep, timeout};

use super::backoff::Backoff;
use super::errors;
use super::settings::{BrokerAddress, RabbitMqSettings};
use crate::QueueError;

/// From the first packet to a connection that can be used.
const CONNECT_PATIENCE: Duration = Duration::from_secs(15);
const CLOSE_PATIENCE: Duration = Duration::from_secs(1);
/// A connection that has held so long was a good one.
const SOUND_AFTER: Duration = Duration::from_secs(2);
/// How often a connection is looked at that has said nothing of its end.
const LOOK: Duration = Duration::from_millis(500);

/// What there is of a connection, for those who use it: `T` is what was set up over it.
#[derive(Clone, Debug)]
pub(super) enum State<T> {
    Down(QueueError),
    Up(T),
}

impl<T> State<T> {
    pub(super) fn new() -> watch::Sender<Self> {
        watch::Sender::new(Self::Down(QueueError::Away("the connection is being made".to_owned())))
    }

    pub(super) fn up(self) -> Result<T, QueueError> {
        match self {
            Self::Down(error) => Err(error),
            Self::Up(link) => Ok(link),
        }
    }
}

/// Says that a connection is of no use any more, and why.
#[derive(Clone, Debug)]
pub(super) struct GiveUp(mpsc::Sender<String>);

impl GiveUp {
    pub(super) fn because(&self, reason: impl Into<String>) {
        // One reason is enough, and a connection that is gone needs none.
        let _ = self.0.try_send(reason.into());
    }
}

/// Keeps a connection for `purpose` up for ever. `set_up` makes what is published in `state`; `changed` hears of every change.
pub(super) async fn keep<T, S>(
    settings: Arc<RabbitMqSettings>,
    purpose: &'static str,
    state: watch::Sender<State<T>>,
    set_up: impl Fn(Arc<Connection>, GiveUp) -> S,
    changed: impl Fn(bool),
) where
    S: Future<Output = Result<T, QueueError>>,
{
    let mut backoff = Backoff::default();
    let mut told = None;
    for address in settings.addresses.iter().cycle() {
        let (give_up, mut given_up) = mpsc::channel(1);
        match open(&settings, address, purpose, |connection| set_up(connection, GiveUp(give_up))).await {
            Ok((connection, link)) => {
                tracing::info!(%address, purpose, "connected to the broker");
                state.send_replace(State::Up(link));
                told = None;
                changed(true);
                let began = Instant::now();
                let reason = end_of(&connection, &mut given_up).await;
                // One that breaks as soon as it is made is no better than none.
                if began.elapsed() > SOUND_AFTER {
                    backoff = Backoff::default();
                }
                tracing::warn!(%address, purpose, reason, "the connection to the broker is lost");
                state.send_replace(State::Down(QueueError::Away(reason)));
                changed(false);
                close(&connection).await;
            }
            Err(error) => {
                // Said once for each reason, since the attempts go on for ever.
                if told.as_ref() != Some(&error) {
                    tracing::warn!(
                        %address, purpose, %error,
                        "no connection to the broker; it is tried again until there is one, and `baton doctor --queue URL` looks closer"
                    );
                    told = Some(error.clone());
                }
                state.send_replace(State::Down(error));
            }
        }
        sleep(backoff.next_pause()).await;
    }
}

async fn open<T, S>(
    settings: &RabbitMqSettings,
    address: &BrokerAddress,
    purpose: &str,
    set_up: impl FnOnce(Arc<Connection>) -> S,
) -> Result<(Arc<Connection>, T), QueueError>
where
    S: Future<Output = Result<T, QueueError>>,
{
    let name = format!("{} {purpose}", settings.connection_name);
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let tls = lapin::tcp::OwnedTLSConfig { identity: None, cert_chain: settings.certificates.clone() };
    let work = async {
        let runtime = lapin::runtime::default_runtime().map_err(|error| errors::away(&error))?;
        let connected = Connection::connect_uri_with_config(address.0.clone(), properties, tls, runtime).await;
        let connection = Arc::new(connected.map_err(|error| errors::away(&error))?);
        let link = set_up(connection.clone()).await?;
        Ok((connection, link))
    };
    let late = || QueueError::Away(format!("{address} has not answered within {} s", CONNECT_PATIENCE.as_secs()));
    timeout(CONNECT_PATIENCE, work).await.unwrap_or_else(|_| Err(late()))
}

/// Waits for it, and tells why.
async fn end_of(connection: &Connection, given_up: &mut mpsc::Receiver<String>) -> String {
    let mut events = std::pin::pin!(connection.events_listener());
    let mut look = interval(LOOK);
    loop {
        tokio::select! {
            event = events.next() => match event {
                // Of one channel, whose user hears of it.
                Some(Event::Error(error)) if error.is_amqp_soft_error() => {}
                Some(Event::Error(error)) => return error.to_string(),
                Some(Event::ConnectionBlocked(reason)) => tracing::warn!(reason, "the broker takes nothing for the time being"),
                Some(Event::ConnectionUnblocked) => tracing::info!("the broker takes messages again"),
                Some(_) => {}
                None => return "its events have ended".to_owned(),
            },
            Some(reason) = given_up.recv() => return reason,
            _ = look.tick() => if !connection.status().connected() {
                return "it was closed".to_owned();
            },
        }
    }
}

/// A courtesy: a broker that hears of it gives back what was unacknowledged at once.
async fn close(connection: &Connection) {
    if connection.status().connected() {
        let _ = timeout(CLOSE_PATIENCE, connection.close(200, "given up".into())).await;
    }
}
