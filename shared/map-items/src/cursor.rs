//! Where reading goes on: a short text that is kept in the log.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ReadFailure;
use crate::format::Place;

/// The format of positions. A change of it gets another number, so that an older cursor is refused and not misread.
const VERSION: u32 = 1;

/// A position in a dataset. Reading on from it gives exactly the items that followed, or fails if the dataset has changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cursor(Arc<str>);

impl Cursor {
    /// As it was kept.
    pub fn from_text(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// To be kept.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn at(position: &Position) -> Self {
        Self(serde_json::to_string(position).expect("positions are plain data").into())
    }

    pub(crate) fn position(&self) -> Result<Position, ReadFailure> {
        let unfit = |why: &str| ReadFailure::new(format!("The position '{}' cannot be gone on from: {why}.", self.0));
        let position: Position = serde_json::from_str(&self.0).map_err(|error| unfit(&error.to_string()))?;
        if position.version == VERSION { Ok(position) } else { Err(unfit("it is of another version")) }
    }
}

/// What a cursor says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    #[serde(rename = "v")]
    version: u32,
    /// Items that came before.
    pub(crate) items: u64,
    #[serde(flatten)]
    pub(crate) at: At,
}

impl Position {
    pub(crate) fn new(items: u64, at: At) -> Self {
        Self { version: VERSION, items, at }
    }
}

/// Where, by the kind of dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum At {
    /// In a listing, after this key; empty before all.
    Listing(String),
    /// In one object.
    Object(ObjectAt),
    /// In objects that follow each other.
    Objects(ObjectsAt),
    /// After the last item.
    End,
}

/// Where in an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ObjectAt {
    /// Which object; none before the first was opened.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) etag: Option<String>,
    /// Of its text, decompressed.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub(crate) byte: u64,
    /// Bytes of the object. Where it ends, nothing can be asked for.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub(crate) size: u64,
    /// What the format knows beside that.
    #[serde(skip_serializing_if = "is_between", default)]
    pub(crate) place: Place,
    /// Rows before, where bytes say nothing.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub(crate) row: u64,
}

/// Where in objects that follow each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ObjectsAt {
    /// Of the manifest that names them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) manifest: Option<String>,
    /// Objects that have been read.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub(crate) read: u64,
    /// Of a listing: the object that is being read, or was the last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) key: Option<String>,
    /// Where in the object that is being read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) object: Option<ObjectAt>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_between(place: &Place) -> bool {
    *place == Place::Between
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_survive_being_kept() {
        let object = ObjectAt { etag: Some("\"e\"".into()), byte: 17, size: 20, place: Place::Array, row: 0 };
        for at in [
            At::Listing("k".into()),
            At::Object(object.clone()),
            At::Objects(ObjectsAt { read: 3, object: Some(object), ..ObjectsAt::default() }),
        ] {
            let position = Position::new(5, at);
            assert_eq!(Cursor::at(&position).position(), Ok(position));
        }
        let text = Cursor::at(&Position::new(2, At::Object(ObjectAt { byte: 17, place: Place::Array, ..ObjectAt::default() })));
        assert_eq!(text.as_str(), r#"{"v":1,"items":2,"object":{"byte":17,"place":"array"}}"#);
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        assert!(Cursor::from_text("").position().is_err());
        assert!(Cursor::from_text(r#"{"v":2,"items":2,"listing":""}"#).position().is_err());
    }
}
