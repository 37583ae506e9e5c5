//! Everything that can be asked of the catalog, one file each. A command decides against the state and answers with events and a
//! reply; the writer makes the events durable before the reply leaves.

mod activity;
mod alias;
mod create_state_machine;
mod delete_state_machine;
mod function;
mod publish_version;
mod tags;
mod update_state_machine;

pub use activity::{ActivityCreated, CreateActivity, DeleteActivity};
pub use alias::{AliasChanged, CreateAlias, DeleteAlias, UpdateAlias};
pub use create_state_machine::{CreateStateMachine, StateMachineCreated};
pub use delete_state_machine::{DeleteStateMachine, FinishDeletion};
pub(super) use function::RegisterFunction;
pub use publish_version::{DeleteVersion, PublishVersion, VersionPublished};
pub(crate) use tags::merge as merge_tags;
pub use tags::{TagResource, UntagResource};
pub use update_state_machine::{StateMachineUpdated, UpdateStateMachine};

use std::sync::Arc;

use baton_engine::Timestamp;

use super::error::CatalogError;
use super::event::CatalogEvent;
use super::state::State;

/// What a decision takes from the world.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// The time of the decision.
    pub now: Timestamp,
    /// Fresh and unique: a version 4 UUID.
    pub id: Arc<str>,
}

/// Something that can be asked of the catalog.
pub trait Command: Send + 'static {
    /// Its answer.
    type Reply: Send + 'static;

    /// What follows from it in this state. Pure.
    fn decide(self, state: &State, stamp: Stamp) -> Result<Decision<Self::Reply>, CatalogError>;
}

/// What follows from a command.
#[derive(Debug)]
pub struct Decision<R> {
    pub(super) events: Vec<CatalogEvent>,
    pub(super) reply: R,
}

impl<R> Decision<R> {
    /// All is as it should be already.
    fn nothing(reply: R) -> Self {
        Self { events: Vec::new(), reply }
    }
}
