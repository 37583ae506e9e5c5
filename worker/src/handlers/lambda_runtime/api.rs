//! The AWS Lambda Runtime API, served on a loopback port to one process.
//!
//! `GET  /2018-06-01/runtime/invocation/next`, `POST …/invocation/{id}/response`, `POST …/invocation/{id}/error`, `POST …/init/error`.
//! A port per process tells processes apart, since the API itself has no name for its caller.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::handlers::payload::RESPONSE_BYTES_MAX;

const PREFIX: &str = "/2018-06-01/runtime/";
/// Requests of one process that wait to be looked at; a runtime has one open at a time.
const CALLS_WAITING_MAX: usize = 16;

/// What a process asks or tells.
#[derive(Debug)]
pub(super) enum Call {
    /// It is free and waits for an invocation.
    Next(oneshot::Sender<Next>),
    /// It has ended an invocation.
    Answer { request_id: String, answer: Answer, reply: oneshot::Sender<StatusCode> },
    /// It could not get ready for invocations.
    InitError { payload: Bytes },
}

/// How an invocation ended in the process.
#[derive(Debug)]
pub(super) enum Answer {
    Output(Bytes),
    /// `loading`: the handler itself could not be loaded, which only our own bootstraps tell.
    Error {
        payload: Bytes,
        loading: bool,
    },
    TooLarge,
}

/// An invocation on its way to the process.
#[derive(Debug)]
pub(super) struct Next {
    pub(super) headers: HeaderMap,
    pub(super) payload: Bytes,
}

/// The server of one process; it ends when dropped.
#[derive(Debug)]
pub(super) struct RuntimeApi {
    pub(super) address: SocketAddr,
    pub(super) calls: mpsc::Receiver<Call>,
    server: JoinHandle<()>,
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl RuntimeApi {
    pub(super) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (sender, calls) = mpsc::channel(CALLS_WAITING_MAX);
        Ok(Self { address, calls, server: tokio::spawn(accept(listener, sender)) })
    }
}

async fn accept(listener: TcpListener, calls: mpsc::Sender<Call>) {
    // The set ends the connections when the server is aborted.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Without it each answer would wait for the process's delayed acknowledgement.
                let _ = stream.set_nodelay(true);
                connections.spawn(serve(stream, calls.clone()));
            }
            // Out of file descriptors, or the connection is gone again: neither ends the server.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: tokio::net::TcpStream, calls: mpsc::Sender<Call>) {
    let service = service_fn(|request| {
        let calls = calls.clone();
        async move { Ok::<_, Infallible>(route(request, &calls).await.unwrap_or_else(|| status(StatusCode::SERVICE_UNAVAILABLE))) }
    });
    // An error here is the process closing its connection.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// Answers one request; none if nobody owns the process any more.
async fn route(request: Request<Incoming>, calls: &mpsc::Sender<Call>) -> Option<Response<Full<Bytes>>> {
    let path = request.uri().path().strip_prefix(PREFIX).map(|path| path.split('/').collect::<Vec<_>>());
    match (request.method(), path.as_deref()) {
        (&Method::GET, Some(["invocation", "next"])) => next(calls).await,
        (&Method::POST, Some(["invocation", id, "response"])) => {
            let id = (*id).to_owned();
            let answer = body(request).await.map_or(Answer::TooLarge, Answer::Output);
            finish(calls, id, answer).await
        }
        (&Method::POST, Some(["invocation", id, "error"])) => {
            let id = (*id).to_owned();
            let loading = request.headers().contains_key("baton-load-error");
            let answer = body(request).await.map_or(Answer::TooLarge, |payload| Answer::Error { payload, loading });
            finish(calls, id, answer).await
        }
        (&Method::POST, Some(["init", "error"])) => {
            let payload = body(request).await.unwrap_or_default();
            calls.send(Call::InitError { payload }).await.ok()?;
            Some(status(StatusCode::ACCEPTED))
        }
        _ => Some(status(StatusCode::NOT_FOUND)),
    }
}

async fn next(calls: &mpsc::Sender<Call>) -> Option<Response<Full<Bytes>>> {
    let (sender, receiver) = oneshot::channel();
    calls.send(Call::Next(sender)).await.ok()?;
    let next = receiver.await.ok()?;
    let mut response = Response::new(Full::new(next.payload));
    *response.headers_mut() = next.headers;
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    Some(response)
}

async fn finish(calls: &mpsc::Sender<Call>, request_id: String, answer: Answer) -> Option<Response<Full<Bytes>>> {
    let (reply, receiver) = oneshot::channel();
    calls.send(Call::Answer { request_id, answer, reply }).await.ok()?;
    Some(status(receiver.await.ok()?))
}

/// The body, or none if it is larger than Lambda takes or the connection breaks.
async fn body(request: Request<Incoming>) -> Option<Bytes> {
    Limited::new(request.into_body(), RESPONSE_BYTES_MAX).collect().await.ok().map(http_body_util::Collected::to_bytes)
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let text = match status {
        StatusCode::ACCEPTED => r#"{"status":"OK"}"#,
        StatusCode::PAYLOAD_TOO_LARGE => r#"{"errorType":"RequestEntityTooLarge","errorMessage":"Exceeded maximum allowed payload size"}"#,
        StatusCode::FORBIDDEN => r#"{"errorType":"InvalidRequestID","errorMessage":"Invalid request ID"}"#,
        _ => r#"{"errorType":"InvalidRequest","errorMessage":"This server does not serve that"}"#,
    };
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    response
}
