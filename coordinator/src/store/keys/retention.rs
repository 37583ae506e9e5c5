//! When ended executions are forgotten, in [`Table::Retention`](crate::store::Table::Retention).

use std::ops::Bound;

use super::codec::{Parts, ordered, unordered};
use crate::store::{KeyRange, ShardId};

/// Executions that ended between two checkpoints, in the order in which a shard's executions ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RetentionKey {
    /// Shard of the execution.
    pub shard: ShardId,
    /// When the last of them ended, milliseconds since 1970.
    pub stop_ms: i64,
    /// A tie breaker between groups of the same millisecond: the number of the batch up to which the checkpoint goes.
    pub tie_breaker: u128,
}

impl RetentionKey {
    /// Bytes of the key.
    pub fn encode(self) -> Vec<u8> {
        let mut key = Vec::with_capacity(26);
        key.extend_from_slice(&self.shard.0.to_be_bytes());
        key.extend_from_slice(&ordered(self.stop_ms).to_be_bytes());
        key.extend_from_slice(&self.tie_breaker.to_be_bytes());
        key
    }

    /// The inverse of [`encode`](Self::encode).
    pub fn decode(key: &[u8]) -> Option<Self> {
        let mut parts = Parts(key);
        let decoded = Self { shard: ShardId(parts.u16()?), stop_ms: unordered(parts.u64()?), tie_breaker: parts.u128()? };
        parts.end()?;
        Some(decoded)
    }

    /// The executions of `shard` that ended before `before_ms`.
    pub fn stopped_before(shard: ShardId, before_ms: i64) -> KeyRange {
        let first = shard.0.to_be_bytes().to_vec();
        let mut end = first.clone();
        end.extend_from_slice(&ordered(before_ms).to_be_bytes());
        (Bound::Included(first), Bound::Excluded(end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::ops::RangeBounds;

    proptest! {
        #[test]
        fn bytes_have_the_order_of_the_values(a: (u16, i64, u128), b: (u16, i64, u128), before: i64) {
            let key = |(shard, stop_ms, tie_breaker): (u16, i64, u128)| {
                RetentionKey { shard: ShardId(shard), stop_ms, tie_breaker }
            };
            prop_assert_eq!(a.cmp(&b), key(a).encode().cmp(&key(b).encode()));
            prop_assert_eq!(RetentionKey::decode(&key(a).encode()), Some(key(a)));
            let old = RetentionKey::stopped_before(ShardId(a.0), before);
            prop_assert_eq!(old.contains(&key(a).encode()), a.1 < before);
        }
    }
}
