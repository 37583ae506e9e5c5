//! The state under test, and the definition that it stands in.

use baton_asl::{LONE_STATE_NAME, MachineType, State, StateId, StateMachine};

use super::refusal::Refusal;
use super::request::Request;
use crate::api::{ApiError, definition};
use crate::catalog::InvalidDefinition;

/// A state of a definition, however deep inside.
pub(super) struct Subject {
    pub(super) machine: StateMachine,
    pub(super) id: StateId,
}

impl Subject {
    /// Without a `stateName` the definition is that of a single state.
    pub(super) async fn read(request: &Request) -> Result<Self, ApiError> {
        let parse = match request.state_name {
            None => baton_asl::parse_state,
            Some(_) => baton_asl::parse,
        };
        let text = request.definition.as_str().into();
        let parsed = definition::off_the_runtime(text, move |text| parse(text, MachineType::Standard)).await?;
        let machine = parsed.map_err(|diagnostics| ApiError::InvalidDefinition(InvalidDefinition { diagnostics }.to_string()))?;
        let name = request.state_name.as_deref().unwrap_or(LONE_STATE_NAME);
        let id = machine.state_named(name).map(|state| state.id).ok_or(Refusal::StateNotFound)?;
        Ok(Self { machine, id })
    }

    pub(super) fn state(&self) -> Tested<'_> {
        Tested { machine: &self.machine, state: self.machine.state(self.id) }
    }
}

/// The state under test within its machine.
#[derive(Clone, Copy)]
pub(super) struct Tested<'a> {
    pub(super) machine: &'a StateMachine,
    pub(super) state: &'a State,
}

impl Tested<'_> {
    /// Whether a state of this name is inside of the one under test.
    pub(super) fn contains(&self, name: &str) -> bool {
        let Some(mut inner) = self.machine.state_named(name) else { return false };
        while let Some(parent) = self.machine.flow(inner.flow).parent {
            if parent == self.state.id {
                return true;
            }
            inner = self.machine.state(parent);
        }
        false
    }
}
