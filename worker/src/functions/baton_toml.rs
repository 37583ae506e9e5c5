//! Functions from `baton.toml`:
//!
//! ```toml
//! [functions.ChargeCard]
//! runtime = "python3.11"            # python3.x | nodejsNN.x | provided.al2023 | command | http
//! handler = "app.handler"
//! code = "functions/charge"         # folder; for command: argv; for http: url
//! timeout = 30                      # seconds, 3 by default
//! memory = 256                      # MB, told to the function
//! concurrency = 8
//! environment = { TABLE = "orders" }
//! ```
//!
//! The file's other tables belong to other parts of baton and are not looked at here.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::{
    CONCURRENCY_DEFAULT, CONCURRENCY_MAX, ConfigError, Function, FunctionTable, Location, MEMORY_DEFAULT_MB, Runtime, RuntimeError,
    TIMEOUT_DEFAULT, TIMEOUT_MAX_SECONDS,
};

/// The keys of a function's table.
pub const FUNCTION_KEYS: [&str; 7] = ["runtime", "handler", "code", "timeout", "memory", "concurrency", "environment"];

/// Reads the `[functions]` of a `baton.toml`. Relative paths are seen from the file's own folder.
///
/// # Errors
/// The file cannot be read, is not TOML, or a function in it is not acceptable.
pub fn load(path: &Path, location: &Location) -> Result<FunctionTable, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { file: path.to_owned(), source })?;
    parse(&text, path, location)
}

/// Reads the text of a `baton.toml` that lies, or would lie, at `path`.
///
/// # Errors
/// As [`load`].
pub fn parse(text: &str, path: &Path, location: &Location) -> Result<FunctionTable, ConfigError> {
    let file: File = toml::from_str(text).map_err(|error| ConfigError::Syntax {
        file: path.to_owned(),
        line: line_at(text, error.span().map_or(0, |span| span.start)),
        message: error.message().to_owned(),
    })?;
    let reader = Reader { text, path, location };
    file.functions.into_iter().map(|(name, entry)| reader.function(name, entry)).collect()
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    functions: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    runtime: Spanned<String>,
    handler: Option<String>,
    code: Option<Spanned<Code>>,
    timeout: Option<Spanned<u64>>,
    memory: Option<u32>,
    concurrency: Option<Spanned<u32>>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Code {
    Text(String),
    Argv(Vec<String>),
}

/// Where a value stands, kept for the message should it be wrong.
struct Reader<'a> {
    text: &'a str,
    path: &'a Path,
    location: &'a Location,
}

