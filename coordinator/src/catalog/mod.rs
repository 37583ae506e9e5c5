//! State machines, their revisions, versions and aliases, activities, tags, and the functions that workers have served.
//!
//! The catalog is one more shard over the same log: a [command](Command) is decided into [events](event), the events are appended
//! and made durable, then they are applied, then the command is answered. Reads take what has been applied and never wait for the
//! disk. Checkpoints write one record for each thing that changed; at the start the records are read and the rest of the log is
//! applied to them.
//!
//! Definitions are compiled when they are first run. A revision stays as long as anything can be pinned to it, whatever becomes of
//! its machine.

mod checkpoint;
mod codec;
mod command;
mod definition;
mod error;
mod event;
mod follower;
mod known;
mod limits;
mod load;
mod model;
mod revision;
mod state;
mod writer;

pub use codec::DecodeError;
pub(crate) use command::merge_tags;
pub use command::*;
pub use definition::{InvalidDefinition, compile, diagnose};
pub use error::{CatalogError, OpenError};
pub use event::CatalogEvent;
pub use model::*;
pub use revision::CatalogRevision;
pub use state::{State, StateMachineEntry};

use std::sync::{Arc, OnceLock};

use baton_engine::Timestamp;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::RwLockReadGuard;
use tokio::sync::{mpsc, oneshot, watch};

use crate::cluster::{Activities, Functions, Revision, Revisions};
use crate::store::{ShardStore, StoreError};
use follower::Follower;
use known::Known;

/// The catalog. Clones are cheap and are the same catalog.
#[derive(Clone)]
pub struct Catalog {
    inner: Arc<Inner>,
}

struct Inner {
    /// What is durable.
    known: Arc<Known>,
    /// There as long as this process owns the catalog.
    writer: watch::Sender<Option<writer::Sender>>,
    lost: Arc<OnceLock<StoreError>>,
    /// There at a member of a cluster.
    follower: Option<Follower>,
}

impl Catalog {
    /// Takes the catalog's shard and reads it. It is written to by a task on the present runtime, until [`close`](Self::close).
    pub async fn open(store: Arc<dyn ShardStore>) -> Result<Self, OpenError> {
        let loaded = load::load(&*store).await?;
        let known = Arc::new(Known::new(loaded.state.clone(), loaded.seq));
        let catalog = Self::over(known.clone(), None);
        let writer = writer::spawn(store, loaded, known, writer::Loss::Final(catalog.inner.lost.clone()));
        catalog.inner.writer.send_replace(Some(writer));
        Ok(catalog)
    }

    fn over(known: Arc<Known>, follower: Option<Follower>) -> Self {
        Self { inner: Arc::new(Inner { known, writer: watch::Sender::new(None), lost: Arc::default(), follower }) }
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.inner.known.state()
    }

    fn writer(&self) -> Option<writer::Sender> {
        self.inner.writer.borrow().clone()
    }

    /// Whether commands are carried out here.
    pub fn is_owner(&self) -> bool {
        self.inner.writer.borrow().is_some()
    }

    /// Answers when [`is_owner`](Self::is_owner) is so.
    pub async fn until_owner(&self, is_owner: bool) {
        let mut writers = self.inner.writer.subscribe();
        // It does not end as long as this catalog is there.
        let _ = writers.wait_for(|writer| writer.is_some() == is_owner).await;
    }

    /// How much of its log is known here: the number of the last batch.
    pub fn position(&self) -> u64 {
        self.inner.known.position()
    }

    /// Why the store takes nothing from this catalog any more; `None` as long as it does.
    pub fn loss(&self) -> Option<&StoreError> {
        self.inner.lost.get()
    }

