//! Names of shards, owners and stores.

use std::fmt;

/// A shard: one writer, one log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub u16);

impl ShardId {
    /// The shard of the catalog (state machines, activities, tags). It has the same log as any other.
    pub const CATALOG: ShardId = ShardId(u16::MAX);

    /// Place of this shard in an array of `shard_count + 1`, the catalog last. `None` if there is no such shard.
    pub(crate) fn index(self, shard_count: u16) -> Option<usize> {
        match self {
            ShardId::CATALOG => Some(usize::from(shard_count)),
            ShardId(number) if number < shard_count => Some(usize::from(number)),
            ShardId(_) => None,
        }
    }

    /// The shard at `index`; the inverse of [`index`](Self::index).
    pub(crate) fn at_index(index: usize, shard_count: u16) -> ShardId {
        match u16::try_from(index) {
            Ok(number) if number < shard_count => ShardId(number),
            _ => ShardId::CATALOG,
        }
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            ShardId::CATALOG => f.write_str("catalog"),
            ShardId(number) => write!(f, "{number}"),
        }
    }
}

/// Proof of ownership of a shard. Compared by equality, never by order: a store that was set back may give an epoch again, but
/// not an incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token {
    /// Counts the owners as long as the store is not set back.
    pub epoch: u64,
    /// Random.
    pub incarnation: u64,
}

impl Token {
    /// A token that nobody else has.
    pub(crate) fn fresh(epoch: u64) -> Token {
        let incarnation = getrandom::u64().expect("the operating system gives random numbers");
        Token { epoch, incarnation }
    }
}

/// What an owner needs to know to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acquired {
    /// To be named in every write.
    pub token: Token,
    /// Number of the last durable batch; 0 if there has been none.
    pub seq: u64,
    /// The key-value side holds everything up to this batch.
    pub checkpoint_seq: u64,
}

/// Identity of a store, random, given at its creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StoreId(pub u128);

impl StoreId {
    /// A new one.
    pub(crate) fn random() -> StoreId {
        StoreId(uuid::Uuid::new_v4().as_u128())
    }

    /// The inverse of `Display`.
    pub(crate) fn parse(text: &str) -> Option<StoreId> {
        let id = uuid::Uuid::try_parse(text).ok()?;
        Some(StoreId(id.as_u128()))
    }
}

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        uuid::Uuid::from_u128(self.0).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalog_comes_after_the_last_shard() {
        assert_eq!(ShardId(3).index(4), Some(3));
        assert_eq!(ShardId(4).index(4), None);
        assert_eq!(ShardId::CATALOG.index(4), Some(4));
        assert_eq!(ShardId::at_index(4, 4), ShardId::CATALOG);
        assert_eq!(ShardId::at_index(0, 4), ShardId(0));
    }
}
