//! The text of a `baton.toml`: what it may say, and where it says something else.

use std::path::{Path, PathBuf};

use baton_asl::did_you_mean;
use baton_worker::functions::baton_toml::FUNCTION_KEYS;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::fields::fields_of;
use super::{AwsSettings, Config, LimitSettings, MemberSettings, QueueSettings, ServerSettings, StoreSettings};

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("{} cannot be read: {source}", file.display())]
    Unreadable { file: PathBuf, source: std::io::Error },
    /// No TOML, or a value of another kind than its key's.
    #[error("{}:{line}: {message}", file.display())]
    Malformed { file: PathBuf, line: usize, message: String },
    #[error("{}:{line}: there is no table [{name}]{}", file.display(), meant(nearest.as_deref(), "[", "]"))]
    UnknownTable { file: PathBuf, line: usize, name: String, nearest: Option<String> },
    #[error("{}:{line}: [{table}] has no key {name}{}", file.display(), meant(nearest.as_deref(), "", ""))]
    UnknownKey { file: PathBuf, line: usize, table: String, name: String, nearest: Option<String> },
}

fn meant(nearest: Option<&str>, before: &str, after: &str) -> String {
    nearest.map(|nearest| format!("; did you mean {before}{nearest}{after}?")).unwrap_or_default()
}

impl ConfigError {
    /// What to do about it.
    pub(crate) fn next_step(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "name a file that is there with --config",
            Self::Malformed { .. } => "mend that line; docs/configuration.md shows the file",
            Self::UnknownTable { .. } | Self::UnknownKey { .. } => "docs/configuration.md lists all tables and keys",
        }
    }
}

/// Gives the names of the keys that one struct of settings reads.
type Keys = fn() -> &'static [&'static str];

/// The tables with settings, and their keys.
pub(super) const TABLES: [(&str, &[Keys]); 5] = [
    ("server", &[fields_of::<MemberSettings>, fields_of::<ServerSettings>]),
    ("store", &[fields_of::<StoreSettings>]),
    ("queue", &[fields_of::<QueueSettings>]),
    ("limits", &[fields_of::<LimitSettings>]),
    ("aws", &[fields_of::<AwsSettings>]),
];
/// The table that has a table for each function. Its values are the worker's to read.
const FUNCTIONS: &str = "functions";

/// Reads the text of the file at `file`.
pub(super) fn parse(text: &str, file: &Path) -> Result<Config, ConfigError> {
    let reader = Reader { text, file };
    let tables = DeTable::parse(text).map_err(|error| reader.malformed(&error))?;
    reader.check_tables(tables.get_ref())?;
    let (WithMember { server: member }, Tables { server, store, queue, limits, aws }) = (reader.values()?, reader.values()?);
    Ok(Config { member, server, store, queue, limits, aws })
}

/// One of the two structs that read `[server]`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct WithMember {
    server: MemberSettings,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tables {
    server: ServerSettings,
    store: StoreSettings,
    queue: QueueSettings,
    limits: LimitSettings,
    aws: AwsSettings,
}

/// The text and where it comes from, for messages.
struct Reader<'a> {
    text: &'a str,
    file: &'a Path,
}

impl Reader<'_> {
    fn values<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        toml::from_str(self.text).map_err(|error| self.malformed(&error))
    }

    fn check_tables(&self, tables: &DeTable<'_>) -> Result<(), ConfigError> {
        for (name, value) in tables {
            let word = name.get_ref().as_ref();
            if let Some((_, keys)) = TABLES.iter().find(|(table, _)| *table == word) {
                let keys: Vec<_> = keys.iter().flat_map(|keys| keys()).copied().collect();
                self.check_keys(word, value, &keys)?;
            } else if word == FUNCTIONS {
                self.check_functions(value)?;
            } else {
                let known = TABLES.iter().map(|(table, _)| *table).chain([FUNCTIONS]);
                let nearest = did_you_mean(word, known).map(str::to_owned);
                return Err(ConfigError::UnknownTable {
                    file: self.file.to_owned(),
                    line: self.line(name),
                    name: word.to_owned(),
                    nearest,
                });
            }
        }
        Ok(())
    }

    fn check_functions(&self, functions: &Spanned<DeValue<'_>>) -> Result<(), ConfigError> {
        for (name, function) in functions.get_ref().as_table().into_iter().flatten() {
            self.check_keys(&format!("{FUNCTIONS}.{}", name.get_ref()), function, &FUNCTION_KEYS)?;
        }
        Ok(())
    }

    /// What is no table at all is found when its values are read.
    fn check_keys(&self, table: &str, value: &Spanned<DeValue<'_>>, keys: &[&str]) -> Result<(), ConfigError> {
        let found = value.get_ref().as_table().into_iter().flatten();
        let Some((name, _)) = found.into_iter().find(|(name, _)| !keys.contains(&name.get_ref().as_ref())) else { return Ok(()) };
        let word = name.get_ref().to_string();
        let nearest = did_you_mean(&word, keys.iter().copied()).map(str::to_owned);
        Err(ConfigError::UnknownKey { file: self.file.to_owned(), line: self.line(name), table: table.to_owned(), name: word, nearest })
    }

    fn line(&self, name: &Spanned<DeString<'_>>) -> usize {
        self.line_at(name.span().start)
    }

    fn malformed(&self, error: &toml::de::Error) -> ConfigError {
        let line = self.line_at(error.span().map_or(0, |span| span.start));
        ConfigError::Malformed { file: self.file.to_owned(), line, message: error.message().to_owned() }
    }

    fn line_at(&self, offset: usize) -> usize {
        self.text.as_bytes()[..offset.min(self.text.len())].iter().filter(|&&byte| byte == b'\n').count() + 1
    }
}
