//! What shards ask of the catalog.

use std::sync::Arc;

use baton_asl::{MachineType, StateMachine};
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
    /// `type`.
    pub machine_type: MachineType,
    /// `loggingConfiguration`; `None` where nothing is logged.
    pub logging: Option<Logging>,
}

/// A `loggingConfiguration` that logs something. An execution keeps the one it was started with, as it keeps its definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logging {
    /// `level`.
    pub level: LogLevel,
    /// `includeExecutionData`.
    pub include_execution_data: bool,
    /// ARN of the log group, as given: with `:*` at its end.
    pub log_group_arn: Arc<str>,
}

/// A `level` other than OFF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// `ALL`.
    All,
    /// `ERROR`.
    Error,
    /// `FATAL`.
    Fatal,
}

/// Revisions by digest. A revision that an execution is pinned to is never forgotten while the execution can still be read.
pub trait Revisions: Send + Sync {
    /// The revision with this digest.
    fn revision(&self, digest: u128) -> Option<Arc<Revision>>;

    /// How much of the catalog is known here: what was known at one place is known at every other that is as far.
    fn position(&self) -> u64 {
        0
    }

    /// Answers when the catalog is known here at least as far as this, or after a moment, if that cannot be had.
    fn reach(&self, position: u64) -> BoxFuture<'_, ()> {
        let _ = position;
        Box::pin(std::future::ready(()))
    }
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
