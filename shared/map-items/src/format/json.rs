//! A JSON document whose items are the elements of an array in it, or the entries of an object. It is read as a stream: what lies before the
//! items is stepped over, of the items one at a time is in memory.

use std::borrow::Cow;

use super::json_value::{Fault, JsonValue};
use super::{FormatError, Found, ITEM_BYTES_MAX, Input, Place, Step, pointer, utf8};

const LANGUAGE: &str = "JSON";

/// Reads a JSON document.
#[derive(Debug)]
pub(crate) struct Json {
    /// `ItemsPointer`. Without one, the document is an array: of a whole document that is an object, "non-iterable node" was recorded.
    pointer: Option<String>,
    path: Vec<String>,
    state: State,
    value: JsonValue,
    /// Where the item began that is being read.
    began: u64,
    /// Of the entry that is being read: its key, as JSON.
    key: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Container {
    Array,
    Object,
}

/// What follows. The level is how much of the path has been walked.
#[derive(Clone, Copy, Debug)]
enum State {
    /// The value at the end of so much of the path.
    Target {
        level: usize,
    },
    /// A member of the object in which the path goes on.
    Member {
        level: usize,
        first: bool,
    },
    MemberKey {
        level: usize,
    },
    MemberColon {
        level: usize,
        wanted: bool,
    },
    /// An element of the array in which the path goes on; so many come before the wanted one.
    Element {
        level: usize,
        before: u64,
        first: bool,
    },
    Skip {
        level: usize,
        within: Within,
    },
    Separator {
        level: usize,
        within: Within,
    },
    /// An item, or the end of what contains them.
    Item {
        container: Container,
        first: bool,
    },
    EntryKey,
    EntryColon,
    Value {
        container: Container,
    },
    Comma {
        container: Container,
    },
    /// Nothing but white space, if the items are the whole document.
    Tail,
    End,
}

#[derive(Clone, Copy, Debug)]
enum Within {
    Object,
    Array { before: u64 },
}

/// What a step of the walk came to: going on, or an answer.
type Walked = Result<Option<Step>, FormatError>;

impl Json {
    /// `pointer`: `ItemsPointer`, if there is one. `place`: where reading begins, or goes on.
    pub(crate) fn new(pointer: Option<&str>, place: Place) -> Result<Self, FormatError> {
        let path = pointer::tokens(pointer.unwrap_or_default())?;
        let state = match place {
            Place::Between | Place::Line => State::Target { level: 0 },
            Place::Array => State::Comma { container: Container::Array },
            Place::Object => State::Comma { container: Container::Object },
            Place::End => State::End,
        };
        let pointer = pointer.map(str::to_owned);
        Ok(Self { pointer, path, state, value: JsonValue::default(), began: 0, key: Vec::new() })
    }

    pub(crate) fn place(&self) -> Place {
        match self.state {
            State::Comma { container: Container::Array } => Place::Array,
            State::Comma { container: Container::Object } => Place::Object,
            State::Tail | State::End => Place::End,
            _ => Place::Between,
        }
    }

    pub(crate) fn next(&mut self, input: &mut Input) -> Result<Step, FormatError> {
        loop {
            if let Some(step) = self.walk(input)? {
                return Ok(step);
            }
        }
    }

    fn walk(&mut self, input: &mut Input) -> Walked {
        match self.state {
            State::MemberKey { level } => self.member_key(input, level),
            State::Skip { level, within } => self.skip(input, level, within),
            State::EntryKey => self.entry_key(input),
            State::Value { container } => self.item(input, container),
            State::End => Ok(Some(Step::End)),
            _ => self.token(input),
        }
    }

