//! One JSON value that arrives in pieces: checked and, if wanted, copied in compact form, in one pass and without building a tree.
//!
//! What passes can be parsed later by anything in this system: nesting is bounded, numbers fit a double. Strings are written as AWS writes
//! them, with the escapes that JSON needs and no others; numbers stay as they were written.

use std::borrow::Cow;

use super::json_text::write_string_part;

/// Arrays and objects of an item may be nested this deep. A few less than what parsers here take, since batches wrap items once more.
const DEPTH_MAX: u32 = 120;
/// Numbers with no more digits than this, and no exponent, fit a double.
const SAFE_DIGITS: usize = 300;
const REPLACEMENT: &str = "\u{fffd}";

/// Reads one value.
#[derive(Debug, Default)]
pub(crate) struct JsonValue {
    /// The value in compact form, if it is copied.
    out: Vec<u8>,
    copies: bool,
    /// Longest copy.
    limit: usize,
    /// In lines a value ends with its line.
    one_line: bool,
    mode: Mode,
    depth: u32,
    /// A bit for each level: set where it is an object.
    objects: u128,
    /// Where in `out` the number begins that is being read.
    number_at: usize,
}

#[derive(Clone, Copy, Debug, Default)]
enum Mode {
    #[default]
    Value,
    ValueOrClose,
    KeyOrClose,
    Key,
    Colon,
    CommaOrClose,
    String(Role),
    Escape(Role),
    Unicode(Role, Unicode),
    /// After the first half of a surrogate pair.
    Half(Role, u16),
    HalfEscape(Role, u16),
    Number(Number),
    Literal(&'static [u8]),
    Done,
}

/// What a string is.
#[derive(Clone, Copy, Debug)]
enum Role {
    Key,
    Value,
}

#[derive(Clone, Copy, Debug)]
struct Unicode {
    digits: u8,
    unit: u16,
    /// The half before it.
    high: Option<u16>,
}

#[derive(Clone, Copy, Debug)]
enum Number {
    Minus,
    Zero,
    Integer,
    Dot,
    Fraction,
    E,
    Sign,
    Exponent,
}

/// Why it is not JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Malformed { problem: Cow<'static, str>, at: usize },
    TooLong,
}

/// What a piece has done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fed {
    /// Bytes of the piece that belong to the value.
    pub(crate) used: usize,
    /// Whether the value is complete.
    pub(crate) done: bool,
}

type Byte = Result<bool, Cow<'static, str>>;

impl JsonValue {
    /// Begins a value that is copied, up to so many bytes.
    pub(crate) fn copy(&mut self, limit: usize, one_line: bool) {
        let out = std::mem::take(&mut self.out);
        *self = Self { out, copies: true, limit, one_line, ..Self::default() };
        self.out.clear();
    }

    /// Begins a value that is only stepped over.
    pub(crate) fn skip(&mut self) {
        *self = Self { out: std::mem::take(&mut self.out), limit: usize::MAX, ..Self::default() };
        self.out.clear();
    }

    /// The copy of a value that is done.
    pub(crate) fn copied(&self) -> &[u8] {
        &self.out
    }

