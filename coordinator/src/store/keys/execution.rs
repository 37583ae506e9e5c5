//! Snapshots of executions, in [`Table::Executions`](crate::store::Table::Executions).

use std::ops::Bound;

use super::codec::Parts;
use crate::store::KeyRange;

/// One execution. The top bits of its id are its shard, so a shard's executions stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExecutionKey {
    /// Id of the execution.
    pub execution: u128,
}

impl ExecutionKey {
    /// Bytes of the key.
    pub fn encode(self) -> Vec<u8> {
        self.execution.to_be_bytes().to_vec()
    }

    /// The inverse of [`encode`](Self::encode).
    pub fn decode(key: &[u8]) -> Option<Self> {
        let mut parts = Parts(key);
        let execution = parts.u128()?;
        parts.end()?;
        Some(Self { execution })
    }

    /// All executions of `shard`, of `2^shard_bits` shards.
    pub fn of_shard(shard: u16, shard_bits: u32) -> KeyRange {
        debug_assert!((1..=16).contains(&shard_bits), "a shard has 1 to 16 bits");
        let shift = 128 - shard_bits;
        let first = u128::from(shard) << shift;
        let last = first | ((1 << shift) - 1);
        (Bound::Included(first.to_be_bytes().to_vec()), Bound::Included(last.to_be_bytes().to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ops::RangeBounds;

    #[test]
    fn a_shard_is_the_top_bits_of_the_id() {
        let range = ExecutionKey::of_shard(0xab, 8);
        let key = |execution| ExecutionKey { execution }.encode();
        assert!(range.contains(&key(0xab << 120)));
        assert!(range.contains(&key((0xab << 120) | ((1 << 120) - 1))));
        assert!(!range.contains(&key(0xac << 120)));
        assert!(!range.contains(&key((0xab << 120) - 1)));
    }

    #[test]
    fn keys_come_back() {
        let key = ExecutionKey { execution: 7 << 90 };
        assert_eq!(ExecutionKey::decode(&key.encode()), Some(key));
        assert_eq!(ExecutionKey::decode(&[0; 15]), None);
        assert_eq!(ExecutionKey::decode(&[0; 17]), None);
    }
}