impl Reader<'_> {
    fn function(&self, name: String, entry: Entry) -> Result<Function, ConfigError> {
        self.check_name(&name, entry.runtime.span().start)?;
        Ok(Function {
            timeout: self.timeout(entry.timeout.as_ref())?,
            concurrency: self.concurrency(entry.concurrency.as_ref())?,
            memory_mb: entry.memory.unwrap_or(MEMORY_DEFAULT_MB),
            runtime: self.runtime(&name, &entry.runtime, entry.handler, entry.code)?,
            environment: entry.environment,
            arn: self.location.function_arn(&name),
            name,
        })
    }

    fn check_name(&self, name: &str, at: usize) -> Result<(), ConfigError> {
        let fits =
            !name.is_empty() && name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        match fits {
            true => Ok(()),
            false => {
                Err(self.invalid(at, format!("\"{name}\" is not a function name"), "use letters, digits, - and _, at most 64 of them"))
            }
        }
    }

    fn runtime(
        &self,
        name: &str,
        identifier: &Spanned<String>,
        handler: Option<String>,
        code: Option<Spanned<Code>>,
    ) -> Result<Runtime, ConfigError> {
        let at = code.as_ref().map_or(identifier.span().start, |code| code.span().start);
        let code = code.map(Spanned::into_inner);
        match identifier.get_ref().as_str() {
            "command" => self.command(name, code, at),
            "http" => self.http(name, code, at),
            other => {
                let folder = self.folder(name, code, at)?;
                Runtime::of_identifier(other, handler, folder).map_err(|error| self.runtime_error(name, &error, identifier.span().start))
            }
        }
    }

    fn command(&self, name: &str, code: Option<Code>, at: usize) -> Result<Runtime, ConfigError> {
        let argv = match code {
            Some(Code::Argv(argv)) => argv,
            Some(Code::Text(line)) if line.contains(['"', '\'', '\\', '$', '`']) => {
                return Err(self.invalid(
                    at,
                    format!("{name}: no shell reads a command, so quotes mean nothing in it"),
                    "write code as an array: code = [\"program\", \"argument\"]",
                ));
            }
            Some(Code::Text(line)) => line.split_whitespace().map(str::to_owned).collect(),
            None => Vec::new(),
        };
        match argv.is_empty() {
            true => Err(self.invalid(at, format!("{name}: no command"), "write code = [\"program\", \"argument\", …]")),
            false => Ok(Runtime::Command { argv, directory: self.directory() }),
        }
    }

    fn http(&self, name: &str, code: Option<Code>, at: usize) -> Result<Runtime, ConfigError> {
        match code {
            Some(Code::Text(url))
                if url.parse::<hyper::Uri>().is_ok_and(|uri| uri.scheme_str() == Some("http") && uri.host().is_some()) =>
            {
                Ok(Runtime::Http { url })
            }
            Some(Code::Text(url)) if url.starts_with("https:") => Err(self.invalid(
                at,
                format!("{name}: https is not spoken to function endpoints"),
                "name an http:// address, for instance of a local proxy that speaks TLS",
            )),
            _ => Err(self.invalid(
                at,
                format!("{name}: code is not a URL"),
                "write code = \"http://127.0.0.1:9000/2015-03-31/functions/function/invocations\" or the like",
            )),
        }
    }

    fn folder(&self, name: &str, code: Option<Code>, at: usize) -> Result<std::path::PathBuf, ConfigError> {
        let folder = match code {
            Some(Code::Text(folder)) => self.directory().join(folder),
            None => self.directory(),
            Some(Code::Argv(_)) => {
                return Err(self.invalid(
                    at,
                    format!("{name}: code is a list"),
                    "name the folder of the code; a list is for runtime = \"command\"",
                ));
            }
        };
        match folder.is_dir() {
            true => Ok(folder),
            false => Err(self.invalid(
                at,
                format!("{name}: there is no folder {}", folder.display()),
                "correct code, which is seen from the folder of this file",
            )),
        }
    }

    fn timeout(&self, seconds: Option<&Spanned<u64>>) -> Result<Duration, ConfigError> {
        match seconds {
            None => Ok(TIMEOUT_DEFAULT),
            Some(seconds) if (1..=TIMEOUT_MAX_SECONDS).contains(seconds.get_ref()) => Ok(Duration::from_secs(*seconds.get_ref())),
            Some(seconds) => Err(self.invalid(
                seconds.span().start,
                format!("timeout {} is out of bounds", seconds.get_ref()),
                &format!("choose 1 to {TIMEOUT_MAX_SECONDS} seconds"),
            )),
        }
    }

    fn concurrency(&self, slots: Option<&Spanned<u32>>) -> Result<u32, ConfigError> {
        match slots {
            None => Ok(CONCURRENCY_DEFAULT),
            Some(slots) if (1..=CONCURRENCY_MAX).contains(slots.get_ref()) => Ok(*slots.get_ref()),
            Some(slots) => Err(self.invalid(
                slots.span().start,
                format!("concurrency {} is out of bounds", slots.get_ref()),
                &format!("choose 1 to {CONCURRENCY_MAX}"),
            )),
        }
    }

    fn runtime_error(&self, name: &str, error: &RuntimeError, at: usize) -> ConfigError {
        let next_step = match error {
            RuntimeError::Unknown(_) => "use python3.x, nodejs20.x, provided.al2023, command or http",
            RuntimeError::NoHandler(_) => "add handler = \"app.handler\"",
        };
        self.invalid(at, format!("{name}: {error}"), next_step)
    }

    fn directory(&self) -> std::path::PathBuf {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())
    }

    fn invalid(&self, at: usize, message: String, next_step: &str) -> ConfigError {
        ConfigError::Invalid { file: self.path.to_owned(), line: line_at(self.text, at), message, next_step: next_step.to_owned() }
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset.min(text.len())].iter().filter(|&&byte| byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<FunctionTable, String> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("charge")).expect("a folder");
        parse(text, &folder.path().join("baton.toml"), &Location::default())
            .map_err(|error| error.to_string().replace(&folder.path().display().to_string(), "DIR"))
    }

    #[test]
    fn every_field_is_read_and_other_tables_are_left_alone() {
        let table = check(
            "[server]\nport = 1\n[functions.ChargeCard]\nruntime = \"python3.11\"\nhandler = \"app.handler\"\ncode = \"charge\"\ntimeout = 30\nmemory = 256\nconcurrency = 8\nenvironment = { TABLE = \"orders\" }\n",
        )
        .expect("a table");
        let function = table.get("ChargeCard").expect("the function");
        assert_eq!(function.arn, "arn:aws:lambda:us-east-1:123456789012:function:ChargeCard");
        assert_eq!((function.timeout, function.memory_mb, function.concurrency), (Duration::from_secs(30), 256, 8));
        assert_eq!(function.environment["TABLE"], "orders");
        assert!(
            matches!(&function.runtime, Runtime::Python { version, handler, code } if version == "3.11" && handler == "app.handler" && code.ends_with("charge"))
        );
        assert_eq!(table.affected_by(&function.runtime.code_folder().expect("a folder").join("app.py")).len(), 1);
    }

    #[test]
    fn the_keys_are_those_of_the_table() {
        let error = toml::from_str::<Entry>("no-such-key = 1").err().expect("there is no such key");
        let known = FUNCTION_KEYS.map(|key| format!("`{key}`")).join(", ");
        assert!(error.message().ends_with(&known), "{}", error.message());
    }

    #[test]
    fn defaults_are_lambdas() {
        let table = check("[functions.A]\nruntime = \"command\"\ncode = [\"cat\"]\n").expect("a table");
        let function = table.get("A").expect("the function");
        assert_eq!((function.timeout, function.memory_mb, function.concurrency), (Duration::from_secs(3), 128, 10));
        assert!(matches!(&function.runtime, Runtime::Command { argv, .. } if argv == &["cat"]));
    }

    #[test]
    fn mistakes_name_the_line_and_the_next_step() {
        for (text, expected) in [
            (
                "[functions.A]\nruntime = \"pyhton3.11\"\n",
                "DIR/baton.toml:2: A: unknown runtime \"pyhton3.11\"\n  next step: use python3.x",
            ),
            (
                "[functions.A]\nruntime = \"python3.11\"\n",
                "DIR/baton.toml:2: A: runtime python3.11 needs a handler of the form file.function\n  next step: add handler",
            ),
            ("[functions.A]\nruntime = \"http\"\ncode = \"https://x\"\n", "DIR/baton.toml:3: A: https is not spoken"),
            ("[functions.A]\nruntime = \"http\"\ncode = \"orders\"\n", "DIR/baton.toml:3: A: code is not a URL"),
            ("[functions.A]\nruntime = \"command\"\n", "DIR/baton.toml:2: A: no command"),
            ("[functions.A]\nruntime = \"command\"\ncode = \"echo 'x y'\"\n", "DIR/baton.toml:3: A: no shell reads a command"),
            (
                "[functions.A]\nruntime = \"python3.11\"\nhandler = \"a.b\"\ncode = \"nowhere\"\n",
                "DIR/baton.toml:4: A: there is no folder DIR/nowhere\n",
            ),
            ("[functions.A]\nruntime = \"command\"\ncode = [\"cat\"]\ntimeout = 0\n", "DIR/baton.toml:4: timeout 0 is out of bounds"),
            (
                "[functions.A]\nruntime = \"command\"\ncode = [\"cat\"]\nconcurrency = 5000\n",
                "DIR/baton.toml:4: concurrency 5000 is out of bounds",
            ),
            ("[functions.A]\nruntime = \"command\"\ncode = [\"cat\"]\ntimeuot = 3\n", "DIR/baton.toml:4: unknown field `timeuot`"),
            ("[functions.\"a b\"]\nruntime = \"command\"\ncode = [\"cat\"]\n", "DIR/baton.toml:2: \"a b\" is not a function name"),
            ("[functions.A]\nruntime = \n", "DIR/baton.toml:2: "),
        ] {
            let error = check(text).expect_err(text);
            assert!(error.starts_with(expected), "{text}\n got {error}\nwant {expected}");
        }
    }
}
