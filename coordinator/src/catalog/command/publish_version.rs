//! PublishStateMachineVersion and DeleteStateMachineVersion.

use std::sync::Arc;

use baton_engine::Timestamp;

use super::{Command, Decision, Stamp};
use crate::catalog::error::CatalogError;
use crate::catalog::event::CatalogEvent;
use crate::catalog::limits;
use crate::catalog::model::Version;
use crate::catalog::state::{State, StateMachineEntry};

/// What a machine that was never updated has for a revision id.
const INITIAL: &str = "INITIAL";

/// Publishes the current revision. A repetition answers with the version that there is.
#[derive(Clone, Debug)]
pub struct PublishVersion {
    /// ARN of the machine.
    pub arn: Arc<str>,
    /// `revisionId`: publish only this one.
    pub revision_id: Option<Arc<str>>,
    /// `description`
    pub description: Option<Arc<str>>,
}

/// Answer to [`PublishVersion`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionPublished {
    /// `stateMachineVersionArn`
    pub arn: String,
    /// `creationDate`
    pub created_at: Timestamp,
}

impl Command for PublishVersion {
    type Reply = VersionPublished;

    fn decide(self, state: &State, stamp: Stamp) -> Result<Decision<VersionPublished>, CatalogError> {
        let machine = state.machines.get(&self.arn);
        let machine = machine.ok_or_else(|| CatalogError::StateMachineDoesNotExist { arn: self.arn.clone() })?;
        let current = machine.revision.record.revision_id.clone().unwrap_or_else(|| INITIAL.into());
        if let Some(given) = self.revision_id.filter(|given| *given != current) {
            return Err(CatalogError::StaleRevision { given, current });
        }
        let (version, event) = publish(machine, machine.revision.record.digest, self.description, stamp.now)?;
        let reply = VersionPublished { arn: machine.version_arn(version.number), created_at: version.at };
        Ok(Decision { events: event.into_iter().collect(), reply })
    }
}

/// The version of the revision, and the event that makes it unless it was there.
pub(super) fn publish(
    machine: &StateMachineEntry,
    revision: u128,
    description: Option<Arc<str>>,
    now: Timestamp,
) -> Result<(Version, Option<CatalogEvent>), CatalogError> {
    if let Some(present) = machine.versions.values().rev().find(|version| version.revision == revision) {
        return Ok((present.clone(), None));
    }
    if machine.versions.len() >= limits::VERSIONS_MAX {
        return Err(CatalogError::VersionLimitExceeded);
    }
    let version = Version { number: machine.last_version + 1, revision, description, at: now };
    let event = CatalogEvent::VersionPublished { arn: machine.arn.clone(), version: version.clone() };
    Ok((version, Some(event)))
}

/// Deletes a version. Nothing happens when it is not there.
#[derive(Clone, Debug)]
pub struct DeleteVersion {
    /// ARN of the machine.
    pub arn: Arc<str>,
    /// Number of the version.
    pub number: u64,
}

impl Command for DeleteVersion {
    type Reply = ();

    fn decide(self, state: &State, _: Stamp) -> Result<Decision<()>, CatalogError> {
        let Some(machine) = state.machines.get(&self.arn).filter(|machine| machine.versions.contains_key(&self.number)) else {
            return Ok(Decision::nothing(()));
        };
        let in_use = machine.aliases.iter().filter(|alias| alias.routes.iter().any(|route| route.version == self.number));
        let aliases: Vec<String> = in_use.map(|alias| alias.name.to_string()).collect();
        if !aliases.is_empty() {
            return Err(CatalogError::VersionInUse { aliases });
        }
        let events = vec![CatalogEvent::VersionDeleted { arn: self.arn, number: self.number }];
        Ok(Decision { events, reply: () })
    }
}