    /// States in which white space may come before a byte that decides.
    fn token(&mut self, input: &mut Input) -> Walked {
        let blank = input.rest().iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count();
        input.advance(blank);
        let Some(byte) = input.rest().first().copied() else { return self.at_end_of(input) };
        match self.state {
            State::Target { level } if level == self.path.len() => self.target(input, byte),
            State::Target { level } => self.descend(input, byte, level),
            State::Member { level, first } => self.member(input, byte, level, first),
            State::MemberColon { level, wanted } => self.member_colon(input, byte, level, wanted),
            State::Element { level, before, first } => self.element(input, byte, level, before, first),
            State::Separator { level, within } => self.separator(input, byte, level, within),
            State::Item { container, first } => self.begin_item(input, byte, container, first),
            State::EntryColon => self.entry_colon(input, byte),
            State::Comma { container } => self.comma(input, byte, container),
            State::Tail => Err(malformed("unexpected characters after the value".into(), input.position())),
            State::MemberKey { .. } | State::Skip { .. } | State::EntryKey | State::Value { .. } | State::End => {
                unreachable!("these states read no tokens")
            }
        }
    }

    fn at_end_of(&mut self, input: &Input) -> Walked {
        match self.state {
            _ if !input.is_finished() => Ok(Some(Step::More)),
            State::Tail => {
                self.state = State::End;
                Ok(Some(Step::End))
            }
            _ => Err(malformed("unexpected end-of-input".into(), input.position())),
        }
    }

    fn go(&mut self, input: &mut Input, used: usize, state: State) -> Walked {
        input.advance(used);
        self.state = state;
        Ok(None)
    }

    fn target(&mut self, input: &mut Input, byte: u8) -> Walked {
        match byte {
            b'[' => self.go(input, 1, State::Item { container: Container::Array, first: true }),
            b'{' if self.pointer.is_some() => self.go(input, 1, State::Item { container: Container::Object, first: true }),
            _ if begins_value(byte) => Err(FormatError::NotIterable),
            _ => Err(unexpected(byte, input)),
        }
    }

    fn descend(&mut self, input: &mut Input, byte: u8, level: usize) -> Walked {
        match (byte, pointer::index(&self.path[level])) {
            (b'{', _) => self.go(input, 1, State::Member { level, first: true }),
            (b'[', Some(before)) => self.go(input, 1, State::Element { level, before, first: true }),
            _ if begins_value(byte) => Err(self.nowhere()),
            _ => Err(unexpected(byte, input)),
        }
    }

    fn nowhere(&self) -> FormatError {
        FormatError::PointsNowhere { pointer: self.pointer.clone().unwrap_or_default() }
    }

    fn member(&mut self, input: &mut Input, byte: u8, level: usize, first: bool) -> Walked {
        match byte {
            b'"' => {
                self.begin_value(input);
                self.go(input, 0, State::MemberKey { level })
            }
            b'}' if first => Err(self.nowhere()),
            _ => Err(unexpected(byte, input)),
        }
    }

    fn member_key(&mut self, input: &mut Input, level: usize) -> Walked {
        if !self.feed(input)? {
            return Ok(Some(Step::More));
        }
        let wanted = decoded(self.value.copied(), self.began)? == self.path[level];
        self.go(input, 0, State::MemberColon { level, wanted })
    }

    fn member_colon(&mut self, input: &mut Input, byte: u8, level: usize, wanted: bool) -> Walked {
        match byte {
            b':' if wanted => self.go(input, 1, State::Target { level: level + 1 }),
            b':' => {
                self.value.skip();
                self.go(input, 1, State::Skip { level, within: Within::Object })
            }
            _ => Err(unexpected(byte, input)),
        }
    }

    fn element(&mut self, input: &mut Input, byte: u8, level: usize, before: u64, first: bool) -> Walked {
        match (byte, before) {
            (b']', _) if first => Err(self.nowhere()),
            (_, 0) => self.go(input, 0, State::Target { level: level + 1 }),
            _ => {
                self.value.skip();
                self.go(input, 0, State::Skip { level, within: Within::Array { before: before - 1 } })
            }
        }
    }

    fn skip(&mut self, input: &mut Input, level: usize, within: Within) -> Walked {
        if !self.feed(input)? {
            return Ok(Some(Step::More));
        }
        self.go(input, 0, State::Separator { level, within })
    }

    fn separator(&mut self, input: &mut Input, byte: u8, level: usize, within: Within) -> Walked {
        match (byte, within) {
            (b',', Within::Object) => self.go(input, 1, State::Member { level, first: false }),
            (b',', Within::Array { before }) => self.go(input, 1, State::Element { level, before, first: false }),
            (b'}', Within::Object) | (b']', Within::Array { .. }) => Err(self.nowhere()),
            _ => Err(unexpected(byte, input)),
        }
    }

