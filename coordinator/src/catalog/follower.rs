//! The catalog at a member that may not own it. It follows the owner's log; while its shard is this member's, it is the owner.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::TryStreamExt;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::error::{CatalogError, OpenError};
use super::event::CatalogEvent;
use super::{Catalog, Inner, Known, codec, load, writer};
use crate::cluster::CatalogShard;
use crate::store::{Acquired, ShardId, ShardStore, StoreError};

/// How often the owner's log is looked at.
const INTERVAL: Duration = Duration::from_millis(100);
/// Records are read so often while checkpoints change them, before the log is looked at again later.
const READS_MAX: usize = 10;
/// How long a reader waits for what others know already.
const REACH_MAX: Duration = Duration::from_secs(2);

/// What a member needs to follow.
pub(super) struct Follower {
    store: Arc<dyn ShardStore>,
    /// One at a time reads on, or becomes or ceases to be the owner.
    turn: tokio::sync::Mutex<()>,
}

/// Whether the log had everything.
enum Read {
    All,
    /// Its beginning is gone: it is in the records.
    Trimmed,
}

impl Catalog {
    /// As a member of a cluster has it: it follows, until the shard is [acquired](CatalogShard::acquired). Answers when everything can be read
    /// that is durable now.
    pub async fn follow(store: Arc<dyn ShardStore>) -> Result<Self, OpenError> {
        let follower = Follower { store, turn: tokio::sync::Mutex::default() };
        let catalog = Self::over(Arc::new(Known::new(super::State::default(), 0)), Some(follower));
        catalog.read_on().await?;
        tokio::spawn(keep_up(Arc::downgrade(&catalog.inner)));
        Ok(catalog)
    }

    /// Reads what has become durable since.
    async fn read_on(&self) -> Result<(), OpenError> {
        let Some(follower) = &self.inner.follower else { return Ok(()) };
        let _turn = follower.turn.lock().await;
        if self.is_owner() { Ok(()) } else { follower.read_on(&self.inner.known).await }
    }

    /// Because something was not found: whether more is known than at the position `seen`, once everything is that is durable now. An error if that
    /// cannot be had: nothing can be said not to exist then.
    pub async fn look_again(&self, seen: u64) -> Result<bool, CatalogError> {
        let Some(follower) = &self.inner.follower else { return Ok(false) };
        let unknown = |why: &dyn std::fmt::Display| {
            CatalogError::Unavailable(format!("what exists is not known here at the moment ({why}); try again"))
        };
        let last = follower.store.last_seq(ShardId::CATALOG).await.map_err(|error| unknown(&error))?;
        if !self.wait_for(last).await {
            return Err(unknown(&"this process is behind with the catalog"));
        }
        Ok(self.position() > seen)
    }

    /// Answers when everything up to this position can be read here, or after a moment, if that cannot be had: whether it can be read.
    pub async fn wait_for(&self, position: u64) -> bool {
        let mut positions = self.inner.known.positions();
        let reached = async {
            while *positions.borrow_and_update() < position {
                if let Err(error) = self.read_on().await {
                    tracing::debug!(%error, "the catalog's log cannot be read at the moment");
                }
                // Whoever is the owner here appends, and everybody else reads on.
                let _ = timeout(INTERVAL, positions.changed()).await;
            }
        };
        let is_reached = self.inner.known.position() >= position || timeout(REACH_MAX, reached).await.is_ok();
        if !is_reached {
            tracing::warn!(position, known = self.inner.known.position(), "this process is behind with the catalog");
        }
        is_reached
    }
}

/// Follows for as long as there is somebody who reads.
async fn keep_up(inner: Weak<Inner>) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        let Some(inner) = inner.upgrade() else { return };
        match (Catalog { inner }).read_on().await {
            Ok(()) => {}
            Err(OpenError::Store(StoreError::Closed)) => return,
            Err(error) => tracing::warn!(%error, "the catalog cannot be followed at the moment"),
        }
    }
}

