//! The JSON reader. It keeps places, reports the errors of Jackson and does not recurse, so that hostile nesting costs a bounded
//! amount of memory and no stack.

use serde_json::Number;

use super::json_error::{JsonError, describe, source};
use super::{Kind, MAX_DEPTH, Member, Node, Object, Range};

/// Whether `// …` and `/* … */` are white space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comments {
    /// As in JSON.
    Refused,
    /// As in files that people keep.
    Accepted,
}

/// Reads one JSON value and nothing behind it.
pub(crate) fn read_json(text: &str, comments: Comments) -> Result<Node, JsonError> {
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0, comments };
    let node = reader.document()?;
    reader.end_of_document()?;
    Ok(node)
}

const EXPECTED_TOKENS: &str = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";
const WANTS_QUOTE: &str = "was expecting double-quote to start field name";
const WANTS_COLON: &str = "was expecting a colon to separate field name and value";
/// Jackson cuts longer tokens in its messages.
const MAX_TOKEN_LENGTH: usize = 256;

struct Reader<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    comments: Comments,
}

/// An array or object that is not closed yet.
enum Open {
    Array { start: usize, items: Vec<Node> },
    Object { start: usize, members: Vec<Member>, key: Option<(String, Range)> },
}

impl Open {
    fn start(&self) -> usize {
        match self {
            Self::Array { start, .. } | Self::Object { start, .. } => *start,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Array { .. } => "Array",
            Self::Object { .. } => "Object",
        }
    }

    fn close(self, end: usize) -> Node {
        let range = Range { start: self.start(), end };
        let kind = match self {
            Self::Array { items, .. } => Kind::Array(items),
            Self::Object { members, .. } => Kind::Object(Object::new(members)),
        };
        Node { kind, range }
    }

    fn take(&mut self, node: Node) {
        match self {
            Self::Array { items, .. } => items.push(node),
            Self::Object { members, key, .. } => {
                let (key, key_range) = key.take().expect("a value in an object has a key before it");
                members.push(Member { key, key_range, value: node });
            }
        }
    }
}

impl<'t> Reader<'t> {
    fn document(&mut self) -> Result<Node, JsonError> {
        let mut open: Vec<Open> = Vec::new();
        self.skip_white_space()?;
        if self.peek().is_none() {
            return Err(self.error(self.at, 0, "No content to map due to end-of-input"));
        }
        loop {
            let mut complete = match self.value(&mut open)? {
                Some(scalar) => Some(scalar),
                None => self.first_member(&mut open)?,
            };
            while let Some(node) = complete.take() {
                let Some(parent) = open.last_mut() else { return Ok(node) };
                parent.take(node);
                complete = self.next_member(&mut open)?;
            }
        }
    }

    fn end_of_document(&mut self) -> Result<(), JsonError> {
        self.skip_white_space()?;
        if self.peek().is_none() {
            return Ok(());
        }
        let start = self.at;
        let token = match self.value(&mut Vec::new())? {
            None if self.bytes[start] == b'[' => "START_ARRAY",
            None => "START_OBJECT",
            Some(Node { kind: Kind::Null, .. }) => "VALUE_NULL",
            Some(Node { kind: Kind::Bool(true), .. }) => "VALUE_TRUE",
            Some(Node { kind: Kind::Bool(false), .. }) => "VALUE_FALSE",
            Some(Node { kind: Kind::Text(_), .. }) => "VALUE_STRING",
            Some(_) => "VALUE_NUMBER",
        };
        let message = format!(
            "Trailing token (of type {token}) found after value: not allowed as per `DeserializationFeature.FAIL_ON_TRAILING_TOKENS`"
        );
        Err(self.error(start, self.at - start, message))
    }

    /// A scalar; or `None` after an array or object has been opened.
    fn value(&mut self, open: &mut Vec<Open>) -> Result<Option<Node>, JsonError> {
        let start = self.at;
        let Some(byte) = self.peek() else { return Err(self.end_inside(open)) };
        let kind = match byte {
            b'{' => return self.open(open, Open::Object { start, members: Vec::new(), key: None }),
            b'[' => return self.open(open, Open::Array { start, items: Vec::new() }),
            b'"' => Kind::Text(self.string("string value", ": was expecting closing quote for a string value")?),
            b't' => self.word("true", Kind::Bool(true))?,
            b'f' => self.word("false", Kind::Bool(false))?,
            b'n' => self.word("null", Kind::Null)?,
            b'-' | b'0'..=b'9' => Kind::Number(self.number(open.is_empty())?),
            b']' | b'}' => return Err(self.close_instead_of_value(byte, open)),
            _ => return Err(self.odd_value()),
        };
        Ok(Some(Node { kind, range: Range { start, end: self.at } }))
    }

