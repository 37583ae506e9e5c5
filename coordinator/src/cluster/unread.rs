//! What is answered when something stored cannot be read.

use super::ReadError;
use crate::shard::CodecError;
use crate::store::StoreError;

/// What a question is about, and what is told when it cannot be read.
pub(super) struct Subject {
    name: &'static str,
    /// It may be readable later.
    pub(super) passing: &'static str,
    /// It never will be by itself.
    damaged: &'static str,
}

pub(super) const EXECUTION: Subject = Subject {
    name: "an execution",
    passing: "What is stored about the execution cannot be read at the moment.",
    damaged: "What is stored about the execution is damaged, and trying again will not help: the log of this server says more.",
};

pub(super) const MAP_RUN: Subject = Subject {
    name: "a Map Run",
    passing: "What is stored about the Map Run cannot be read at the moment.",
    damaged: "What is stored about the Map Run is damaged, and trying again will not help: the log of this server says more.",
};

/// Why something cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unread {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Codec(#[from] CodecError),
}

impl Subject {
    /// Logs why, and answers what is told.
    pub(super) fn unread(&self, error: impl Into<Unread>) -> ReadError {
        let error = error.into();
        let next = "end the server and see what can be kept with `baton doctor --repair DATA_DIR`";
        match &error {
            Unread::Codec(_) | Unread::Store(StoreError::Corrupt(_)) => {
                tracing::error!(%error, next, "what is stored about {} is damaged", self.name);
                ReadError::Unavailable(self.damaged)
            }
            Unread::Store(_) => {
                tracing::error!(%error, "what is stored about {} cannot be read", self.name);
                ReadError::Unavailable(self.passing)
            }
        }
    }
}
