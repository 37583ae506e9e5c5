//! From a definition's text to a machine.

use std::fmt;

use baton_asl::{Diagnostic, Format, StateMachine, invalid_definition_text};

use super::model::MachineType;

/// A definition that is refused. `Display` is AWS's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidDefinition {
    /// All of severity ERROR, at least one.
    pub diagnostics: Vec<Diagnostic>,
}

impl fmt::Display for InvalidDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Invalid State Machine Definition: '{}'", invalid_definition_text(&self.diagnostics))
    }
}

impl std::error::Error for InvalidDefinition {}

/// What the definition says.
pub fn compile(definition: &str, machine_type: MachineType) -> Result<StateMachine, InvalidDefinition> {
    baton_asl::parse(definition, machine_type.into()).map_err(|diagnostics| InvalidDefinition { diagnostics })
}

/// Everything that is to be said about the definition, warnings included.
pub fn diagnose(definition: &str, machine_type: MachineType) -> Vec<Diagnostic> {
    baton_asl::lint(definition, Format::Json, machine_type.into()).1
}

impl From<MachineType> for baton_asl::MachineType {
    fn from(machine_type: MachineType) -> Self {
        match machine_type {
            MachineType::Standard => Self::Standard,
            MachineType::Express => Self::Express,
        }
    }
}
