//! DeleteStateMachine, and the end of its work.

use std::sync::Arc;

use super::{Command, Decision, Stamp};
use crate::catalog::error::CatalogError;
use crate::catalog::event::CatalogEvent;
use crate::catalog::state::State;

/// Deletes a state machine with its versions, aliases and tags. Nothing happens when it is not there.
///
/// Its running executions are aborted afterwards, by whoever sees it among the [deletions](crate::catalog::Catalog::deletions); a
/// restart in between goes on with them.
#[derive(Clone, Debug)]
pub struct DeleteStateMachine {
    /// ARN of the machine.
    pub arn: Arc<str>,
}

impl Command for DeleteStateMachine {
    /// Whether it was there.
    type Reply = bool;

    fn decide(self, state: &State, stamp: Stamp) -> Result<Decision<bool>, CatalogError> {
        if !state.machines.contains_key(&self.arn) {
            return Ok(Decision::nothing(false));
        }
        let events = vec![CatalogEvent::StateMachineDeleted { arn: self.arn, at: stamp.now }];
        Ok(Decision { events, reply: true })
    }
}

/// All executions that a deleted machine had are aborted.
#[derive(Clone, Debug)]
pub struct FinishDeletion {
    /// ARN of the machine.
    pub arn: Arc<str>,
}

impl Command for FinishDeletion {
    type Reply = ();

    fn decide(self, state: &State, _: Stamp) -> Result<Decision<()>, CatalogError> {
        let open = state.deleting.contains_key(&self.arn);
        let event = open.then_some(CatalogEvent::DeletionFinished { arn: self.arn });
        Ok(Decision { events: event.into_iter().collect(), reply: () })
    }
}
