//! The processes that share a store.
//!
//! Each says from time to time that it lives, what it owns, and whose sessions it has, and learns the same of all others. Whether a member lives is
//! judged by the store's clock alone. There is no leader: who should own what follows from the list.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{ShardId, StoreError};

/// A process that runs shards, as it speaks of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// For people, and the same after a restart: `--name`.
    pub name: Arc<str>,
    /// Random for each process.
    pub incarnation: u64,
    /// Where other members reach it: `http://host:port`.
    pub address: Arc<str>,
    /// Its share of the shards, relative to others': its cores.
    pub weight: u32,
    /// The newest version of what members tell each other and write that it knows; the lowest of all is spoken.
    pub level: u32,
    /// It is going away: it should own nothing from now on.
    pub is_leaving: bool,
    /// What it owns at the moment.
    pub owned: ShardSet,
    /// The workers' sessions that it has.
    pub sessions: Arc<[MemberSession]>,
}

/// A worker's session at a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberSession {
    /// The worker's.
    pub incarnation: u64,
    /// Another one for each connection.
    pub session_id: u64,
}

/// Says to the others that this process lives, and hears who does.
pub trait Membership: Send + Sync + 'static {
    /// `me` lives, and this is how it stands. Answers with all members that live, itself among them, in the order of their incarnations.
    ///
    /// A member that has not been heard of for the time that [`lifetime`](Self::lifetime) says is none any more.
    fn beat<'a>(&'a self, me: &'a Member) -> BoxFuture<'a, Result<Vec<Arc<Member>>, StoreError>>;

    /// The member with this incarnation has gone, in order.
    fn leave(&self, incarnation: u64) -> BoxFuture<'_, Result<(), StoreError>>;

    /// How long a member counts as living after it was heard of.
    fn lifetime(&self) -> std::time::Duration;
}

/// A set of shards, the catalog's among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardSet(Vec<u8>);

impl ShardSet {
    /// Puts it in; answers whether it was not.
    pub fn insert(&mut self, shard: ShardId) -> bool {
        let (byte, bit) = place(shard);
        if self.0.len() <= byte {
            self.0.resize(byte + 1, 0);
        }
        let is_new = self.0[byte] & bit == 0;
        self.0[byte] |= bit;
        is_new
    }

    /// Takes it out; answers whether it was in.
    pub fn remove(&mut self, shard: ShardId) -> bool {
        let (byte, bit) = place(shard);
        let was_in = self.contains(shard);
        if was_in {
            self.0[byte] &= !bit;
        }
        was_in
    }

    /// Whether it is in.
    pub fn contains(&self, shard: ShardId) -> bool {
        let (byte, bit) = place(shard);
        self.0.get(byte).is_some_and(|bits| bits & bit != 0)
    }

    /// All of them: the catalog first, then by number.
    pub fn iter(&self) -> impl Iterator<Item = ShardId> + '_ {
        let is_in = |place: &usize| self.0[place / 8] & (1 << (place % 8)) != 0;
        (0..self.0.len() * 8).filter(is_in).map(at_place)
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.iter().map(|bits| bits.count_ones() as usize).sum()
    }

    /// Whether none is in.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// As [`from_bytes`](Self::from_bytes) takes it.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The inverse of [`as_bytes`](Self::as_bytes). Every sequence of bytes is a set.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl FromIterator<ShardId> for ShardSet {
    fn from_iter<I: IntoIterator<Item = ShardId>>(shards: I) -> Self {
        let mut set = Self::default();
        for shard in shards {
            set.insert(shard);
        }
        set
    }
}

/// The catalog, which has the highest number of all, comes first: a set stays as short as its highest other shard needs.
fn place(shard: ShardId) -> (usize, u8) {
    let place = usize::from(shard.0.wrapping_add(1));
    (place / 8, 1 << (place % 8))
}

fn at_place(place: usize) -> ShardId {
    let number = u16::try_from(place).expect("a set has no more bits than there are shards");
    ShardId(number.wrapping_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_in() {
        let shards = [ShardId::CATALOG, ShardId(0), ShardId(7), ShardId(255)];
        let mut set: ShardSet = shards.into_iter().collect();
        assert!(!set.insert(ShardId(7)));
        assert_eq!(set.iter().collect::<Vec<_>>(), shards);
        assert_eq!(ShardSet::from_bytes(set.as_bytes()), set);
        assert!(set.remove(ShardId(7)) && !set.remove(ShardId(7)) && !set.contains(ShardId(7)));
        assert_eq!(set.len(), 3);
        assert!(!ShardSet::default().contains(ShardId(4)));
    }
}
