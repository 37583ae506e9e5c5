//! Base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{Arguments, Outcome};

/// The most characters that either function takes.
const CHARACTERS_MAX: usize = 10_000;

/// `States.Base64Encode(text)`, of the text's UTF-8.
pub(super) fn encode(arguments: &Arguments<'_>) -> Outcome {
    Some(Value::String(STANDARD.encode(limited_text(arguments)?)))
}

/// `States.Base64Decode(text)`. As on AWS nothing is refused: characters outside of the alphabet are passed over, the
/// text ends at the first `=`, and what is no UTF-8 is replaced.
pub(super) fn decode(arguments: &Arguments<'_>) -> Outcome {
    let bytes = decode_leniently(limited_text(arguments)?);
    Some(Value::String(String::from_utf8_lossy(&bytes).into_owned()))
}

fn limited_text<'a>(arguments: &'a Arguments<'_>) -> Option<&'a str> {
    arguments.one()?.as_str().filter(|text| text.encode_utf16().count() <= CHARACTERS_MAX)
}

fn decode_leniently(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0);
    for sextet in text.bytes().take_while(|b| *b != b'=').filter_map(sextet) {
        bits = (bits << 6) | sextet;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    bytes
}

/// The six bits of a character of the standard or of the URL-safe alphabet.
fn sextet(character: u8) -> Option<u32> {
    let value = match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}
