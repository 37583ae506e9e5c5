//! The parser of filters: `||` binds weakest, then `&&`, then `!` and parentheses, then comparisons.

use regex::RegexBuilder;
use serde_json::{Number, Value};

use super::super::cursor::{Cursor, unescape};
use super::super::parse::parse_steps;
use super::{Filter, FilterPath, Operand, Operator};
use crate::SyntaxError;
use crate::limits::PATH_NESTING_MAX;

/// The size a compiled pattern may have, in bytes.
const PATTERN_SIZE_MAX: usize = 1 << 20;

/// Parses what is between the parentheses of `[?(...)]`. `nesting` counts the filters around it.
pub(crate) fn parse(text: &[char], nesting: usize) -> Result<Filter, SyntaxError> {
    let mut parser = Parser { cursor: Cursor::new(text), nesting };
    let filter = parser.read_or()?;
    parser.cursor.skip_blanks();
    match parser.cursor.peek() {
        None => Ok(filter),
        Some(_) => Err(parser.cursor.error("Expected end of filter expression")),
    }
}

struct Parser<'t> {
    cursor: Cursor<'t>,
    nesting: usize,
}

impl Parser<'_> {
    fn read_or(&mut self) -> Result<Filter, SyntaxError> {
        let mut operands = vec![self.read_and()?];
        while self.take_logical('|')? {
            operands.push(self.read_and()?);
        }
        Ok(if operands.len() == 1 { operands.remove(0) } else { Filter::Or(operands) })
    }

    fn read_and(&mut self) -> Result<Filter, SyntaxError> {
        let mut operands = vec![self.read_unary()?];
        while self.take_logical('&')? {
            operands.push(self.read_unary()?);
        }
        Ok(if operands.len() == 1 { operands.remove(0) } else { Filter::And(operands) })
    }

    /// Whether `&&` or `||` comes next; it is then stepped over.
    fn take_logical(&mut self, sign: char) -> Result<bool, SyntaxError> {
        self.cursor.skip_blanks();
        if self.cursor.peek() != Some(sign) {
            return Ok(false);
        }
        if self.cursor.peek_at(1) != Some(sign) {
            return Err(self.cursor.error(format!("Expected logical operator: {sign}{sign}")));
        }
        self.cursor.advance();
        self.cursor.advance();
        Ok(true)
    }

    fn read_unary(&mut self) -> Result<Filter, SyntaxError> {
        self.nesting += 1;
        if self.nesting > PATH_NESTING_MAX {
            return Err(self.cursor.error(format!("A filter nests at most {PATH_NESTING_MAX} levels deep")));
        }
        let filter = self.read_unary_inside();
        self.nesting -= 1;
        filter
    }

    fn read_unary_inside(&mut self) -> Result<Filter, SyntaxError> {
        self.cursor.skip_blanks();
        match self.cursor.peek() {
            Some('!') => self.read_not(),
            Some('(') => {
                self.cursor.advance();
                let filter = self.read_or()?;
                self.cursor.expect(')')?;
                Ok(filter)
            }
            _ => self.read_comparison(),
        }
    }

    /// `!@.key` asks for absence, `!(...)` negates.
    fn read_not(&mut self) -> Result<Filter, SyntaxError> {
        self.cursor.advance();
        self.cursor.skip_blanks();
        if !matches!(self.cursor.peek(), Some('@' | '$')) {
            return Ok(Filter::Not(Box::new(self.read_unary()?)));
        }
        Ok(match self.read_comparison()? {
            Filter::Exists { path, expected } => Filter::Exists { path, expected: !expected },
            comparison => comparison,
        })
    }

    /// A comparison, or a path alone, which asks for existence.
    fn read_comparison(&mut self) -> Result<Filter, SyntaxError> {
        let left = self.read_operand()?;
        let after_left = self.cursor.position();
        let operator = self.read_operator();
        let right = operator.and_then(|operator| Some((operator, self.read_operand().ok()?)));
        match (left, right) {
            (left, Some((operator, right))) => Ok(Filter::Compare { left, operator, right }),
            (Operand::Path(path), None) => {
                self.cursor.set_position(after_left);
                Ok(Filter::Exists { path, expected: true })
            }
            (Operand::Literal(_) | Operand::Pattern(_), None) => Err(self.cursor.error("Expected path node")),
        }
    }

    /// An operator of signs, or a word up to the next blank.
    fn read_operator(&mut self) -> Option<Operator> {
        self.cursor.skip_blanks();
        let symbol = match self.cursor.peek() {
            Some(c) if is_operator_sign(c) => self.cursor.take_while(is_operator_sign),
            _ => self.cursor.take_while(|c| c != ' '),
        };
        Operator::from_symbol(&symbol)
    }

    fn read_operand(&mut self) -> Result<Operand, SyntaxError> {
        self.cursor.skip_blanks();
        match self.cursor.peek() {
            Some('@' | '$') => self.read_path().map(Operand::Path),
            Some('\'' | '"') => {
                let text = self.cursor.take_quoted()?;
                Ok(Operand::Literal(Value::String(unescape(&text))))
            }
            Some('[') => self.read_json('[', ']'),
            Some('{') => self.read_json('{', '}'),
            Some('/') => self.read_pattern(),
            Some(c) if c == '-' || c == '+' || c == '.' || c.is_ascii_digit() => self.read_number(),
            Some(c) if c.is_alphabetic() || c == '_' => Ok(Operand::Literal(self.read_word())),
            _ => Err(self.cursor.error("Expected a path or a literal")),
        }
    }

    /// A path up to a blank, an operator or the parenthesis that closes the filter around it.
    fn read_path(&mut self) -> Result<FilterPath, SyntaxError> {
        let from_root = self.cursor.peek() == Some('$');
        self.cursor.advance();
        let start = self.cursor.position();
        let mut open_calls = 0usize;
        while let Some(c) = self.cursor.peek() {
            match c {
                '[' => {
                    let close = self.cursor.closing_bracket('[', ']', true);
                    self.cursor.set_position(close.ok_or_else(|| self.cursor.error("Square brackets do not match"))?);
                }
                '(' => open_calls += 1,
                ')' if open_calls > 0 => open_calls -= 1,
                ')' => break,
                ' ' if open_calls == 0 => break,
                c if is_operator_sign(c) => break,
                _ => {}
            }
            self.cursor.advance();
        }
        let steps = parse_steps(self.cursor.slice(start, self.cursor.position()), self.nesting + 1)?;
        Ok(FilterPath { from_root, steps })
    }

    /// An array or object; texts in it may be in single quotes.
    fn read_json(&mut self, open: char, close: char) -> Result<Operand, SyntaxError> {
        let start = self.cursor.position();
        let end = self.cursor.closing_bracket(open, close, false);
        self.cursor.set_position(end.ok_or_else(|| self.cursor.error("JSON literal is not closed"))? + 1);
        let text = self.cursor.text_from(start);
        let value = serde_json::from_str(&text).or_else(|_| serde_json::from_str(&with_double_quotes(&text)));
        value.map(Operand::Literal).map_err(|_| self.cursor.error(format!("Expected JSON literal: {text}")))
    }

    fn read_pattern(&mut self) -> Result<Operand, SyntaxError> {
        let source = self.cursor.take_quoted()?;
        let flags = self.cursor.take_while(|c| c.is_ascii_alphabetic());
        // Java matches the whole text; the group keeps an alternation together.
        let pattern = RegexBuilder::new(&format!(r"\A(?:{source})\z"))
            .case_insensitive(flags.contains('i'))
            .ignore_whitespace(flags.contains('x'))
            .dot_matches_new_line(flags.contains('s'))
            .multi_line(flags.contains('m'))
            .size_limit(PATTERN_SIZE_MAX)
            .build();
        pattern.map(Operand::Pattern).map_err(|_| self.cursor.error(format!("Invalid pattern: {source}")))
    }

    fn read_number(&mut self) -> Result<Operand, SyntaxError> {
        let text = self.cursor.take_while(|c| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E'));
        let number = parse_decimal(&text);
        number.map(|number| Operand::Literal(Value::Number(number))).ok_or_else(|| self.cursor.error(format!("Expected number: {text}")))
    }

    /// `true`, `false`, `null`; any other word is a text without quotes, which AWS's own published samples use.
    fn read_word(&mut self) -> Value {
        match self.cursor.take_while(|c| c.is_alphanumeric() || c == '_' || c == '-').as_str() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            word => Value::String(word.to_owned()),
        }
    }
}

fn is_operator_sign(c: char) -> bool {
    matches!(c, '<' | '>' | '=' | '~' | '!')
}

/// A decimal number as Java's BigDecimal reads it: leading zeros and a plus sign are allowed.
pub(super) fn parse_decimal(text: &str) -> Option<Number> {
    let valid = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E'));
    if !valid {
        return None;
    }
    match text.parse::<i64>() {
        Ok(whole) => Some(Number::from(whole)),
        Err(_) => text.parse::<f64>().ok().filter(|double| double.is_finite()).and_then(Number::from_f64),
    }
}

/// JSON with its texts in double quotes instead of single ones.
fn with_double_quotes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut open = None;
    let mut escaped = false;
    for c in text.chars() {
        match (open, c) {
            (Some('\''), '\'') if escaped => {
                // `\'` is no escape in JSON.
                out.pop();
                out.push('\'');
            }
            (Some('\''), '"') if !escaped => out.push_str("\\\""),
            (Some(quote), c) if c == quote && !escaped => {
                out.push('"');
                open = None;
            }
            (None, '\'' | '"') => {
                out.push('"');
                open = Some(c);
            }
            _ => out.push(c),
        }
        escaped = c == '\\' && !escaped;
    }
    out
}