    /// Carries out a command, if this process owns the catalog. When this answers, it is durable and every read here sees it.
    pub async fn execute<C: Command>(&self, command: C) -> Result<C::Reply, CatalogError> {
        let (reply, answer) = oneshot::channel();
        let message = writer::Message::command(command, reply);
        let writer = self.writer().ok_or(CatalogError::NotHere)?;
        writer.try_send(message).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => CatalogError::Throttled,
            mpsc::error::TrySendError::Closed(_) => self.closed(),
        })?;
        answer.await.unwrap_or_else(|_| Err(self.closed()))
    }

    fn closed(&self) -> CatalogError {
        match self.inner.follower {
            Some(_) => CatalogError::NotHere,
            None => CatalogError::Unavailable("the server is going away".to_owned()),
        }
    }

    /// Whether it takes no commands.
    pub fn is_closed(&self) -> bool {
        self.writer().is_none_or(|writer| writer.is_closed())
    }

    /// Writes a last checkpoint and takes no more commands. Reads go on. The shard of a member of a cluster is given up by whoever acquired it.
    pub async fn close(&self) {
        if let (None, Some(writer)) = (&self.inner.follower, self.writer()) {
            writer::end(&writer, writer::Leave::Released).await;
        }
    }

    /// The state machine with this unqualified ARN.
    pub fn state_machine(&self, arn: &str) -> Option<Arc<StateMachineEntry>> {
        self.state().machines.get(arn).cloned()
    }

    /// State machines whose ARN begins with `prefix` and comes after `after`, in the order of their ARNs.
    pub fn state_machines(&self, prefix: &str, after: Option<&str>, limit: usize) -> Vec<Arc<StateMachineEntry>> {
        page(&self.state().machines, prefix, after, limit)
    }

    /// The activity with this ARN.
    pub fn activity(&self, arn: &str) -> Option<Arc<ActivityRecord>> {
        self.state().activities.get(arn).cloned()
    }

    /// Activities whose ARN begins with `prefix` and comes after `after`, in the order of their ARNs.
    pub fn activities(&self, prefix: &str, after: Option<&str>, limit: usize) -> Vec<Arc<ActivityRecord>> {
        page(&self.state().activities, prefix, after, limit)
    }

    /// The tags of a machine or an activity.
    pub fn tags(&self, arn: &str) -> Option<Vec<Tag>> {
        self.state().tags(arn).map(<[Tag]>::to_vec)
    }

    /// A revision, whether it is still the current one of a machine or not.
    pub fn catalog_revision(&self, digest: u128) -> Option<Arc<CatalogRevision>> {
        self.state().revisions.get(&digest).cloned()
    }

    /// Deleted machines whose executions are still to be aborted: those that started up to the time given with each.
    pub fn deletions(&self) -> Vec<(Arc<str>, Timestamp)> {
        self.state().deleting.iter().map(|(arn, at)| (arn.clone(), *at)).collect()
    }
}

fn page<T>(things: &std::collections::BTreeMap<Arc<str>, Arc<T>>, prefix: &str, after: Option<&str>, limit: usize) -> Vec<Arc<T>> {
    use std::ops::Bound;
    let from = after.map_or(Bound::Included(prefix), Bound::Excluded);
    let all = things.range::<str, _>((from, Bound::Unbounded));
    all.take_while(|(arn, _)| arn.starts_with(prefix)).take(limit).map(|(_, thing)| thing.clone()).collect()
}

impl Revisions for Catalog {
    fn revision(&self, digest: u128) -> Option<Arc<Revision>> {
        // Compiling may take a while, so the lock is given back first.
        let revision = self.catalog_revision(digest)?;
        revision.compiled()
    }

    fn position(&self) -> u64 {
        self.inner.known.position()
    }

    fn reach(&self, position: u64) -> BoxFuture<'_, ()> {
        self.wait_for(position).map(drop).boxed()
    }
}

impl Functions for Catalog {
    fn knows(&self, name: &str) -> bool {
        self.state().functions.contains(name)
    }

    /// A registration that is refused is lost until the worker's next session says it again.
    fn register<'a>(&'a self, name: &'a str) -> BoxFuture<'a, ()> {
        async move {
            if self.knows(name) {
                return;
            }
            let Some(writer) = self.writer() else { return };
            let (reply, answer) = oneshot::channel();
            // It waits for room: a worker with many functions is no reason to forget some of them.
            if writer.send(writer::Message::command(RegisterFunction { name: name.into() }, reply)).await.is_err() {
                return;
            }
            if let Ok(Err(error)) = answer.await {
                tracing::warn!(function = name, %error, "a function that a worker serves could not be registered");
            }
        }
        .boxed()
    }
}

impl Activities for Catalog {
    fn exists(&self, activity_arn: &str) -> bool {
        self.state().activities.contains_key(activity_arn)
    }
}

#[cfg(test)]
mod tests;
