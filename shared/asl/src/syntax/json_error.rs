//! Why a text is no JSON, in the words of Jackson, the library that AWS reads JSON with.

use std::fmt::{self, Write};

/// A JSON syntax error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JsonError {
    /// Jackson's text without the place.
    pub(crate) message: String,
    /// `[Source: (String)"…"; line: 1, column: 4]`
    pub(crate) source: String,
    /// Byte offset of what is wrong.
    pub(crate) offset: usize,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n at {}", self.message, self.source)
    }
}

impl JsonError {
    /// An error found when the reader had read `read` characters from byte `offset` on.
    pub(crate) fn new(text: &str, offset: usize, read: usize, message: impl Into<String>) -> Self {
        Self { message: message.into(), source: source(text, offset, read + 1), offset }
    }
}

/// Jackson repeats this much of the text.
const SNIPPET_LENGTH: usize = 500;

/// A place as Jackson prints it, `columns` behind byte `offset`. Lines and columns count UTF-16 units, as Java does.
pub(crate) fn source(text: &str, offset: usize, columns: usize) -> String {
    let before = &text[..offset];
    let (line, line_start) = last_line(before);
    let column = before[line_start..].encode_utf16().count() + columns;
    let mut source = String::from("[Source: (String)\"");
    let mut units = 0;
    for character in text.chars() {
        units += character.len_utf16();
        if units > SNIPPET_LENGTH {
            break;
        }
        push_printable(&mut source, character);
    }
    source.push('"');
    if units > SNIPPET_LENGTH {
        let truncated = text.encode_utf16().count() - SNIPPET_LENGTH;
        write!(source, "[truncated {truncated} chars]").expect("writing to a String cannot fail");
    }
    write!(source, "; line: {line}, column: {column}]").expect("writing to a String cannot fail");
    source
}

/// Number of the last line, from 1, and the byte that it starts at. `\n`, `\r\n` and a lone `\r` end lines.
fn last_line(text: &str) -> (usize, usize) {
    let bytes = text.as_bytes();
    let (mut line, mut start) = (1, 0);
    for (index, byte) in bytes.iter().enumerate() {
        let ends = *byte == b'\n' || (*byte == b'\r' && bytes.get(index + 1) != Some(&b'\n'));
        if ends {
            (line, start) = (line + 1, index + 1);
        }
    }
    (line, start)
}

fn push_printable(target: &mut String, character: char) {
    if character.is_control() && !matches!(character, '\n' | '\r') {
        write!(target, "\\u{:04X}", u32::from(character)).expect("writing to a String cannot fail");
    } else {
        target.push(character);
    }
}

/// `'x' (code 120)`, `(CTRL-CHAR, code 1)`, `'é' (code 233)`, `'ā' (code 257 / 0x101)`.
pub(crate) fn describe(character: char) -> String {
    let mut units = [0; 2];
    let code = character.encode_utf16(&mut units)[0];
    let shown = if character.len_utf16() > 1 { '?' } else { character };
    if character.is_control() {
        format!("(CTRL-CHAR, code {code})")
    } else if code > 255 {
        format!("'{shown}' (code {code} / 0x{code:x})")
    } else {
        format!("'{shown}' (code {code})")
    }
}
