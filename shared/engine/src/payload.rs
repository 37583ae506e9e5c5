//! JSON text that is passed through untouched.

use std::sync::{Arc, OnceLock};

use baton_query::Value;
use bytes::Bytes;

/// Levels that a payload may be nested: as deep as `serde_json` parses. Text from outside is refused at the border when it is
/// deeper; what the engine makes itself is a fault of its state.
pub const PAYLOAD_DEPTH_MAX: usize = 127;

/// Validated JSON text with O(1) clones. It is parsed at most once, and only when a path or an expression reads it, so key order
/// and number text survive wherever nothing transforms it.
#[derive(Clone)]
pub struct Payload(Arc<Inner>);

struct Inner {
    text: String,
    value: OnceLock<Value>,
}

impl Payload {
    /// JSON text that the caller has validated (at the API's or the gateway's border).
    ///
    /// # Panics
    /// When it is not UTF-8, which validated JSON text always is.
    pub fn from_validated(text: Bytes) -> Self {
        Self::from_text(String::from_utf8(text.into()).expect("payloads are validated JSON text"))
    }

    /// JSON text that the caller has validated.
    pub fn from_text(text: String) -> Self {
        Self(Arc::new(Inner { text, value: OnceLock::new() }))
    }

    /// Compact text of a value.
    pub fn from_value(value: Value) -> Self {
        Self(Arc::new(Inner { text: value.to_string(), value: OnceLock::from(value) }))
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The text's bytes, shared.
    pub fn bytes(&self) -> Bytes {
        Bytes::from_owner(self.clone())
    }

    /// Length of the text in bytes, what the payload limit counts.
    pub fn len(&self) -> usize {
        self.0.text.len()
    }

    /// Never true: JSON text has at least one character.
    pub fn is_empty(&self) -> bool {
        self.0.text.is_empty()
    }

    /// The parsed value.
    pub fn value(&self) -> &Value {
        self.0.value.get_or_init(|| serde_json::from_str(&self.0.text).expect("payloads are validated JSON text"))
    }

    /// Whether both are one and the same allocation.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Where it lies in memory; what [`is_same`](Self::is_same) compares.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }
}

impl AsRef<[u8]> for Payload {
    fn as_ref(&self) -> &[u8] {
        self.0.text.as_bytes()
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other) || self.0.text == other.0.text
    }
}

impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text())
    }
}
