//! `AWS::Serverless::Function`, with `Globals.Function` beneath it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::intrinsics::Scope;
use super::resource;
use super::yaml::{Content, Node};
use crate::functions::{
    CONCURRENCY_DEFAULT, CONCURRENCY_MAX, ConfigError, Function, MEMORY_DEFAULT_MB, Runtime, TIMEOUT_DEFAULT, TIMEOUT_MAX_SECONDS,
};

pub(super) fn read(scope: &Scope<'_>, logical_id: &str, resource: &Node) -> Result<Function, ConfigError> {
    let properties = Properties { scope, logical_id, own: resource.get("Properties"), line: resource.line };
    let name = resource::name_of(scope, logical_id, resource, 0)?;
    Ok(Function {
        arn: scope.location.function_arn(&name),
        runtime: properties.runtime()?,
        timeout: properties.timeout()?,
        memory_mb: properties.number("MemorySize", 1..=u64::from(u32::MAX))?.map_or(MEMORY_DEFAULT_MB, |mb| mb as u32),
        concurrency: properties.concurrency()?,
        environment: properties.environment()?,
        name,
    })
}

/// A function's own properties, and those that all functions share.
struct Properties<'a> {
    scope: &'a Scope<'a>,
    logical_id: &'a str,
    own: Option<&'a Node>,
    line: usize,
}

impl<'a> Properties<'a> {
    fn get(&self, name: &str) -> Option<&'a Node> {
        self.own.and_then(|own| own.get(name)).or_else(|| self.scope.global(name))
    }

    fn text(&self, name: &str) -> Result<Option<String>, ConfigError> {
        self.get(name).map(|node| self.scope.resolve_text(node)).transpose()
    }

    fn number(&self, name: &str, range: std::ops::RangeInclusive<u64>) -> Result<Option<u64>, ConfigError> {
        let Some(node) = self.get(name) else {
            return Ok(None);
        };
        let number = self.scope.resolve_text(node)?.parse().ok().filter(|number| range.contains(number));
        number.map(Some).ok_or_else(|| {
            self.invalid(
                node.line,
                &format!("{name} is out of bounds"),
                &format!("write a number from {} to {}", range.start(), range.end()),
            )
        })
    }

    fn timeout(&self) -> Result<Duration, ConfigError> {
        Ok(self.number("Timeout", 1..=TIMEOUT_MAX_SECONDS)?.map_or(TIMEOUT_DEFAULT, Duration::from_secs))
    }

    /// `ReservedConcurrentExecutions` is AWS's own bound on a function's concurrency.
    fn concurrency(&self) -> Result<u32, ConfigError> {
        let reserved = self.number("ReservedConcurrentExecutions", 1..=u64::from(u32::MAX))?;
        Ok(reserved.map_or(CONCURRENCY_DEFAULT, |slots| (slots as u32).min(CONCURRENCY_MAX)))
    }

    fn runtime(&self) -> Result<Runtime, ConfigError> {
        self.refuse_other_packages()?;
        let identifier_line = self.get("Runtime").map_or(self.line, |node| node.line);
        let identifier =
            self.text("Runtime")?.ok_or_else(|| self.invalid(identifier_line, "no Runtime", "add Runtime, here or in Globals.Function"))?;
        let code = self.code_folder(&identifier)?;
        Runtime::of_identifier(&identifier, self.text("Handler")?, code).map_err(|error| {
            self.invalid(identifier_line, &error.to_string(), "see AWS's list of runtimes, and write Handler as file.function")
        })
    }

    fn refuse_other_packages(&self) -> Result<(), ConfigError> {
        if let Some(node) = self.get("InlineCode") {
            return Err(self.invalid(node.line, "InlineCode is not run", "move the code into a file and name its folder with CodeUri"));
        }
        match self.get("PackageType") {
            Some(node) if node.text() == Some("Image") => Err(self.invalid(
                node.line,
                "container images are not run",
                "use a Runtime and CodeUri, or runtime = \"http\" in baton.toml for a running container",
            )),
            _ => Ok(()),
        }
    }

    /// A function that cannot run here anyway need not have its code here.
    fn code_folder(&self, identifier: &str) -> Result<PathBuf, ConfigError> {
        let Some(node) = self.get("CodeUri") else {
            return Ok(self.scope.directory());
        };
        let uri = match &node.content {
            Content::Mapping(_) if node.tag.is_none() && node.get("Bucket").is_some() => None,
            _ => Some(self.scope.resolve_text(node)?).filter(|uri| !uri.starts_with("s3:")),
        };
        let uri = uri.ok_or_else(|| self.invalid(node.line, "the code is in S3", "name a folder beside the template with CodeUri"))?;
        let folder = self.scope.directory().join(uri.trim_start_matches("./"));
        let runs_here =
            !matches!(Runtime::of_identifier(identifier, Some(String::from("a.b")), PathBuf::new()), Ok(Runtime::Unsupported { .. }));
        match folder.is_dir() || !runs_here {
            true => Ok(folder),
            false => Err(self.invalid(
                node.line,
                &format!("there is no folder {}", folder.display()),
                "correct CodeUri, which is seen from the template's folder",
            )),
        }
    }

    /// Variables of `Globals` and of the function together; the function's own win.
    fn environment(&self) -> Result<BTreeMap<String, String>, ConfigError> {
        let own = self.own.and_then(|own| own.get("Environment"));
        let mut variables = BTreeMap::new();
        for environment in [self.scope.global("Environment"), own].into_iter().flatten() {
            for (name, node) in environment.get("Variables").map_or(&[][..], Node::members) {
                variables.insert(name.clone(), self.scope.resolve_text(node)?);
            }
        }
        Ok(variables)
    }

    fn invalid(&self, line: usize, message: &str, next_step: &str) -> ConfigError {
        self.scope.invalid(line, format!("{}: {message}", self.logical_id), next_step)
    }
}
