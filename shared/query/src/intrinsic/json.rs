//! The functions between JSON and text, and the merging of objects.

use serde_json::{Map, Value};

use super::{Arguments, Outcome};
use crate::text::compact;

/// `States.StringToJson(text)`. A text without anything in it is null.
pub(super) fn string_to_json(arguments: &Arguments<'_>) -> Outcome {
    let text = arguments.one()?.as_str()?;
    if text.trim().is_empty() {
        return Some(Value::Null);
    }
    parse_json(text)
}

/// `States.JsonToString(value)`: compact, keys in their order.
pub(super) fn json_to_string(arguments: &Arguments<'_>) -> Outcome {
    Some(Value::String(compact(arguments.one()?)))
}

/// `States.JsonMerge(a, b, false)`: the members of both objects, those of `b` winning. Only the shallow mode exists:
/// AWS refuses `true` and takes everything else for `false`.
pub(super) fn merge(arguments: &Arguments<'_>) -> Outcome {
    let (a, b, deep) = arguments.three()?;
    if deep.as_bool() == Some(true) {
        return None;
    }
    let mut merged = a.as_object()?.clone();
    merged.extend(b.as_object()?.iter().map(|(name, value)| (name.clone(), value.clone())));
    Some(Value::Object(in_hash_map_order(merged)))
}

/// The members in the order in which a `java.util.HashMap` gives them, as recorded from AWS: by the bucket of the
/// name's hash, and inside a bucket in the order of insertion.
fn in_hash_map_order(members: Map<String, Value>) -> Map<String, Value> {
    let buckets = buckets_for(members.len());
    let mut members: Vec<(String, Value)> = members.into_iter().collect();
    members.sort_by_key(|(name, _)| spread_hash(name) & (buckets - 1));
    members.into_iter().collect()
}

/// A HashMap starts with 16 buckets and doubles them when it is three quarters full.
fn buckets_for(members: usize) -> u32 {
    let mut buckets: u32 = 16;
    while members > (buckets as usize) * 3 / 4 {
        buckets *= 2;
    }
    buckets
}

/// `String.hashCode()`, its high half mixed into the low one as HashMap does.
fn spread_hash(name: &str) -> u32 {
    let hash = name.encode_utf16().fold(0u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)));
    hash ^ (hash >> 16)
}

/// JSON text as a value; `None` if it is none. `-0` is the whole number 0, as Java reads it.
pub(crate) fn parse_json(text: &str) -> Option<Value> {
    let mut value = serde_json::from_str(text).ok()?;
    if text.contains("-0") {
        drop_sign_of_zero(&mut value);
    }
    Some(value)
}

fn drop_sign_of_zero(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() && number.as_f64() == Some(0.0) => *value = Value::from(0),
        Value::Array(items) => items.iter_mut().for_each(drop_sign_of_zero),
        Value::Object(members) => members.values_mut().for_each(drop_sign_of_zero),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_map_grows_when_it_is_three_quarters_full() {
        assert_eq!([buckets_for(0), buckets_for(12), buckets_for(13), buckets_for(25)], [16, 16, 32, 64]);
    }

    #[test]
    fn hashes_are_javas() {
        // "hello".hashCode() is 99162322.
        assert_eq!(spread_hash("hello"), 99162322 ^ (99162322 >> 16));
        assert_eq!(spread_hash(""), 0);
    }
}
