//! A store in memory that ends its process at a batch of the test's choice.

use std::sync::Arc;

use baton_coordinator::store::memory::MemoryStore;
use baton_coordinator::store::{
    Acquired, Append, Checkpoint, DurableSender, KeyRange, ShardId, ShardStore, StoreError, StoreId, Table, Token,
};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, pending};
use futures_util::stream::BoxStream;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

/// What becomes of the process at a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// It is killed before the batch is durable.
    Before,
    /// It is killed when the batch is durable, before it has heard of that.
    After,
    /// It is told to end in order: everything is checkpointed.
    Close,
}

/// See the module.
pub(super) struct CutStore {
    inner: MemoryStore,
    state: Mutex<State>,
    pub(super) reached: Notify,
}

#[derive(Default)]
struct State {
    /// Batches that are left until the cut.
    left: Option<(usize, Cut)>,
    /// Nothing is written any more, and nobody hears of it.
    is_frozen: bool,
    /// Who would hear of it.
    unheard: Vec<Append>,
}

impl CutStore {
    pub(super) fn new(shard_count: u16) -> Arc<Self> {
        Arc::new(Self { inner: MemoryStore::new(shard_count), state: Mutex::default(), reached: Notify::new() })
    }

    /// The next process's end; `None`: it lives.
    pub(super) fn arm(&self, cut: Option<(usize, Cut)>) {
        let unheard = std::mem::replace(&mut *self.state.lock(), State { left: cut, ..State::default() });
        drop(unheard);
    }

    /// What to do with the batch: write it or not, and let its owner hear or not.
    fn pass(&self) -> (bool, bool) {
        let mut state = self.state.lock();
        if state.is_frozen {
            return (false, false);
        }
        let Some((left, cut)) = &mut state.left else { return (true, true) };
        if *left > 1 {
            *left -= 1;
            return (true, true);
        }
        let cut = *cut;
        state.left = None;
        state.is_frozen = cut != Cut::Close;
        self.reached.notify_one();
        match cut {
            Cut::Before => (false, false),
            Cut::After => (true, false),
            Cut::Close => (true, true),
        }
    }

    fn is_frozen(&self) -> bool {
        self.state.lock().is_frozen
    }
}

impl ShardStore for CutStore {
    fn store_id(&self) -> StoreId {
        self.inner.store_id()
    }

    fn shard_count(&self) -> u16 {
        self.inner.shard_count()
    }

    fn acquire(&self, shard: ShardId) -> BoxFuture<'_, Result<Acquired, StoreError>> {
        self.inner.acquire(shard)
    }

    fn renew(&self, held: Vec<(ShardId, Token)>) -> BoxFuture<'_, Vec<Result<(), StoreError>>> {
        self.inner.renew(held)
    }

    fn is_held(&self, shard: ShardId, token: Token) -> bool {
        self.inner.is_held(shard, token)
    }

    fn release(&self, shard: ShardId, token: Token) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.release(shard, token)
    }

    fn append(&self, append: Append) {
        match self.pass() {
            (true, true) => self.inner.append(append),
            (true, false) => {
                let (nobody, _) = DurableSender::channel();
                self.inner.append(Append { done: nobody, ..append.clone() });
                self.state.lock().unheard.push(append);
            }
            (false, _) => self.state.lock().unheard.push(append),
        }
    }

    fn read_log(&self, shard: ShardId, after_seq: u64) -> BoxStream<'static, Result<(u64, Bytes), StoreError>> {
        self.inner.read_log(shard, after_seq)
    }

    fn last_seq(&self, shard: ShardId) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.inner.last_seq(shard)
    }

    fn checkpoint_many(&self, checkpoints: Vec<Checkpoint>) -> BoxFuture<'_, Vec<Result<(), StoreError>>> {
        if self.is_frozen() { pending().boxed() } else { self.inner.checkpoint_many(checkpoints) }
    }

    fn get(&self, table: Table, key: &[u8]) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>> {
        self.inner.get(table, key)
    }

    fn scan(&self, table: Table, range: KeyRange, limit: usize, reverse: bool) -> BoxFuture<'_, Result<Vec<(Bytes, Bytes)>, StoreError>> {
        self.inner.scan(table, range, limit, reverse)
    }

    fn accepts_intake(&self) -> bool {
        self.inner.accepts_intake()
    }

    fn intake(&self) -> watch::Receiver<bool> {
        self.inner.intake()
    }

    fn oldest_shard(&self) -> Option<ShardId> {
        self.inner.oldest_shard()
    }
}
