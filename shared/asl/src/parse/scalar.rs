//! Texts, numbers, booleans, objects and arrays: their types and ranges.

use std::sync::Arc;

use baton_query::Expression;

use super::cursor::Cursor;
use super::template::Reserved;
use super::{Context, Parsed, Parser};
use crate::message;
use crate::model::{IntegerField, NumberField, QueryLanguage};
use crate::suggest::{did_you_mean, hint};
use crate::syntax::{Kind, Node, Object};

/// The longest time that the language can name, in seconds.
pub(crate) const MAX_SECONDS: i64 = 99_999_999;

impl Parser<'_> {
    pub(crate) fn text<'a>(&mut self, cursor: &Cursor<'a>) -> Parsed<&'a str> {
        cursor.node.text().ok_or_else(|| self.error(cursor, message::expected_type("[STRING]")))
    }

    pub(crate) fn shared_text(&mut self, cursor: &Cursor<'_>) -> Parsed<Arc<str>> {
        self.text(cursor).map(Arc::from)
    }

    pub(crate) fn boolean(&mut self, cursor: &Cursor<'_>) -> Parsed<bool> {
        match cursor.node.kind {
            Kind::Bool(value) => Ok(value),
            Kind::Null | Kind::Number(_) | Kind::Text(_) | Kind::Array(_) | Kind::Object(_) => {
                Err(self.error(cursor, message::expected_type("[BOOLEAN]")))
            }
        }
    }

    pub(crate) fn object<'a>(&mut self, cursor: &Cursor<'a>) -> Parsed<&'a Object> {
        cursor.node.object().ok_or_else(|| self.error(cursor, message::expected_type("[OBJECT]")))
    }

    pub(crate) fn array<'a>(&mut self, cursor: &Cursor<'a>) -> Parsed<&'a [Node]> {
        cursor.node.array().ok_or_else(|| self.error(cursor, message::expected_type("[ARRAY]")))
    }

    /// An array with something in it.
    pub(crate) fn filled_array<'a>(&mut self, cursor: &Cursor<'a>) -> Parsed<&'a [Node]> {
        let items = self.array(cursor)?;
        if items.is_empty() { Err(self.error(cursor, message::EMPTY)) } else { Ok(items) }
    }

    pub(crate) fn one_of(&mut self, cursor: &Cursor<'_>, values: &'static [&'static str]) -> Parsed<&'static str> {
        let text = self.text(cursor)?;
        if let Some(value) = values.iter().find(|value| **value == text) {
            return Ok(value);
        }
        let help = did_you_mean(text, values.iter().copied()).map(hint);
        let (code, range) = (crate::Code::SchemaValidationFailed, cursor.node.range);
        Err(self.report_at(code, message::one_of_values(values), cursor.location(), range, help))
    }

    /// A whole number in a range; one that no `i64` holds counts as the largest.
    pub(crate) fn integer(&mut self, cursor: &Cursor<'_>, min: i64, max: i64) -> Parsed<i64> {
        let Some(value) = whole_number(cursor.node) else {
            return Err(self.error(cursor, message::expected_type("Integer")));
        };
        if value < min {
            Err(self.error(cursor, message::minimum(min)))
        } else if value > max {
            Err(self.error(cursor, message::maximum(max)))
        } else {
            Ok(value)
        }
    }

    /// A time span of whole seconds, at least `min`.
    pub(crate) fn seconds(&mut self, cursor: &Cursor<'_>, min: i64) -> Parsed<u64> {
        self.integer(cursor, min, MAX_SECONDS).map(|seconds| u64::try_from(seconds).expect("no span is negative"))
    }

    pub(crate) fn number(&mut self, cursor: &Cursor<'_>, min: f64, max: f64) -> Parsed<f64> {
        let Some(value) = number(cursor.node) else {
            return Err(self.error(cursor, message::expected_type("[NUMBER]")));
        };
        if value < min {
            Err(self.error(cursor, message::minimum(format_args!("{min:?}"))))
        } else if value > max {
            Err(self.error(cursor, message::maximum(format_args!("{max:?}"))))
        } else {
            Ok(value)
        }
    }

    /// `name`, `namePath` in JSONPath, or `name` as an expression in JSONata.
    pub(crate) fn integer_field(
        &mut self,
        owner: &Cursor<'_>,
        context: Context,
        [name, path_name]: [&'static str; 2],
        [min, max]: [i64; 2],
    ) -> Parsed<Option<IntegerField>> {
        self.either(owner, context, [name, path_name], |parser, field| match field {
            Computed::Literal(cursor) => parser.integer(&cursor, min, max).map(IntegerField::Literal),
            Computed::Path(path) => parser.reference_path(&path).map(IntegerField::Path),
            Computed::Expression(expression) => Ok(IntegerField::Expression(expression)),
        })
    }

    /// Like [`Self::integer_field`] for numbers that need not be whole.
    pub(crate) fn number_field(
        &mut self,
        owner: &Cursor<'_>,
        context: Context,
        [name, path_name]: [&'static str; 2],
        [min, max]: [f64; 2],
    ) -> Parsed<Option<NumberField>> {
        self.either(owner, context, [name, path_name], |parser, field| match field {
            Computed::Literal(cursor) => parser.number(&cursor, min, max).map(NumberField::Literal),
            Computed::Path(path) => parser.reference_path(&path).map(NumberField::Path),
            Computed::Expression(expression) => Ok(NumberField::Expression(expression)),
        })
    }

    fn either<T>(
        &mut self,
        owner: &Cursor<'_>,
        context: Context,
        [name, path_name]: [&'static str; 2],
        read: impl FnOnce(&mut Self, Computed<'_>) -> Parsed<T>,
    ) -> Parsed<Option<T>> {
        self.check_exclusive(owner, &[name, path_name])?;
        match (owner.get(name), owner.get(path_name), context.language) {
            (None, None, _) | (None, Some(_), QueryLanguage::Jsonata) => Ok(None),
            (None, Some(path), QueryLanguage::JsonPath) => read(self, Computed::Path(path)).map(Some),
            (Some(value), _, QueryLanguage::Jsonata) if value.node.text().is_some() => {
                let expression = self.expression(&value, Reserved::NONE)?;
                read(self, Computed::Expression(expression)).map(Some)
            }
            (Some(value), _, _) => read(self, Computed::Literal(value)).map(Some),
        }
    }
}

/// The three ways to give a number.
enum Computed<'a> {
    Literal(Cursor<'a>),
    Path(Cursor<'a>),
    Expression(Expression),
}

fn whole_number(node: &Node) -> Option<i64> {
    match &node.kind {
        Kind::Number(number) => number.as_i64().or(number.is_u64().then_some(i64::MAX)),
        Kind::Null | Kind::Bool(_) | Kind::Text(_) | Kind::Array(_) | Kind::Object(_) => None,
    }
}

pub(crate) fn number(node: &Node) -> Option<f64> {
    match &node.kind {
        Kind::Number(number) => number.as_f64(),
        Kind::Null | Kind::Bool(_) | Kind::Text(_) | Kind::Array(_) | Kind::Object(_) => None,
    }
}
