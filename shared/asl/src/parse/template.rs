//! Payload templates and JSONata expressions: handed to the query crate to compile, its complaints put into AWS's words and places.

use baton_query::{Expression, PayloadTemplate, TemplateError};

use super::cursor::Cursor;
use super::{Context, Parsed, Parser, Reported};
use crate::diagnostic::Code;
use crate::message;
use crate::model::QueryLanguage;
use crate::syntax::{Kind, Node};

/// Arrays and objects within each other in one template; payloads have the same bound.
const MAX_TEMPLATE_DEPTH: usize = 128;

/// Members of `$states` that exist only at some places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reserved {
    /// `$states.result`
    pub(crate) result: bool,
    /// `$states.errorOutput`
    pub(crate) error_output: bool,
}

impl Reserved {
    /// Neither.
    pub(crate) const NONE: Self = Self { result: false, error_output: false };
    /// `Output` and `Assign` of states that do work.
    pub(crate) const RESULT: Self = Self { result: true, error_output: false };
    /// `Output` and `Assign` of catchers.
    pub(crate) const ERROR_OUTPUT: Self = Self { result: false, error_output: true };

    fn allows(self, member: &str) -> bool {
        match member {
            "result" => self.result,
            "errorOutput" => self.error_output,
            "input" | "context" => true,
            _ => false,
        }
    }
}

impl Parser<'_> {
    /// A payload template of the state's language.
    pub(crate) fn template(&mut self, cursor: &Cursor<'_>, context: Context, reserved: Reserved) -> Parsed<PayloadTemplate> {
        match context.language {
            QueryLanguage::JsonPath => self.json_path_template(cursor),
            QueryLanguage::Jsonata => self.jsonata_template(cursor, reserved),
        }
    }

    pub(crate) fn json_path_template(&mut self, cursor: &Cursor<'_>) -> Parsed<PayloadTemplate> {
        self.check_depth(cursor)?;
        let template = PayloadTemplate::jsonpath(&cursor.node.to_value());
        let template = template.map_err(|errors| self.template_errors(cursor, errors))?;
        self.warn_of_static_paths(cursor);
        Ok(template)
    }

    pub(crate) fn jsonata_template(&mut self, cursor: &Cursor<'_>, reserved: Reserved) -> Parsed<PayloadTemplate> {
        self.check_depth(cursor)?;
        self.check_expressions(cursor, reserved)?;
        let template = PayloadTemplate::jsonata(&cursor.node.to_value());
        template.map_err(|errors| self.template_errors(cursor, errors))
    }

    /// A text between `{%` and `%}`.
    pub(crate) fn expression(&mut self, cursor: &Cursor<'_>, reserved: Reserved) -> Parsed<Expression> {
        let text = self.text(cursor)?;
        if !Expression::is_expression(text) {
            return Err(self.error(cursor, message::HALF_AN_EXPRESSION));
        }
        self.check_expressions(cursor, reserved)?;
        Expression::parse(text).map_err(|error| self.report(query_code(error.code), cursor, error.message))
    }

    fn check_depth(&mut self, cursor: &Cursor<'_>) -> Parsed<()> {
        if !cursor.node.is_deeper_than(MAX_TEMPLATE_DEPTH) {
            return Ok(());
        }
        Err(self.report(Code::TooDeeplyNested, cursor, message::TOO_DEEPLY_NESTED))
    }

    /// What can be said of expressions without compiling them: their marks, and which members of `$states` they read.
    fn check_expressions(&mut self, cursor: &Cursor<'_>, reserved: Reserved) -> Parsed<()> {
        let mut outcome = Ok(());
        if let Some(text) = cursor.node.text() {
            outcome = self.check_expression(cursor, text, reserved);
        }
        for item in cursor.items() {
            outcome = self.check_expressions(&item, reserved).and(outcome);
        }
        for (_, _, member) in cursor.members() {
            outcome = self.check_expressions(&member, reserved).and(outcome);
        }
        outcome
    }

    fn check_expression(&mut self, cursor: &Cursor<'_>, text: &str, reserved: Reserved) -> Parsed<()> {
        if !Expression::is_expression(text) {
            let is_half = text.starts_with("{%") || text.ends_with("%}");
            return if is_half { Err(self.error(cursor, message::HALF_AN_EXPRESSION)) } else { Ok(()) };
        }
        let mut outcome = Ok(());
        let mut members = states_members(text);
        members.sort_unstable();
        members.dedup();
        for member in members.into_iter().filter(|member| !reserved.allows(member)) {
            let text = message::missing_states_field(member);
            outcome = Err(self.report(Code::UnsupportedJsonataExpression, cursor, text));
        }
        outcome
    }

    fn template_errors(&mut self, cursor: &Cursor<'_>, errors: Vec<TemplateError>) -> Reported {
        for TemplateError { code, location, message } in errors {
            let range = find(cursor.node, &location).map_or(cursor.node.range, |node| node.range);
            let place = format!("{}{}", cursor.location(), place_in_template(&location, &message));
            self.report_at(query_code(code), message, place, range, None);
        }
        Reported
    }

    /// Values that look like a path under a key without `.$`.
    fn warn_of_static_paths(&mut self, cursor: &Cursor<'_>) {
        for item in cursor.items() {
            self.warn_of_static_paths(&item);
        }
        for (key, _, member) in cursor.members() {
            if !key.ends_with(".$") && member.node.text().is_some_and(looks_dynamic) {
                self.warn(Code::NoDollar, &member, message::NO_DOLLAR, || Some(format!("to evaluate it, name the field `{key}.$`")));
            }
            self.warn_of_static_paths(&member);
        }
    }
}

