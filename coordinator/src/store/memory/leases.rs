//! Leases and members, for several members in one process that share the store: tests of what they do to each other, and simulation.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, FutureExt, ready};
use parking_lot::Mutex;

use super::MemoryStore;
use super::state::State;
use crate::store::{Member, Membership, ShardId, StoreError, Token};

/// An owner stops speaking for a shard so long before its lease ends.
const MARGIN: Duration = Duration::from_millis(200);

/// The time since some moment in the past. It never goes back.
pub type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// How leases and members are judged, and the members.
pub(super) struct Leases {
    lifetime: Duration,
    clock: Clock,
    members: Mutex<BTreeMap<u64, (Arc<Member>, Duration)>>,
}

impl MemoryStore {
    /// An empty store that several members share: an owner has a shard, and a member counts as living, for `lifetime` after it was last heard
    /// of.
    pub fn shared(shard_count: u16, lifetime: Duration) -> Self {
        let began = Instant::now();
        Self::shared_by_clock(shard_count, lifetime, Arc::new(move || began.elapsed()))
    }

    /// As [`shared`](Self::shared), by the caller's clock.
    pub fn shared_by_clock(shard_count: u16, lifetime: Duration, clock: Clock) -> Self {
        let leases = Some(Leases { lifetime, clock, members: Mutex::default() });
        Self { leases, ..Self::new(shard_count) }
    }

    fn leases(&self) -> &Leases {
        self.leases.as_ref().expect("only a store that is shared has members")
    }

    /// Whether the shard may be acquired: nobody has it, or its lease has ended.
    pub(super) fn check_free(&self, state: &State, index: usize) -> Result<(), StoreError> {
        let Some(leases) = &self.leases else { return Ok(()) };
        let shard = &state.shards[index];
        let left = shard.leased_until.saturating_sub((leases.clock)());
        if !shard.head.is_owned() || left.is_zero() {
            return Ok(());
        }
        let for_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1);
        Err(StoreError::Held { shard: ShardId::at_index(index, self.shard_count), for_ms })
    }

    /// The owner of the shard has been heard of.
    pub(super) fn prolong(&self, state: &mut State, index: usize) {
        if let Some(leases) = &self.leases {
            state.shards[index].leased_until = (leases.clock)() + leases.lifetime;
        }
    }

    /// Whether the owner may speak for the shard without writing.
    pub(super) fn is_lease_good(&self, shard: ShardId, token: Token) -> bool {
        let Some(leases) = &self.leases else { return true };
        let Some(index) = shard.index(self.shard_count) else { return false };
        let state = self.state.lock();
        let shard = &state.shards[index];
        shard.head.check_owner(token).is_ok() && (leases.clock)() + MARGIN < shard.leased_until
    }
}

impl Membership for MemoryStore {
    fn beat<'a>(&'a self, me: &'a Member) -> BoxFuture<'a, Result<Vec<Arc<Member>>, StoreError>> {
        let leases = self.leases();
        let now = (leases.clock)();
        let mut members = leases.members.lock();
        members.insert(me.incarnation, (Arc::new(me.clone()), now));
        members.retain(|_, (_, heard_at)| *heard_at + leases.lifetime > now);
        let living = members.values().map(|(member, _)| member.clone()).collect();
        ready(Ok(living)).boxed()
    }

    fn leave(&self, incarnation: u64) -> BoxFuture<'_, Result<(), StoreError>> {
        self.leases().members.lock().remove(&incarnation);
        ready(Ok(())).boxed()
    }

    fn lifetime(&self) -> Duration {
        self.leases().lifetime
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use bytes::Bytes;

    use super::*;
    use crate::store::{Append, DurableSender, ShardSet, ShardStore};

    const ONE: ShardId = ShardId(1);
    const LIFETIME: Duration = Duration::from_millis(1_500);

    fn store() -> (MemoryStore, Arc<AtomicU64>) {
        let now = Arc::new(AtomicU64::new(0));
        let clock = now.clone();
        (MemoryStore::shared_by_clock(4, LIFETIME, Arc::new(move || Duration::from_millis(clock.load(Ordering::Relaxed)))), now)
    }

    fn answered<T>(future: BoxFuture<'_, T>) -> T {
        future.now_or_never().expect("memory does not wait")
    }

    #[test]
    fn a_shard_is_its_owners_until_the_lease_ends_or_is_given_up() {
        let (store, now) = store();
        let first = answered(store.acquire(ONE)).expect("it is free").token;
        now.store(1_000, Ordering::Relaxed);
        assert_eq!(answered(store.acquire(ONE)), Err(StoreError::Held { shard: ONE, for_ms: 500 }));
        assert!(store.is_held(ONE, first));
        now.store(1_301, Ordering::Relaxed);
        assert!(!store.is_held(ONE, first), "the owner stops before others may begin");
        assert_eq!(answered(store.renew(vec![(ONE, first)])), [Ok(())]);
        assert!(store.is_held(ONE, first));
        now.store(2_801, Ordering::Relaxed);
        let second = answered(store.acquire(ONE)).expect("the lease has ended").token;
        assert_eq!(answered(store.renew(vec![(ONE, first)])), [Err(StoreError::Fenced { shard: ONE })]);
        assert!(!store.is_held(ONE, first) && store.is_held(ONE, second));
        answered(store.release(ONE, second)).expect("it is its own");
        answered(store.acquire(ONE)).expect("it was given up");
    }

    #[test]
    fn writing_prolongs_the_lease() {
        let (store, now) = store();
        let token = answered(store.acquire(ONE)).expect("it is free").token;
        let (done, _ends) = DurableSender::channel();
        now.store(1_400, Ordering::Relaxed);
        store.append(Append { shard: ONE, token, expected_seq: 0, batch: Bytes::from_static(b"x"), done });
        now.store(2_800, Ordering::Relaxed);
        answered(store.checkpoint(ONE, token, 1, Vec::new())).expect("it is the owner");
        now.store(4_000, Ordering::Relaxed);
        assert!(store.is_held(ONE, token));
    }

    #[test]
    fn a_member_lives_as_long_as_it_is_heard_of() {
        let (store, now) = store();
        let member = |incarnation| Member {
            name: "a".into(),
            incarnation,
            address: "".into(),
            weight: 1,
            level: 1,
            is_leaving: false,
            owned: ShardSet::default(),
            sessions: Arc::new([]),
        };
        let heard = |of| -> Vec<u64> {
            let members = answered(store.beat(&member(of))).expect("memory does not fail");
            members.iter().map(|member| member.incarnation).collect()
        };
        assert_eq!(heard(2), [2]);
        assert_eq!(heard(1), [1, 2]);
        now.store(1_499, Ordering::Relaxed);
        assert_eq!(heard(1), [1, 2]);
        now.store(1_500, Ordering::Relaxed);
        assert_eq!(heard(1), [1]);
        answered(store.leave(1)).expect("memory does not fail");
        assert_eq!(heard(2), [2]);
    }
}
