//! Limits on sizes, with AWS's texts.

use baton_query::Value;

use super::fault::{DATA_LIMIT_EXCEEDED, Fault};
use crate::{Failure, PAYLOAD_DEPTH_MAX, Payload, evaluator::Evaluator};

/// The failure of what is larger than a payload may be. `what` is a state's name, a function's or activity's ARN, or a service.
pub(crate) fn exceeded(what: &str) -> Failure {
    let cause = format!("The state/task '{what}' returned a result with a size exceeding the maximum number of bytes service limit.");
    Failure::new(DATA_LIMIT_EXCEEDED, cause)
}

/// The payload, if it is not larger than a payload may be.
pub(crate) fn checked(at: &Evaluator<'_>, payload: Payload) -> Result<Payload, Fault> {
    if payload.len() <= at.env.limits.payload_bytes_max { Ok(payload) } else { Err(Fault::of_data(exceeded(&at.state.name))) }
}

/// As [`checked`], of the input of a Map Run's child. Among millions of items it must be said which.
pub(crate) fn checked_of_item(at: &Evaluator<'_>, index: u64, input: Payload) -> Result<Payload, Fault> {
    let len = input.len();
    checked(at, input).map_err(|mut fault| {
        let max = at.env.limits.payload_bytes_max;
        let which = format!(" The input of the child execution of item {index} has {len} bytes, and the limit is {max}.");
        fault.failure.cause = fault.failure.cause.map(|cause| (cause.to_string() + &which).into());
        fault
    })
}

/// The value as a payload, if it is not nested deeper than a payload may be. A loop that wraps its input once more each time would
/// otherwise make what nobody can read.
pub(crate) fn payload(at: &Evaluator<'_>, value: Value) -> Result<Payload, Fault> {
    if is_deeper(&value, PAYLOAD_DEPTH_MAX) { Err(too_deep(at)) } else { Ok(Payload::from_value(value)) }
}

/// The outputs as an array, each text as it is, if it is not larger or deeper than a payload may be.
pub(crate) fn array(at: &Evaluator<'_>, outputs: &[Option<Payload>]) -> Result<Payload, Fault> {
    let texts = || outputs.iter().map(|output| output.as_ref().expect("a strand that is through has an output").text());
    let mut array = String::with_capacity(texts().map(|text| text.len() + 1).sum::<usize>() + 2);
    array.push('[');
    for (index, text) in texts().enumerate() {
        if index > 0 {
            array.push(',');
        }
        array.push_str(text);
    }
    array.push(']');
    if depth(&array) > PAYLOAD_DEPTH_MAX { Err(too_deep(at)) } else { checked(at, Payload::from_text(array)) }
}

fn too_deep(at: &Evaluator<'_>) -> Fault {
    let cause = format!("The state/task '{}' returned a result nested deeper than {PAYLOAD_DEPTH_MAX} levels.", at.state.name);
    Fault::of_data(Failure::new(DATA_LIMIT_EXCEEDED, cause))
}

/// Looks no deeper than it must, so that it needs no more stack than the limit does.
fn is_deeper(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels == 0 || items.iter().any(|item| is_deeper(item, levels - 1)),
        Value::Object(members) => levels == 0 || members.values().any(|member| is_deeper(member, levels - 1)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// How deep JSON text is nested.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_what_the_parser_counts() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(serde_json::from_str::<Value>(&nested(PAYLOAD_DEPTH_MAX)).is_ok());
        assert!(serde_json::from_str::<Value>(&nested(PAYLOAD_DEPTH_MAX + 1)).is_err());
        for levels in [0, 1, 2, PAYLOAD_DEPTH_MAX] {
            let text = if levels == 0 { "7".to_owned() } else { nested(levels) };
            let value = serde_json::from_str(&text).expect("it is not too deep");
            assert_eq!(depth(&text), levels);
            assert!(!is_deeper(&value, levels));
            assert!(levels == 0 || is_deeper(&value, levels - 1));
        }
        assert_eq!(depth(r#"{"a[[[":"\"[[\\","b":[{}]}"#), 3);
    }
}