    fn open(&mut self, open: &mut Vec<Open>, container: Open) -> Result<Option<Node>, JsonError> {
        if open.len() >= MAX_DEPTH {
            let message = format!(
                "Document nesting depth ({}) exceeds the maximum allowed ({MAX_DEPTH}, from `StreamReadConstraints.getMaxNestingDepth()`)",
                open.len() + 1
            );
            return Err(self.error(self.at, 1, message));
        }
        self.at += 1;
        open.push(container);
        Ok(None)
    }

    /// Behind `[` or `{`: goes to the first value inside, or closes what is empty.
    fn first_member(&mut self, open: &mut Vec<Open>) -> Result<Option<Node>, JsonError> {
        self.skip_white_space()?;
        match (self.peek(), open.last_mut().expect("something has just been opened")) {
            (None, _) => Err(self.end_inside(open)),
            (Some(b']'), Open::Array { .. }) | (Some(b'}'), Open::Object { .. }) => Ok(Some(self.close(open))),
            (Some(byte @ (b']' | b'}')), _) => Err(self.misplaced_close(byte, open)),
            (Some(_), Open::Array { .. }) => Ok(None),
            (Some(_), Open::Object { .. }) => self.key(open).map(|()| None),
        }
    }

    /// Behind a value: goes to the next one, or closes what it is in.
    fn next_member(&mut self, open: &mut Vec<Open>) -> Result<Option<Node>, JsonError> {
        let Some(container) = open.last() else { return Ok(None) };
        let name = container.name();
        self.skip_white_space()?;
        match (self.peek(), container) {
            (None, _) => Err(self.end_inside(open)),
            (Some(b']'), Open::Array { .. }) | (Some(b'}'), Open::Object { .. }) => Ok(Some(self.close(open))),
            (Some(byte @ (b']' | b'}')), _) => Err(self.misplaced_close(byte, open)),
            (Some(b','), _) => {
                let in_object = matches!(container, Open::Object { .. });
                self.at += 1;
                self.skip_white_space()?;
                if self.peek().is_none() {
                    return Err(self.error(self.at, 0, format!("Unexpected end-of-input within/between {name} entries")));
                }
                if in_object { self.key(open).map(|()| None) } else { Ok(None) }
            }
            (Some(_), _) => Err(self.unexpected(&format!("was expecting comma to separate {name} entries"))),
        }
    }

    fn close(&mut self, open: &mut Vec<Open>) -> Node {
        self.at += 1;
        open.pop().expect("only what is open is closed").close(self.at)
    }

