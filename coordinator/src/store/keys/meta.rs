//! Small records of a shard itself, in [`Table::Meta`](crate::store::Table::Meta).

use super::codec::{Parts, prefix_range};
use crate::store::{KeyRange, ShardId};

/// One record, by a name that its shard chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetaKey<'a> {
    /// Whose.
    pub shard: ShardId,
    /// Without a zero byte.
    pub name: &'a str,
}

impl<'a> MetaKey<'a> {
    /// Bytes of the key.
    pub fn encode(self) -> Vec<u8> {
        debug_assert!(!self.name.contains('\0'), "a name has no zero byte");
        let mut key = Vec::with_capacity(3 + self.name.len());
        key.extend_from_slice(&self.shard.0.to_be_bytes());
        key.extend_from_slice(self.name.as_bytes());
        key.push(0);
        key
    }

    /// The inverse of [`encode`](Self::encode).
    pub fn decode(key: &'a [u8]) -> Option<Self> {
        let mut parts = Parts(key);
        let shard = ShardId(parts.u16()?);
        let name = parts.text()?;
        parts.end()?;
        Some(Self { shard, name })
    }

    /// All records of a shard.
    pub fn of_shard(shard: ShardId) -> KeyRange {
        prefix_range(&shard.0.to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ops::RangeBounds;

    #[test]
    fn keys_come_back_and_stand_with_their_shard() {
        let shard = ShardId::CATALOG;
        let key = MetaKey { shard, name: "seen" };
        assert_eq!(MetaKey::decode(&key.encode()), Some(key));
        assert_eq!(MetaKey::decode(b"\0\x01seen"), None);
        assert!(MetaKey::of_shard(shard).contains(&key.encode()));
        assert!(!MetaKey::of_shard(ShardId(0)).contains(&key.encode()));
    }
}
