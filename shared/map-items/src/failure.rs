//! Why a Map Run's items cannot be read or its results not be written.

use std::sync::Arc;

use crate::format::FormatError;
use crate::store::StoreError;

/// `States.ItemReaderFailed`, with the cause as AWS says it where that is known. Whatever may pass has been tried again already.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {cause}")]
pub struct ReadFailure {
    /// The error's name.
    pub error: Arc<str>,
    /// What happened.
    pub cause: Arc<str>,
}

/// `States.ResultWriterFailed`, likewise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {cause}")]
pub struct WriteFailure {
    /// The error's name.
    pub error: Arc<str>,
    /// What happened.
    pub cause: Arc<str>,
}

/// Longest cause that an event may have, in characters.
const CAUSE_LEN_MAX: usize = 32_768;

impl ReadFailure {
    pub(crate) fn new(cause: impl Into<String>) -> Self {
        Self { error: "States.ItemReaderFailed".into(), cause: bounded(cause.into()) }
    }
}

impl WriteFailure {
    pub(crate) fn new(cause: impl Into<String>) -> Self {
        Self { error: "States.ResultWriterFailed".into(), cause: bounded(cause.into()) }
    }
}

fn bounded(cause: String) -> Arc<str> {
    match cause.char_indices().nth(CAUSE_LEN_MAX) {
        Some((end, _)) => cause[..end].into(),
        None => cause.into(),
    }
}

impl From<StoreError> for ReadFailure {
    fn from(error: StoreError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<StoreError> for WriteFailure {
    fn from(error: StoreError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<FormatError> for ReadFailure {
    fn from(error: FormatError) -> Self {
        Self::new(error.to_string())
    }
}
