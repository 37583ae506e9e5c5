//! `States.Hash`, and the digests that JSONata's `$hash` shares with it.

use std::fmt::Write;

use md5::{Digest, Md5};
use serde_json::Value;
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

use super::{Arguments, Outcome};
use crate::text::to_java_string;

/// The most characters that are hashed.
const CHARACTERS_MAX: usize = 10_000;

/// `States.Hash(data, algorithm)`. Data that is no text is hashed as its text.
pub(super) fn hash(arguments: &Arguments<'_>) -> Outcome {
    let (data, algorithm) = arguments.two()?;
    let text = to_java_string(data);
    if text.encode_utf16().count() > CHARACTERS_MAX {
        return None;
    }
    digest(&text, algorithm.as_str()?).map(Value::String)
}

/// The digest of a text's UTF-8 in lower-case hexadecimal; `None` for an algorithm that is not one of `MD5`, `SHA-1`,
/// `SHA-256`, `SHA-384`, `SHA-512`.
pub(crate) fn digest(text: &str, algorithm: &str) -> Option<String> {
    Some(match algorithm {
        "MD5" => hexadecimal(&Md5::digest(text)),
        "SHA-1" => hexadecimal(&Sha1::digest(text)),
        "SHA-256" => hexadecimal(&Sha256::digest(text)),
        "SHA-384" => hexadecimal(&Sha384::digest(text)),
        "SHA-512" => hexadecimal(&Sha512::digest(text)),
        _ => return None,
    })
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut out, byte| {
        write!(out, "{byte:02x}").expect("a String takes all that is written");
        out
    })
}
