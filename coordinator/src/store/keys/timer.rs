//! Far timers, in [`Table::Timers`](crate::store::Table::Timers).

use std::ops::Bound;

use super::codec::{Parts, ordered, unordered};
use crate::store::{KeyRange, ShardId};

/// One timer of an execution, in the order in which a shard's timers become due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerKey {
    /// Shard of the execution.
    pub shard: ShardId,
    /// When it is due, milliseconds since 1970.
    pub due_ms: i64,
    /// Id of the execution.
    pub execution: u128,
    /// Number of the timer within the execution.
    pub timer: u64,
}

impl TimerKey {
    /// Bytes of the key.
    pub fn encode(self) -> Vec<u8> {
        let mut key = Vec::with_capacity(34);
        key.extend_from_slice(&self.shard.0.to_be_bytes());
        key.extend_from_slice(&ordered(self.due_ms).to_be_bytes());
        key.extend_from_slice(&self.execution.to_be_bytes());
        key.extend_from_slice(&self.timer.to_be_bytes());
        key
    }

    /// The inverse of [`encode`](Self::encode).
    pub fn decode(key: &[u8]) -> Option<Self> {
        let mut parts = Parts(key);
        let decoded = Self { shard: ShardId(parts.u16()?), due_ms: unordered(parts.u64()?), execution: parts.u128()?, timer: parts.u64()? };
        parts.end()?;
        Some(decoded)
    }

    /// The timers of `shard` that are due in `from_ms` or later, but before `before_ms`.
    pub fn due(shard: ShardId, from_ms: i64, before_ms: i64) -> KeyRange {
        let at = |due_ms: i64| {
            let mut key = shard.0.to_be_bytes().to_vec();
            key.extend_from_slice(&ordered(due_ms).to_be_bytes());
            key
        };
        (Bound::Included(at(from_ms)), Bound::Excluded(at(before_ms)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::ops::RangeBounds;

    fn key((shard, due_ms, execution, timer): (u16, i64, u128, u64)) -> TimerKey {
        let shard = ShardId(shard);
        TimerKey { shard, due_ms, execution, timer }
    }

    proptest! {
        #[test]
        fn bytes_have_the_order_of_the_values(a: (u16, i64, u128, u64), b: (u16, i64, u128, u64)) {
            prop_assert_eq!(a.cmp(&b), key(a).encode().cmp(&key(b).encode()));
            prop_assert_eq!(TimerKey::decode(&key(a).encode()), Some(key(a)));
        }

        #[test]
        fn a_page_holds_what_is_due_in_it(a: (u16, i64, u128, u64), from: i64, before: i64) {
            let page = TimerKey::due(ShardId(a.0), from, before);
            prop_assert_eq!(page.contains(&key(a).encode()), from <= a.1 && a.1 < before);
        }
    }
}
