//! What a process is told: flags win over variables, which win over the file `baton.toml`.
//!
//! Each table of the file is one struct, which is also the group of flags and variables that say the same: a key is declared once. What nobody
//! says stays `None` here; defaults belong to those who use it. `docs/configuration.md` lists all keys, and a test compares.

mod aws;
mod bounded;
mod client;
mod fields;
mod file;
mod limits;
mod queue;
mod resolve;
mod resolve_cluster;
mod secret;
mod server;
mod store;
mod variables;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub(crate) use aws::AwsSettings;
pub(crate) use client::{client_endpoint, client_location};
pub(crate) use file::ConfigError;
pub(crate) use limits::LimitSettings;
pub(crate) use queue::QueueSettings;
pub(crate) use resolve_cluster::pem;
pub(crate) use secret::Secret;
pub(crate) use server::{MemberSettings, ServerSettings};
pub(crate) use store::StoreSettings;

use baton_worker::functions::{FunctionTable, Location};

use crate::exit::{CliError, CliResult, Exit};

/// The file's usual name, in a project's folder.
const USUAL_NAME: &str = "baton.toml";

/// Where the file is.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ConfigArg {
    /// Configuration file; docs/configuration.md lists its keys. Flags and variables win over it.
    #[arg(long, value_name = "FILE", env = "BATON_CONFIG")]
    pub(crate) config: Option<PathBuf>,
}

/// Everything that a file can say, functions apart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Config {
    pub(crate) member: MemberSettings,
    pub(crate) server: ServerSettings,
    pub(crate) store: StoreSettings,
    pub(crate) queue: QueueSettings,
    pub(crate) limits: LimitSettings,
    pub(crate) aws: AwsSettings,
}

impl Config {
    /// The file that is named, or the one in the folder if there is one.
    pub(crate) fn of_folder(arg: &ConfigArg, folder: &Path) -> CliResult<Self> {
        match &arg.config {
            Some(_) => Self::named(arg),
            None => Self::read(&folder.join(USUAL_NAME)).or_else(absent_is_empty).map_err(wrong),
        }
    }

    /// The file that is named; without one nothing is said.
    pub(crate) fn named(arg: &ConfigArg) -> CliResult<Self> {
        arg.config.as_deref().map_or(Ok(Self::default()), |file| Self::read(file).map_err(wrong))
    }

    /// Reads a file. Relative paths in it are seen from its own folder.
    pub(crate) fn read(file: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(file).map_err(|source| ConfigError::Unreadable { file: file.to_owned(), source })?;
        let folder = file.parent().unwrap_or(Path::new(""));
        let mut config = file::parse(&text, file)?;
        config.member.seen_from(folder);
        config.server.seen_from(folder);
        config.store.seen_from(folder);
        config.queue.seen_from(folder);
        Ok(config)
    }

    /// The functions of a folder, once its `baton.toml` is known to be sound in all its parts.
    pub(crate) fn functions(folder: &Path, location: &Location) -> CliResult<FunctionTable> {
        Self::read(&folder.join(USUAL_NAME)).or_else(absent_is_empty).map_err(wrong)?;
        FunctionTable::load(folder, location).map_err(|error| CliError::new(Exit::Usage, error.to_string()))
    }
}

/// A file that nobody named need not be there.
fn absent_is_empty(error: ConfigError) -> Result<Config, ConfigError> {
    match error {
        ConfigError::Unreadable { source, .. } if source.kind() == std::io::ErrorKind::NotFound => Ok(Config::default()),
        error => Err(error),
    }
}

fn wrong(error: ConfigError) -> CliError {
    CliError::new(Exit::Usage, error.to_string()).next(error.next_step())
}

/// The first of two, field by field.
macro_rules! first_of {
    ($first:expr, $second:expr; $($field:ident),+ $(,)?) => {
        Self { $($field: $first.$field.or($second.$field)),+ }
    };
}
use first_of;

/// A path in a file is seen from the file's folder.
fn seen_from(folder: &Path, path: &mut Option<PathBuf>) {
    if let Some(path) = path {
        *path = folder.join(&*path);
    }
}
