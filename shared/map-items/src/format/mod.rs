//! Formats of text: bytes in, items out, without IO. Each takes what is there, answers an item as soon as it has one whole, and can go on
//! from any position that it has named.

mod csv;
mod input;
mod java_map_order;
mod json;
mod json_lines;
mod json_text;
mod json_value;
mod pointer;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub(crate) use csv::Csv;
pub(crate) use input::Input;
pub(crate) use json::Json;
pub(crate) use json_lines::JsonLines;
pub(crate) use json_text::write_string;

/// Longest item, as AWS has it: in bytes of JSON, before `ItemSelector`.
pub(crate) const ITEM_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What looking for an item came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Here it is.
    Item(Found),
    /// The input ends too early to tell.
    More,
    /// There is none any more.
    End,
}

/// An item as a format finds it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Compact JSON.
    pub(crate) text: Box<str>,
    /// Of an entry of an object: its key.
    pub(crate) key: Option<Box<str>>,
}

/// Why a text is not what it should be. The texts are the ones that AWS shows where they are known, and in its manner elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormatError {
    /// Recorded.
    #[error("Attempting to map over non-iterable node.")]
    NotIterable,
    /// Recorded.
    #[error("CSV headers cannot contain duplicates.")]
    DuplicateHeaders,
    #[error("CSV headers cannot be empty.")]
    NoHeaders,
    #[error("CSV headers exceed the limit of {} bytes.", csv::HEADER_BYTES_MAX)]
    LongHeaders,
    #[error("The dataset is not encoded in UTF-8: invalid byte sequence at or after byte {at}.")]
    NotUtf8 { at: u64 },
    #[error("An item of the dataset exceeds the limit of {ITEM_BYTES_MAX} bytes: the one that begins at byte {at}.")]
    LongItem { at: u64 },
    #[error("The dataset is not valid {language}: {problem} at byte {at}.")]
    Malformed { language: &'static str, problem: Cow<'static, str>, at: u64 },
    #[error("ItemsPointer '{pointer}' is not a valid JSON Pointer.")]
    BadPointer { pointer: String },
    #[error("ItemsPointer '{pointer}' does not resolve to a value in the dataset.")]
    PointsNowhere { pointer: String },
}

/// A format, and how far it has come.
#[derive(Debug)]
pub(crate) enum Format {
    Csv(Csv),
    Json(Box<Json>),
    JsonLines(JsonLines),
}

impl Format {
    /// Looks for the next item.
    pub(crate) fn next(&mut self, input: &mut Input) -> Result<Step, FormatError> {
        if !input.skip_byte_order_mark() {
            return Ok(Step::More);
        }
        match self {
            Format::Csv(format) => format.next(input),
            Format::Json(format) => format.next(input),
            Format::JsonLines(format) => format.next(input),
        }
    }

    /// What going on after the last item needs to know beside the position.
    pub(crate) fn place(&self) -> Place {
        match self {
            Format::Csv(_) => Place::Between,
            Format::JsonLines(format) => format.place(),
            Format::Json(format) => format.place(),
        }
    }
}

/// Where between items a format stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Place {
    /// Nothing has been read, or nothing needs to be known.
    #[default]
    Between,
    /// After an element of the array of items.
    Array,
    /// After an entry of the object whose entries are the items.
    Object,
    /// After the value of a line, before the line's end.
    Line,
    /// All items have been read.
    End,
}

/// The elements of an array, as compact JSON; `None` of anything else.
pub(crate) fn array_elements(text: &str) -> Option<Vec<Box<str>>> {
    let mut format = Json::new(None, Place::Between).ok()?;
    let mut input = Input::default();
    input.push(text.as_bytes());
    input.finish();
    let mut elements = Vec::new();
    loop {
        match format.next(&mut input).ok()? {
            Step::Item(found) => elements.push(found.text),
            Step::End => return Some(elements),
            Step::More => unreachable!("the text is finished"),
        }
    }
}

/// The text of finished bytes.
fn utf8(bytes: Vec<u8>, at: u64) -> Result<Box<str>, FormatError> {
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text.into_boxed_str()),
        Err(error) => Err(FormatError::NotUtf8 { at: at + error.utf8_error().valid_up_to() as u64 }),
    }
}
