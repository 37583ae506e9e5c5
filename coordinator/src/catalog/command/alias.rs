//! CreateStateMachineAlias, UpdateStateMachineAlias, DeleteStateMachineAlias.

use std::sync::Arc;

use baton_engine::Timestamp;

use super::{Command, Decision, Stamp};
use crate::catalog::error::CatalogError;
use crate::catalog::event::CatalogEvent;
use crate::catalog::limits;
use crate::catalog::model::{Alias, Route};
use crate::catalog::state::{State, StateMachineEntry};

/// Makes an alias. A repetition with the same content answers as the first did.
#[derive(Clone, Debug)]
pub struct CreateAlias {
    /// ARN of the machine.
    pub arn: Arc<str>,
    /// Name of the alias.
    pub name: Arc<str>,
    /// `description`
    pub description: Option<Arc<str>>,
    /// One or two, weights checked.
    pub routes: Vec<Route>,
}

/// Answer to [`CreateAlias`] and [`UpdateAlias`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AliasChanged {
    /// `creationDate`
    pub created_at: Timestamp,
    /// `updateDate`
    pub updated_at: Timestamp,
}

impl AliasChanged {
    fn of(alias: &Alias) -> Self {
        Self { created_at: alias.created_at, updated_at: alias.updated_at }
    }
}

impl Command for CreateAlias {
    type Reply = AliasChanged;

    fn decide(self, state: &State, stamp: Stamp) -> Result<Decision<AliasChanged>, CatalogError> {
        let machine = state.machines.get(&self.arn).ok_or(CatalogError::NoSuchVersion)?;
        routes_exist(machine, &self.routes)?;
        if let Some(present) = machine.alias(&self.name) {
            let same = present.description == self.description && present.routes == self.routes;
            return if same { Ok(Decision::nothing(AliasChanged::of(present))) } else { Err(CatalogError::AliasAlreadyExists) };
        }
        if machine.aliases.len() >= limits::ALIASES_MAX {
            return Err(CatalogError::AliasLimitExceeded);
        }
        let alias =
            Alias { name: self.name, description: self.description, routes: self.routes, created_at: stamp.now, updated_at: stamp.now };
        let reply = AliasChanged::of(&alias);
        Ok(Decision { events: vec![CatalogEvent::AliasSet { arn: self.arn, alias }], reply })
    }
}

/// Changes an alias. What is `None` stays.
#[derive(Clone, Debug)]
pub struct UpdateAlias {
    /// ARN of the machine.
    pub arn: Arc<str>,
    /// Name of the alias.
    pub name: Arc<str>,
    /// `description`
    pub description: Option<Arc<str>>,
    /// One or two, weights checked.
    pub routes: Option<Vec<Route>>,
}

impl Command for UpdateAlias {
    type Reply = AliasChanged;

    fn decide(self, state: &State, stamp: Stamp) -> Result<Decision<AliasChanged>, CatalogError> {
        let machine = state.machines.get(&self.arn).ok_or(CatalogError::NoSuchAlias)?;
        let present = machine.alias(&self.name).ok_or(CatalogError::NoSuchAlias)?;
        let mut alias = present.clone();
        if let Some(routes) = self.routes {
            routes_exist(machine, &routes)?;
            alias.routes = routes;
        }
        alias.description = self.description.or(alias.description);
        if alias == *present {
            return Ok(Decision::nothing(AliasChanged::of(present)));
        }
        alias.updated_at = stamp.now;
        let reply = AliasChanged::of(&alias);
        Ok(Decision { events: vec![CatalogEvent::AliasSet { arn: self.arn, alias }], reply })
    }
}

fn routes_exist(machine: &StateMachineEntry, routes: &[Route]) -> Result<(), CatalogError> {
    let exist = routes.iter().all(|route| machine.versions.contains_key(&route.version));
    if exist { Ok(()) } else { Err(CatalogError::NoSuchVersion) }
}

/// Deletes an alias. Nothing happens when it is not there.
#[derive(Clone, Debug)]
pub struct DeleteAlias {
    /// ARN of the machine.
    pub arn: Arc<str>,
    /// Name of the alias.
    pub name: Arc<str>,
}

impl Command for DeleteAlias {
    type Reply = ();

    fn decide(self, state: &State, _: Stamp) -> Result<Decision<()>, CatalogError> {
        let present = state.machines.get(&self.arn).is_some_and(|machine| machine.alias(&self.name).is_some());
        let event = present.then_some(CatalogEvent::AliasDeleted { arn: self.arn, name: self.name });
        Ok(Decision { events: event.into_iter().collect(), reply: () })
    }
}
