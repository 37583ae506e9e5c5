//! The wall clock, for what is at the edge: the pure crates get the time as an argument.

use std::time::{SystemTime, UNIX_EPOCH};

use baton_engine::Timestamp;

/// Milliseconds since 1970 UTC.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock stands after 1970");
    i64::try_from(since.as_millis()).expect("the clock stands before the year 292,278,994")
}
