//! The parser of intrinsic calls.

use serde_json::Value;

use super::{Argument, Call, Function, TextLiteral};
use crate::limits::INTRINSIC_NESTING_MAX;
use crate::{Path, SyntaxError};

/// Parses a text that is one call and nothing else.
pub(super) fn parse_call(text: &str) -> Result<Call, SyntaxError> {
    let mut parser = Parser { text, position: 0 };
    let call = parser.read_call(1)?;
    parser.skip_blanks();
    match parser.peek() {
        None => Ok(call),
        Some(_) => Err(parser.error("Expected the end of the intrinsic function call")),
    }
}

struct Parser<'t> {
    text: &'t str,
    /// In bytes, on a character's border.
    position: usize,
}

impl<'t> Parser<'t> {
    fn read_call(&mut self, depth: usize) -> Result<Call, SyntaxError> {
        if depth > INTRINSIC_NESTING_MAX {
            return Err(self.error(format!("Intrinsic functions nest at most {INTRINSIC_NESTING_MAX} levels deep")));
        }
        self.skip_blanks();
        let name = self.take_while(|c| c.is_ascii_alphanumeric() || c == '.');
        let function = Function::from_name(name).ok_or_else(|| self.error(format!("The intrinsic function '{name}' is not supported")))?;
        self.expect('(')?;
        let arguments = self.read_arguments(depth)?;
        Ok(Call { function, arguments })
    }

    /// The arguments and the closing parenthesis.
    fn read_arguments(&mut self, depth: usize) -> Result<Vec<Argument>, SyntaxError> {
        let mut arguments = Vec::new();
        self.skip_blanks();
        if self.peek() == Some(')') {
            self.advance();
            return Ok(arguments);
        }
        loop {
            arguments.push(self.read_argument(depth)?);
            self.skip_blanks();
            match self.peek() {
                Some(',') => self.advance(),
                Some(')') => {
                    self.advance();
                    return Ok(arguments);
                }
                _ => return Err(self.error("Expected ',' or ')' behind an argument")),
            }
        }
    }

    fn read_argument(&mut self, depth: usize) -> Result<Argument, SyntaxError> {
        self.skip_blanks();
        match self.peek() {
            Some('\'') => self.read_text().map(Argument::Text),
            Some('$') => self.read_path().map(Argument::Path),
            Some(c) if c == '-' || c.is_ascii_digit() => self.read_number(),
            Some(c) if c.is_ascii_alphabetic() => self.read_word(depth),
            _ => Err(self.error("Expected an argument: a path, a text in single quotes, a number or a function call")),
        }
    }

    fn read_number(&mut self) -> Result<Argument, SyntaxError> {
        let digits = self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.'));
        match serde_json::from_str::<Value>(digits) {
            Ok(number @ Value::Number(_)) => Ok(Argument::Literal(number)),
            _ => Err(self.error(format!("Expected a number: {digits}"))),
        }
    }

    fn read_word(&mut self, depth: usize) -> Result<Argument, SyntaxError> {
        let rest = &self.text[self.position..];
        let word = &rest[..rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len())];
        let literal = match word {
            "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => return self.read_call(depth + 1).map(Argument::Call),
        };
        self.position += word.len();
        Ok(Argument::Literal(literal))
    }

    /// A text in single quotes. A backslash stands before `'`, `{`, `}` or another backslash, and nowhere else.
    fn read_text(&mut self) -> Result<TextLiteral, SyntaxError> {
        self.advance();
        let start = self.position;
        let mut value = String::new();
        loop {
            let Some(c) = self.peek() else {
                return Err(self.error("The text is not closed by a single quote"));
            };
            if c == '\'' {
                break;
            }
            self.advance();
            if c != '\\' {
                value.push(c);
                continue;
            }
            match self.peek() {
                Some(escaped @ ('\'' | '{' | '}' | '\\')) => value.push(escaped),
                _ => return Err(self.error("A backslash must be followed by ', {, } or \\")),
            }
            self.advance();
        }
        let raw = self.text[start..self.position].to_owned();
        self.advance();
        Ok(TextLiteral { raw, value: Value::String(value) })
    }

    /// A path up to the comma or parenthesis behind it; those inside its brackets and calls are its own.
    fn read_path(&mut self) -> Result<Path, SyntaxError> {
        let start = self.position;
        let (mut open, mut quote, mut escaped) = (0usize, None, false);
        while let Some(c) = self.peek() {
            match (quote, c) {
                (Some(_), _) if escaped => escaped = false,
                (Some(_), '\\') => escaped = true,
                (Some(closing), _) if c == closing => quote = None,
                (Some(_), _) => {}
                (None, '\'' | '"') if open > 0 => quote = Some(c),
                (None, '[' | '(') => open += 1,
                (None, ',' | ')') if open == 0 => break,
                (None, ']' | ')') => open = open.saturating_sub(1),
                (None, _) => {}
            }
            self.advance();
        }
        let text = self.text[start..self.position].trim_end();
        Path::parse(text).map_err(|error| {
            let position = error.position.map(|position| position + start);
            SyntaxError { position, ..error }
        })
    }

    fn peek(&self) -> Option<char> {
        self.text[self.position..].chars().next()
    }

    fn advance(&mut self) {
        self.position += self.peek().map_or(0, char::len_utf8);
    }

    fn skip_blanks(&mut self) {
        self.take_while(char::is_whitespace);
    }

    fn take_while(&mut self, accept: impl Fn(char) -> bool) -> &'t str {
        let rest = &self.text[self.position..];
        let taken = &rest[..rest.find(|c| !accept(c)).unwrap_or(rest.len())];
        self.position += taken.len();
        taken
    }

    fn expect(&mut self, expected: char) -> Result<(), SyntaxError> {
        self.skip_blanks();
        if self.peek() != Some(expected) {
            return Err(self.error(format!("Expected '{expected}'")));
        }
        self.advance();
        Ok(())
    }

    fn error(&self, message: impl Into<String>) -> SyntaxError {
        SyntaxError::schema_at(message, self.position)
    }
}
