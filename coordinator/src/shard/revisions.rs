//! What shards ask of the catalog.

use std::sync::Arc;

use baton_asl::StateMachine;
use futures_util::future::BoxFuture;

/// A state machine's definition and role as they were when an execution started.
#[derive(Debug)]
pub struct Revision {
    /// Digest of the definition, the role and what else makes a revision.
    pub digest: u128,
    /// The definition, byte for byte.
    pub definition: Arc<str>,
    /// What runs.
    pub machine: StateMachine,
    /// `roleArn`.
    pub role_arn: Arc<str>,
}

/// Revisions by digest. A revision that an execution is pinned to is never forgotten while the execution can still be read.
pub trait Revisions: Send + Sync {
    /// The revision with this digest.
    fn revision(&self, digest: u128) -> Option<Arc<Revision>>;
}

/// Functions that workers have served. A known function whose workers are all away waits; an unknown one is asked for at the
/// downstream endpoint.
pub trait Functions: Send + Sync {
    /// Whether a worker has ever served a function of this name.
    fn knows(&self, name: &str) -> bool;

    /// A worker serves it from now on. When this answers, it is known, and kept durably if the store takes anything at all.
    fn register<'a>(&'a self, name: &'a str) -> BoxFuture<'a, ()>;
}

/// Activities that have been created.
pub trait Activities: Send + Sync {
    /// Whether there is an activity with this ARN.
    fn exists(&self, activity_arn: &str) -> bool;
}
