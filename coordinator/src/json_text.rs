//! Checks JSON text at the border, in one pass and without building a tree.
//!
//! What passes here can be parsed later by anything in this system without a surprise: the accepted language is the one that
//! `serde_json` can turn into a `Value`, its bound on depth, its dislike of lone surrogates and of numbers beyond `f64` included. No
//! recursion: a hostile text of brackets costs one bit a level until it meets the bound.

/// Arrays and objects may be nested this deep.
pub const DEPTH_MAX: u32 = 127;

/// Why a text is not JSON that we take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem} (line: {line}, column: {column})")]
pub struct JsonTextError {
    /// What is wrong.
    pub problem: Problem,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
}

/// Kinds of [`JsonTextError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The text ends too early.
    #[error("Unexpected end-of-input")]
    UnexpectedEnd,
    /// Something else was expected here.
    #[error("Unexpected character")]
    UnexpectedCharacter,
    /// More follows the value.
    #[error("Unexpected characters after the value")]
    TrailingCharacters,
    /// A raw control character inside a string.
    #[error("Illegal unquoted control character in a string")]
    ControlCharacter,
    /// An escape that JSON does not know, or half of a surrogate pair.
    #[error("Unrecognized character escape")]
    BadEscape,
    /// A number that JSON does not know.
    #[error("Malformed number")]
    BadNumber,
    /// A number that no double can hold.
    #[error("Number out of range")]
    NumberOutOfRange,
    /// See [`DEPTH_MAX`].
    #[error("Nesting is too deep: at most {DEPTH_MAX} levels are allowed")]
    TooDeep,
}

/// Whether `text` is one JSON value and nothing else.
pub fn check(text: &str) -> Result<(), JsonTextError> {
    let mut scanner = Scanner { text: text.as_bytes(), at: 0, depth: 0, objects: 0 };
    scanner.document().map_err(|problem| {
        let (line, column) = position(text, scanner.at);
        JsonTextError { problem, line, column }
    })
}

fn position(text: &str, at: usize) -> (usize, usize) {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (1 + before.matches('\n').count(), 1 + before[line_start..].chars().count())
}

type Scan = Result<(), Problem>;

struct Scanner<'t> {
    text: &'t [u8],
    at: usize,
    depth: u32,
    /// One bit a level, the innermost lowest: set for an object.
    objects: u128,
}

