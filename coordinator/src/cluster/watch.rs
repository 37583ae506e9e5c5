//! Following an execution live.

use std::sync::Arc;

use baton_engine::Event;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::shard::read_chunk;

/// Chunks that a follower may be behind before it is let go.
const BEHIND_MAX: usize = 1_024;

/// All events of an execution so far, then those that become durable, in order and without gaps.
pub struct Watch {
    so_far: Option<Vec<Event>>,
    live: Option<mpsc::Receiver<Bytes>>,
}

impl Watch {
    pub(super) fn new(so_far: Vec<Event>, live: Option<mpsc::Receiver<Bytes>>) -> Self {
        Self { so_far: Some(so_far), live }
    }

    /// The next events; `None` after the execution's last one, or when the watcher was too slow and has to begin again.
    pub async fn next(&mut self) -> Option<Vec<Event>> {
        if let Some(events) = self.so_far.take() {
            return Some(events);
        }
        let chunk = self.live.as_mut()?.recv().await?;
        match read_chunk(&chunk) {
            Ok(events) => Some(events),
            Err(error) => {
                tracing::error!(%error, "events that were just written cannot be read");
                None
            }
        }
    }
}

/// The shard's end of a watch.
#[derive(Clone)]
pub(crate) struct Watcher(Arc<Mutex<Option<mpsc::Sender<Bytes>>>>);

impl Watcher {
    pub(super) fn new() -> (Self, mpsc::Receiver<Bytes>) {
        let (sender, receiver) = mpsc::channel(BEHIND_MAX);
        (Self(Arc::new(Mutex::new(Some(sender)))), receiver)
    }

    /// Hands events on. A follower that is too far behind is let go: it has a gap, and must begin again.
    pub(super) fn tell(&self, chunk: Bytes) {
        let mut sender = self.0.lock();
        if sender.as_ref().is_some_and(|sender| sender.try_send(chunk).is_err()) {
            *sender = None;
        }
    }

    /// Nothing more will come.
    pub(super) fn end(&self) {
        *self.0.lock() = None;
    }

    /// Whether nobody follows any more.
    pub(super) fn is_gone(&self) -> bool {
        self.0.lock().as_ref().is_none_or(mpsc::Sender::is_closed)
    }
}
