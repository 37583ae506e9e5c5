//! Which resource an ARN in a request means.

use std::sync::Arc;

use crate::arn::{Arn, Resource};
use crate::catalog::{CatalogRevision, MachineType, StateMachineEntry};

use super::Api;
use super::error::ApiError;

/// A state machine as it is meant by an unqualified ARN or by that of a version or alias.
#[derive(Clone, Debug)]
pub(super) struct StateMachineRef {
    pub(super) machine: Arc<StateMachineEntry>,
    pub(super) qualifier: Qualifier,
    /// What the ARN leads to: for an alias, the version of its first route.
    pub(super) revision: Arc<CatalogRevision>,
}

/// What follows the machine's name in its ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Qualifier {
    Unqualified,
    Version(u64),
    Alias(Arc<str>),
}

impl StateMachineRef {
    /// What `arn` means, or `StateMachineDoesNotExist`.
    pub(super) fn resolve(api: &Api, arn: &str) -> Result<Self, ApiError> {
        Self::resolve_by(api, arn, |_| 0)
    }

    /// As [`resolve`](Self::resolve); `pick` chooses among the routes of an alias.
    pub(super) fn resolve_by(api: &Api, text: &str, pick: impl FnOnce(&[crate::catalog::Route]) -> usize) -> Result<Self, ApiError> {
        let missing = || ApiError::StateMachineDoesNotExist(text.to_owned());
        // The usual case, without a second look at the text.
        if let Some(machine) = api.catalog().state_machine(text) {
            return Ok(Self { revision: machine.revision.clone(), machine, qualifier: Qualifier::Unqualified });
        }
        let arn = Arn::parse(text)?;
        let qualifier = match arn.resource {
            Resource::StateMachine { .. } => return Err(missing()),
            Resource::Version { number, .. } => Qualifier::Version(number),
            Resource::Alias { alias, .. } => Qualifier::Alias(alias.into()),
            Resource::Labelled { .. } => return Err(labelled()),
            other => return Err(ApiError::wrong_resource_type(other.type_name())),
        };
        let machine = arn.state_machine().and_then(|arn| api.catalog().state_machine(&arn)).ok_or_else(missing)?;
        let number = match &qualifier {
            Qualifier::Unqualified => None,
            Qualifier::Version(number) => Some(*number),
            Qualifier::Alias(name) => machine.alias(name).map(|alias| alias.routes[pick(&alias.routes)].version),
        };
        let version = number.and_then(|number| machine.versions.get(&number)).ok_or_else(missing)?;
        let revision = api.catalog().catalog_revision(version.revision).ok_or_else(missing)?;
        Ok(Self { machine, qualifier, revision })
    }

    /// Refuses machines of the type EXPRESS.
    pub(super) fn standard(self) -> Result<Self, ApiError> {
        match self.machine.machine_type {
            MachineType::Standard => Ok(self),
            MachineType::Express => Err(ApiError::StateMachineTypeNotSupported),
        }
    }
}

/// The ARN of a Distributed Map where only a whole machine will do.
pub(super) fn labelled() -> ApiError {
    ApiError::Validation {
        message: "This operation does not support the ARN of a Map state".to_owned(),
        reason: Some("API_DOES_NOT_SUPPORT_LABELED_ARNS"),
    }
}

/// Refuses everything but a state machine's ARN, qualified or not.
pub(super) fn check_state_machine(text: &str) -> Result<Arn<'_>, ApiError> {
    let arn = Arn::parse(text)?;
    match arn.resource {
        Resource::StateMachine { .. } | Resource::Version { .. } | Resource::Alias { .. } => Ok(arn),
        Resource::Labelled { .. } => Err(labelled()),
        other => Err(ApiError::wrong_resource_type(other.type_name())),
    }
}

/// Refuses everything but the ARN of a Standard execution, or of a Map Run's child.
pub(super) fn check_execution(text: &str) -> Result<Arn<'_>, ApiError> {
    let arn = Arn::parse(text)?;
    match arn.resource {
        Resource::Execution { .. } => Ok(arn),
        Resource::Express { machine } if machine.contains('/') => Ok(arn),
        other => Err(ApiError::wrong_resource_type(other.type_name())),
    }
}

/// Refuses everything but a Map Run's ARN.
pub(super) fn check_map_run(text: &str) -> Result<(), ApiError> {
    match Arn::parse(text)?.resource {
        Resource::MapRun => Ok(()),
        other => Err(ApiError::wrong_resource_type(other.type_name())),
    }
}

/// Refuses everything but an activity's ARN.
pub(super) fn check_activity(text: &str) -> Result<(), ApiError> {
    match Arn::parse(text)?.resource {
        Resource::Activity { .. } => Ok(()),
        other => Err(ApiError::wrong_resource_type(other.type_name())),
    }
}
