//! What is under way on one connection: how many requests, how many of them have not come whole yet, and since when there is none.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Response};
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// What calls of the worker contract say that they carry. They go on for as long as both sides like.
const GRPC: &[u8] = b"application/grpc";

/// How long an answer may take to leave once it is made, when its connection is to end.
const LEAVING_MAX: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub(super) struct Activity {
    /// Requests whose answers have not ended.
    open: AtomicUsize,
    /// Of these, those whose bodies are still coming.
    arriving: AtomicUsize,
    idle: Mutex<Idle>,
    /// Somebody else needs the connection's place.
    evicted: Notify,
}

#[derive(Clone, Copy, Debug)]
struct Idle {
    since: Instant,
    has_asked: bool,
}

impl Default for Activity {
    fn default() -> Self {
        let idle = Idle { since: Instant::now(), has_asked: false };
        Self { open: AtomicUsize::new(0), arriving: AtomicUsize::new(0), idle: Mutex::new(idle), evicted: Notify::new() }
    }
}

impl Activity {
    /// Whether nobody waits for anything: no request has come whole and is not answered, and the last answer has had its time to leave.
    pub(super) fn may_be_cut(&self) -> bool {
        let Idle { since, has_asked } = *self.idle.lock();
        let is_leaving = has_asked && since.elapsed() < LEAVING_MAX;
        !is_leaving && self.open.load(Ordering::Acquire) <= self.arriving.load(Ordering::Acquire)
    }

    /// Since when there is no request, and whether there ever was one. `None` while there is one.
    pub(super) fn idle(&self) -> Option<(Instant, bool)> {
        let Idle { since, has_asked } = *self.idle.lock();
        (self.open.load(Ordering::Acquire) == 0).then_some((since, has_asked))
    }

    /// Asks the connection to end if it is idle.
    pub(super) fn evict(&self) {
        self.evicted.notify_one();
    }

    pub(super) async fn evicted(&self) {
        self.evicted.notified().await;
    }

    /// A request has begun. It ends with the guard.
    pub(super) fn begin(self: &Arc<Self>, request: Request<Incoming>) -> (Request<Body>, Open) {
        self.open.fetch_add(1, Ordering::AcqRel);
        let is_grpc = request.headers().get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(GRPC));
        let is_whole = is_grpc || request.body().is_end_stream();
        let request = request.map(|body| match is_whole {
            true => Body::new(body),
            false => Body::new(Arriving { body, coming: Some(Coming::new(self.clone())) }),
        });
        (request, Open(self.clone()))
    }
}

/// A request whose answer has not ended.
#[derive(Debug)]
pub(super) struct Open(Arc<Activity>);

impl Open {
    /// The answer: the request is open until all of it has been handed on.
    pub(super) fn answer(self, response: Response<Body>) -> Response<Body> {
        // What is there whole leaves in one piece.
        if response.body().size_hint().exact().is_some() {
            return response;
        }
        response.map(|body| Body::new(Leaving { body, _open: self }))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        *self.0.idle.lock() = Idle { since: Instant::now(), has_asked: true };
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The body of an answer on its way out.
struct Leaving {
    body: Body,
    _open: Open,
}

impl hyper::body::Body for Leaving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Counts a request that has not come whole.
#[derive(Debug)]
struct Coming(Arc<Activity>);

impl Coming {
    fn new(activity: Arc<Activity>) -> Self {
        activity.arriving.fetch_add(1, Ordering::AcqRel);
        Self(activity)
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        self.0.arriving.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The body of a request on its way in.
struct Arriving {
    body: Incoming,
    /// None once all of it is here.
    coming: Option<Coming>,
}

impl hyper::body::Body for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) || self.body.is_end_stream() {
            self.coming = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