    fn begin_item(&mut self, input: &mut Input, byte: u8, container: Container, first: bool) -> Walked {
        match (byte, container) {
            (b']', Container::Array) | (b'}', Container::Object) if first => self.close(input),
            (_, Container::Array) => {
                self.begin_value(input);
                self.go(input, 0, State::Value { container })
            }
            (b'"', Container::Object) => {
                self.begin_value(input);
                self.go(input, 0, State::EntryKey)
            }
            (_, Container::Object) => Err(unexpected(byte, input)),
        }
    }

    fn begin_value(&mut self, input: &Input) {
        self.began = input.position();
        self.value.copy(ITEM_BYTES_MAX, false);
    }

    fn close(&mut self, input: &mut Input) -> Walked {
        // What comes after an array inside the document is not looked at.
        let state = if self.path.is_empty() { State::Tail } else { State::End };
        self.go(input, 1, state)
    }

    fn entry_key(&mut self, input: &mut Input) -> Walked {
        if !self.feed(input)? {
            return Ok(Some(Step::More));
        }
        self.key.clear();
        self.key.extend_from_slice(self.value.copied());
        self.go(input, 0, State::EntryColon)
    }

    fn entry_colon(&mut self, input: &mut Input, byte: u8) -> Walked {
        if byte != b':' {
            return Err(unexpected(byte, input));
        }
        self.value.copy(ITEM_BYTES_MAX, false);
        self.go(input, 1, State::Value { container: Container::Object })
    }

    fn item(&mut self, input: &mut Input, container: Container) -> Walked {
        if !self.feed(input)? {
            return Ok(Some(Step::More));
        }
        self.state = State::Comma { container };
        let found = match container {
            Container::Array => Found { text: utf8(self.value.copied().to_vec(), self.began)?, key: None },
            Container::Object => self.entry()?,
        };
        Ok(Some(Step::Item(found)))
    }

    fn entry(&mut self) -> Result<Found, FormatError> {
        let text = [br#"{"Key":"#, self.key.as_slice(), br#","Value":"#, self.value.copied(), b"}"].concat();
        if text.len() > ITEM_BYTES_MAX {
            return Err(FormatError::LongItem { at: self.began });
        }
        let key = decoded(&self.key, self.began)?.into_boxed_str();
        Ok(Found { text: utf8(text, self.began)?, key: Some(key) })
    }

    fn comma(&mut self, input: &mut Input, byte: u8, container: Container) -> Walked {
        match (byte, container) {
            (b',', _) => self.go(input, 1, State::Item { container, first: false }),
            (b']', Container::Array) | (b'}', Container::Object) => self.close(input),
            _ => Err(unexpected(byte, input)),
        }
    }

    /// Whether the value is complete.
    fn feed(&mut self, input: &mut Input) -> Result<bool, FormatError> {
        let (at, began) = (input.position(), self.began);
        let fed = self.value.feed(input.rest()).map_err(|fault| match fault {
            Fault::Malformed { problem, at: offset } => malformed(problem, at + offset as u64),
            Fault::TooLong => FormatError::LongItem { at: began },
        })?;
        input.advance(fed.used);
        if !fed.done && input.is_finished() {
            return Err(malformed("unexpected end-of-input".into(), input.position()));
        }
        Ok(fed.done)
    }
}

fn begins_value(byte: u8) -> bool {
    matches!(byte, b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n')
}

fn unexpected(byte: u8, input: &Input) -> FormatError {
    let problem = match byte {
        0x20..=0x7e => format!("unexpected character '{}'", char::from(byte)),
        _ => format!("unexpected character (code {byte})"),
    };
    malformed(problem.into(), input.position())
}

fn malformed(problem: Cow<'static, str>, at: u64) -> FormatError {
    FormatError::Malformed { language: LANGUAGE, problem, at }
}

/// The text that a JSON string means.
fn decoded(string: &[u8], at: u64) -> Result<String, FormatError> {
    serde_json::from_slice(string).map_err(|_| FormatError::NotUtf8 { at })
}
