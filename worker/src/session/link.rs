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
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

use super::Refusal;

/// A coordinator that does not answer in this time is given up.
const OPEN_MAX: Duration = Duration::from_secs(5);
/// A dead connection is noticed after at most twice this time. There must be time for another one before a worker without a session is lost, which is
/// after ten seconds.
const KEEP_ALIVE: Duration = Duration::from_secs(3);
const STREAM_WINDOW_BYTES: u32 = 4 * 1_048_576;
const CONNECTION_WINDOW_BYTES: u32 = 8 * 1_048_576;
/// Messages between the session and the connection. Few, so that what waits is put together into larger ones.
const OUTBOUND_MAX: usize = 4;

/// Where the connection stands.
pub(super) enum Link {
    Down { until: Instant },
    Connecting(BoxFuture<'static, Result<Channel, String>>),
    Opening(BoxFuture<'static, Result<Streaming<CoordinatorMessage>, NotOpened>>),
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
    /// The coordinator does not let this worker in.
    Refused(Refusal),
}

/// Why there is no session.
pub(super) enum NotOpened {
    Failed(String),
    Refused(Refusal),
}

/// What a worker shows to be let in.
#[derive(Clone)]
pub(crate) struct Credentials(Option<MetadataValue<Ascii>>);

impl Credentials {
    /// Of this token; `None` if it cannot be sent.
    pub(crate) fn new(token: Option<&str>) -> Option<Self> {
        let Some(token) = token else { return Some(Self(None)) };
        let mut value: MetadataValue<Ascii> = format!("Bearer {token}").parse().ok()?;
        value.set_sensitive(true);
        Some(Self(Some(value)))
    }

    fn request<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        request
    }
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
    pub(super) fn open(channel: Channel, hello: WorkerMessage, credentials: &Credentials) -> (Self, mpsc::Sender<WorkerMessage>) {
        let (sender, receiver) = mpsc::channel(OUTBOUND_MAX);
        sender.try_send(hello).expect("an empty channel has room");
        let request = credentials.request(ReceiverStream::new(receiver));
        let link = Self::Opening(Box::pin(async move {
            let mut client =
                WorkerClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX).max_encoding_message_size(MESSAGE_BYTES_MAX);
            let opened = timeout(OPEN_MAX, client.session(request)).await;
            let opened = opened.map_err(|_| NotOpened::Failed("no answer to the hello in time".to_owned()))?;
            opened.map(tonic::Response::into_inner).map_err(|status| not_opened(&status))
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
                Err(NotOpened::Failed(reason)) => LinkEvent::Closed(Some(reason)),
                Err(NotOpened::Refused(reason)) => LinkEvent::Refused(reason),
            },
            Self::Up(stream) => match stream.message().await {
                Ok(Some(message)) => LinkEvent::Message(message),
                Ok(None) => LinkEvent::Closed(None),
                Err(status) => match not_opened(&status) {
                    NotOpened::Failed(reason) => LinkEvent::Closed(Some(reason)),
                    NotOpened::Refused(reason) => LinkEvent::Refused(reason),
                },
            },
        }
    }
}

/// An address as the transport wants it. Over TLS, certificates are those of `ca_pem` or the system's.
pub(super) fn endpoint(url: &str, ca_pem: Option<&str>) -> Result<Endpoint, String> {
    let endpoint = Endpoint::from_shared(url.to_owned()).map_err(|error| innermost(&error))?;
    let endpoint = match endpoint.uri().scheme_str() {
        Some("http") => endpoint,
        Some("https") => endpoint.tls_config(tls(ca_pem)).map_err(|error| innermost(&error))?,
        Some(_) | None => return Err("only http:// and https:// addresses are spoken to".to_owned()),
    };
    Ok(endpoint
        .connect_timeout(OPEN_MAX)
        .tcp_nodelay(true)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .keep_alive_while_idle(true))
}

fn tls(ca_pem: Option<&str>) -> ClientTlsConfig {
    match ca_pem {
        Some(pem) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)),
        None => ClientTlsConfig::new().with_native_roots(),
    }
}

fn not_opened(status: &tonic::Status) -> NotOpened {
    match status.code() {
        tonic::Code::Unauthenticated | tonic::Code::PermissionDenied => NotOpened::Refused(Refusal::Credentials(describe(status).into())),
        tonic::Code::FailedPrecondition => NotOpened::Refused(Refusal::Unfit(describe(status).into())),
        _ => NotOpened::Failed(describe(status)),
    }
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
