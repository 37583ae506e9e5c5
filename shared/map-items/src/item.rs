//! What reading gives.

use std::sync::Arc;

/// An item of the dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The item as compact JSON; of an entry of an object `{"Key":…,"Value":…}`.
    pub text: Box<str>,
    /// `$$.Map.Item.Key`: of an entry of an object.
    pub key: Option<Box<str>>,
    /// `$$.Map.Item.Source`: `S3://bucket` of a listing, `S3://bucket/key` of what is in an object.
    pub source: Arc<str>,
}

/// Items that follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Never empty unless the chunk is the last one.
    pub items: Vec<Item>,
    /// Where reading goes on after them.
    pub cursor: super::Cursor,
    /// Whether there are no more.
    pub is_last: bool,
}
