//! Strings and their escapes.

use super::super::json_error::{JsonError, describe};
use super::Reader;

impl Reader<'_> {
    pub(super) fn string(&mut self, what: &str, at_end: &str) -> Result<String, JsonError> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let plain = self.at;
            while self.peek().is_some_and(|byte| byte != b'"' && byte != b'\\' && byte >= 0x20) {
                self.at += 1;
            }
            text.push_str(&self.text[plain..self.at]);
            match self.peek() {
                None => return Err(self.error(self.at, 0, format!("Unexpected end-of-input{at_end}"))),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => text.push(self.escape()?),
                Some(_) => {
                    let character = describe(self.character());
                    let message =
                        format!("Illegal unquoted character ({character}): has to be escaped using backslash to be included in {what}");
                    return Err(self.error(self.at, 1, message));
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        self.at += 1;
        let Some(byte) = self.peek() else { return Err(self.end_of_escape()) };
        let character = match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode_escape(),
            _ => {
                let character = describe(self.character());
                return Err(self.error(self.at, 1, format!("Unrecognized character escape {character}")));
            }
        };
        self.at += 1;
        Ok(character)
    }

    /// `uXXXX`, and the second half of a surrogate pair. Halves that stand alone have no place in UTF-8 and become U+FFFD.
    fn unicode_escape(&mut self) -> Result<char, JsonError> {
        let unit = self.hex_digits()?;
        if let Some(character) = char::from_u32(unit) {
            return Ok(character);
        }
        let second_follows = self.bytes[self.at..].starts_with(b"\\u");
        if unit < 0xDC00 && second_follows {
            let behind_first = self.at;
            self.at += 1;
            let second = self.hex_digits()?;
            if (0xDC00..0xE000).contains(&second) {
                let code = 0x10000 + ((unit - 0xD800) << 10) + (second - 0xDC00);
                return Ok(char::from_u32(code).expect("a surrogate pair is a character"));
            }
            self.at = behind_first;
        }
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn hex_digits(&mut self) -> Result<u32, JsonError> {
        self.at += 1;
        let mut unit = 0;
        for _ in 0..4 {
            if self.peek().is_none() {
                return Err(self.end_of_escape());
            }
            let character = self.character();
            let digit = character.to_digit(16);
            unit = unit * 16 + digit.ok_or_else(|| self.unexpected("expected a hex-digit for character escape sequence"))?;
            self.at += 1;
        }
        Ok(unit)
    }

    fn end_of_escape(&self) -> JsonError {
        self.error(self.at, 0, "Unexpected end-of-input in character escape sequence")
    }
}
