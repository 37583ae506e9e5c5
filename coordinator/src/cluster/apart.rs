//! Executions of machines that nobody has created: a task that is tested by itself is done by one. They run as StartSyncExecution runs an
//! Express machine: in memory, once, listed nowhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use baton_asl::Resource;
use baton_engine::{Failure, Payload, Start};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;

use super::{Cluster, ExpressEnd, Revision, Revisions, StartError};
use crate::dispatch::check_invoke;

/// The catalog's revisions, and those that run apart just now.
pub(super) struct WithApart {
    catalog: Arc<dyn Revisions>,
    apart: Mutex<BTreeMap<u128, (Arc<Revision>, usize)>>,
}

impl WithApart {
    pub(super) fn new(catalog: Arc<dyn Revisions>) -> Self {
        Self { catalog, apart: Mutex::default() }
    }

    fn hold(self: &Arc<Self>, revision: Revision) -> Held {
        let digest = revision.digest;
        let mut apart = self.apart.lock();
        apart.entry(digest).or_insert_with(|| (Arc::new(revision), 0)).1 += 1;
        Held { revisions: self.clone(), digest }
    }
}

impl Revisions for WithApart {
    fn revision(&self, digest: u128) -> Option<Arc<Revision>> {
        let apart = || self.apart.lock().get(&digest).map(|(revision, _)| revision.clone());
        self.catalog.revision(digest).or_else(apart)
    }

    fn position(&self) -> u64 {
        self.catalog.position()
    }

    fn reach(&self, position: u64) -> BoxFuture<'_, ()> {
        self.catalog.reach(position)
    }
}

/// As long as it is there, its revision can be found.
struct Held {
    revisions: Arc<WithApart>,
    digest: u128,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut apart = self.revisions.apart.lock();
        if let Some((_, holders)) = apart.get_mut(&self.digest) {
            *holders -= 1;
            if *holders == 0 {
                apart.remove(&self.digest);
            }
        }
    }
}

/// Whether a task could be called with these parameters. That an activity exists is not asked: it need not, to be tested.
pub(crate) fn check_parameters(resource: &Resource, parameters: &Payload) -> Result<(), Failure> {
    match resource {
        Resource::Function { .. } | Resource::Activity { .. } => Ok(()),
        Resource::Integration(integration) => check_invoke(integration, parameters),
    }
}

impl Cluster {
    /// Runs the revision once and answers when it has ended. Equal digests stand for equal revisions. It goes on when nobody waits for the
    /// answer, at most as long as an Express execution may.
    pub async fn run_apart(&self, start: Start, revision: Revision) -> Result<ExpressEnd, StartError> {
        let start = Start { revision: revision.digest, ..start };
        let _held = self.inner.revisions.hold(revision);
        self.start_sync(start).await
    }
}
