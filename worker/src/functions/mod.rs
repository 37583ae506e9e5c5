//! The function table: which functions this worker serves, with what runtime, code, limits and environment.
//!
//! It comes from `baton.toml` ([`baton_toml`]), from a SAM template ([`crate::template`]), or from both in one folder. Nothing
//! here starts a process; a table can be read, compared and reloaded without side effects.

pub mod baton_toml;
mod error;
mod runtime;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

pub use error::ConfigError;
pub use runtime::{Runtime, RuntimeError};

use baton_proto::names::{ACCOUNT_DEFAULT, REGION_DEFAULT, partition_of};

use crate::template::Template;

/// Lambda's default timeout, in force when a function names none.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(3);
/// The longest timeout that a function may name. Lambda ends at 900 s; one's own machines need not.
pub const TIMEOUT_MAX_SECONDS: u64 = 86_400;
/// Lambda's default memory size in MB; it is told to the function, not enforced.
pub const MEMORY_DEFAULT_MB: u32 = 128;
/// Processes of one function that run at once when it names no concurrency.
pub const CONCURRENCY_DEFAULT: u32 = 10;
/// The highest concurrency of one function on one worker.
pub const CONCURRENCY_MAX: u32 = 1_000;

/// Account and region that make a function's name an ARN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// `us-east-1`, …
    pub region: String,
    /// Twelve digits.
    pub account: String,
}

impl Default for Location {
    fn default() -> Self {
        Self { region: REGION_DEFAULT.to_owned(), account: ACCOUNT_DEFAULT.to_owned() }
    }
}

impl Location {
    /// `aws`, `aws-cn`, `aws-us-gov`: what the region is part of.
    pub fn partition(&self) -> &'static str {
        partition_of(&self.region)
    }

    /// `arn:<partition>:lambda:<region>:<account>:function:<name>`
    pub fn function_arn(&self, name: &str) -> String {
        format!("arn:{}:lambda:{}:{}:function:{name}", self.partition(), self.region, self.account)
    }

    /// `arn:<partition>:states:<region>:<account>:stateMachine:<name>`
    pub fn state_machine_arn(&self, name: &str) -> String {
        format!("arn:{}:states:{}:{}:stateMachine:{name}", self.partition(), self.region, self.account)
    }
}

/// One function as the worker serves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// The part of the ARN after `function:`.
    pub name: String,
    /// Unqualified ARN.
    pub arn: String,
    /// What runs it.
    pub runtime: Runtime,
    /// How long one invocation may take, Lambda's `Timeout`.
    pub timeout: Duration,
    /// Lambda's `MemorySize` in MB; told to the function, not enforced.
    pub memory_mb: u32,
    /// Invocations that run at once on this worker.
    pub concurrency: u32,
    /// Variables added to the process environment.
    pub environment: BTreeMap<String, String>,
}

/// The functions of one folder, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FunctionTable {
    functions: BTreeMap<String, Function>,
}

impl FunctionTable {
    /// Reads `DIR/template.yaml` (or `template.yml`) and `DIR/baton.toml`, whichever exist. A folder with neither gives an empty table.
    ///
    /// # Errors
    /// A file that cannot be read or understood, or one function named in both files.
    pub fn load(directory: &Path, location: &Location) -> Result<Self, ConfigError> {
        let mut table = match Template::find(directory) {
            Some(path) => Self::from_template(&Template::load(&path, location)?),
            None => Self::default(),
        };
        let toml = directory.join("baton.toml");
        if toml.is_file() {
            for function in baton_toml::load(&toml, location)?.functions.into_values() {
                let name = function.name.clone();
                table.insert(function).map_err(|_| ConfigError::Twice { file: toml.clone(), name })?;
            }
        }
        Ok(table)
    }

    /// The functions of a SAM template.
    pub fn from_template(template: &Template) -> Self {
        template.functions.iter().cloned().collect()
    }

    /// Adds a function.
    ///
    /// # Errors
    /// Gives the function back when its name is taken.
    pub fn insert(&mut self, function: Function) -> Result<(), Box<Function>> {
        match self.functions.contains_key(&function.name) {
            true => Err(Box::new(function)),
            false => {
                self.functions.insert(function.name.clone(), function);
                Ok(())
            }
        }
    }

    /// The function of that name.
    pub fn get(&self, name: &str) -> Option<&Function> {
        self.functions.get(name)
    }

    /// All functions in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Function> {
        self.functions.values()
    }

    /// Number of functions.
    pub fn len(&self) -> usize {
        self.functions.len()
    }

    /// True without any function.
    pub fn is_empty(&self) -> bool {
        self.functions.is_empty()
    }

    /// The functions whose code lies in the folder that contains `changed`: what to reload when that file changes.
    pub fn affected_by(&self, changed: &Path) -> Vec<&Function> {
        self.iter().filter(|function| function.runtime.code_folder().is_some_and(|folder| changed.starts_with(folder))).collect()
    }
}

impl FromIterator<Function> for FunctionTable {
    /// Of several functions with one name the last stays.
    fn from_iter<I: IntoIterator<Item = Function>>(functions: I) -> Self {
        Self { functions: functions.into_iter().map(|function| (function.name.clone(), function)).collect() }
    }
}
