//! The compilers of payload templates.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Location, Member, Node};
use crate::error::code;
use crate::limits::TEMPLATE_NESTING_MAX;
use crate::{Expression, PathOrIntrinsic, SyntaxError, TemplateError};

/// What a key ends in whose value is computed.
const COMPUTED_KEY_SUFFIX: &str = ".$";

pub(super) fn jsonpath(template: &Value) -> Result<Node, Vec<TemplateError>> {
    Compiler { language: Language::JsonPath, errors: Vec::new() }.compile(template)
}

pub(super) fn jsonata(template: &Value) -> Result<Node, Vec<TemplateError>> {
    Compiler { language: Language::Jsonata, errors: Vec::new() }.compile(template)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    JsonPath,
    Jsonata,
}

struct Compiler {
    language: Language,
    errors: Vec<TemplateError>,
}

impl Compiler {
    fn compile(mut self, template: &Value) -> Result<Node, Vec<TemplateError>> {
        let root = self.node(template, &Location::root(&""), 0);
        if self.errors.is_empty() { Ok(root) } else { Err(self.errors) }
    }

    /// A part that has a problem compiles to null, since the template as a whole will not be used.
    fn node(&mut self, template: &Value, location: &Location<'_>, depth: usize) -> Node {
        if depth > TEMPLATE_NESTING_MAX {
            self.report(location, SyntaxError::schema(format!("Value nests deeper than {TEMPLATE_NESTING_MAX} levels")));
            return Node::Static(Value::Null);
        }
        match template {
            Value::Object(members) => self.object(members, template, location, depth),
            Value::Array(items) => {
                let nodes = items.iter().enumerate();
                let nodes: Vec<Node> = nodes.map(|(index, item)| self.node(item, &location.item(index), depth + 1)).collect();
                if nodes.iter().all(is_static) { Node::Static(template.clone()) } else { Node::Array(nodes) }
            }
            Value::String(text) if self.language == Language::Jsonata => self.string(text, location),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Node::Static(template.clone()),
        }
    }

    fn object(&mut self, members: &Map<String, Value>, template: &Value, location: &Location<'_>, depth: usize) -> Node {
        let mut names = BTreeSet::new();
        let mut nodes = Vec::with_capacity(members.len());
        for (key, value) in members {
            let member = self.member(key, value, location, depth);
            if !names.insert(member.name.clone()) {
                let message = format!("The field '{}' is specified more than once", member.name);
                self.report(&location.member(key), SyntaxError::schema(message));
            }
            nodes.push(member);
        }
        if nodes.iter().all(|member| is_static(&member.node)) { Node::Static(template.clone()) } else { Node::Object(nodes) }
    }

    fn member(&mut self, key: &str, value: &Value, location: &Location<'_>, depth: usize) -> Member {
        let location = location.member(key);
        match (self.language, key.strip_suffix(COMPUTED_KEY_SUFFIX)) {
            (Language::JsonPath, Some(name)) => Member { name: name.to_owned(), node: self.path(key, value, &location) },
            (Language::JsonPath, None) | (Language::Jsonata, _) => {
                Member { name: key.to_owned(), node: self.node(value, &location, depth + 1) }
            }
        }
    }

    fn path(&mut self, key: &str, value: &Value, location: &Location<'_>) -> Node {
        let Value::String(text) = value else {
            let message =
                format!("The value for the field '{key}' must be a STRING that contains a JSONPath but was an {}", json_type(value));
            self.report(location, SyntaxError::schema(message));
            return Node::Static(Value::Null);
        };
        match PathOrIntrinsic::parse(text) {
            Ok(source) => Node::Path { key: key.to_owned(), source },
            Err(_) => {
                let message = format!("The value for the field '{key}' must be a valid JSONPath or a valid intrinsic function call");
                self.report(location, SyntaxError::schema(message));
                Node::Static(Value::Null)
            }
        }
    }

    fn string(&mut self, text: &str, location: &Location<'_>) -> Node {
        if Expression::is_half_expression(text) {
            let message = "A JSONata expression must start with '{%' and end with '%}'";
            self.report(location, SyntaxError { code: code::INVALID_JSONATA_EXPRESSION, ..SyntaxError::schema(message) });
        }
        if !Expression::is_expression(text) {
            return Node::Static(Value::String(text.to_owned()));
        }
        match Expression::parse_reporting_all(text) {
            Ok(expression) => Node::Expression(expression),
            Err(errors) => {
                errors.into_iter().for_each(|error| self.report(location, error));
                Node::Static(Value::Null)
            }
        }
    }

    fn report(&mut self, location: &Location<'_>, error: SyntaxError) {
        self.errors.push(TemplateError { code: error.code, location: location.to_string(), message: error.message });
    }
}

fn is_static(node: &Node) -> bool {
    matches!(node, Node::Static(_))
}

/// A JSON type in the words of AWS's validator.
fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "NULL",
        Value::Bool(_) => "BOOLEAN",
        Value::Number(_) => "NUMBER",
        Value::String(_) => "STRING",
        Value::Array(_) => "ARRAY",
        Value::Object(_) => "OBJECT",
    }
}
