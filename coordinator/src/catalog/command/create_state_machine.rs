//! CreateStateMachine.

use std::sync::Arc;

use baton_asl::StateMachine;
use baton_engine::Timestamp;

use super::{Command, Decision, Stamp};
use crate::catalog::error::CatalogError;
use crate::catalog::event::CatalogEvent;
use crate::catalog::limits;
use crate::catalog::model::{Content, CreatedWith, MachineType, RevisionRecord, Tag, Version};
use crate::catalog::revision::CatalogRevision;
use crate::catalog::state::{State, StateMachineEntry};

/// Makes a state machine. A repetition with the same content answers as the first did; role and tags are not compared.
#[derive(Debug)]
pub struct CreateStateMachine {
    /// ARN that it gets.
    pub arn: Arc<str>,
    /// Name.
    pub name: Arc<str>,
    /// `type`
    pub machine_type: MachineType,
    /// Definition, role, configurations.
    pub content: Content,
    /// What the definition says.
    pub machine: StateMachine,
    /// `publish`, `versionDescription`
    pub created_with: CreatedWith,
    /// `tags`
    pub tags: Vec<Tag>,
}

/// Answer to [`CreateStateMachine`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateMachineCreated {
    /// `creationDate`
    pub created_at: Timestamp,
    /// `stateMachineVersionArn`, when a version was published with it.
    pub version_arn: Option<String>,
}

impl Command for CreateStateMachine {
    type Reply = StateMachineCreated;

    fn decide(self, state: &State, stamp: Stamp) -> Result<Decision<StateMachineCreated>, CatalogError> {
        if let Some(present) = state.machines.get(&self.arn) {
            return self.repeated(present);
        }
        if state.machines.len() >= limits::STATE_MACHINES_MAX {
            return Err(CatalogError::StateMachineLimitExceeded);
        }
        limits::check_tags(&self.arn, &self.tags)?;
        Ok(self.create(stamp))
    }
}

impl CreateStateMachine {
    fn repeated(&self, present: &StateMachineEntry) -> Result<Decision<StateMachineCreated>, CatalogError> {
        let same_content = Content { role_arn: self.content.role_arn.clone(), ..present.revision.record.content.clone() } == self.content;
        if !same_content || present.machine_type != self.machine_type || present.created_with != self.created_with {
            return Err(CatalogError::StateMachineAlreadyExists { arn: self.arn.clone() });
        }
        let version_arn = present.created_with.publish.then(|| present.version_arn(1));
        Ok(Decision::nothing(StateMachineCreated { created_at: present.created_at, version_arn }))
    }

    fn create(self, stamp: Stamp) -> Decision<StateMachineCreated> {
        let record = RevisionRecord {
            digest: super::update_state_machine::digest(&self.arn, &stamp.id),
            state_machine_arn: self.arn.clone(),
            name: self.name,
            machine_type: self.machine_type,
            content: self.content,
            revision_id: None,
            at: stamp.now,
        };
        let version = self.created_with.publish.then(|| Version {
            number: 1,
            revision: record.digest,
            description: self.created_with.version_description.clone(),
            at: stamp.now,
        });
        let version_arn = version.as_ref().map(|version| format!("{}:{}", self.arn, version.number));
        let revision = Arc::new(CatalogRevision::with_machine(record, self.machine));
        let mut events = vec![CatalogEvent::StateMachineCreated { revision, created_with: self.created_with, tags: self.tags }];
        events.extend(version.map(|version| CatalogEvent::VersionPublished { arn: self.arn, version }));
        Decision { events, reply: StateMachineCreated { created_at: stamp.now, version_arn } }
    }
}
