//! Segments of histories, in [`Table::History`](crate::store::Table::History).

use super::codec::{Parts, prefix_range};
use crate::store::KeyRange;

/// One run of consecutive events of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HistoryKey {
    /// Id of the execution.
    pub execution: u128,
    /// Position of the segment's first event in the execution's history, from 0, internal events included.
    pub first_event: u64,
}

impl HistoryKey {
    /// Bytes of the key.
    pub fn encode(self) -> Vec<u8> {
        let mut key = Vec::with_capacity(24);
        key.extend_from_slice(&self.execution.to_be_bytes());
        key.extend_from_slice(&self.first_event.to_be_bytes());
        key
    }

    /// The inverse of [`encode`](Self::encode).
    pub fn decode(key: &[u8]) -> Option<Self> {
        let mut parts = Parts(key);
        let execution = parts.u128()?;
        let first_event = parts.u64()?;
        parts.end()?;
        Some(Self { execution, first_event })
    }

    /// All segments of an execution, in the order of their events.
    pub fn of_execution(execution: u128) -> KeyRange {
        prefix_range(&execution.to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::ops::RangeBounds;

    proptest! {
        #[test]
        fn bytes_have_the_order_of_the_values(a: (u128, u64), b: (u128, u64)) {
            let key = |(execution, first_event)| HistoryKey { execution, first_event };
            prop_assert_eq!(a.cmp(&b), key(a).encode().cmp(&key(b).encode()));
            prop_assert_eq!(HistoryKey::decode(&key(a).encode()), Some(key(a)));
            prop_assert!(HistoryKey::of_execution(a.0).contains(&key(a).encode()));
            prop_assert_eq!(a.0 == b.0, HistoryKey::of_execution(a.0).contains(&key(b).encode()));
        }
    }
}
