//! Page tokens: opaque to callers, valid for a day, over restarts and on every node, and only for the request that they continue.
//!
//! A token holds the place at which to go on, so that nothing is kept for it. The checksum is against accidents; nothing that a
//! caller could read by making up a token is hidden from that caller anyway.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use baton_engine::Timestamp;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::error::ApiError;
use super::operation::Operation;

/// How long AWS accepts a token.
const LIFETIME_MS: i64 = 24 * 60 * 60 * 1000;
const FORMAT: u8 = 1;
const SEED: u64 = 0x6261_746f_6e70_6167;

/// Results on a page when the caller does not say, or says 0.
pub(super) fn limit(max_results: Option<i64>) -> usize {
    match max_results {
        None | Some(0) => 100,
        Some(limit) => usize::try_from(limit).expect("the constraint on maxResults has been checked"),
    }
}

/// The request that tokens belong to: all of its arguments but `maxResults`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    operation: Operation,
    arguments: u64,
}

impl Request {
    /// `arguments` in a fixed order, each one present or absent.
    pub(super) fn new(operation: Operation, arguments: &[Option<&str>]) -> Self {
        let mut text = String::from(operation.name());
        for argument in arguments {
            text.push(if argument.is_some() { '\u{1}' } else { '\u{0}' });
            text.push_str(argument.unwrap_or_default());
        }
        Self { operation, arguments: xxh3_64(text.as_bytes()) }
    }

    /// A token that goes on at `place`.
    pub(super) fn token(&self, place: &[u8], now: Timestamp) -> String {
        let mut token = vec![FORMAT, self.operation as u8];
        token.extend_from_slice(&self.arguments.to_le_bytes());
        token.extend_from_slice(&(now + LIFETIME_MS).to_le_bytes());
        token.extend_from_slice(place);
        token.extend_from_slice(&xxh3_64_with_seed(&token, SEED).to_le_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(token)
    }

    /// The place at which the token goes on.
    pub(super) fn place(&self, token: &str, now: Timestamp) -> Result<Vec<u8>, ApiError> {
        self.open(token, now).ok_or(ApiError::InvalidToken)
    }

    /// As [`place`](Self::place), now, for places that are texts.
    pub(super) fn text_place(&self, token: &str) -> Result<String, ApiError> {
        String::from_utf8(self.place(token, crate::clock::now())?).map_err(|_| ApiError::InvalidToken)
    }

    /// Cuts a list, of which one more than fits has been read, to the page's size, and makes the token if something is left over.
    pub(super) fn cut<T>(&self, mut listed: Vec<T>, max_results: Option<i64>, place: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
        let limit = limit(max_results);
        let more = listed.len() > limit;
        listed.truncate(limit);
        let token = listed.last().filter(|_| more).map(|last| self.token(place(last).as_bytes(), crate::clock::now()));
        (listed, token)
    }

    fn open(&self, token: &str, now: Timestamp) -> Option<Vec<u8>> {
        let token = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
        let (token, checksum) = token.split_last_chunk::<8>()?;
        if u64::from_le_bytes(*checksum) != xxh3_64_with_seed(token, SEED) {
            return None;
        }
        let place = token.strip_prefix(&[FORMAT, self.operation as u8])?;
        let (arguments, place) = place.split_first_chunk::<8>()?;
        let (expires, place) = place.split_first_chunk::<8>()?;
        let valid = u64::from_le_bytes(*arguments) == self.arguments && now < i64::from_le_bytes(*expires);
        valid.then(|| place.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = 1_700_000_000_000;

    fn request() -> Request {
        Request::new(Operation::ListExecutions, &[Some("arn"), None])
    }

    #[test]
    fn a_token_goes_on_where_it_was_made() {
        let token = request().token(b"place", NOW);
        assert_eq!(request().place(&token, NOW), Ok(b"place".to_vec()));
        assert_eq!(request().place(&request().token(b"", NOW), NOW), Ok(Vec::new()));
    }

    #[test]
    fn a_token_is_good_for_a_day() {
        let token = request().token(b"place", NOW);
        assert!(request().place(&token, NOW + LIFETIME_MS - 1).is_ok());
        let error = request().place(&token, NOW + LIFETIME_MS).expect_err("it has expired");
        assert_eq!((error.code(), error.to_string().as_str()), ("InvalidToken", "Invalid Token: 'Invalid token'"));
    }

    #[test]
    fn a_token_is_for_its_request_only() {
        let token = request().token(b"place", NOW);
        for other in [
            Request::new(Operation::ListExecutions, &[Some("arn"), Some("")]),
            Request::new(Operation::ListExecutions, &[Some("other"), None]),
            Request::new(Operation::ListMapRuns, &[Some("arn"), None]),
        ] {
            assert!(other.place(&token, NOW).is_err());
        }
    }

    #[test]
    fn made_up_tokens_are_refused() {
        let token = request().token(b"place", NOW);
        for text in ["", "x", "not base64!", "AAAA", &token[1..], &token[..token.len() - 1], &format!("{token}A")] {
            assert!(request().place(text, NOW).is_err(), "{text}");
        }
        for place in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert!(request().place(&changed, NOW).is_err(), "{changed}");
        }
    }
}
