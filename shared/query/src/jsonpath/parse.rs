//! The parser of paths, in the dialect of Jayway's JsonPath, which AWS speaks.
//!
//! Where it differs from RFC 9535 it does so on purpose: `$.['a']`, `$['a']b` and `$.a-b` are paths, `$.a b`, `[:]` and
//! `[?@.x]` are not, and a name takes every character up to the next `.`, `[` or `(`.

use super::cursor::{Cursor, unescape};
use super::filter::{self, Filter};
use super::function::{FunctionCall, Parameter};
use super::token::{PropertyName, Slice, Steps, Token};
use crate::SyntaxError;
use crate::limits::{PATH_NESTING_MAX, PATH_TOKENS_MAX};

/// Parses what stands behind a path's root. `nesting` counts the filters and function arguments around it.
pub(crate) fn parse_steps(text: &[char], nesting: usize) -> Result<Steps, SyntaxError> {
    if nesting > PATH_NESTING_MAX {
        return Err(SyntaxError::schema(format!("A path nests at most {PATH_NESTING_MAX} levels deep")));
    }
    let mut parser = Parser { cursor: Cursor::new(text), tokens: Vec::new(), nesting };
    parser.check_start()?;
    while !parser.cursor.at_end() {
        parser.read_token()?;
    }
    Ok(Steps::new(parser.tokens))
}

struct Parser<'t> {
    cursor: Cursor<'t>,
    tokens: Vec<Token>,
    nesting: usize,
}

impl Parser<'_> {
    /// Behind the root comes the end, a dot or a bracket.
    fn check_start(&self) -> Result<(), SyntaxError> {
        match self.cursor.peek() {
            None | Some('.' | '[') => Ok(()),
            Some(_) => Err(self.cursor.error("Illegal character behind the path's root: expected '.' or '['")),
        }
    }

    fn read_token(&mut self) -> Result<(), SyntaxError> {
        if self.tokens.len() >= PATH_TOKENS_MAX {
            return Err(self.cursor.error(format!("A path has at most {PATH_TOKENS_MAX} steps")));
        }
        match self.cursor.peek() {
            Some('.') => self.read_dot(),
            Some('[') => self.read_bracket(),
            Some('*') => {
                self.cursor.advance();
                self.tokens.push(Token::Wildcard);
                Ok(())
            }
            _ => self.read_name(),
        }
    }

    /// A dot, or the two of a scan; another token has to follow.
    fn read_dot(&mut self) -> Result<(), SyntaxError> {
        self.cursor.advance();
        if self.cursor.peek() == Some('.') {
            self.cursor.advance();
            self.tokens.push(Token::Scan);
        }
        match self.cursor.peek() {
            None => Err(self.cursor.error("Path must not end with a '.' or '..'")),
            Some('.') => Err(self.cursor.error("Character '.' is not valid here")),
            Some(_) => Ok(()),
        }
    }

    /// A name in dot notation, or a function call. A backslash escapes the character behind it (States Language).
    fn read_name(&mut self) -> Result<(), SyntaxError> {
        let start = self.cursor.position();
        let mut escaped = false;
        loop {
            match self.cursor.peek() {
                Some('\\') => {
                    escaped = true;
                    self.cursor.advance();
                }
                None | Some('.' | '[') => break,
                Some('(') => return self.read_function(start),
                Some(' ') => {
                    return Err(self.cursor.error("Use bracket notation ['my prop'] if your property contains blank characters"));
                }
                Some(_) => {}
            }
            self.cursor.advance();
        }
        let raw = self.cursor.text_from(start);
        let unescaped = escaped.then(|| unescape(&raw));
        self.tokens.push(Token::Property(PropertyName { raw, unescaped, quote: '\'' }));
        Ok(())
    }

    fn read_function(&mut self, start: usize) -> Result<(), SyntaxError> {
        let name = self.cursor.text_from(start);
        let open = self.cursor.position();
        let Some(close) = self.cursor.closing_bracket('(', ')', false) else {
            return Err(self.cursor.error(format!("Arguments to function: '{name}' are not closed properly.")));
        };
        let arguments = self.cursor.slice(open + 1, close);
        let parameters = split_arguments(arguments)
            .into_iter()
            .map(|argument| Parameter::parse(argument, self.nesting + 1))
            .collect::<Result<Vec<_>, _>>()?;
        let call =
            FunctionCall::new(&name, parameters).ok_or_else(|| self.cursor.error(format!("Function with name: {name} does not exist.")))?;
        self.cursor.set_position(close + 1);
        self.tokens.push(Token::Function(call));
        Ok(())
    }

    fn read_bracket(&mut self) -> Result<(), SyntaxError> {
        self.cursor.advance();
        match self.cursor.peek_significant() {
            Some(quote @ ('\'' | '"')) => self.read_quoted_names(quote),
            Some('*') => self.read_bracket_wildcard(),
            Some('?') => self.read_filter(),
            Some(c) if c.is_ascii_digit() || c == '-' || c == ':' => self.read_indexes(),
            _ => Err(self.cursor.error("Could not parse token. Expected ?, ', 0-9, *")),
        }
    }

    fn read_bracket_wildcard(&mut self) -> Result<(), SyntaxError> {
        self.cursor.expect('*')?;
        self.cursor.expect(']')?;
        self.tokens.push(Token::Wildcard);
        Ok(())
    }

    /// `'a'` or `'a','b'` and the closing bracket. All names have the quote of the first.
    fn read_quoted_names(&mut self, quote: char) -> Result<(), SyntaxError> {
        let mut names = Vec::new();
        loop {
            self.cursor.skip_blanks();
            if self.cursor.peek() != Some(quote) {
                return Err(self.cursor.error("Found empty property"));
            }
            let raw = self.cursor.take_quoted()?;
            let unescaped = raw.contains('\\').then(|| unescape(&raw));
            names.push(PropertyName { raw, unescaped, quote });
            self.cursor.skip_blanks();
            match self.cursor.peek() {
                Some(',') => self.cursor.advance(),
                Some(']') => break,
                _ => {
                    return Err(self
                        .cursor
                        .error("Property must be separated by comma or Property must be terminated close square bracket"));
                }
            }
        }
        self.cursor.advance();
        self.tokens.push(match names.len() {
            1 => Token::Property(names.remove(0)),
            _ => Token::Properties(names),
        });
        Ok(())
    }

    /// `0`, `0,2` or `1:3` and the closing bracket.
    fn read_indexes(&mut self) -> Result<(), SyntaxError> {
        let content = self.cursor.take_while(|c| c.is_ascii_digit() || matches!(c, ',' | '-' | ':' | ' '));
        self.cursor.expect(']')?;
        let content = content.trim();
        let token = if content.contains(':') { parse_slice(content).map(Token::Slice) } else { parse_indexes(content) };
        self.tokens.push(token.ok_or_else(|| self.cursor.error(format!("Failed to parse array access: {content}")))?);
        Ok(())
    }

    /// `?(...)` and the closing bracket.
    fn read_filter(&mut self) -> Result<(), SyntaxError> {
        self.cursor.expect('?')?;
        self.cursor.skip_blanks();
        if self.cursor.peek() != Some('(') {
            return Err(self.cursor.error("A filter must be in parentheses: [?(...)]"));
        }
        let open = self.cursor.position();
        let Some(close) = self.cursor.closing_bracket('(', ')', true) else {
            return Err(self.cursor.error("Could not find the parenthesis that closes the filter"));
        };
        let filter: Filter = filter::parse(self.cursor.slice(open + 1, close), self.nesting + 1)?;
        self.cursor.set_position(close + 1);
        self.cursor.expect(']')?;
        self.tokens.push(Token::Filter(Box::new(filter)));
        Ok(())
    }
}

