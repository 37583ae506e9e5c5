//! A reader of characters, shared by the parsers of paths and filters.

use crate::SyntaxError;

/// A position in a text.
pub(crate) struct Cursor<'t> {
    chars: &'t [char],
    position: usize,
}

impl<'t> Cursor<'t> {
    pub(crate) fn new(chars: &'t [char]) -> Self {
        Cursor { chars, position: 0 }
    }

    pub(crate) fn position(&self) -> usize {
        self.position
    }

    pub(crate) fn set_position(&mut self, position: usize) {
        self.position = position.min(self.chars.len());
    }

    pub(crate) fn advance(&mut self) {
        self.set_position(self.position + 1);
    }

    pub(crate) fn at_end(&self) -> bool {
        self.position >= self.chars.len()
    }

    /// The character here; `None` at the end.
    pub(crate) fn peek(&self) -> Option<char> {
        self.chars.get(self.position).copied()
    }

    /// The character `offset` places ahead.
    pub(crate) fn peek_at(&self, offset: usize) -> Option<char> {
        self.chars.get(self.position + offset).copied()
    }

    /// The first character ahead that is no blank.
    pub(crate) fn peek_significant(&self) -> Option<char> {
        self.chars[self.position..].iter().copied().find(|c| *c != ' ')
    }

    pub(crate) fn skip_blanks(&mut self) {
        while self.peek() == Some(' ') {
            self.advance();
        }
    }

    /// Steps over `expected`, blanks before it skipped.
    pub(crate) fn expect(&mut self, expected: char) -> Result<(), SyntaxError> {
        self.skip_blanks();
        if self.peek() != Some(expected) {
            return Err(self.error(format!("Expected character: {expected}")));
        }
        self.advance();
        Ok(())
    }

    /// The text from `start` up to here.
    pub(crate) fn text_from(&self, start: usize) -> String {
        self.chars[start..self.position].iter().collect()
    }

    pub(crate) fn slice(&self, start: usize, end: usize) -> &'t [char] {
        &self.chars[start..end]
    }

    /// Reads on while `accept` holds.
    pub(crate) fn take_while(&mut self, accept: impl Fn(char) -> bool) -> String {
        let start = self.position;
        while self.peek().is_some_and(&accept) {
            self.advance();
        }
        self.text_from(start)
    }

    /// Reads a text in quotes, the opening quote being here, and gives what is between the quotes as written.
    pub(crate) fn take_quoted(&mut self) -> Result<String, SyntaxError> {
        let quote = self.peek();
        let start = self.position + 1;
        let end = quote.and_then(|quote| self.closing_quote(start, quote));
        let Some(end) = end else {
            return Err(self.error("Could not find matching close quote"));
        };
        self.set_position(end);
        let text = self.text_from(start);
        self.advance();
        Ok(text)
    }

    /// The index of the next `quote` at or after `start` that no backslash escapes.
    pub(crate) fn closing_quote(&self, start: usize, quote: char) -> Option<usize> {
        let mut escaped = false;
        for (offset, c) in self.chars.get(start..)?.iter().enumerate() {
            match *c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                c if c == quote => return Some(start + offset),
                _ => {}
            }
        }
        None
    }

    /// The index of the bracket that closes the one here, texts in quotes left out.
    pub(crate) fn closing_bracket(&self, open: char, close: char, skip_patterns: bool) -> Option<usize> {
        let mut depth = 0usize;
        let mut index = self.position;
        while let Some(c) = self.chars.get(index).copied() {
            match c {
                '\'' | '"' => index = self.closing_quote(index + 1, c)?,
                '/' if skip_patterns => index = self.closing_quote(index + 1, '/')?,
                c if c == open => depth += 1,
                c if c == close && depth <= 1 => return Some(index),
                c if c == close => depth -= 1,
                _ => {}
            }
            index += 1;
        }
        None
    }

    /// An error here.
    pub(crate) fn error(&self, message: impl Into<String>) -> SyntaxError {
        let byte = self.chars[..self.position].iter().map(|c| c.len_utf8()).sum();
        SyntaxError::schema_at(message, byte)
    }
}

/// A text without its backslash escapes, as Jayway resolves them: `\'`, `\\`, `\n`, `\u00e4`; any other character
/// behind a backslash stands for itself.
pub(crate) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => unescape_one(&mut rest, &mut out),
            _ => out.push(c),
        }
    }
    out
}

fn unescape_one(rest: &mut std::str::Chars<'_>, out: &mut String) {
    match rest.next() {
        Some('n') => out.push('\n'),
        Some('r') => out.push('\r'),
        Some('t') => out.push('\t'),
        Some('b') => out.push('\u{8}'),
        Some('f') => out.push('\u{c}'),
        Some('u') => unescape_unicode(rest, out),
        Some(other) => out.push(other),
        None => out.push('\\'),
    }
}

/// `\uXXXX`, a surrogate pair being two of them.
fn unescape_unicode(rest: &mut std::str::Chars<'_>, out: &mut String) {
    let Some(first) = take_hex(rest) else {
        out.push('u');
        return;
    };
    let mut ahead = rest.clone();
    let second = match (first, ahead.next(), ahead.next()) {
        (0xd800..=0xdbff, Some('\\'), Some('u')) => take_hex(&mut ahead),
        _ => None,
    };
    match second {
        Some(second) => {
            *rest = ahead;
            out.push_str(&String::from_utf16_lossy(&[first, second]));
        }
        None => out.push_str(&String::from_utf16_lossy(&[first])),
    }
}

fn take_hex(rest: &mut std::str::Chars<'_>) -> Option<u16> {
    let digits = rest.as_str().get(..4)?;
    let unit = u16::from_str_radix(digits, 16).ok()?;
    *rest = rest.as_str()[4..].chars();
    Some(unit)
}
