//! A worker serves a function.

use std::sync::Arc;

use super::{Command, Decision, Stamp};
use crate::catalog::error::CatalogError;
use crate::catalog::event::CatalogEvent;
use crate::catalog::state::State;

/// Remembers that a worker has served the function.
#[derive(Clone, Debug)]
pub(in crate::catalog) struct RegisterFunction {
    pub(in crate::catalog) name: Arc<str>,
}

impl Command for RegisterFunction {
    type Reply = ();

    fn decide(self, state: &State, _: Stamp) -> Result<Decision<()>, CatalogError> {
        let event = (!state.functions.contains(&self.name)).then_some(CatalogEvent::FunctionRegistered { name: self.name });
        Ok(Decision { events: event.into_iter().collect(), reply: () })
    }
}
