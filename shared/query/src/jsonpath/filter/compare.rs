//! The comparisons of filters, with the conversions between texts and numbers that Jayway makes.

use std::borrow::Cow;
use std::cmp::Ordering;

use regex::Regex;
use serde_json::{Number, Value};

use super::Operator;
use super::eval::Node;
use super::parse::parse_decimal;
use crate::text::number_to_java;

pub(super) fn compare(operator: Operator, left: &Node<'_>, right: &Node<'_>) -> bool {
    match operator {
        Operator::Equal => equal(left, right),
        Operator::NotEqual => !equal(left, right),
        Operator::SameTypeEqual => same_type(left, right) && equal(left, right),
        Operator::SameTypeNotEqual => !(same_type(left, right) && equal(left, right)),
        Operator::Less => order(left, right) == Some(Ordering::Less),
        Operator::LessOrEqual => order(left, right).is_some_and(Ordering::is_le),
        Operator::Greater => order(left, right) == Some(Ordering::Greater),
        Operator::GreaterOrEqual => order(left, right).is_some_and(Ordering::is_ge),
        Operator::Matches => matches(left, right),
        Operator::In => is_in(left, right),
        Operator::NotIn => !is_in(left, right),
        Operator::Contains => contains(left, right),
        Operator::All => all(left, right),
        Operator::Size => has_size(left, right),
        Operator::Empty => is_empty(left, right),
        Operator::SubsetOf => subset_of(left, right),
        Operator::AnyOf => any_of(left, right),
        Operator::NoneOf => !any_of(left, right),
    }
}

/// What a comparison costs, in visited nodes: 16 bytes of text count as one.
pub(super) fn cost(operator: Operator, left: &Node<'_>, right: &Node<'_>) -> usize {
    let pairs = match operator {
        Operator::All | Operator::SubsetOf | Operator::AnyOf | Operator::NoneOf => {
            list(left).map_or(0, Vec::len).saturating_mul(list(right).map_or(0, Vec::len))
        }
        _ => 0,
    };
    pairs.saturating_add(value(left).map_or(0, weight)).saturating_add(value(right).map_or(0, weight))
}

fn weight(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len() / 16,
        Value::Array(items) => items.iter().map(weight).sum::<usize>() + items.len(),
        Value::Object(members) => members.values().map(weight).sum::<usize>() + members.len(),
    }
}

fn value<'n>(node: &'n Node<'_>) -> Option<&'n Value> {
    match node {
        Node::Value(value) => Some(value),
        Node::Pattern(_) | Node::Undefined => None,
    }
}

fn list<'n>(node: &'n Node<'_>) -> Option<&'n Vec<Value>> {
    value(node).and_then(Value::as_array)
}

fn equal(left: &Node<'_>, right: &Node<'_>) -> bool {
    match (value(left), value(right)) {
        (Some(left), Some(right)) => values_equal(left, right),
        _ => false,
    }
}

/// Equality as seen from the left: a number on the left takes a text for a number, a text on the left takes a number
/// for a text.
fn values_equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => order_numbers(left, right) == Some(Ordering::Equal),
        (Value::Number(left), Value::String(right)) => {
            parse_decimal(right).is_some_and(|right| order_numbers(left, &right) == Some(Ordering::Equal))
        }
        (Value::String(left), Value::Number(right)) => *left == number_to_java(right),
        _ => left == right,
    }
}

fn same_type(left: &Node<'_>, right: &Node<'_>) -> bool {
    match (value(left), value(right)) {
        (Some(Value::Array(_) | Value::Object(_)), Some(Value::Array(_) | Value::Object(_))) => true,
        (Some(left), Some(right)) => std::mem::discriminant(left) == std::mem::discriminant(right),
        _ => false,
    }
}

fn order(left: &Node<'_>, right: &Node<'_>) -> Option<Ordering> {
    match (value(left)?, value(right)?) {
        (Value::Number(left), Value::Number(right)) => order_numbers(left, right),
        (Value::String(left), Value::String(right)) => Some(left.encode_utf16().cmp(right.encode_utf16())),
        _ => None,
    }
}

/// Whole numbers are compared exactly, others as doubles.
fn order_numbers(left: &Number, right: &Number) -> Option<Ordering> {
    match (whole(left), whole(right)) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

fn whole(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

fn matches(left: &Node<'_>, right: &Node<'_>) -> bool {
    match (left, right) {
        (Node::Pattern(pattern), Node::Value(value)) | (Node::Value(value), Node::Pattern(pattern)) => pattern_matches(pattern, value),
        _ => false,
    }
}

/// One of an array's items has to match.
fn pattern_matches(pattern: &Regex, value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| pattern.is_match(&pattern_input(item))),
        _ => pattern.is_match(&pattern_input(value)),
    }
}

fn pattern_input(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        Value::Number(number) => Cow::Owned(number_to_java(number)),
        Value::Bool(flag) => Cow::Owned(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => Cow::Borrowed(""),
    }
}

fn is_in(left: &Node<'_>, right: &Node<'_>) -> bool {
    match (value(left), list(right)) {
        (Some(left), Some(items)) => items.iter().any(|item| values_equal(left, item)),
        _ => false,
    }
}

fn contains(left: &Node<'_>, right: &Node<'_>) -> bool {
    match (value(left), value(right)) {
        (Some(Value::String(text)), Some(Value::String(part))) => text.contains(part.as_str()),
        (Some(Value::Array(items)), Some(wanted)) => items.iter().any(|item| values_equal(wanted, item)),
        _ => false,
    }
}

/// Whether the array on the left has all items of the one on the right. An object has them all, as in Jayway.
fn all(left: &Node<'_>, right: &Node<'_>) -> bool {
    match (value(left), list(right)) {
        (Some(Value::Array(items)), Some(wanted)) => wanted.iter().all(|wanted| items.iter().any(|item| values_equal(wanted, item))),
        (Some(Value::Object(_)), Some(_)) => true,
        _ => false,
    }
}

fn has_size(left: &Node<'_>, right: &Node<'_>) -> bool {
    let size = match value(left) {
        Some(Value::String(text)) => text.encode_utf16().count(),
        Some(Value::Array(items)) => items.len(),
        Some(Value::Object(members)) => members.len(),
        _ => return false,
    };
    value(right).and_then(Value::as_u64).is_some_and(|wanted| u64::try_from(size) == Ok(wanted))
}

fn is_empty(left: &Node<'_>, right: &Node<'_>) -> bool {
    let empty = match value(left) {
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(members)) => members.is_empty(),
        _ => return false,
    };
    value(right).and_then(Value::as_bool) == Some(empty)
}

fn subset_of(left: &Node<'_>, right: &Node<'_>) -> bool {
    match (list(left), list(right)) {
        (Some(part), Some(whole)) => part.iter().all(|wanted| whole.iter().any(|item| values_equal(wanted, item))),
        _ => false,
    }
}

fn any_of(left: &Node<'_>, right: &Node<'_>) -> bool {
    match (list(left), list(right)) {
        (Some(left), Some(right)) => left.iter().any(|wanted| right.iter().any(|item| values_equal(wanted, item))),
        _ => false,
    }
}
