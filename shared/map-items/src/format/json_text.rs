//! Strings as JSON writes them.

/// Appends `text` as a JSON string: what must be escaped is, nothing else.
pub(crate) fn write_string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    write_string_part(text, out);
    out.push(b'"');
}

/// The same without the quotes.
pub(crate) fn write_string_part(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| needs_escape(*byte)) {
        out.extend_from_slice(&rest[..at]);
        write_escaped(rest[at], out);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn write_escaped(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let short = match byte {
        b'"' => b'"',
        b'\\' => b'\\',
        0x08 => b'b',
        0x0c => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
            return;
        }
    };
    out.push(b'\\');
    out.push(short);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_must_be_and_nothing_else() {
        let mut out = Vec::new();
        write_string("a\"b\\c/d\n\u{1}\u{7f}é".as_bytes(), &mut out);
        assert_eq!(String::from_utf8(out).expect("text"), r#""a\"b\\c/d\n\u0001é""#.replace("d\\n\\u0001", "d\\n\\u0001\u{7f}"));
    }
}