    fn key(&mut self, open: &mut [Open]) -> Result<(), JsonError> {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected(WANTS_QUOTE));
        }
        let start = self.at;
        let text = self.string("name", " in field name")?;
        let range = Range { start, end: self.at };
        self.skip_white_space()?;
        match self.peek() {
            Some(b':') => self.at += 1,
            Some(_) => return Err(self.unexpected(WANTS_COLON)),
            None => return Err(self.error(self.at, 0, "Unexpected end-of-input within/between Object entries")),
        }
        self.skip_white_space()?;
        let Some(Open::Object { key, .. }) = open.last_mut() else { unreachable!("keys are read inside objects only") };
        *key = Some((text, range));
        Ok(())
    }

    fn string(&mut self, what: &str, at_end: &str) -> Result<String, JsonError> {
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

    fn word(&mut self, word: &str, kind: Kind) -> Result<Kind, JsonError> {
        let matching = word.bytes().zip(&self.bytes[self.at..]).take_while(|(a, b)| a == *b).count();
        let start = self.at;
        self.at += matching;
        let ends = matching == word.len() && (self.peek().is_none() || !is_identifier_part(self.character()));
        if ends { Ok(kind) } else { Err(self.unknown_token(start)) }
    }

    fn unknown_token(&mut self, start: usize) -> JsonError {
        while self.peek().is_some() && is_identifier_part(self.character()) {
            self.at += self.character().len_utf8();
        }
        let mut token: String = self.text[start..self.at].chars().take(MAX_TOKEN_LENGTH).collect();
        let length = token.encode_utf16().count();
        if start + token.len() < self.at {
            token.push_str("...");
        }
        self.error(start, length, format!("Unrecognized token '{token}': was expecting {EXPECTED_TOKENS}"))
    }

    fn number(&mut self, at_root: bool) -> Result<Number, JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
            self.first_digit("expected digit (0-9) to follow minus sign, for valid numeric value", "No digit following minus sign")?;
        }
        let leading_zero = self.peek() == Some(b'0');
        let digits = self.digits();
        if leading_zero && digits > 1 {
            return Err(self.error(self.at - digits, 2, "Invalid numeric value: Leading zeroes not allowed"));
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.first_digit("Decimal point not followed by a digit", " in a number")?;
            self.digits();
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.first_digit("Exponent indicator not followed by a digit", " in a number")?;
            self.digits();
        }
        self.end_of_number(at_root)?;
        let text = &self.text[start..self.at];
        let number = serde_json::from_str(text);
        number.map_err(|_| self.error(start, text.len(), format!("Numeric value ({text}) out of range")))
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn first_digit(&self, wanted: &str, at_end: &str) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'0'..=b'9') => Ok(()),
            Some(_) => {
                let character = describe(self.character());
                Err(self.error(self.at, 1, format!("Unexpected character ({character}) in numeric value: {wanted}")))
            }
            None => Err(self.error(self.at, 0, format!("Unexpected end-of-input{at_end}"))),
        }
    }

    /// Inside arrays and objects the next token complains by itself; at the root only white space may follow.
    fn end_of_number(&self, at_root: bool) -> Result<(), JsonError> {
        match self.peek() {
            Some(byte) if at_root && !byte.is_ascii_whitespace() && !(self.comments_accepted() && byte == b'/') => {
                Err(self.unexpected("Expected space separating root-level values"))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn odd_value(&mut self) -> JsonError {
        let start = self.at;
        let character = self.character();
        for word in ["NaN", "Infinity"] {
            if self.text[start..].starts_with(word) {
                let feature = "JsonParser.Feature.ALLOW_NON_NUMERIC_NUMBERS";
                return self.error(start, word.len(), format!("Non-standard token '{word}': enable {feature} to allow"));
            }
        }
        if is_identifier_start(character) {
            return self.unknown_token(start);
        }
        self.unexpected(&format!("expected a valid value {EXPECTED_TOKENS}"))
    }

    fn close_instead_of_value(&self, byte: u8, open: &[Open]) -> JsonError {
        if open.is_empty() { self.misplaced_close(byte, open) } else { self.unexpected("expected a value") }
    }

    fn misplaced_close(&self, byte: u8, open: &[Open]) -> JsonError {
        let expected = if byte == b']' { '}' } else { ']' };
        let (name, start) = match open.last() {
            Some(container) => (container.name(), Some(container.start())),
            None => ("root", None),
        };
        let starting = start.map_or_else(|| source(self.text, 0, 0), |start| source(self.text, start, 1));
        let closed = char::from(byte);
        let message = format!("Unexpected close marker '{closed}': expected '{expected}' (for {name} starting at {starting})");
        self.error(self.at, 1, message)
    }

    fn end_inside(&self, open: &[Open]) -> JsonError {
        let message = match open.last() {
            Some(Open::Object { key: Some(_), .. }) => "Unexpected end-of-input within/between Object entries".to_owned(),
            Some(container) => {
                let start = source(self.text, container.start(), 1);
                format!("Unexpected end-of-input: expected close marker for {} (start marker at {start})", container.name())
            }
            None => "Unexpected end-of-input".to_owned(),
        };
        self.error(self.at, 0, message)
    }

    fn skip_white_space(&mut self) -> Result<(), JsonError> {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                b'/' if self.comments_accepted() => self.comment()?,
                b'/' => {
                    let hint =
                        "maybe a (non-standard) comment? (not recognized as one since Feature 'ALLOW_COMMENTS' not enabled for parser)";
                    return Err(self.unexpected(hint));
                }
                0..=0x1f => {
                    let character = describe(self.character());
                    let allowed = r"only regular white space (\r, \n, \t) is allowed between tokens";
                    return Err(self.error(self.at, 1, format!("Illegal character ({character}): {allowed}")));
                }
                _ => break,
            }
        }
        Ok(())
    }

    fn comment(&mut self) -> Result<(), JsonError> {
        let rest = &self.text[self.at..];
        let length = if rest.starts_with("//") {
            Some(rest.find('\n').unwrap_or(rest.len()))
        } else if let Some(body) = rest.strip_prefix("/*") {
            body.find("*/").map(|length| length + 4)
        } else {
            return Err(self.unexpected("was expecting either '*' or '/' for a comment"));
        };
        let unclosed = || self.error(self.text.len(), 0, "Unexpected end-of-input in a comment");
        self.at += length.ok_or_else(unclosed)?;
        Ok(())
    }

    fn comments_accepted(&self) -> bool {
        self.comments == Comments::Accepted
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// The character here, at a place that [`Self::peek`] has seen.
    fn character(&self) -> char {
        self.text[self.at..].chars().next().expect("peek has seen a character here")
    }

    fn unexpected(&self, comment: &str) -> JsonError {
        self.error(self.at, 1, format!("Unexpected character ({}): {comment}", describe(self.character())))
    }

    /// Jackson's columns point behind what it has read: `read` characters from `offset` on.
    fn error(&self, offset: usize, read: usize, message: impl Into<String>) -> JsonError {
        JsonError::new(self.text, offset, read, message)
    }
}

fn is_identifier_start(character: char) -> bool {
    character.is_alphabetic() || matches!(character, '_' | '$' | '¢' | '£' | '¤' | '¥' | '€')
}

fn is_identifier_part(character: char) -> bool {
    is_identifier_start(character) || character.is_numeric()
}

#[cfg(test)]
mod tests;
