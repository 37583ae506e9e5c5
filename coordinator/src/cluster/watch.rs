//! Following an execution live.

use std::sync::Arc;
use std::time::Duration;

use baton_engine::Event;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::{Cluster, ExecutionId};
use crate::shard::read_chunk;

/// Chunks that a follower may be behind before it is let go.
const BEHIND_MAX: usize = 1_024;

/// How often what is followed is looked for at its next owner without anything new being found, and the pause before each time.
const RESUMES_MAX: u32 = 200;
const RESUME_PAUSE: Duration = Duration::from_millis(25);

/// All events of an execution so far, then those that become durable, in order and without gaps.
pub struct Watch {
    so_far: Option<Vec<Event>>,
    live: Option<mpsc::Receiver<Bytes>>,
    /// Where it goes on when the shard goes to another member; `None` in a process that has the store to itself.
    shared: Option<(Cluster, ExecutionId)>,
    /// Events that were told.
    told: usize,
    has_ended: bool,
}

impl Watch {
    pub(super) fn new(so_far: Vec<Event>, live: Option<mpsc::Receiver<Bytes>>) -> Self {
        Self { so_far: Some(so_far), live, shared: None, told: 0, has_ended: false }
    }

    /// As this, of an execution whose shard may go to another member.
    pub(super) fn shared(self, cluster: Cluster, id: ExecutionId) -> Self {
        Self { shared: Some((cluster, id)), ..self }
    }

    /// The next events; `None` after the execution's last one, or when the watcher was too slow and has to begin again.
    pub async fn next(&mut self) -> Option<Vec<Event>> {
        let events = match self.next_here().await {
            Some(events) => events,
            None => self.resumed().await?,
        };
        self.told += events.len();
        self.has_ended = events.last().is_some_and(super::read::ends_execution);
        Some(events)
    }

    async fn next_here(&mut self) -> Option<Vec<Event>> {
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

    /// Follows the execution where it is now, from behind what was told.
    async fn resumed(&mut self) -> Option<Vec<Event>> {
        let (cluster, id) = self.shared.clone().filter(|_| !self.has_ended && self.live.is_some())?;
        for _ in 0..RESUMES_MAX {
            tokio::time::sleep(RESUME_PAUSE).await;
            let Watch { so_far, live, .. } = Box::pin(cluster.watch(id)).await.ok().flatten()?;
            self.live = live;
            let mut all = so_far.unwrap_or_default();
            let new = all.split_off(self.told.min(all.len()));
            if !new.is_empty() {
                return Some(new);
            }
            if let Some(events) = self.next_here().await {
                return Some(events);
            }
        }
        None
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