/// Of a value that is no path AWS names the key in its text and locates the object that has it.
fn place_in_template<'l>(location: &'l str, message: &str) -> &'l str {
    let names_its_key = message.starts_with("The value for the field '");
    if names_its_key { location.rfind('/').map_or("", |slash| &location[..slash]) } else { location }
}

fn query_code(code: &str) -> Code {
    match code {
        baton_query::code::INVALID_JSONATA_EXPRESSION => Code::InvalidJsonataExpression,
        baton_query::code::UNSUPPORTED_JSONATA_EXPRESSION => Code::UnsupportedJsonataExpression,
        _ => Code::SchemaValidationFailed,
    }
}

/// Whether a text reads like a path or a call of an intrinsic function.
pub(crate) fn looks_dynamic(text: &str) -> bool {
    let is_call = text.starts_with("States.") && text.contains('(') && text.ends_with(')');
    is_call || looks_like_path(text)
}

/// Whether a text reads like a path. `$100` and `$HOME` do not.
pub(crate) fn looks_like_path(text: &str) -> bool {
    let Some(path) = text.strip_prefix("$$").or_else(|| text.strip_prefix('$')) else { return false };
    let member = path.strip_prefix('.');
    path.is_empty() || path.starts_with('[') || member.is_some_and(|name| name.starts_with(|first: char| !first.is_whitespace()))
}

/// The members of `$states` that an expression reads, in its order. Texts, names in backquotes and comments are not looked into.
fn states_members(expression: &str) -> Vec<&str> {
    let mut members = Vec::new();
    let mut rest = expression;
    while let Some(at) = rest.find(['"', '\'', '`', '$', '/']) {
        let (token, behind) = rest[at..].split_at(1);
        rest = match token {
            "$" => states_member(behind, &mut members),
            "/" => behind.strip_prefix('*').map_or(behind, |comment| skip_behind(comment, "*/")),
            quote => skip_text(behind, quote.as_bytes()[0]),
        };
    }
    members
}

