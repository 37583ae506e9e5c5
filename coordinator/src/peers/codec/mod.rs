//! What members say to each other, as bytes: a byte that says the format, then the engine's own codec.
//!
//! A type of this module, or one that it takes from elsewhere, never changes its form under the same format: a member of the next release and
//! one of this release speak the lower of their formats (`Member::level`).

mod answer;
mod grant;
mod text;

use baton_engine::{PayloadTable, decode_with_table, encode_with_table};
use bincode::{Decode, Encode};
use bytes::Bytes;

use crate::cluster::{Notice, PeerAnswer, Question};
use answer::WireAnswer;

/// The format that is spoken.
const FORMAT: u8 = 2;
/// Bytes of one body: a message has room for it, and for what goes with it.
const BODY_BYTES_MAX: usize = baton_proto::MESSAGE_BYTES_MAX / 2;

/// What a member is told that speaks another format.
pub(super) const NOT_UNDERSTOOD: &str = "The members of the cluster are of releases that do not understand each other.";
/// What is asked for is larger than one member can tell another.
const TOO_LARGE: &str = "What was asked for is too large to be sent from one server to another at the moment. Try again.";

/// Why a body could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CodecError {
    /// A newer release wrote it.
    #[error("format {0} is not known to this release")]
    Format(u8),
    /// No release wrote it.
    #[error("it is not as it was written: {0}")]
    Malformed(String),
}

fn encode<T: Encode>(value: &T) -> Bytes {
    let mut bytes = vec![FORMAT];
    encode_with_table(value, &mut bytes);
    Bytes::from(bytes)
}

fn decode<T: Decode<PayloadTable>>(body: &[u8]) -> Result<T, CodecError> {
    match body.split_first() {
        Some((&FORMAT, _)) if body.len() > BODY_BYTES_MAX => Err(CodecError::Malformed(format!("it has {} bytes", body.len()))),
        Some((&FORMAT, rest)) => decode_with_table(rest).map_err(|error| CodecError::Malformed(error.to_string())),
        Some((&format, _)) => Err(CodecError::Format(format)),
        None => Err(CodecError::Malformed("it is empty".to_owned())),
    }
}

/// A question's bytes.
pub(super) fn encode_question(question: &Question) -> Bytes {
    encode(question)
}

/// The inverse of [`encode_question`].
pub(super) fn decode_question(body: &[u8]) -> Result<Question, CodecError> {
    decode(body)
}

/// A notice's bytes.
pub(super) fn encode_notice(notice: &Notice) -> Bytes {
    encode(notice)
}

/// The inverse of [`encode_notice`].
pub(super) fn decode_notice(body: &[u8]) -> Result<Notice, CodecError> {
    decode(body)
}

/// An answer's bytes. What is too large for a message is said to be.
pub(super) fn encode_answer(answer: PeerAnswer) -> Bytes {
    let bytes = encode(&WireAnswer::from(answer));
    if bytes.len() <= BODY_BYTES_MAX { bytes } else { encode(&WireAnswer::Unavailable(TOO_LARGE.to_owned())) }
}

/// The inverse of [`encode_answer`].
pub(super) fn decode_answer(body: &[u8]) -> Result<PeerAnswer, CodecError> {
    decode::<WireAnswer>(body).map(PeerAnswer::from)
}

#[cfg(test)]
mod tests;
