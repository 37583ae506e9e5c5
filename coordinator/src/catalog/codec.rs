//! Bytes of the catalog: a byte that names the format, then bincode with fixed-width integers.
//!
//! The store frames and checks what it keeps, so that there is no checksum here. A type of [`model`](super::model) or
//! [`event`](super::event) never changes its form under the same format number: its successor gets a type and a number of its own,
//! and [`decode`] turns the old one into the new one.

use bincode::{Decode, Encode};

/// The format that is written.
const FORMAT: u8 = 1;

/// Largest value, bytes: two definitions' worth. Without a bound a forged length would take the process down.
const LEN_MAX: usize = 4 * 1024 * 1024;

fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_fixed_int_encoding().with_limit::<LEN_MAX>()
}

/// Why bytes are not what they should be.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// A newer release wrote it.
    #[error("its format is {0}; this release reads formats up to {FORMAT}")]
    Format(u8),
    /// No release wrote it.
    #[error("it is damaged: {0}")]
    Damaged(String),
}

/// Bytes of `value`.
pub(super) fn encode<T: Encode>(value: &T) -> Vec<u8> {
    let mut bytes = vec![FORMAT];
    bincode::encode_into_std_write(value, &mut bytes, config()).expect("the API bounds what the catalog keeps");
    bytes
}

/// The inverse of [`encode`].
pub(super) fn decode<T: Decode<()>>(bytes: &[u8]) -> Result<T, DecodeError> {
    match bytes.split_first() {
        Some((&FORMAT, body)) => whole(body),
        Some((&format, _)) if format > FORMAT => Err(DecodeError::Format(format)),
        _ => Err(DecodeError::Damaged("it has no format".to_owned())),
    }
}

fn whole<T: Decode<()>>(body: &[u8]) -> Result<T, DecodeError> {
    match bincode::decode_from_slice(body, config()) {
        Ok((value, len)) if len == body.len() => Ok(value),
        Ok(_) => Err(DecodeError::Damaged("it is longer than what it holds".to_owned())),
        Err(error) => Err(DecodeError::Damaged(error.to_string())),
    }
}

/// Bytes of one batch of the log: each value with its length before it.
pub(super) fn encode_batch<T: Encode>(values: &[T]) -> Vec<u8> {
    let mut batch = Vec::new();
    for value in values {
        let bytes = encode(value);
        let len = u32::try_from(bytes.len()).expect("the API bounds what the catalog keeps");
        batch.extend_from_slice(&len.to_le_bytes());
        batch.extend_from_slice(&bytes);
    }
    batch
}

/// The inverse of [`encode_batch`].
pub(super) fn decode_batch<T: Decode<()>>(mut batch: &[u8]) -> Result<Vec<T>, DecodeError> {
    let mut values = Vec::new();
    while !batch.is_empty() {
        let (value, rest) = split_first(batch).ok_or_else(|| DecodeError::Damaged("a batch ends too early".to_owned()))?;
        values.push(decode(value)?);
        batch = rest;
    }
    Ok(values)
}

fn split_first(batch: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = batch.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*len) as usize)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::model::{Tag, Version};
    use super::*;

    #[test]
    fn values_come_back() {
        let version = Version { number: 3, revision: 1 << 100, description: Some("ä".into()), at: -5 };
        assert_eq!(decode::<Version>(&encode(&version)).expect("own bytes"), version);
    }

    #[test]
    fn the_format_is_fixed() {
        let tag = Tag { key: "k".into(), value: "vv".into() };
        assert_eq!(encode(&tag), b"\x01\x01\0\0\0\0\0\0\0k\x02\0\0\0\0\0\0\0vv");
    }

    #[test]
    fn batches_come_back() {
        let values = vec![Arc::<str>::from("a"), "".into(), "ccc".into()];
        let batch = encode_batch(&values);
        assert_eq!(decode_batch::<Arc<str>>(&batch).expect("own bytes"), values);
        assert!(decode_batch::<Arc<str>>(&batch[..batch.len() - 1]).is_err());
        assert!(decode_batch::<Arc<str>>(b"\xff\xff\xff\xff").is_err());
    }

    #[test]
    fn forged_bytes_are_errors() {
        let text = encode(&Arc::<str>::from("text"));
        for len in 0..text.len() {
            assert!(decode::<Arc<str>>(&text[..len]).is_err());
        }
        assert!(matches!(decode::<Arc<str>>(b"\x02"), Err(DecodeError::Format(2))));
        assert!(decode::<Arc<str>>(b"\x01\xff\xff\xff\xff\xff\xff\xff\x7fx").is_err());
        assert!(decode::<Vec<u64>>(b"\x01\xff\xff\xff\xff\0\0\0\0").is_err());
        assert!(decode::<Arc<str>>(&[text, vec![0]].concat()).is_err());
    }
}
