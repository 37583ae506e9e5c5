//! The JSON reader. It keeps places, reports the errors of Jackson and does not recurse, so that hostile nesting costs a bounded
//! amount of memory and no stack.

mod number;
mod string;
#[cfg(test)]
mod tests;
mod token;

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

const WANTS_QUOTE: &str = "was expecting double-quote to start field name";
const WANTS_COLON: &str = "was expecting a colon to separate field name and value";

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
                    return Err(self.end_between(name));
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
            None => return Err(self.end_between("Object")),
        }
        self.skip_white_space()?;
        let Some(Open::Object { key, .. }) = open.last_mut() else { unreachable!("keys are read inside objects only") };
        *key = Some((text, range));
        Ok(())
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

    fn end_between(&self, name: &str) -> JsonError {
        self.error(self.at, 0, format!("Unexpected end-of-input within/between {name} entries"))
    }

    fn end_inside(&self, open: &[Open]) -> JsonError {
        let message = match open.last() {
            Some(Open::Object { key: Some(_), .. }) => return self.end_between("Object"),
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