impl Follower {
    async fn read_on(&self, known: &Known) -> Result<(), OpenError> {
        let last = self.store.last_seq(ShardId::CATALOG).await?;
        if last <= known.position() {
            return Ok(());
        }
        if let Read::All = self.read_log(known, last).await? {
            return Ok(());
        }
        for _ in 0..READS_MAX {
            if let Read::All = self.read_records(known).await? {
                return Ok(());
            }
            tokio::time::sleep(INTERVAL).await;
        }
        Ok(())
    }

    /// What comes behind what is known, up to `last` at least.
    async fn read_log(&self, known: &Known, last: u64) -> Result<Read, OpenError> {
        let mut log = self.store.read_log(ShardId::CATALOG, known.position());
        while let Some((seq, batch)) = log.try_next().await? {
            if seq != known.position() + 1 {
                return Ok(Read::Trimmed);
            }
            known.apply(seq, &codec::decode_batch::<CatalogEvent>(&batch)?);
        }
        Ok(if known.position() < last { Read::Trimmed } else { Read::All })
    }

    /// Everything, from the records and the log behind them. A checkpoint may change the records while they are read: whatever it has changed is in
    /// the log as well, as far as that still begins where it did, and events may be applied to what knows of them already.
    async fn read_records(&self, known: &Known) -> Result<Read, OpenError> {
        let last = self.store.last_seq(ShardId::CATALOG).await?;
        let first = self.store.read_log(ShardId::CATALOG, 0).try_next().await?.map_or(last + 1, |(seq, _)| seq);
        let mut state = match load::records(&*self.store).await {
            Ok(state) => state,
            // One record speaks of another that was written after that had been looked for.
            Err(OpenError::Codec(error)) => {
                tracing::debug!(%error, "the catalog's records have changed while they were read");
                return Ok(Read::Trimmed);
            }
            Err(error) => return Err(error),
        };
        let mut position = first - 1;
        let mut log = self.store.read_log(ShardId::CATALOG, position);
        while let Some((seq, batch)) = log.try_next().await? {
            if seq != position + 1 {
                return Ok(Read::Trimmed);
            }
            codec::decode_batch::<CatalogEvent>(&batch)?.iter().for_each(|event| state.apply(event));
            position = seq;
        }
        if position < last {
            return Ok(Read::Trimmed);
        }
        known.replace(state, position);
        Ok(Read::All)
    }
}

impl CatalogShard for Catalog {
    fn acquired(&self, acquired: Acquired, loss: oneshot::Sender<()>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let Some(follower) = &self.inner.follower else { return Ok(()) };
            let _turn = follower.turn.lock().await;
            let loaded = load::read(&*follower.store, acquired).await.map_err(|error| match error {
                OpenError::Store(error) => error,
                OpenError::Codec(error) => StoreError::Corrupt(error.to_string()),
            })?;
            self.inner.known.replace(loaded.state.clone(), loaded.seq);
            let writer = writer::spawn(follower.store.clone(), loaded, self.inner.known.clone(), writer::Loss::Told(Some(loss)));
            self.inner.writer.send_replace(Some(writer));
            Ok(())
        })
    }

    fn give_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let Some(follower) = &self.inner.follower else { return };
            let writer = self.inner.writer.send_replace(None);
            let _turn = follower.turn.lock().await;
            if let Some(writer) = writer {
                writer::end(&writer, writer::Leave::Owned).await;
            }
        })
    }

    fn lost(&self) {
        // Without whoever sends to it, the writer ends; what is on its way into the log is refused by the store.
        if self.inner.follower.is_some() {
            self.inner.writer.send_replace(None);
        }
    }

    fn refresh(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.read_on().await.map_err(|error| match error {
                OpenError::Store(error) => error,
                OpenError::Codec(error) => StoreError::Corrupt(error.to_string()),
            })
        })
    }
}

#[cfg(test)]
mod tests;
