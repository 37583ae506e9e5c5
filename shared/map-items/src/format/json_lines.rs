//! JSON Lines: a value on each line. Empty lines are no items.

use super::json_value::{Fault, JsonValue};
use super::{FormatError, Found, ITEM_BYTES_MAX, Input, Place, Step, utf8};

const LANGUAGE: &str = "JSON Lines";

/// Reads JSON Lines.
#[derive(Debug)]
pub(crate) struct JsonLines {
    value: JsonValue,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// A value, or white space, follows.
    Between,
    /// In a value that began there.
    Value(u64),
    /// After a value only the line's end may follow.
    AfterValue,
}

impl JsonLines {
    /// `place`: where reading begins, or goes on.
    pub(crate) fn new(place: Place) -> Self {
        let state = if place == Place::Line { State::AfterValue } else { State::Between };
        Self { value: JsonValue::default(), state }
    }

    pub(crate) fn place(&self) -> Place {
        match self.state {
            State::AfterValue => Place::Line,
            State::Between | State::Value(_) => Place::Between,
        }
    }

    pub(crate) fn next(&mut self, input: &mut Input) -> Result<Step, FormatError> {
        loop {
            match self.state {
                State::Between => {
                    let blank = input.rest().iter().take_while(|byte| byte.is_ascii_whitespace()).count();
                    input.advance(blank);
                    if input.rest().is_empty() {
                        return Ok(if input.is_finished() { Step::End } else { Step::More });
                    }
                    self.value.copy(ITEM_BYTES_MAX, true);
                    self.state = State::Value(input.position());
                }
                State::Value(began) => match self.value(input, began)? {
                    Some(found) => return Ok(Step::Item(found)),
                    None => return Ok(Step::More),
                },
                State::AfterValue => {
                    let blank = input.rest().iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r')).count();
                    input.advance(blank);
                    match input.rest().first() {
                        None if input.is_finished() => return Ok(Step::End),
                        None => return Ok(Step::More),
                        Some(b'\n') => self.state = State::Between,
                        Some(_) => return Err(malformed("unexpected characters after the value of a line".into(), input.position())),
                    }
                }
            }
        }
    }

    fn value(&mut self, input: &mut Input, began: u64) -> Result<Option<Found>, FormatError> {
        let at = input.position();
        let failed = |fault| match fault {
            Fault::Malformed { problem, at: offset } => malformed(problem, at + offset as u64),
            Fault::TooLong => FormatError::LongItem { at: began },
        };
        let fed = self.value.feed(input.rest()).map_err(failed)?;
        input.advance(fed.used);
        if !fed.done {
            if !input.is_finished() {
                return Ok(None);
            }
            let at = input.position();
            self.value.end().map_err(|fault| match fault {
                Fault::Malformed { problem, .. } => malformed(problem, at),
                Fault::TooLong => FormatError::LongItem { at: began },
            })?;
        }
        self.state = State::AfterValue;
        Ok(Some(Found { text: utf8(self.value.copied().to_vec(), began)?, key: None }))
    }
}

fn malformed(problem: std::borrow::Cow<'static, str>, at: u64) -> FormatError {
    FormatError::Malformed { language: LANGUAGE, problem, at }
}
