//! What the catalog can refuse.

use std::sync::Arc;

/// Why a command had no effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// A machine of this name has another content.
    #[error("{arn} exists with another content")]
    StateMachineAlreadyExists {
        /// Its ARN.
        arn: Arc<str>,
    },
    /// There is no such machine.
    #[error("there is no {arn}")]
    StateMachineDoesNotExist {
        /// The ARN asked for.
        arn: Arc<str>,
    },
    /// As many machines as there may be.
    #[error("there are as many state machines as there may be")]
    StateMachineLimitExceeded,
    /// An activity of this name has another encryption configuration.
    #[error("{arn} exists with another encryption")]
    ActivityAlreadyExists {
        /// Its ARN.
        arn: Arc<str>,
    },
    /// As many activities as there may be.
    #[error("there are as many activities as there may be")]
    ActivityLimitExceeded,
    /// More tags than a resource may have.
    #[error("{arn} has as many tags as it may")]
    TooManyTags {
        /// ARN of the resource.
        arn: Arc<str>,
    },
    /// Nothing that carries tags has this ARN.
    #[error("nothing that carries tags is called {arn}")]
    NotTaggable {
        /// The ARN asked for.
        arn: Arc<str>,
    },
    /// A guarded publication met another revision.
    #[error("Failed to publish the State Machine version for revision {given}. The current State Machine revision is {current}.")]
    StaleRevision {
        /// The caller's.
        given: Arc<str>,
        /// The machine's.
        current: Arc<str>,
    },
    /// A route names a version that is not there.
    #[error("there is no such version")]
    NoSuchVersion,
    /// An alias routes to the version.
    #[error("Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: [{}]", aliases.join(", "))]
    VersionInUse {
        /// Names of the aliases.
        aliases: Vec<String>,
    },
    /// As many versions as a machine may have.
    #[error("The maximum number of versions of the state machine has been reached.")]
    VersionLimitExceeded,
    /// There is no such alias.
    #[error("there is no such alias")]
    NoSuchAlias,
    /// An alias of this name has another content.
    #[error("Failed to create alias because an alias with the same name and a different routing configuration already exists.")]
    AliasAlreadyExists,
    /// As many aliases as a machine may have.
    #[error("The maximum number of aliases of the state machine has been reached.")]
    AliasLimitExceeded,
    /// Another member of the cluster owns the catalog, or nobody does at the moment.
    #[error("the catalog is another server's; try again")]
    NotHere,
    /// Too many commands wait.
    #[error("too many commands wait")]
    Throttled,
    /// The store refuses writes, or the catalog is going away.
    #[error("{0}")]
    Unavailable(String),
}

/// Why the catalog could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store could not be read.
    #[error("the store does not give the catalog: {0}")]
    Store(#[from] crate::store::StoreError),
    /// What was read was written by a newer release, or is damaged.
    #[error("the catalog cannot be read: {0}")]
    Codec(#[from] super::codec::DecodeError),
}
