//! Reading what the server answers.

use std::collections::HashMap;

use bytes::Bytes;
use redis::{ServerError, Value};

use crate::store::StoreError;

/// A list of numbers that are not negative.
pub(super) fn numbers(value: &Value) -> Option<Vec<u64>> {
    let Value::Array(values) = value else { return None };
    values.iter().map(number).collect()
}

/// A number that is not negative.
pub(super) fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Int(number) => u64::try_from(*number).ok(),
        Value::BulkString(digits) => std::str::from_utf8(digits).ok()?.parse().ok(),
        _ => None,
    }
}

/// Seconds and microseconds, as `TIME` tells them.
pub(super) fn time(value: &Value) -> Option<std::time::Duration> {
    let Value::Array(parts) = value else { return None };
    let number = |at: usize| parts.get(at).and_then(text).and_then(|text| text.parse::<u64>().ok());
    Some(std::time::Duration::from_secs(number(0)?) + std::time::Duration::from_micros(number(1)?))
}

/// What `ZRANGE … WITHSCORES` answers, in either version of the protocol; scores are whole numbers here.
pub(super) fn scores(value: &Value) -> Vec<(String, i64)> {
    let score = |value: &Value| match value {
        Value::Double(score) => Some(*score as i64),
        other => text(other)?.parse::<f64>().ok().map(|score| score as i64),
    };
    let pair = |pair: &[Value]| Some((text(pair.first()?)?, score(pair.get(1)?)?));
    let Value::Array(values) = value else { return Vec::new() };
    let is_nested = values.iter().all(|value| matches!(value, Value::Array(_)));
    let nested = || values.iter().filter_map(|value| if let Value::Array(two) = value { pair(two) } else { None }).collect();
    if is_nested { nested() } else { values.chunks_exact(2).filter_map(pair).collect() }
}

/// Bytes.
pub(super) fn bytes(value: Value) -> Option<Bytes> {
    match value {
        Value::BulkString(bytes) => Some(Bytes::from(bytes)),
        _ => None,
    }
}

/// A text, in any of the forms that the protocol has.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text.clone()),
        Value::Okay => Some("OK".to_owned()),
        _ => None,
    }
}

/// What `INFO` answers, by name.
pub(super) fn info(value: &Value) -> HashMap<String, String> {
    let text = text(value).unwrap_or_default();
    let pair = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.to_owned()));
    text.lines().filter_map(pair).collect()
}

/// What `CONFIG GET` answers, by name.
pub(super) fn config(value: &Value) -> HashMap<String, String> {
    let pair = |name: &Value, value: &Value| Some((text(name)?, text(value)?));
    match value {
        Value::Map(pairs) => pairs.iter().filter_map(|(name, value)| pair(name, value)).collect(),
        Value::Array(flat) => flat.chunks_exact(2).filter_map(|two| pair(&two[0], &two[1])).collect(),
        _ => HashMap::new(),
    }
}

/// An answer that no command of ours has.
pub(super) fn unexpected(of: &str, value: &Value) -> StoreError {
    let mut shown = format!("{value:?}");
    shown.truncate(shown.floor_char_boundary(200));
    StoreError::Failed(format!("{of} was answered with {shown}"))
}

/// What to make of an error that the server has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It will be the same the next time, or somebody has to make room first. Nothing was written.
    Final(StoreError),
    /// The server is on its way up or down, or was replaced. Nothing was written; another connection may find it ready.
    Passing(String),
}

/// Judges an error by its code.
pub(super) fn refusal(error: &ServerError) -> Refusal {
    let details = error.details().unwrap_or_default();
    if is_on_its_way(error) {
        return Refusal::Final(StoreError::Failed("the shard's slot is on its way to another server".to_owned()));
    }
    match error.code() {
        "OOM" => Refusal::Final(StoreError::Full),
        "MISCONF" if details.contains("No space left") => Refusal::Final(StoreError::Full),
        "WRONGTYPE" => Refusal::Final(StoreError::Corrupt("a key of the store holds something that baton did not write".to_owned())),
        "DAMAGED" => Refusal::Final(StoreError::Corrupt(details.to_owned())),
        code => Refusal::Passing(format!("{code} {details}").trim_end().to_owned()),
    }
}

/// Whether the keys are in a slot that is just being moved. It takes as long as it takes, and other slots do not wait for it.
pub(super) fn is_on_its_way(error: &ServerError) -> bool {
    matches!(error.code(), "ASK" | "TRYAGAIN")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_the_server_are_read_in_both_forms_of_the_protocol() {
        let bulk = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let read = info(&bulk("# Memory\r\nused_memory:17\r\nmaxmemory_policy:noeviction\r\n"));
        assert_eq!((read["used_memory"].as_str(), read["maxmemory_policy"].as_str()), ("17", "noeviction"));
        let flat = config(&Value::Array(vec![bulk("appendonly"), bulk("yes")]));
        assert_eq!(flat, config(&Value::Map(vec![(bulk("appendonly"), bulk("yes"))])));
        assert_eq!(flat["appendonly"], "yes");
        assert_eq!(config(&Value::Nil), HashMap::new());
    }

    #[test]
    fn numbers_are_never_negative() {
        assert_eq!(number(&Value::Int(7)), Some(7));
        assert_eq!(number(&Value::Int(-7)), None);
        assert_eq!(number(&Value::BulkString(b"7".to_vec())), Some(7));
        assert_eq!(number(&Value::BulkString(b"x".to_vec())), None);
    }
}
