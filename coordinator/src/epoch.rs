//! Timestamps as the API writes them.

use baton_engine::Timestamp;
use serde::{Serialize, Serializer};

/// Seconds since 1970 as a JSON number with up to three decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EpochSeconds(pub(crate) Timestamp);

impl Serialize for EpochSeconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A double holds milliseconds exactly enough for its shortest text to have three decimals at most.
        serializer.serialize_f64(self.0 as f64 / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_are_decimals() {
        let text = |at| serde_json::to_string(&EpochSeconds(at)).expect("a number");
        assert_eq!(text(1_700_000_000_123), "1700000000.123");
        assert_eq!(text(1_700_000_000_000), "1700000000.0");
        for at in 1_795_000_000_000..1_795_000_000_999 {
            assert!(text(at).len() <= "1795000000.999".len(), "{}", text(at));
        }
    }
}
