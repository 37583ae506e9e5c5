//! CreateActivity and DeleteActivity.

use std::sync::Arc;

use baton_engine::Timestamp;

use super::{Command, Decision, Stamp};
use crate::catalog::error::CatalogError;
use crate::catalog::event::CatalogEvent;
use crate::catalog::limits;
use crate::catalog::model::{ActivityRecord, EncryptionConfiguration, Tag};
use crate::catalog::state::State;

/// Makes an activity. A repetition answers as the first did; tags are not compared.
#[derive(Clone, Debug)]
pub struct CreateActivity {
    /// ARN that it gets.
    pub arn: Arc<str>,
    /// Name.
    pub name: Arc<str>,
    /// `encryptionConfiguration`
    pub encryption: EncryptionConfiguration,
    /// `tags`
    pub tags: Vec<Tag>,
}

/// Answer to [`CreateActivity`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActivityCreated {
    /// `creationDate`
    pub created_at: Timestamp,
}

impl Command for CreateActivity {
    type Reply = ActivityCreated;

    fn decide(self, state: &State, stamp: Stamp) -> Result<Decision<ActivityCreated>, CatalogError> {
        if let Some(present) = state.activities.get(&self.arn) {
            if present.encryption != self.encryption {
                return Err(CatalogError::ActivityAlreadyExists { arn: self.arn });
            }
            return Ok(Decision::nothing(ActivityCreated { created_at: present.created_at }));
        }
        if state.activities.len() >= limits::ACTIVITIES_MAX {
            return Err(CatalogError::ActivityLimitExceeded);
        }
        limits::check_tags(&self.arn, &self.tags)?;
        let activity =
            ActivityRecord { arn: self.arn, name: self.name, created_at: stamp.now, encryption: self.encryption, tags: self.tags };
        Ok(Decision { events: vec![CatalogEvent::ActivityCreated { activity }], reply: ActivityCreated { created_at: stamp.now } })
    }
}

/// Deletes an activity. Nothing happens when it is not there.
#[derive(Clone, Debug)]
pub struct DeleteActivity {
    /// Its ARN.
    pub arn: Arc<str>,
}

impl Command for DeleteActivity {
    type Reply = ();

    fn decide(self, state: &State, _: Stamp) -> Result<Decision<()>, CatalogError> {
        let present = state.activities.contains_key(&self.arn);
        let event = present.then_some(CatalogEvent::ActivityDeleted { arn: self.arn });
        Ok(Decision { events: event.into_iter().collect(), reply: () })
    }
}
