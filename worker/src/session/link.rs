//! The connection to a coordinator: being opened, open, or waiting to be opened again.

use std::time::Duration;

use baton_proto::MESSAGE_BYTES_MAX;
use baton_proto::worker::v1::worker_client::WorkerClient;
use baton_proto::worker::v1::{CoordinatorMessage, WorkerMessage};
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::{Channel, Endpoint};

/// A coordinator that does not answer in this time is given up.
const OPEN_MAX: Duration = Duration::from_secs(10);
/// A dead connection is noticed after at most twice this time.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
const STREAM_WINDOW_BYTES: u32 = 4 * 1_048_576;
const CONNECTION_WINDOW_BYTES: u32 = 8 * 1_048_576;
/// Messages between the session and the connection. Few, so that what waits is put together into larger ones.
const OUTBOUND_MAX: usize = 4;

/// Where the connection stands.
pub(super) enum Link {
    Down { until: Instant },
    Connecting(BoxFuture<'static, Result<Channel, String>>),
    Opening(BoxFuture<'static, Result<Streaming<CoordinatorMessage>, String>>),
    Up(Box<Streaming<CoordinatorMessage>>),
}

/// What has become of it.
pub(super) enum LinkEvent {
    TimeToConnect,
    Connected(Channel),
    Opened(Box<Streaming<CoordinatorMessage>>),
    Message(CoordinatorMessage),
    /// The reason; none if the coordinator has ended the session properly.
    Closed(Option<String>),
}

impl Link {
    pub(super) fn connect(endpoint: &Endpoint) -> Self {
        let endpoint = endpoint.clone();
        Self::Connecting(Box::pin(async move {
            let connected = timeout(OPEN_MAX, endpoint.connect()).await;
            connected.map_err(|_| "no connection in time".to_owned())?.map_err(|error| innermost(&error))
        }))
    }

    /// Opens the session with its first message. Gives the sender for the ones after it.
    pub(super) fn open(channel: Channel, hello: WorkerMessage) -> (Self, mpsc::Sender<WorkerMessage>) {
        let (sender, receiver) = mpsc::channel(OUTBOUND_MAX);
        sender.try_send(hello).expect("an empty channel has room");
        let link = Self::Opening(Box::pin(async move {
            let mut client =
                WorkerClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX).max_encoding_message_size(MESSAGE_BYTES_MAX);
            let opened = timeout(OPEN_MAX, client.session(ReceiverStream::new(receiver))).await;
            let opened = opened.map_err(|_| "no answer to the hello in time".to_owned())?;
            opened.map(tonic::Response::into_inner).map_err(|status| describe(&status))
        }));
        (link, sender)
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(self, Self::Up(_))
    }

    /// True once the coordinator may have been told of the queues.
    pub(super) fn has_said_hello(&self) -> bool {
        matches!(self, Self::Opening(_) | Self::Up(_))
    }

    /// Waits for what happens next. Cancel-safe.
    pub(super) async fn next(&mut self) -> LinkEvent {
        match self {
            Self::Down { until } => {
                sleep_until(*until).await;
                LinkEvent::TimeToConnect
            }
            Self::Connecting(connecting) => match connecting.await {
                Ok(channel) => LinkEvent::Connected(channel),
                Err(reason) => LinkEvent::Closed(Some(reason)),
            },
            Self::Opening(opening) => match opening.await {
                Ok(stream) => LinkEvent::Opened(Box::new(stream)),
                Err(reason) => LinkEvent::Closed(Some(reason)),
            },
            Self::Up(stream) => match stream.message().await {
                Ok(Some(message)) => LinkEvent::Message(message),
                Ok(None) => LinkEvent::Closed(None),
                Err(status) => LinkEvent::Closed(Some(describe(&status))),
            },
        }
    }
}

/// An address as the transport wants it.
pub(super) fn endpoint(url: &str) -> Result<Endpoint, String> {
    let endpoint = Endpoint::from_shared(url.to_owned()).map_err(|error| innermost(&error))?;
    if endpoint.uri().scheme_str() != Some("http") {
        return Err("only http:// addresses are spoken to".to_owned());
    }
    Ok(endpoint
        .connect_timeout(OPEN_MAX)
        .tcp_nodelay(true)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .keep_alive_while_idle(true))
}

fn describe(status: &tonic::Status) -> String {
    match status.message() {
        "" => status.code().description().to_owned(),
        message => message.to_owned(),
    }
}

/// The innermost reason: "connection refused" says more than "transport error".
fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
