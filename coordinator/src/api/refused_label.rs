//! The answer to a definition with a `Label` that no ARN can hold. It has a form of its own in the recordings: an error's name and arguments, written as
//! a list of Python's, and the definition. Diagnostics and `baton lint` say the same in the words of the other codes.

use baton_asl::{Code, Diagnostic, LabelFault, label_fault};
use serde_json::Value;

/// The recorded answer, if the first thing that is wrong is a label.
pub(super) fn text(definition: &str, diagnostics: &[Diagnostic]) -> Option<String> {
    let first = diagnostics.first().filter(|diagnostic| diagnostic.code == Code::InvalidLabelName)?;
    let document: Value = serde_json::from_str(definition).ok()?;
    let label = document.pointer(first.location.as_deref()?)?.as_str()?;
    let argument = match label_fault(label)? {
        LabelFault::Empty => "Label cannot be empty".to_owned(),
        LabelFault::TooLong { limit } => format!("Label cannot exceed {limit} characters"),
        LabelFault::Character(character) => format!("Label contains invalid character: {}", quoted(&character.to_string())),
    };
    Some(format!("Error=ValueError Args=[{}] in definition '{definition}'.", quoted(&argument)))
}

/// Text between quotes, as `repr` of Python writes it: single ones, unless only they are in it.
fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::from(quote);
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if character == quote => out.extend(['\\', quote]),
            _ if is_printable(character) => out.push(character),
            _ if u32::from(character) < 0x100 => out.push_str(&format!("\\x{:02x}", u32::from(character))),
            _ if u32::from(character) < 0x1_0000 => out.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => out.push_str(&format!("\\U{:08x}", u32::from(character))),
        }
    }
    out.push(quote);
    out
}

fn is_printable(character: char) -> bool {
    character == ' ' || !(character.is_control() || character.is_whitespace() || character == '\u{ad}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_pythons() {
        for (text, expected) in [
            ("plain", r"'plain'"),
            ("it's", r#""it's""#),
            ("'\"'", r#"'\'"\''"#),
            ("a\\b", r"'a\\b'"),
            ("\n\u{7f}\u{91}", r"'\n\x7f\x91'"),
            ("\u{2028}", r"'\u2028'"),
        ] {
            assert_eq!(quoted(text), expected, "{text:?}");
        }
    }
}
