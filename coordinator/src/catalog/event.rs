//! Everything that did happen to the catalog. The log holds these; `State::apply` is the only way in which the catalog changes.

use std::sync::Arc;

use baton_engine::Timestamp;
use bincode::{Decode, Encode};

use super::model::{ActivityRecord, Alias, CreatedWith, Tag, Version};
use super::revision::CatalogRevision;

/// One thing that happened.
#[derive(Clone, Debug, Encode, Decode)]
pub enum CatalogEvent {
    /// A machine was made; the revision names it.
    StateMachineCreated {
        /// Its first.
        revision: Arc<CatalogRevision>,
        /// See there.
        created_with: CreatedWith,
        /// Given with it.
        tags: Vec<Tag>,
    },
    /// A machine got another revision.
    StateMachineUpdated {
        /// From now on.
        revision: Arc<CatalogRevision>,
    },
    /// A machine went, with its versions, aliases and tags. Its revisions stay for the executions that are pinned to them.
    StateMachineDeleted {
        /// ARN of the machine.
        arn: Arc<str>,
        /// Executions that started up to then are to be aborted.
        at: Timestamp,
    },
    /// All executions of a deleted machine have been aborted.
    DeletionFinished {
        /// ARN of the machine.
        arn: Arc<str>,
    },
    /// A version was published.
    VersionPublished {
        /// ARN of the machine.
        arn: Arc<str>,
        /// The version.
        version: Version,
    },
    /// A version was deleted.
    VersionDeleted {
        /// ARN of the machine.
        arn: Arc<str>,
        /// Its number.
        number: u64,
    },
    /// An alias was made or changed: it is so from now on.
    AliasSet {
        /// ARN of the machine.
        arn: Arc<str>,
        /// The alias.
        alias: Alias,
    },
    /// An alias was deleted.
    AliasDeleted {
        /// ARN of the machine.
        arn: Arc<str>,
        /// Name of the alias.
        name: Arc<str>,
    },
    /// An activity was made.
    ActivityCreated {
        /// The activity.
        activity: ActivityRecord,
    },
    /// An activity was deleted.
    ActivityDeleted {
        /// Its ARN.
        arn: Arc<str>,
    },
    /// A machine or activity has these tags from now on: all of them.
    TagsSet {
        /// ARN of the resource.
        arn: Arc<str>,
        /// All of its tags.
        tags: Vec<Tag>,
    },
    /// A worker has served a function for the first time.
    FunctionRegistered {
        /// Name of the function.
        name: Arc<str>,
    },
}
