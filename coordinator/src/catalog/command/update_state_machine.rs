//! UpdateStateMachine.

use std::sync::Arc;

use baton_asl::StateMachine;
use baton_engine::Timestamp;
use xxhash_rust::xxh3::xxh3_128;

use super::publish_version::publish;
use super::{Command, Decision, Stamp};
use crate::catalog::error::CatalogError;
use crate::catalog::event::CatalogEvent;
use crate::catalog::model::{Content, EncryptionConfiguration, LoggingConfiguration, MachineType, RevisionRecord};
use crate::catalog::revision::CatalogRevision;
use crate::catalog::state::{State, StateMachineEntry};

/// Changes a state machine. As recorded from AWS, an update that changes nothing makes no revision.
#[derive(Debug)]
pub struct UpdateStateMachine {
    /// ARN of the machine.
    pub arn: Arc<str>,
    /// The type that the definition was checked for.
    pub machine_type: MachineType,
    /// `definition` and what it says.
    pub definition: Option<(Arc<str>, StateMachine)>,
    /// `roleArn`
    pub role_arn: Option<Arc<str>>,
    /// `loggingConfiguration`
    pub logging: Option<LoggingConfiguration>,
    /// `tracingConfiguration.enabled`
    pub tracing_enabled: Option<bool>,
    /// `encryptionConfiguration`
    pub encryption: Option<EncryptionConfiguration>,
    /// `publish`
    pub publish: bool,
    /// `versionDescription`
    pub version_description: Option<Arc<str>>,
}

/// Answer to [`UpdateStateMachine`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateMachineUpdated {
    /// `updateDate`
    pub updated_at: Timestamp,
    /// `revisionId`
    pub revision_id: Option<Arc<str>>,
    /// `stateMachineVersionArn`, when a version was published with it.
    pub version_arn: Option<String>,
}

impl Command for UpdateStateMachine {
    type Reply = StateMachineUpdated;

    fn decide(self, state: &State, stamp: Stamp) -> Result<Decision<StateMachineUpdated>, CatalogError> {
        let machine = state.machines.get(&self.arn).filter(|machine| machine.machine_type == self.machine_type);
        let machine = machine.ok_or_else(|| CatalogError::StateMachineDoesNotExist { arn: self.arn.clone() })?.clone();
        let (publishes, description) = (self.publish, self.version_description.clone());
        let mut events = Vec::new();
        let revision = match self.changed(&machine, &stamp) {
            Some(revision) => {
                events.push(CatalogEvent::StateMachineUpdated { revision: revision.clone() });
                revision
            }
            None => machine.revision.clone(),
        };
        let mut version_arn = None;
        if publishes {
            let (version, event) = publish(&machine, revision.record.digest, description, stamp.now)?;
            version_arn = Some(machine.version_arn(version.number));
            events.extend(event);
        }
        let updated_at = revision.record.at;
        let reply = StateMachineUpdated { updated_at, revision_id: revision.record.revision_id.clone(), version_arn };
        Ok(Decision { events, reply })
    }
}

impl UpdateStateMachine {
    /// The new revision, unless it would be as the present one.
    fn changed(self, machine: &StateMachineEntry, stamp: &Stamp) -> Option<Arc<CatalogRevision>> {
        let present = &machine.revision.record;
        let (definition, compiled) = self.definition.unzip();
        let content = Content {
            definition: definition.unwrap_or_else(|| present.content.definition.clone()),
            role_arn: self.role_arn.unwrap_or_else(|| present.content.role_arn.clone()),
            logging: self.logging.unwrap_or_else(|| present.content.logging.clone()),
            tracing_enabled: self.tracing_enabled.unwrap_or(present.content.tracing_enabled),
            encryption: self.encryption.unwrap_or_else(|| present.content.encryption.clone()),
        };
        if content == present.content {
            return None;
        }
        let record = RevisionRecord {
            digest: digest(&machine.arn, &stamp.id),
            content,
            revision_id: Some(stamp.id.clone()),
            at: stamp.now,
            ..present.clone()
        };
        Some(Arc::new(match compiled {
            Some(compiled) => CatalogRevision::with_machine(record, compiled),
            None => CatalogRevision::new(record),
        }))
    }
}

/// Names a revision. The id is fresh, so that no two revisions share a digest, not even when a machine goes back to what it was.
pub(super) fn digest(arn: &str, id: &str) -> u128 {
    xxh3_128(format!("{arn} {id}").as_bytes())
}
