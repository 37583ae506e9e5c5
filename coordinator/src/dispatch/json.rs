//! JSON texts that workers and endpoints answer with.

use baton_engine::Payload;
use bytes::Bytes;

use crate::json_text;

/// An answer that is no JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotJson(pub String);

/// The answer as a payload, its space between tokens taken out as Step Functions does. Numbers and strings stay as they are written.
pub fn payload_of(text: Bytes) -> Result<Payload, NotJson> {
    let checked = std::str::from_utf8(&text).map_err(|error| NotJson(error.to_string()))?;
    json_text::check(checked).map_err(|error| NotJson(error.to_string()))?;
    match compacted(checked) {
        Some(compact) => Ok(Payload::from_validated(Bytes::from(compact))),
        None => Ok(Payload::from_validated(text)),
    }
}

/// The text without space between its tokens; `None` if it has none.
pub(crate) fn compacted(text: &str) -> Option<String> {
    let first = text.bytes().scan(State::Outside, |state, byte| Some(state.is_space(byte))).position(|is_space| is_space)?;
    let mut compact = String::with_capacity(text.len() - 1);
    let mut state = State::Outside;
    // Up to the first space nothing changes; it stands between tokens, so the state there is `Outside`.
    compact.push_str(&text[..first]);
    for character in text[first..].chars() {
        let is_space = u8::try_from(character).is_ok_and(|byte| state.is_space(byte));
        if !is_space {
            compact.push(character);
        }
    }
    Some(compact)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Outside,
    Inside,
    Escaped,
}

impl State {
    /// Moves over the byte; whether it is space between tokens.
    fn is_space(&mut self, byte: u8) -> bool {
        let before = *self;
        *self = match (before, byte) {
            (State::Outside, b'"') | (State::Escaped, _) => State::Inside,
            (State::Inside, b'"') => State::Outside,
            (State::Inside, b'\\') => State::Escaped,
            (state, _) => state,
        };
        before == State::Outside && matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_space_between_tokens_goes() {
        let compact = |text: &str| payload_of(Bytes::from(text.to_owned())).map(|payload| payload.text().to_owned());
        assert_eq!(compact("{\"a b\": [1.0, 2e5,\n \" x \\\" y \"]}").as_deref(), Ok("{\"a b\":[1.0,2e5,\" x \\\" y \"]}"));
        assert_eq!(compact(" 1 ").as_deref(), Ok("1"));
        assert_eq!(compact("[1,\u{a0}2]").map_err(|_| ()), Err(()));
        assert_eq!(compact("\"é \u{1F600} ü\"").as_deref(), Ok("\"é \u{1F600} ü\""));
        assert_eq!(compact("{\"é\": \"\u{1F600} \\\\\", \"b\": 1}").as_deref(), Ok("{\"é\":\"\u{1F600} \\\\\",\"b\":1}"));
        assert!(compact("{").is_err());
    }
}