    /// Reads on.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<Fed, Fault> {
        let mut at = 0;
        while at < bytes.len() {
            if let Mode::String(_) = self.mode {
                at += self.plain(&bytes[at..]);
                if at == bytes.len() {
                    break;
                }
            }
            let consumed = self.byte(bytes[at]).map_err(|problem| Fault::Malformed { problem, at })?;
            at += usize::from(consumed);
            if self.out.len() > self.limit {
                return Err(Fault::TooLong);
            }
            if matches!(self.mode, Mode::Done) {
                return Ok(Fed { used: at, done: true });
            }
        }
        if self.out.len() > self.limit { Err(Fault::TooLong) } else { Ok(Fed { used: at, done: false }) }
    }

    /// Says that the source ends here; only a number can end with it.
    pub(crate) fn end(&mut self) -> Result<(), Fault> {
        let malformed = |problem| Fault::Malformed { problem, at: 0 };
        match self.mode {
            Mode::Done => Ok(()),
            Mode::Number(part) if self.depth == 0 => self.number_end(part).map_err(malformed),
            _ => Err(malformed("unexpected end-of-input".into())),
        }
    }

    /// Takes what a string has without anything special in it.
    fn plain(&mut self, bytes: &[u8]) -> usize {
        let end = bytes.iter().position(|byte| *byte < 0x20 || *byte == b'"' || *byte == b'\\').unwrap_or(bytes.len());
        if self.copies {
            self.out.extend_from_slice(&bytes[..end]);
        }
        end
    }

    /// `false`: the byte belongs to what follows.
    fn byte(&mut self, byte: u8) -> Byte {
        match self.mode {
            Mode::Value => self.value(byte, false),
            Mode::ValueOrClose => self.value(byte, true),
            Mode::KeyOrClose => self.key(byte, true),
            Mode::Key => self.key(byte, false),
            Mode::Colon => self.colon(byte),
            Mode::CommaOrClose => self.comma_or_close(byte),
            Mode::String(role) => self.in_string(byte, role),
            Mode::Escape(role) => self.escape(byte, role),
            Mode::Unicode(role, unicode) => self.unicode(byte, role, unicode),
            Mode::Half(role, high) => Ok(self.half(byte, role, high)),
            Mode::HalfEscape(role, high) => Ok(self.half_escape(byte, role, high)),
            Mode::Number(part) => self.number(byte, part),
            Mode::Literal(rest) => self.literal(byte, rest),
            Mode::Done => Ok(false),
        }
    }

    fn space(&self, byte: u8) -> Byte {
        match byte {
            b'\n' if self.one_line => Err("unexpected end of line".into()),
            b' ' | b'\t' | b'\r' | b'\n' => Ok(true),
            _ => Err(unexpected(byte)),
        }
    }

    fn value(&mut self, byte: u8, may_close: bool) -> Byte {
        match byte {
            b'"' => self.write_and(byte, Mode::String(Role::Value)),
            b'{' => self.open(byte, true),
            b'[' => self.open(byte, false),
            b']' if may_close => self.close(byte),
            b'-' => self.begin_number(byte, Number::Minus),
            b'0' => self.begin_number(byte, Number::Zero),
            b'1'..=b'9' => self.begin_number(byte, Number::Integer),
            b't' => self.write_and(byte, Mode::Literal(b"rue")),
            b'f' => self.write_and(byte, Mode::Literal(b"alse")),
            b'n' => self.write_and(byte, Mode::Literal(b"ull")),
            _ => self.space(byte),
        }
    }

    fn key(&mut self, byte: u8, may_close: bool) -> Byte {
        match byte {
            b'"' => self.write_and(byte, Mode::String(Role::Key)),
            b'}' if may_close => self.close(byte),
            _ => self.space(byte),
        }
    }

    fn colon(&mut self, byte: u8) -> Byte {
        if byte == b':' { self.write_and(byte, Mode::Value) } else { self.space(byte) }
    }

    fn comma_or_close(&mut self, byte: u8) -> Byte {
        let in_object = self.objects & 1 == 1;
        match byte {
            b',' => self.write_and(byte, if in_object { Mode::Key } else { Mode::Value }),
            b'}' if in_object => self.close(byte),
            b']' if !in_object => self.close(byte),
            _ => self.space(byte),
        }
    }

    fn open(&mut self, byte: u8, object: bool) -> Byte {
        if self.depth == DEPTH_MAX {
            return Err(format!("nesting deeper than {DEPTH_MAX} levels").into());
        }
        self.depth += 1;
        self.objects = (self.objects << 1) | u128::from(object);
        self.write_and(byte, if object { Mode::KeyOrClose } else { Mode::ValueOrClose })
    }

    fn close(&mut self, byte: u8) -> Byte {
        self.depth -= 1;
        self.objects >>= 1;
        self.write(byte);
        self.after_value();
        Ok(true)
    }

    fn after_value(&mut self) {
        self.mode = if self.depth == 0 { Mode::Done } else { Mode::CommaOrClose };
    }

    fn in_string(&mut self, byte: u8, role: Role) -> Byte {
        match byte {
            b'"' => {
                self.write(byte);
                match role {
                    Role::Key => self.mode = Mode::Colon,
                    Role::Value => self.after_value(),
                }
                Ok(true)
            }
            b'\\' => {
                self.mode = Mode::Escape(role);
                Ok(true)
            }
            control => Err(format!("unescaped control character (code {control}) in a string").into()),
        }
    }

    fn escape(&mut self, byte: u8, role: Role) -> Byte {
        let meant = match byte {
            b'"' | b'\\' | b'/' => byte,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                self.mode = Mode::Unicode(role, Unicode { digits: 0, unit: 0, high: None });
                return Ok(true);
            }
            _ => return Err("unrecognized character escape".into()),
        };
        self.write_text(&[meant]);
        self.mode = Mode::String(role);
        Ok(true)
    }

    fn unicode(&mut self, byte: u8, role: Role, unicode: Unicode) -> Byte {
        let digit = char::from(byte).to_digit(16).ok_or("unrecognized character escape")?;
        let unicode = Unicode { digits: unicode.digits + 1, unit: (unicode.unit << 4) | digit as u16, ..unicode };
        self.mode = if unicode.digits < 4 { Mode::Unicode(role, unicode) } else { self.code_unit(role, unicode) };
        Ok(true)
    }

    /// Writes what one or two code units mean. A half that has no other half cannot be written as UTF-8 and becomes U+FFFD.
    fn code_unit(&mut self, role: Role, unicode: Unicode) -> Mode {
        if let Some(high) = unicode.high {
            if let Some(Ok(c)) = char::decode_utf16([high, unicode.unit]).next() {
                self.write_char(c);
                return Mode::String(role);
            }
            self.write_text(REPLACEMENT.as_bytes());
        }
        if (0xd800..0xdc00).contains(&unicode.unit) {
            return Mode::Half(role, unicode.unit);
        }
        self.write_char(char::from_u32(u32::from(unicode.unit)).unwrap_or(char::REPLACEMENT_CHARACTER));
        Mode::String(role)
    }

    fn half(&mut self, byte: u8, role: Role, high: u16) -> bool {
        if byte == b'\\' {
            self.mode = Mode::HalfEscape(role, high);
            return true;
        }
        self.write_text(REPLACEMENT.as_bytes());
        self.mode = Mode::String(role);
        false
    }

    fn half_escape(&mut self, byte: u8, role: Role, high: u16) -> bool {
        if byte == b'u' {
            self.mode = Mode::Unicode(role, Unicode { digits: 0, unit: 0, high: Some(high) });
            return true;
        }
        self.write_text(REPLACEMENT.as_bytes());
        self.mode = Mode::Escape(role);
        false
    }

    fn begin_number(&mut self, byte: u8, part: Number) -> Byte {
        self.number_at = self.out.len();
        self.write_and(byte, Mode::Number(part))
    }

    fn number(&mut self, byte: u8, part: Number) -> Byte {
        use Number::{Dot, E, Exponent, Fraction, Integer, Minus, Sign, Zero};
        let next = match (part, byte) {
            (Minus, b'0') => Zero,
            (Minus, b'1'..=b'9') | (Integer, b'0'..=b'9') => Integer,
            (Zero | Integer, b'.') => Dot,
            (Dot | Fraction, b'0'..=b'9') => Fraction,
            (Zero | Integer | Fraction, b'e' | b'E') => E,
            (E, b'+' | b'-') => Sign,
            (E | Sign | Exponent, b'0'..=b'9') => Exponent,
            _ => {
                self.number_end(part)?;
                return Ok(false);
            }
        };
        self.write_and(byte, Mode::Number(next))
    }

    fn number_end(&mut self, part: Number) -> Result<(), Cow<'static, str>> {
        let text = if self.copies { &self.out[self.number_at..] } else { &[] };
        match part {
            Number::Minus | Number::Dot | Number::E | Number::Sign => return Err("malformed number".into()),
            Number::Exponent if !fits_a_double(text) => return Err("number out of range".into()),
            Number::Zero | Number::Integer | Number::Fraction if text.len() > SAFE_DIGITS && !fits_a_double(text) => {
                return Err("number out of range".into());
            }
            Number::Zero | Number::Integer | Number::Fraction | Number::Exponent => self.after_value(),
        }
        Ok(())
    }

    fn literal(&mut self, byte: u8, rest: &'static [u8]) -> Byte {
        match rest {
            [first] if *first == byte => {
                self.write(byte);
                self.after_value();
                Ok(true)
            }
            [first, others @ ..] if *first == byte => self.write_and(byte, Mode::Literal(others)),
            _ => Err(unexpected(byte)),
        }
    }

    fn write_and(&mut self, byte: u8, mode: Mode) -> Byte {
        self.write(byte);
        self.mode = mode;
        Ok(true)
    }

    fn write(&mut self, byte: u8) {
        if self.copies {
            self.out.push(byte);
        }
    }

    fn write_text(&mut self, text: &[u8]) {
        if self.copies {
            write_string_part(text, &mut self.out);
        }
    }

    fn write_char(&mut self, c: char) {
        self.write_text(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

fn unexpected(byte: u8) -> Cow<'static, str> {
    match byte {
        0x20..=0x7e => format!("unexpected character '{}'", char::from(byte)).into(),
        _ => format!("unexpected character (code {byte})").into(),
    }
}

fn fits_a_double(text: &[u8]) -> bool {
    let number = std::str::from_utf8(text).ok().and_then(|text| if text.is_empty() { Some(0.0) } else { text.parse::<f64>().ok() });
    number.is_some_and(f64::is_finite)
}
