//! The listening socket: HTTP/1.1 and HTTP/2 on one port, with a bounded drain at the end.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::activity::Activity;
use super::connections::{ConnectionLimits, Connections, Place};

/// How long the head of a request may take to arrive.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the beginning of TLS may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause after the system refused a connection for lack of something (file descriptors, memory).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// A connection that was asked to make room has this time until the next one is.
const EVICT_PAUSE: Duration = Duration::from_millis(100);
/// A connection that is to end and on which nobody waits is looked at twice before it is cut.
const CUT_PAUSE: Duration = Duration::from_millis(50);
/// Warnings of the same kind come this far apart.
const WARNING_INTERVAL: Duration = Duration::from_secs(10);
/// A worker's or client's HTTP/2 connection that does not answer a ping for this long is gone.
const PING_INTERVAL: Duration = Duration::from_secs(10);
/// Requests under way on one HTTP/2 connection.
const STREAMS_MAX: u32 = 4_096;
/// Bytes that a peer may send on one HTTP/2 stream, and on one connection, before they are read: many payloads of a worker's session.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 8 * 1024 * 1024;

/// Accepts connections until `closing`; then each connection may finish what has come whole and is not answered.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    limits: ConnectionLimits,
    closing: CancellationToken,
    tasks: TaskTracker,
) {
    let server = Arc::new(Serving { builder: builder(), tls, router, limits, closing: closing.clone() });
    let accepting = accept_all(&listener, &server, &tasks);
    tokio::select! {
        () = accepting => {}
        () = closing.cancelled() => {}
    }
}

async fn accept_all(listener: &TcpListener, server: &Arc<Serving>, tasks: &TaskTracker) {
    let connections = Connections::new(server.limits.count_max);
    let mut warning = Warning::default();
    loop {
        while !connections.has_room() {
            if !connections.evict_one() {
                warning.tell(&"as many connections as there may be are open, and all have something to do");
            }
            let _ = tokio::time::timeout(EVICT_PAUSE, connections.left()).await;
        }
        match listener.accept().await {
            Ok((stream, _)) => drop(tasks.spawn(connection(stream, server.clone(), connections.enter()))),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                warning.tell(&error);
                connections.evict_one();
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// What all connections share.
struct Serving {
    builder: auto::Builder<TokioExecutor>,
    tls: Option<TlsAcceptor>,
    router: Router,
    limits: ConnectionLimits,
    closing: CancellationToken,
}

/// A warning that would come again and again is told now and then, with how often it was not.
#[derive(Default)]
struct Warning {
    told: Option<Instant>,
    untold: usize,
}

impl Warning {
    fn tell(&mut self, reason: &dyn std::fmt::Display) {
        if self.told.is_some_and(|told| told.elapsed() < WARNING_INTERVAL) {
            self.untold += 1;
            return;
        }
        tracing::warn!(%reason, untold = self.untold, "no connection can be accepted");
        *self = Self { told: Some(Instant::now()), untold: 0 };
    }
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .max_concurrent_streams(STREAMS_MAX)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    builder
}

async fn connection(stream: TcpStream, server: Arc<Serving>, place: Place) {
    // Answers are small and complete when they are written, so that waiting for more to send only costs time.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection was gone before it began");
        return;
    }
    match &server.tls {
        None => converse(stream, &server, &place).await,
        Some(tls) => match tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
            Ok(Ok(stream)) => converse(stream, &server, &place).await,
            Ok(Err(error)) => tracing::debug!(%error, "a connection did not begin as TLS does"),
            Err(_) => tracing::debug!("a connection has not begun in time"),
        },
    }
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin + 'static>(stream: S, server: &Serving, place: &Place) {
    let Serving { builder, router, limits, closing, .. } = server;
    let activity = &place.activity;
    let service = service(router.clone(), activity.clone());
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => Some(outcome),
        () = closing.cancelled() => None,
        () = is_idle_for_too_long(activity, limits) => None,
        () = activity.evicted() => None,
    };
    let outcome = match outcome {
        Some(outcome) => outcome,
        None => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                outcome = connection => outcome,
                () = may_be_cut(activity) => Ok(()),
            }
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "a connection ended badly");
    }
}

/// The router, with every request counted from its head to the end of its answer.
fn service(
    router: Router,
    activity: Arc<Activity>,
) -> impl hyper::service::Service<
    http::Request<Incoming>,
    Response = http::Response<Body>,
    Error = Infallible,
    Future = impl Future<Output = Result<http::Response<Body>, Infallible>> + Send,
> + Clone {
    hyper::service::service_fn(move |request| {
        let (request, open) = activity.begin(request);
        let answer = router.clone().oneshot(request);
        async move { answer.await.map(|response| open.answer(response)) }
    })
}

/// Ends when no request has come for longer than one may take.
async fn is_idle_for_too_long(activity: &Activity, limits: &ConnectionLimits) {
    loop {
        let deadline = match activity.idle() {
            Some((since, true)) => since + limits.between_requests,
            Some((since, false)) => since + limits.first_request,
            None => Instant::now() + limits.between_requests,
        };
        if activity.idle().is_some() && deadline <= Instant::now() {
            return;
        }
        tokio::time::sleep_until(deadline.into()).await;
    }
}

/// Ends when nobody waits for an answer. What has just been answered gets the time to leave.
async fn may_be_cut(activity: &Activity) {
    loop {
        let could_be_cut = activity.may_be_cut();
        tokio::time::sleep(CUT_PAUSE).await;
        if could_be_cut && activity.may_be_cut() {
            return;
        }
    }
}

/// Whether only the connection that was to be accepted is at fault.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}

#[cfg(test)]
mod tests;
