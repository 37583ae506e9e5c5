//! The comparison operators of Choice rules.

use super::cursor::Cursor;
use super::fields::FieldRule;
use super::template::looks_like_path;
use super::{Parsed, Parser};
use crate::diagnostic::Code;
use crate::message;
use crate::model::{Operand, Operator, Ordering, QueryLanguage};

const JSON_PATH: Option<QueryLanguage> = Some(QueryLanguage::JsonPath);

/// Every operator is a field of its rule.
pub(crate) const OPERATORS: &[FieldRule] = &[
    ("StringEquals", JSON_PATH),
    ("StringEqualsPath", JSON_PATH),
    ("StringLessThan", JSON_PATH),
    ("StringLessThanPath", JSON_PATH),
    ("StringGreaterThan", JSON_PATH),
    ("StringGreaterThanPath", JSON_PATH),
    ("StringLessThanEquals", JSON_PATH),
    ("StringLessThanEqualsPath", JSON_PATH),
    ("StringGreaterThanEquals", JSON_PATH),
    ("StringGreaterThanEqualsPath", JSON_PATH),
    ("StringMatches", JSON_PATH),
    ("NumericEquals", JSON_PATH),
    ("NumericEqualsPath", JSON_PATH),
    ("NumericLessThan", JSON_PATH),
    ("NumericLessThanPath", JSON_PATH),
    ("NumericGreaterThan", JSON_PATH),
    ("NumericGreaterThanPath", JSON_PATH),
    ("NumericLessThanEquals", JSON_PATH),
    ("NumericLessThanEqualsPath", JSON_PATH),
    ("NumericGreaterThanEquals", JSON_PATH),
    ("NumericGreaterThanEqualsPath", JSON_PATH),
    ("BooleanEquals", JSON_PATH),
    ("BooleanEqualsPath", JSON_PATH),
    ("TimestampEquals", JSON_PATH),
    ("TimestampEqualsPath", JSON_PATH),
    ("TimestampLessThan", JSON_PATH),
    ("TimestampLessThanPath", JSON_PATH),
    ("TimestampGreaterThan", JSON_PATH),
    ("TimestampGreaterThanPath", JSON_PATH),
    ("TimestampLessThanEquals", JSON_PATH),
    ("TimestampLessThanEqualsPath", JSON_PATH),
    ("TimestampGreaterThanEquals", JSON_PATH),
    ("TimestampGreaterThanEqualsPath", JSON_PATH),
    ("IsNull", JSON_PATH),
    ("IsPresent", JSON_PATH),
    ("IsNumeric", JSON_PATH),
    ("IsString", JSON_PATH),
    ("IsBoolean", JSON_PATH),
    ("IsTimestamp", JSON_PATH),
];

impl Parser<'_> {
    /// The one operator of a rule.
    pub(crate) fn operator(&mut self, rule: &Cursor<'_>) -> Parsed<Operator> {
        let names: Vec<&str> = OPERATORS.iter().map(|(name, _)| *name).collect();
        self.check_exactly_one(rule, &names)?;
        let name = names.into_iter().find(|name| rule.has(name)).expect("one operator is there");
        let value = rule.get(name).expect("it is there");
        match name {
            "StringMatches" => self.literal_text(&value).map(Operator::StringMatches),
            "IsNull" => self.boolean(&value).map(Operator::IsNull),
            "IsPresent" => self.boolean(&value).map(Operator::IsPresent),
            "IsNumeric" => self.boolean(&value).map(Operator::IsNumeric),
            "IsString" => self.boolean(&value).map(Operator::IsString),
            "IsBoolean" => self.boolean(&value).map(Operator::IsBoolean),
            "IsTimestamp" => self.boolean(&value).map(Operator::IsTimestamp),
            _ => self.comparison(name, &value),
        }
    }

    /// `<type><ordering>` or `<type><ordering>Path`.
    fn comparison(&mut self, name: &str, value: &Cursor<'_>) -> Parsed<Operator> {
        let (literal, is_path) = name.strip_suffix("Path").map_or((name, false), |literal| (literal, true));
        let (kind, ordering) = split(literal);
        match kind {
            "String" => self.operand(value, is_path, Self::literal_text).map(|operand| Operator::Text(ordering, operand)),
            "Numeric" => {
                let read = |parser: &mut Self, value: &Cursor<'_>| parser.number(value, f64::MIN, f64::MAX);
                self.operand(value, is_path, read).map(|operand| Operator::Numeric(ordering, operand))
            }
            "Timestamp" => {
                let read = |parser: &mut Self, value: &Cursor<'_>| parser.timestamp(value).map(|time| time.as_nanosecond());
                self.operand(value, is_path, read).map(|operand| Operator::Timestamp(ordering, operand))
            }
            _ => self.operand(value, is_path, Self::boolean).map(Operator::Boolean),
        }
    }

    fn operand<T>(
        &mut self,
        value: &Cursor<'_>,
        is_path: bool,
        read: impl FnOnce(&mut Self, &Cursor<'_>) -> Parsed<T>,
    ) -> Parsed<Operand<T>> {
        if is_path { self.operand_path(value).map(Operand::Path) } else { read(self, value).map(Operand::Literal) }
    }

    fn literal_text(&mut self, value: &Cursor<'_>) -> Parsed<std::sync::Arc<str>> {
        let text = self.text(value)?;
        if looks_like_path(text) {
            self.warn(Code::NoPath, value, message::NO_PATH, || Some("the `…Path` form of the operator evaluates it".to_owned()));
        }
        Ok(text.into())
    }
}

/// `StringLessThan` → (`String`, less than).
fn split(name: &str) -> (&str, Ordering) {
    let orderings = [
        ("LessThanEquals", Ordering::LessThanEquals),
        ("GreaterThanEquals", Ordering::GreaterThanEquals),
        ("LessThan", Ordering::LessThan),
        ("GreaterThan", Ordering::GreaterThan),
        ("Equals", Ordering::Equals),
    ];
    let split = orderings.iter().find_map(|(suffix, ordering)| Some((name.strip_suffix(suffix)?, *ordering)));
    split.expect("every comparison ends in its ordering")
}
