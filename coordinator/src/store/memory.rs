//! A store that lives as long as its process: for `--ephemeral`, for `baton run`, and for simulation, which also makes it fail.
//!
//! Without [`faults`] asked for, a batch is durable when `append` returns, and its [`Durable`](super::Durable) has been delivered by then. Time, order
//! and content depend on the calls alone, so that the same calls always have the same effects (the random part of tokens
//! apart, which nothing reads).

mod faults;
mod leases;
mod state;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt, ready};
use futures_util::stream::{self, BoxStream, StreamExt};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::{Acquired, Append, Checkpoint, KeyRange, ShardId, ShardStore, StoreError, StoreId, Table, Token};
pub use leases::Clock;
use leases::Leases;
use state::{Shard, State};

/// The store. See [`faults`] for the ways to make it fail.
pub struct MemoryStore {
    id: StoreId,
    shard_count: u16,
    state: Mutex<State>,
    /// There are some when several members share the store.
    leases: Option<Leases>,
    intake: watch::Sender<bool>,
}

impl MemoryStore {
    /// An empty store of `shard_count` shards, a power of two, and the catalog.
    pub fn new(shard_count: u16) -> Self {
        assert!(shard_count.is_power_of_two(), "the number of shards is a power of two");
        Self {
            id: StoreId::random(),
            shard_count,
            state: Mutex::new(State::new(shard_count)),
            leases: None,
            intake: watch::Sender::new(true),
        }
    }

    /// What a shard's log is asked.
    fn about_log<T>(&self, shard: ShardId, ask: impl FnOnce(&Shard) -> T) -> Result<T, StoreError> {
        let index = self.index(shard)?;
        let state = self.state.lock();
        if state.silent { Err(StoreError::Failed("it does not answer".into())) } else { Ok(ask(&state.shards[index])) }
    }

    fn index(&self, shard: ShardId) -> Result<usize, StoreError> {
        let count = self.shard_count;
        shard.index(count).ok_or(StoreError::UnknownShard { shard, count })
    }

    /// Does `act` with the state, then delivers what became durable or was refused, outside the lock.
    fn with_state<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock();
        let answer = act(&mut state);
        let ends = std::mem::take(&mut state.ends);
        drop(state);
        for (done, end) in ends {
            done.deliver(end);
        }
        answer
    }
}

impl ShardStore for MemoryStore {
    fn store_id(&self) -> StoreId {
        self.id
    }

    fn shard_count(&self) -> u16 {
        self.shard_count
    }

    /// Batches whose durability is held back become durable: a new owner begins with a settled log.
    fn acquire(&self, shard: ShardId) -> BoxFuture<'_, Result<Acquired, StoreError>> {
        let acquire = |index| {
            self.with_state(|state| {
                self.check_free(state, index)?;
                let acquired = state.acquire(index);
                self.prolong(state, index);
                Ok(acquired)
            })
        };
        ready(self.index(shard).and_then(acquire)).boxed()
    }

    fn renew(&self, held: Vec<(ShardId, Token)>) -> BoxFuture<'_, Vec<Result<(), StoreError>>> {
        let renew = |(shard, token)| {
            let index = self.index(shard)?;
            let mut state = self.state.lock();
            state.shards[index].head.check_owner(token)?;
            self.prolong(&mut state, index);
            Ok(())
        };
        ready(held.into_iter().map(renew).collect()).boxed()
    }

    fn is_held(&self, shard: ShardId, token: Token) -> bool {
        self.is_lease_good(shard, token)
    }

    fn release(&self, shard: ShardId, token: Token) -> BoxFuture<'_, Result<(), StoreError>> {
        let released = self.index(shard).and_then(|index| self.state.lock().shards[index].head.release(token));
        ready(released).boxed()
    }

    fn append(&self, append: Append) {
        match self.index(append.shard) {
            Ok(index) => self.with_state(|state| {
                let is_owner = state.shards[index].head.check_owner(append.token).is_ok();
                state.append(index, append.token, append.expected_seq, append.batch, &append.done);
                if is_owner {
                    self.prolong(state, index);
                }
            }),
            Err(error) => append.refuse(error),
        }
    }

    fn read_log(&self, shard: ShardId, after_seq: u64) -> BoxStream<'static, Result<(u64, Bytes), StoreError>> {
        match self.about_log(shard, |shard| shard.batches_after(after_seq)) {
            Ok(batches) => stream::iter(batches).boxed(),
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    }

    fn last_seq(&self, shard: ShardId) -> BoxFuture<'_, Result<u64, StoreError>> {
        ready(self.about_log(shard, Shard::durable_seq)).boxed()
    }

    fn checkpoint_many(&self, checkpoints: Vec<Checkpoint>) -> BoxFuture<'_, Vec<Result<(), StoreError>>> {
        let mut state = self.state.lock();
        let apply = |checkpoint: Checkpoint| {
            let index = self.index(checkpoint.shard)?;
            state.checkpoint(index, checkpoint)?;
            self.prolong(&mut state, index);
            Ok(())
        };
        ready(checkpoints.into_iter().map(apply).collect()).boxed()
    }

    fn get(&self, table: Table, key: &[u8]) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>> {
        ready(Ok(self.state.lock().get(table, key))).boxed()
    }

    fn scan(&self, table: Table, range: KeyRange, limit: usize, reverse: bool) -> BoxFuture<'_, Result<Vec<(Bytes, Bytes)>, StoreError>> {
        ready(Ok(self.state.lock().scan(table, range, limit, reverse))).boxed()
    }

    fn accepts_intake(&self) -> bool {
        *self.intake.borrow()
    }

    fn intake(&self) -> watch::Receiver<bool> {
        self.intake.subscribe()
    }

    /// There are no pieces of a log to be freed here.
    fn oldest_shard(&self) -> Option<ShardId> {
        None
    }
}
