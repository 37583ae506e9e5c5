//! Amazon States Language: text to a validated [`StateMachine`], or diagnostics with the codes, locations and texts of AWS.
//!
//! A [`StateMachine`] holds only what can run: names are resolved to ids, paths and expressions are compiled, and each query
//! language has its own fields. Text, positions and spelling stay behind in the parser.
//!
//! The way of a definition: `syntax` reads text into a tree that knows its places, `parse` reads the tree into the model and reports
//! every value that is no good, `validate` looks at the whole. The API and the linter go the same way; only the linter asks for
//! warnings.

mod diagnostic;
mod excerpt;
mod lone_state;
mod message;
pub mod model;
mod parse;
mod suggest;
mod syntax;
mod validate;
mod variables;

pub use diagnostic::{Code, Diagnostic, Severity, Span, invalid_definition_text};
pub use excerpt::item_processor;
pub use lone_state::LONE_STATE_NAME;
pub use model::*;
pub use suggest::did_you_mean;
pub use validate::{LabelFault, label_fault};
pub use variables::{variable_references, variable_references_within};

use parse::{Parser, diagnostic};
use syntax::{Comments, Node, Range, read_json, read_yaml};

/// Bytes of a definition that AWS takes.
pub const MAX_DEFINITION_BYTES: usize = 1_048_576;

/// `type` of a state machine. Express machines cannot wait for jobs, callbacks or activities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MachineType {
    /// The default.
    #[default]
    Standard,
    /// Short and fast.
    Express,
}

/// How a definition is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON as the API takes it.
    Json,
    /// JSON with `// …` and `/* … */`, as people keep it in files.
    JsonWithComments,
    /// YAML; the first document counts.
    Yaml,
}

/// Reads a definition as the API does. The error holds at least one diagnostic, all of severity ERROR, in AWS's order;
/// [`invalid_definition_text`] makes the text of `InvalidDefinition` of them.
pub fn parse(definition: &str, kind: MachineType) -> Result<StateMachine, Vec<Diagnostic>> {
    let (machine, diagnostics) = read(definition, Format::Json, kind, false);
    machine.ok_or(diagnostics)
}

/// Reads the definition of a single state as TestState does. The machine has the state under the name [`LONE_STATE_NAME`], and a Succeed
/// state for each name that it leads to.
pub fn parse_state(definition: &str, kind: MachineType) -> Result<StateMachine, Vec<Diagnostic>> {
    let (machine, mut diagnostics) = match tree(definition, Format::Json) {
        Ok(state) => read_tree(&lone_state::machine(state), kind, false),
        Err(diagnostic) => (None, vec![diagnostic]),
    };
    diagnostic::fill_positions(definition, &mut diagnostics);
    machine.ok_or(diagnostics)
}

/// Reads a definition for people: errors and warnings. There is a machine exactly when there is no error.
pub fn lint(text: &str, format: Format, kind: MachineType) -> (Option<StateMachine>, Vec<Diagnostic>) {
    read(text, format, kind, true)
}

/// A definition as the API takes it. JSON stays as it is, byte for byte; comments and YAML go, and keys keep their order.
pub fn to_json(text: &str, format: Format) -> Result<String, Box<Diagnostic>> {
    let is_plain = match format {
        Format::Json | Format::JsonWithComments => read_json(text, Comments::Refused).is_ok(),
        Format::Yaml => false,
    };
    if is_plain {
        return Ok(text.to_owned());
    }
    let node = tree(text, format).map_err(|mut diagnostic| {
        diagnostic::fill_positions(text, std::slice::from_mut(&mut diagnostic));
        Box::new(diagnostic)
    })?;
    Ok(format!("{:#}", node.to_value()))
}

/// Why `text` is no JSON, as AWS says it of an execution's input: `Unrecognized token 'not': was expecting (…)`, without the place
/// that it adds for definitions. Empty for text that is JSON.
pub fn json_error(text: &str) -> String {
    read_json(text, Comments::Refused).err().map(|error| error.message).unwrap_or_default()
}

fn read(text: &str, format: Format, kind: MachineType, warn: bool) -> (Option<StateMachine>, Vec<Diagnostic>) {
    let (machine, mut diagnostics) = match tree(text, format) {
        Ok(node) => read_tree(&node, kind, warn),
        Err(diagnostic) => (None, vec![diagnostic]),
    };
    diagnostic::fill_positions(text, &mut diagnostics);
    (machine, diagnostics)
}

fn tree(text: &str, format: Format) -> Result<Node, Diagnostic> {
    if text.len() > MAX_DEFINITION_BYTES {
        let text = message::too_long(MAX_DEFINITION_BYTES);
        return Err(diagnostic(Code::SchemaValidationFailed, text, None, Range::default(), None));
    }
    if text.trim().is_empty() {
        return Err(no_object(Range::default()));
    }
    let node = match format {
        Format::Json => json_tree(text, Comments::Refused)?,
        Format::JsonWithComments => json_tree(text, Comments::Accepted)?,
        Format::Yaml => yaml_tree(text)?,
    };
    if node.object().is_some() { Ok(node) } else { Err(no_object(node.range)) }
}

fn json_tree(text: &str, comments: Comments) -> Result<Node, Diagnostic> {
    read_json(text, comments).map_err(|error| {
        let range = Range { start: error.offset, end: error.offset };
        let (message, location) = (error.to_string(), Some(error.source));
        diagnostic(Code::InvalidJsonDescription, message, location, range, None)
    })
}

fn yaml_tree(text: &str) -> Result<Node, Diagnostic> {
    read_yaml(text).map_err(|error| {
        let range = Range { start: error.offset, end: error.offset };
        diagnostic(Code::InvalidJsonDescription, error.message, None, range, None)
    })
}

fn no_object(range: Range) -> Diagnostic {
    diagnostic(Code::SchemaValidationFailed, message::NOT_AN_OBJECT, None, range, None)
}

fn read_tree(definition: &Node, kind: MachineType, warn: bool) -> (Option<StateMachine>, Vec<Diagnostic>) {
    let mut parser = Parser::new(definition, kind, warn);
    let machine = parser.definition(definition);
    let diagnostics = validate::diagnostics(parser, definition, machine.as_ref(), warn);
    let is_refused = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    debug_assert!(machine.is_some() || is_refused, "a definition without a machine has an error");
    (machine.filter(|_| !is_refused), diagnostics)
}
