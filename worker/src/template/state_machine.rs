//! `AWS::Serverless::StateMachine`: its definition as text, with `DefinitionSubstitutions` put in.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::intrinsics::{Scope, substitute};
use super::yaml::{Content, Node};
use super::{logging, resource};
use crate::functions::ConfigError;

/// The largest definition file that is read; AWS's bound on a definition is checked by the language, with its own error.
const DEFINITION_BYTES_MAX: u64 = 4 * 1_048_576;

/// A state machine of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateMachine {
    /// Its key under `Resources`.
    pub logical_id: String,
    /// `Name`, or the logical id.
    pub name: String,
    /// The ARN that references to it resolve to.
    pub arn: String,
    /// `Type`, STANDARD by default.
    pub machine_type: MachineType,
    /// `Logging`, as the API's `loggingConfiguration`.
    pub logging: Option<serde_json::Value>,
    /// Its definition.
    pub definition: Definition,
    /// Line of the resource in the template, from 1.
    pub line: usize,
}

/// `Type` of a state machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MachineType {
    /// Durable, up to a year.
    Standard,
    /// Up to five minutes.
    Express,
}

/// A definition after its substitutions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Amazon States Language.
    pub text: String,
    /// How the text is to be read.
    pub format: DefinitionFormat,
    /// The file that `DefinitionUri` names; none when the definition stands in the template itself.
    pub file: Option<PathBuf>,
}

/// JSON or YAML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefinitionFormat {
    /// JSON text.
    Json,
    /// YAML text, by the file's extension `.yaml` or `.yml`.
    Yaml,
}

impl MachineType {
    /// AWS's word: `STANDARD` or `EXPRESS`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::Express => "EXPRESS",
        }
    }
}

pub(super) fn read(scope: &Scope<'_>, logical_id: &str, resource: &Node) -> Result<StateMachine, ConfigError> {
    let name = resource::name_of(scope, logical_id, resource, 0)?;
    let properties = resource.get("Properties");
    Ok(StateMachine {
        arn: scope.location.state_machine_arn(&name),
        machine_type: machine_type(scope, properties)?,
        logging: properties.and_then(|properties| properties.get("Logging")).map(|node| logging::read(scope, &name, node)).transpose()?,
        definition: definition(scope, logical_id, resource)?,
        logical_id: logical_id.to_owned(),
        line: resource.line,
        name,
    })
}

fn machine_type(scope: &Scope<'_>, properties: Option<&Node>) -> Result<MachineType, ConfigError> {
    let Some(node) = properties.and_then(|properties| properties.get("Type")) else {
        return Ok(MachineType::Standard);
    };
    match scope.resolve_text(node)?.as_str() {
        "STANDARD" => Ok(MachineType::Standard),
        "EXPRESS" => Ok(MachineType::Express),
        other => Err(scope.invalid(node.line, format!("Type {other} is not known"), "write STANDARD or EXPRESS")),
    }
}

fn definition(scope: &Scope<'_>, logical_id: &str, resource: &Node) -> Result<Definition, ConfigError> {
    let property = |name| resource.get("Properties").and_then(|properties| properties.get(name));
    let substitutions = substitutions(scope, property("DefinitionSubstitutions"))?;
    let mut definition = match (property("Definition"), property("DefinitionUri")) {
        (Some(inline), None) => in_template(scope, inline)?,
        (None, Some(uri)) => in_file(scope, uri)?,
        (Some(_), Some(uri)) => {
            return Err(scope.invalid(uri.line, format!("{logical_id} has Definition and DefinitionUri"), "keep one of the two"));
        }
        (None, None) => {
            return Err(scope.invalid(
                resource.line,
                format!("{logical_id} has no definition"),
                "add DefinitionUri: statemachine/NAME.asl.json",
            ));
        }
    };
    definition.text = substitute(&definition.text, |name| Ok(substitutions.get(name).cloned()))?;
    Ok(definition)
}

fn in_template(scope: &Scope<'_>, inline: &Node) -> Result<Definition, ConfigError> {
    let value = scope.resolve(inline)?;
    let text = serde_json::to_string_pretty(&value).expect("a JSON value is always JSON text");
    Ok(Definition { text, format: DefinitionFormat::Json, file: None })
}

fn in_file(scope: &Scope<'_>, uri: &Node) -> Result<Definition, ConfigError> {
    if matches!(uri.content, Content::Mapping(_)) && uri.get("Bucket").is_some() {
        return Err(scope.invalid(uri.line, "the definition is in S3".to_owned(), "name a file beside the template with DefinitionUri"));
    }
    let path = scope.resolve_text(uri)?;
    let file = scope.directory().join(path.trim_start_matches("./"));
    let unreadable = |source: std::io::Error| {
        scope.invalid(
            uri.line,
            format!("{} cannot be read: {source}", file.display()),
            "correct DefinitionUri, which is seen from the template's folder",
        )
    };
    if std::fs::metadata(&file).map_err(unreadable)?.len() > DEFINITION_BYTES_MAX {
        return Err(scope.invalid(
            uri.line,
            format!("{} is larger than {DEFINITION_BYTES_MAX} bytes", file.display()),
            "AWS takes definitions of up to 1 MB",
        ));
    }
    let text = std::fs::read_to_string(&file).map_err(unreadable)?;
    let yaml = file.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    let format = if yaml { DefinitionFormat::Yaml } else { DefinitionFormat::Json };
    Ok(Definition { text, format, file: Some(file) })
}

fn substitutions(scope: &Scope<'_>, node: Option<&Node>) -> Result<BTreeMap<String, String>, ConfigError> {
    node.map_or(&[][..], Node::members).iter().map(|(name, value)| Ok((name.clone(), scope.resolve_text(value)?))).collect()
}