impl Scanner<'_> {
    fn document(&mut self) -> Scan {
        loop {
            self.value_start()?;
            if !self.value_end()? {
                break;
            }
        }
        match self.next_significant() {
            None => Ok(()),
            Some(_) => Err(Problem::TrailingCharacters),
        }
    }

    /// From where a value may begin to behind the next scalar or empty container.
    fn value_start(&mut self) -> Scan {
        loop {
            match self.next_significant().ok_or(Problem::UnexpectedEnd)? {
                b'"' => return self.string(),
                b'-' | b'0'..=b'9' => return self.number(),
                b't' => return self.literal(b"true"),
                b'f' => return self.literal(b"false"),
                b'n' => return self.literal(b"null"),
                b'[' => {
                    self.open(false)?;
                    if self.next_significant() == Some(b']') {
                        return self.close();
                    }
                }
                b'{' => {
                    self.open(true)?;
                    if self.next_significant() == Some(b'}') {
                        return self.close();
                    }
                    self.key()?;
                }
                _ => return Err(Problem::UnexpectedCharacter),
            }
        }
    }

    /// From behind a value to where the next one begins; false when the outermost value is over.
    fn value_end(&mut self) -> Result<bool, Problem> {
        while self.depth > 0 {
            let in_object = self.objects & 1 == 1;
            match self.next_significant().ok_or(Problem::UnexpectedEnd)? {
                b',' => {
                    self.at += 1;
                    if in_object {
                        self.next_significant();
                        self.key()?;
                    }
                    return Ok(true);
                }
                b'}' if in_object => self.close()?,
                b']' if !in_object => self.close()?,
                _ => return Err(Problem::UnexpectedCharacter),
            }
        }
        Ok(false)
    }

    fn open(&mut self, object: bool) -> Scan {
        if self.depth == DEPTH_MAX {
            return Err(Problem::TooDeep);
        }
        self.depth += 1;
        self.objects = self.objects << 1 | u128::from(object);
        self.at += 1;
        Ok(())
    }

    fn close(&mut self) -> Scan {
        self.depth -= 1;
        self.objects >>= 1;
        self.at += 1;
        Ok(())
    }

    fn key(&mut self) -> Scan {
        self.expect(b'"')?;
        self.string()?;
        self.next_significant();
        self.expect(b':')?;
        self.at += 1;
        Ok(())
    }

    fn string(&mut self) -> Scan {
        self.at += 1;
        loop {
            let rest = &self.text[self.at..];
            let plain = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
            self.at += plain.ok_or(Problem::UnexpectedEnd).inspect_err(|_| self.at = self.text.len())?;
            match self.text[self.at] {
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                b'\\' => self.escape()?,
                _ => return Err(Problem::ControlCharacter),
            }
        }
    }

    fn escape(&mut self) -> Scan {
        match self.text.get(self.at + 1).ok_or(Problem::UnexpectedEnd)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {
                self.at += 2;
                Ok(())
            }
            b'u' => self.unicode_escape(),
            _ => Err(Problem::BadEscape),
        }
    }

    fn unicode_escape(&mut self) -> Scan {
        match self.hex_unit()? {
            0xd800..=0xdbff => match self.hex_unit()? {
                0xdc00..=0xdfff => Ok(()),
                _ => Err(Problem::BadEscape),
            },
            0xdc00..=0xdfff => Err(Problem::BadEscape),
            _ => Ok(()),
        }
    }

    /// The UTF-16 unit of a `\uXXXX` that begins here.
    fn hex_unit(&mut self) -> Result<u16, Problem> {
        let unit = self.text.get(self.at..self.at + 6).ok_or(Problem::BadEscape)?;
        let digits = unit.strip_prefix(b"\\u").ok_or(Problem::BadEscape)?;
        let value = digits.iter().try_fold(0u16, |value, digit| {
            let digit = char::from(*digit).to_digit(16).ok_or(Problem::BadEscape)?;
            Ok(value << 4 | digit as u16)
        })?;
        self.at += 6;
        Ok(value)
    }

    fn number(&mut self) -> Scan {
        let start = self.at;
        self.skip_if(|byte| byte == b'-');
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(Problem::BadNumber),
        }
        if self.skip_if(|byte| byte == b'.') {
            self.digits()?;
        }
        let exponent = self.skip_if(|byte| matches!(byte, b'e' | b'E'));
        if exponent {
            self.skip_if(|byte| matches!(byte, b'+' | b'-'));
            self.digits()?;
        }
        self.in_range(start, exponent)
    }

    /// Only an exponent or very many digits can leave the range of a double.
    fn in_range(&self, start: usize, exponent: bool) -> Scan {
        if !exponent && self.at - start < 300 {
            return Ok(());
        }
        let text = std::str::from_utf8(&self.text[start..self.at]).expect("digits are ASCII");
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(()),
            _ => Err(Problem::NumberOutOfRange),
        }
    }

    fn digits(&mut self) -> Scan {
        let start = self.at;
        while self.skip_if(|byte| byte.is_ascii_digit()) {}
        if self.at == start { Err(Problem::BadNumber) } else { Ok(()) }
    }

    fn literal(&mut self, word: &[u8]) -> Scan {
        if !self.text[self.at..].starts_with(word) {
            return Err(Problem::UnexpectedCharacter);
        }
        self.at += word.len();
        Ok(())
    }

    fn skip_if(&mut self, accept: impl Fn(u8) -> bool) -> bool {
        let skip = self.peek().is_some_and(accept);
        self.at += usize::from(skip);
        skip
    }

    fn expect(&self, byte: u8) -> Scan {
        match self.peek() {
            Some(found) if found == byte => Ok(()),
            Some(_) => Err(Problem::UnexpectedCharacter),
            None => Err(Problem::UnexpectedEnd),
        }
    }

    fn next_significant(&mut self) -> Option<u8> {
        while self.skip_if(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) {}
        self.peek()
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn problem(text: &str) -> Option<Problem> {
        check(text).err().map(|error| error.problem)
    }

    #[test]
    fn scalars_and_containers_pass() {
        for text in ["null", " 5 ", "-0.5e-3", "\"a\\u00e9\\ud83d\\ude00\"", "[]", "{}", "[{},[1,2],\"\"]", "{\"a\":{\"b\":[]}}\n"] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn each_problem_has_its_place() {
        assert_eq!(problem(""), Some(Problem::UnexpectedEnd));
        assert_eq!(problem("not json"), Some(Problem::UnexpectedCharacter));
        assert_eq!(problem("{} {}"), Some(Problem::TrailingCharacters));
        assert_eq!(problem("\"\n\""), Some(Problem::ControlCharacter));
        assert_eq!(problem("\"\\ud800\""), Some(Problem::BadEscape));
        assert_eq!(problem("\"\\udc00\\ud800\""), Some(Problem::BadEscape));
        assert_eq!(problem("01"), Some(Problem::TrailingCharacters));
        assert_eq!(problem("-"), Some(Problem::BadNumber));
        assert_eq!(problem("1e999"), Some(Problem::NumberOutOfRange));
        assert_eq!(problem(&"9".repeat(400)), Some(Problem::NumberOutOfRange));
        assert_eq!(problem("[1,]"), Some(Problem::UnexpectedCharacter));
        let error = check("{\n \"é\": x}").expect_err("x is no value");
        assert_eq!((error.line, error.column), (2, 7));
    }

    #[test]
    fn depth_is_bounded_where_the_parser_bounds_it() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(problem(&nested(127)), None);
        assert_eq!(problem(&nested(128)), Some(Problem::TooDeep));
        assert_eq!(problem(&"[".repeat(100_000)), Some(Problem::TooDeep));
        assert!(serde_json::from_str::<serde_json::Value>(&nested(127)).is_ok());
        assert!(serde_json::from_str::<serde_json::Value>(&nested(128)).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn agrees_with_the_parser(text in r#"[\[\]{}",:0-9eE+\-. \\untrfalsd\x00-\x20é]{0,24}"#) {
            let parsed = serde_json::from_str::<serde_json::Value>(&text);
            prop_assert_eq!(check(&text).is_ok(), parsed.is_ok(), "{:?}: {:?}", text, parsed);
        }

        #[test]
        fn agrees_on_nearly_valid_text(
            mut text in r#"(\{"[a-z\\]{0,3}":(\[(-?[0-9]{1,3}(\.[0-9]{1,2})?(e[-+]?[0-9]{1,3})?,){0,2}"(\\u[d89abce0-9]{4}){0,2}"\]|null|true)(,"k":\{\})?\})"#,
            cut in any::<prop::sample::Index>(),
            shorten: bool,
        ) {
            if shorten {
                text.truncate(cut.index(text.len() + 1));
            }
            let parsed = serde_json::from_str::<serde_json::Value>(&text);
            prop_assert_eq!(check(&text).is_ok(), parsed.is_ok(), "{:?}: {:?}", text, parsed);
        }
    }
}