/// Behind a `$`: notes the member when this is `$states.member`, and gives what comes after the name.
fn states_member<'e>(behind: &'e str, members: &mut Vec<&'e str>) -> &'e str {
    let (name, rest) = split_name(behind);
    if name == "states"
        && let Some(path) = rest.trim_start().strip_prefix('.')
    {
        let (member, _) = split_name(path.trim_start());
        if !member.is_empty() {
            members.push(member);
        }
    }
    rest
}

fn split_name(text: &str) -> (&str, &str) {
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    text.split_at(text.find(|character| !is_name(character)).unwrap_or(text.len()))
}

fn skip_text(text: &str, quote: u8) -> &str {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        if byte == quote && !is_escaped {
            return &text[at + 1..];
        }
        is_escaped = byte == b'\\' && !is_escaped && quote != b'`';
    }
    ""
}

fn skip_behind<'t>(text: &'t str, mark: &str) -> &'t str {
    text.find(mark).map_or("", |at| &text[at + mark.len()..])
}

/// The value at a location inside a template, as far as it can be followed.
fn find<'n>(node: &'n Node, location: &str) -> Option<&'n Node> {
    let (mut node, mut rest) = (node, location);
    while !rest.is_empty() {
        (node, rest) = match &node.kind {
            Kind::Array(items) => {
                let digits = rest.trim_start_matches(['[', '/']);
                let length = digits.find(|character: char| !character.is_ascii_digit()).unwrap_or(digits.len());
                let item = items.get(digits[..length].parse::<usize>().ok()?)?;
                let rest = &digits[length..];
                (item, rest.strip_prefix(']').unwrap_or(rest))
            }
            Kind::Object(object) => {
                let path = rest.strip_prefix('/')?;
                let ends = |key: &str| path.strip_prefix(key).filter(|rest| rest.is_empty() || rest.starts_with(['/', '[']));
                let candidates = object.members.iter().filter_map(|member| Some((member, ends(&member.key)?)));
                let (member, rest) = candidates.min_by_key(|(_, rest)| rest.len())?;
                (&member.value, rest)
            }
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => return None,
        };
    }
    Some(node)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::{Comments, read_json};

    #[test]
    fn finds_what_is_read_of_states() {
        for (expression, members) in [
            ("{% $states.input.a + $states . result %}", &["input", "result"][..]),
            ("{% '$states.result' & \"$states.x\\\"$states.y\" & `$states.z` %}", &[]),
            ("{% /* $states.result */ $states.context.Execution.Id %}", &["context"]),
            ("{% $states %}", &[]),
            ("{% $mystates.input / $states_x.y %}", &[]),
            ("{% $states.errorOutput.Cause %}", &["errorOutput"]),
            ("{% 'open $states.input", &[]),
            ("{% $count($states.input[a > $states.context.b]) %}", &["input", "context"]),
        ] {
            assert_eq!(states_members(expression), members, "{expression}");
        }
    }

    #[test]
    fn follows_locations_in_templates() {
        let node = read_json(r#"{"a": {"b/c": [1, {"d.$": 2}]}}"#, Comments::Refused).expect("valid");
        for (location, found) in [
            ("", Some(r#"{"a":{"b/c":[1,{"d.$":2}]}}"#)),
            ("/a/b/c[0]", Some("1")),
            ("/a/b/c[1]/d.$", Some("2")),
            ("/a/b/c/1/d.$", Some("2")),
            ("/a/x", None),
            ("/a/b/c[7]", None),
        ] {
            let found_here = find(&node, location).map(|node| node.to_value().to_string());
            assert_eq!(found_here.as_deref(), found, "{location}");
        }
    }

    #[test]
    fn tells_paths_from_texts() {
        for text in ["$", "$.a", "$$.Execution.Id", "$['a b']", "States.Format('{}', $.a)"] {
            assert!(looks_dynamic(text), "{text}");
        }
        for text in ["", "$100", "$HOME/x", "a$.b", "$. 5", "States.Timeout", "$x"] {
            assert!(!looks_dynamic(text), "{text}");
        }
    }
}
