//! `Ref`, `Fn::Sub`, `Fn::GetAtt` and `Fn::Join`, in short (`!Sub`) and long (`{"Fn::Sub": …}`) form.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::resource;
use super::yaml::{Content, Node, scalar_to_json};
use crate::functions::{ConfigError, Location};

/// Longest chain of references from one value to the next; a longer one goes in a circle.
const CHAIN_MAX: usize = 32;
/// Name of the stack that `AWS::StackName` stands for, since a folder has none.
const STACK_NAME: &str = "baton";

/// A template with what its references can point to.
pub(super) struct Scope<'a> {
    root: &'a Node,
    path: &'a Path,
    /// Account and region of all ARNs.
    pub(super) location: &'a Location,
}

impl<'a> Scope<'a> {
    pub(super) fn new(root: &'a Node, path: &'a Path, location: &'a Location) -> Self {
        Self { root, path, location }
    }

    /// Logical ids and nodes of the template's resources.
    pub(super) fn resources(&self) -> &'a [(String, Node)] {
        self.root.get("Resources").map_or(&[], Node::members)
    }

    /// A property of all functions, from `Globals.Function`.
    pub(super) fn global(&self, property: &str) -> Option<&'a Node> {
        self.root.get("Globals")?.get("Function")?.get(property)
    }

    /// The template's folder, absolute.
    pub(super) fn directory(&self) -> PathBuf {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())
    }

    pub(super) fn invalid(&self, line: usize, message: String, next_step: &str) -> ConfigError {
        ConfigError::Invalid { file: self.path.to_owned(), line, message, next_step: next_step.to_owned() }
    }

    /// A node with all its intrinsic functions resolved.
    pub(super) fn resolve(&self, node: &Node) -> Result<Value, ConfigError> {
        self.resolve_at(node, 0)
    }

    /// As [`Scope::resolve`], inside a chain of `chain` references.
    pub(super) fn resolve_at(&self, node: &Node, chain: usize) -> Result<Value, ConfigError> {
        if chain > CHAIN_MAX {
            return Err(self.invalid(node.line, "this value refers to itself".to_owned(), "break the circle of references"));
        }
        match Intrinsic::of(node) {
            Some(intrinsic) => self.call(&intrinsic, node.line, chain),
            None => self.plain(node, chain),
        }
    }

    /// A node that must give text; numbers and booleans become text as in CloudFormation.
    pub(super) fn resolve_text(&self, node: &Node) -> Result<String, ConfigError> {
        self.resolve_text_at(node, 0)
    }

    pub(super) fn resolve_text_at(&self, node: &Node, chain: usize) -> Result<String, ConfigError> {
        match self.resolve_at(node, chain)? {
            Value::String(text) => Ok(text),
            // The text of `1.10` is not the number's, so what stood there counts.
            Value::Number(_) | Value::Bool(_) if node.text().is_some() && node.tag.is_none() => {
                Ok(node.text().unwrap_or_default().to_owned())
            }
            Value::Number(number) => Ok(number.to_string()),
            Value::Bool(value) => Ok(value.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                Err(self.invalid(node.line, "text is needed here".to_owned(), "write a string, or a !Ref, !Sub or !GetAtt that gives one"))
            }
        }
    }

    fn plain(&self, node: &Node, chain: usize) -> Result<Value, ConfigError> {
        match &node.content {
            Content::Scalar(text, plain) => Ok(scalar_to_json(text, *plain)),
            Content::Sequence(items) => items.iter().map(|item| self.resolve_at(item, chain)).collect(),
            Content::Mapping(members) => members.iter().map(|(key, member)| Ok((key.clone(), self.resolve_at(member, chain)?))).collect(),
        }
    }

    fn call(&self, intrinsic: &Intrinsic<'_>, line: usize, chain: usize) -> Result<Value, ConfigError> {
        let argument = intrinsic.argument;
        match intrinsic.name {
            "Ref" => self.reference(&self.text_of(argument)?, line, chain),
            "Sub" => self.sub(argument, chain).map(Value::from),
            "GetAtt" => {
                let (resource, attribute) = self.attribute_path(argument)?;
                self.attribute(&resource, &attribute, line, chain).map(Value::from)
            }
            "Join" => self.join(argument, chain).map(Value::from),
            other => Err(self.invalid(
                line,
                format!("Fn::{other} is not resolved here"),
                "write the value itself, or use !Ref, !Sub, !GetAtt or !Join",
            )),
        }
    }

    fn text_of(&self, node: &Node) -> Result<String, ConfigError> {
        node.text()
            .map(str::to_owned)
            .ok_or_else(|| self.invalid(node.line, "a name is needed here".to_owned(), "write the logical id of a resource or a parameter"))
    }

    /// `Ref`: a pseudo parameter, a parameter's default, or what the resource's kind answers.
    fn reference(&self, name: &str, line: usize, chain: usize) -> Result<Value, ConfigError> {
        if let Some(value) = self.pseudo_parameter(name) {
            return Ok(value);
        }
        if let Some(parameter) = self.root.get("Parameters").and_then(|parameters| parameters.get(name)) {
            let default = parameter.get("Default");
            let default = default.ok_or_else(|| {
                self.invalid(
                    parameter.line,
                    format!("parameter {name} has no Default"),
                    "add a Default: there is no deployment that could give a value",
                )
            })?;
            return self.resolve_at(default, chain + 1);
        }
        let (_, resource) = self.find(name, line)?;
        resource::reference(self, name, resource, chain + 1).map(Value::from)
    }

    fn attribute(&self, name: &str, attribute: &str, line: usize, chain: usize) -> Result<String, ConfigError> {
        let (_, resource) = self.find(name, line)?;
        resource::attribute(self, name, resource, attribute, line, chain + 1)
    }

    fn find(&self, name: &str, line: usize) -> Result<&'a (String, Node), ConfigError> {
        self.resources().iter().find(|(logical_id, _)| logical_id == name).ok_or_else(|| {
            let known: Vec<_> = self.resources().iter().map(|(logical_id, _)| logical_id.as_str()).collect();
            self.invalid(
                line,
                format!("there is no resource or parameter {name}"),
                &format!("the template's resources are {}", known.join(", ")),
            )
        })
    }

    fn pseudo_parameter(&self, name: &str) -> Option<Value> {
        let Location { region, account } = self.location;
        let partition = self.location.partition();
        match name {
            "AWS::Region" => Some(region.as_str().into()),
            "AWS::AccountId" => Some(account.as_str().into()),
            "AWS::Partition" => Some(partition.into()),
            "AWS::URLSuffix" => Some("amazonaws.com".into()),
            "AWS::StackName" => Some(STACK_NAME.into()),
            "AWS::StackId" => Some(format!("arn:{partition}:cloudformation:{region}:{account}:stack/{STACK_NAME}/{STACK_NAME}").into()),
            "AWS::NoValue" => Some(Value::Null),
            _ => None,
        }
    }

    /// `Resource.Attribute`, or `[Resource, Attribute]` in the long form.
    fn attribute_path(&self, argument: &Node) -> Result<(String, String), ConfigError> {
        let parts = match &argument.content {
            Content::Scalar(text, _) => text.split_once('.').map(|(resource, attribute)| (resource.to_owned(), attribute.to_owned())),
            Content::Sequence(items) => match items.as_slice() {
                [resource, attribute] => {
                    resource.text().zip(attribute.text()).map(|(resource, attribute)| (resource.to_owned(), attribute.to_owned()))
                }
                _ => None,
            },
            Content::Mapping(_) => None,
        };
        parts.ok_or_else(|| {
            self.invalid(argument.line, "GetAtt needs a resource and an attribute".to_owned(), "write !GetAtt MyFunction.Arn")
        })
    }

    /// `Fn::Sub` with text alone, or with text and a map of further variables.
    fn sub(&self, argument: &Node, chain: usize) -> Result<String, ConfigError> {
        let (text, variables) = match &argument.content {
            Content::Scalar(text, _) => (text.as_str(), None),
            Content::Sequence(items) if items.len() == 2 && items[0].text().is_some() => {
                (items[0].text().unwrap_or_default(), Some(&items[1]))
            }
            Content::Sequence(_) | Content::Mapping(_) => {
                return Err(self.invalid(
                    argument.line,
                    "Sub needs text, or text and a map".to_owned(),
                    "write !Sub \"${MyFunction.Arn}\"",
                ));
            }
        };
        substitute(text, |name| {
            if let Some(literal) = name.strip_prefix('!') {
                return Ok(Some(format!("${{{literal}}}")));
            }
            if let Some(variable) = variables.and_then(|variables| variables.get(name)) {
                return self.resolve_text_at(variable, chain + 1).map(Some);
            }
            match name.split_once('.') {
                Some((resource, attribute)) => self.attribute(resource, attribute, argument.line, chain).map(Some),
                None => self.reference(name, argument.line, chain).map(|value| Some(text_of_value(value))),
            }
        })
    }

    fn join(&self, argument: &Node, chain: usize) -> Result<String, ConfigError> {
        let Content::Sequence(parts) = &argument.content else {
            return Err(self.malformed_join(argument));
        };
        let [delimiter, Node { content: Content::Sequence(values), .. }] = parts.as_slice() else {
            return Err(self.malformed_join(argument));
        };
        let values: Result<Vec<_>, _> = values.iter().map(|value| self.resolve_text_at(value, chain + 1)).collect();
        Ok(values?.join(delimiter.text().ok_or_else(|| self.malformed_join(argument))?))
    }

    fn malformed_join(&self, argument: &Node) -> ConfigError {
        self.invalid(argument.line, "Join needs a delimiter and a list".to_owned(), "write !Join [\":\", [a, b]]")
    }
}

