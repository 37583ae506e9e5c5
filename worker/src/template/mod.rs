//! A SAM template, parsed once: its `AWS::Serverless::Function`s and `AWS::Serverless::StateMachine`s.
//!
//! What stands between them, `!Ref`, `!Sub`, `!GetAtt X.Arn` in short and long form, is resolved to the names and ARNs that baton gives
//! ([`intrinsics`]). Everything else of a template (policies, events, tables) is not baton's and is only looked at when a function
//! or a machine refers to it.

mod function;
mod intrinsics;
mod logging;
mod resource;
mod state_machine;
pub mod yaml;

use std::path::{Path, PathBuf};

pub use state_machine::{Definition, DefinitionFormat, MachineType, StateMachine};

use crate::functions::{ConfigError, Function, Location};
use intrinsics::Scope;
use yaml::Node;

/// The largest template that is read, CloudFormation's own limit.
pub const TEMPLATE_BYTES_MAX: u64 = 1_048_576;

/// What a template declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// The file.
    pub path: PathBuf,
    /// In the template's order.
    pub functions: Vec<Function>,
    /// In the template's order.
    pub state_machines: Vec<StateMachine>,
}

impl Template {
    /// `template.yaml` or `template.yml` of a folder, if there is one.
    pub fn find(directory: &Path) -> Option<PathBuf> {
        ["template.yaml", "template.yml"].iter().map(|name| directory.join(name)).find(|path| path.is_file())
    }

    /// Reads a template and the definition files that it names.
    ///
    /// # Errors
    /// A file that cannot be read, text that is not YAML, or a resource that is not acceptable; each names file, line and next step.
    pub fn load(path: &Path, location: &Location) -> Result<Self, ConfigError> {
        let unreadable = |source| ConfigError::Unreadable { file: path.to_owned(), source };
        if std::fs::metadata(path).map_err(unreadable)?.len() > TEMPLATE_BYTES_MAX {
            return Err(ConfigError::Syntax { file: path.to_owned(), line: 1, message: format!("larger than {TEMPLATE_BYTES_MAX} bytes") });
        }
        Self::parse(&std::fs::read_to_string(path).map_err(unreadable)?, path, location)
    }

    /// Reads the text of a template that lies, or would lie, at `path`.
    ///
    /// # Errors
    /// As [`Template::load`].
    pub fn parse(text: &str, path: &Path, location: &Location) -> Result<Self, ConfigError> {
        let root =
            yaml::parse(text).map_err(|error| ConfigError::Syntax { file: path.to_owned(), line: error.line, message: error.message })?;
        let scope = Scope::new(&root, path, location);
        let mut template = Self { path: path.to_owned(), functions: Vec::new(), state_machines: Vec::new() };
        for (logical_id, resource) in scope.resources() {
            match resource.get("Type").and_then(Node::text) {
                Some("AWS::Serverless::Function") => template.functions.push(function::read(&scope, logical_id, resource)?),
                Some("AWS::Serverless::StateMachine") => template.state_machines.push(state_machine::read(&scope, logical_id, resource)?),
                _ => {}
            }
        }
        template.check_names(&scope)?;
        Ok(template)
    }

    fn check_names(&self, scope: &Scope<'_>) -> Result<(), ConfigError> {
        let functions = self.functions.iter().map(|function| &function.name);
        let machines = self.state_machines.iter().map(|machine| &machine.name);
        for (kind, name) in [("functions", first_twice(functions)), ("state machines", first_twice(machines))] {
            if let Some(name) = name {
                return Err(scope.invalid(1, format!("two {kind} are called {name}"), "give one of them another FunctionName or Name"));
            }
        }
        Ok(())
    }
}

fn first_twice<'a>(names: impl Iterator<Item = &'a String>) -> Option<&'a String> {
    let mut seen = std::collections::BTreeSet::new();
    let mut names = names;
    names.find(|name| !seen.insert(*name))
}

#[cfg(test)]
mod tests;