fn parse_indexes(content: &str) -> Option<Token> {
    let indexes = content.split(',').map(|index| index.trim().parse().ok()).collect::<Option<Vec<i32>>>()?;
    Some(match indexes[..] {
        [index] => Token::Index(index),
        _ => Token::Indexes(indexes),
    })
}

/// A slice has at least one bound. A third part, the step, is checked by nobody (Jayway ignores it).
fn parse_slice(content: &str) -> Option<Slice> {
    if content.contains([',', ' ']) {
        return None;
    }
    let mut parts = content.split(':').map(|part| match part {
        "" => Ok(None),
        bound => bound.parse::<i32>().map(Some),
    });
    let from = parts.next()?.ok()?;
    let to = parts.next()?.ok()?;
    match (from, to) {
        (Some(from), Some(to)) => Some(Slice::Between(from, to)),
        (Some(from), None) => Some(Slice::From(from)),
        (None, Some(to)) => Some(Slice::To(to)),
        (None, None) => None,
    }
}

/// The arguments of a function, separated by commas outside of brackets and quotes.
fn split_arguments(arguments: &[char]) -> Vec<&[char]> {
    if arguments.iter().all(|c| c.is_whitespace()) {
        return Vec::new();
    }
    let mut parts = Vec::new();
    let (mut start, mut depth, mut quote) = (0, 0usize, None);
    for (index, c) in arguments.iter().copied().enumerate() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                parts.push(&arguments[start..index]);
                start = index + 1;
            }
            (None, _) => {}
        }
    }
    parts.push(&arguments[start..]);
    parts
}
