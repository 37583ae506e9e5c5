//! Names of requests: unique, cheap, in the form of a UUID.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderValue;
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// `x-amzn-RequestId`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct RequestId(u128);

impl RequestId {
    /// A new one: a counter under a key that this process drew at its first request.
    pub(super) fn next() -> Self {
        static KEY: OnceLock<u64> = OnceLock::new();
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let key = *KEY.get_or_init(|| getrandom::u64().expect("the operating system gives random numbers"));
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        Self(xxh3_128_with_seed(&count.to_le_bytes(), key))
    }

    pub(super) fn header(self) -> HeaderValue {
        let mut buffer = [0; uuid::fmt::Hyphenated::LENGTH];
        let text = self.uuid().hyphenated().encode_lower(&mut buffer);
        HeaderValue::from_str(text).expect("a UUID is a header value")
    }

    pub(super) fn uuid(self) -> uuid::Uuid {
        uuid::Builder::from_random_bytes(self.0.to_be_bytes()).into_uuid()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uuid().hyphenated().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_uuids_and_differ() {
        let (one, other) = (RequestId::next(), RequestId::next());
        assert_ne!(one, other);
        assert_eq!(one.header().to_str().expect("ASCII"), one.to_string());
        assert_eq!(uuid::Uuid::parse_str(&one.to_string()).expect("a UUID").get_version_num(), 4);
    }
}