/// Replaces each `${name}` for which `value` has an answer, once, left to right.
pub(super) fn substitute(text: &str, mut value: impl FnMut(&str) -> Result<Option<String>, ConfigError>) -> Result<String, ConfigError> {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let Some(length) = rest[start + 2..].find('}') else {
            break;
        };
        let name = rest[start + 2..start + 2 + length].trim();
        result.push_str(&rest[..start]);
        match value(name)? {
            Some(replacement) => result.push_str(&replacement),
            None => result.push_str(&rest[start..start + length + 3]),
        }
        rest = &rest[start + length + 3..];
    }
    result.push_str(rest);
    Ok(result)
}

fn text_of_value(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => other.to_string(),
    }
}

/// An intrinsic function call: its name without `Fn::`, and what it is called with.
struct Intrinsic<'a> {
    name: &'a str,
    argument: &'a Node,
}

impl<'a> Intrinsic<'a> {
    fn of(node: &'a Node) -> Option<Self> {
        if let Some(tag) = &node.tag {
            return Some(Self { name: tag, argument: node });
        }
        match node.members() {
            [(key, argument)] if key == "Ref" => Some(Self { name: "Ref", argument }),
            [(key, argument)] => key.strip_prefix("Fn::").map(|name| Self { name, argument }),
            _ => None,
        }
    }
}
