//! What a function runs on: the `runtime` field of `baton.toml` and SAM's `Runtime`.

use std::path::{Path, PathBuf};

/// What runs a function, with what that kind needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Runtime {
    /// `python3.x`: an unmodified Python handler.
    Python {
        /// `3.11`
        version: String,
        /// `folder/file.function`
        handler: String,
        /// Folder of the code, Lambda's task root.
        code: PathBuf,
    },
    /// `nodejsNN.x`: an unmodified Node handler, CommonJS or ES module.
    Node {
        /// `20`
        version: String,
        /// `folder/file.function`
        handler: String,
        /// Folder of the code, Lambda's task root.
        code: PathBuf,
    },
    /// `provided`, `provided.al2`, `provided.al2023`: an executable called `bootstrap`.
    Provided {
        /// The identifier as written.
        identifier: String,
        /// Told to the executable as `_HANDLER`.
        handler: String,
        /// Folder that holds `bootstrap`.
        code: PathBuf,
    },
    /// `command`: a program per invocation, input on stdin, output on stdout.
    Command {
        /// Program and arguments, never empty.
        argv: Vec<String>,
        /// Folder in which it runs.
        directory: PathBuf,
    },
    /// `http`: an endpoint with Lambda's invoke wire format.
    Http {
        /// Where to POST the payload.
        url: String,
    },
    /// A runtime of AWS that baton does not run. The function is known, and its tasks fail with an error that says so.
    Unsupported {
        /// The identifier as written.
        identifier: String,
    },
}

/// Why a runtime identifier and its `handler` and `code` do not make a function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuntimeError {
    /// Neither AWS nor baton has such a runtime.
    #[error("unknown runtime \"{0}\"")]
    Unknown(String),
    /// A handler is needed, of the form `file.function`.
    #[error("runtime {0} needs a handler of the form file.function")]
    NoHandler(String),
}

impl Runtime {
    /// A runtime that has code in a folder, from its AWS identifier.
    ///
    /// # Errors
    /// An unknown identifier, or none or a malformed handler where one is needed.
    pub fn of_identifier(identifier: &str, handler: Option<String>, code: PathBuf) -> Result<Self, RuntimeError> {
        if let Some(version) = identifier.strip_prefix("python").filter(|version| is_python_version(version)) {
            let handler = dotted(identifier, handler)?;
            return Ok(Self::Python { version: version.to_owned(), handler, code });
        }
        if let Some(version) =
            identifier.strip_prefix("nodejs").and_then(|rest| rest.strip_suffix(".x")).filter(|version| is_number(version))
        {
            let handler = dotted(identifier, handler)?;
            return Ok(Self::Node { version: version.to_owned(), handler, code });
        }
        if identifier == "provided" || identifier.starts_with("provided.al") {
            let handler = handler.unwrap_or_else(|| "bootstrap".to_owned());
            return Ok(Self::Provided { identifier: identifier.to_owned(), handler, code });
        }
        match ["java", "dotnet", "ruby", "go1.x", "nodejs", "python2"].iter().any(|family| identifier.starts_with(family)) {
            true => Ok(Self::Unsupported { identifier: identifier.to_owned() }),
            false => Err(RuntimeError::Unknown(identifier.to_owned())),
        }
    }

    /// The identifier as AWS or `baton.toml` writes it: `python3.11`, `command`, …
    pub fn identifier(&self) -> String {
        match self {
            Self::Python { version, .. } => format!("python{version}"),
            Self::Node { version, .. } => format!("nodejs{version}.x"),
            Self::Provided { identifier, .. } | Self::Unsupported { identifier } => identifier.clone(),
            Self::Command { .. } => "command".to_owned(),
            Self::Http { .. } => "http".to_owned(),
        }
    }

    /// The folder whose changes mean new code; none where the code is elsewhere.
    pub fn code_folder(&self) -> Option<&Path> {
        match self {
            Self::Python { code, .. } | Self::Node { code, .. } | Self::Provided { code, .. } => Some(code),
            // A command is started anew for each invocation, so nothing of it stays warm.
            Self::Command { .. } | Self::Http { .. } | Self::Unsupported { .. } => None,
        }
    }
}

fn is_python_version(version: &str) -> bool {
    version.strip_prefix("3.").is_some_and(is_number)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn dotted(identifier: &str, handler: Option<String>) -> Result<String, RuntimeError> {
    handler.filter(|handler| !handler.is_empty()).ok_or_else(|| RuntimeError::NoHandler(identifier.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(identifier: &str) -> Result<Runtime, RuntimeError> {
        Runtime::of_identifier(identifier, Some("app.handler".to_owned()), "/code".into())
    }

    #[test]
    fn identifiers_of_aws_are_known() {
        assert!(matches!(of("python3.13"), Ok(Runtime::Python { version, .. }) if version == "3.13"));
        assert!(matches!(of("nodejs22.x"), Ok(Runtime::Node { version, .. }) if version == "22"));
        assert!(matches!(of("provided.al2023"), Ok(Runtime::Provided { .. })));
        assert!(matches!(of("java21"), Ok(Runtime::Unsupported { identifier }) if identifier == "java21"));
        assert_eq!(of("pyhton3.11"), Err(RuntimeError::Unknown("pyhton3.11".to_owned())));
    }

    #[test]
    fn python_and_node_need_a_handler_and_provided_does_not() {
        let without = |identifier| Runtime::of_identifier(identifier, None, "/code".into());
        assert_eq!(without("python3.11"), Err(RuntimeError::NoHandler("python3.11".to_owned())));
        assert_eq!(without("nodejs20.x"), Err(RuntimeError::NoHandler("nodejs20.x".to_owned())));
        assert!(without("provided.al2023").is_ok());
    }
}
