//! A store in memory that does as a test says what a damaged one would do.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use baton_coordinator::cluster::ExecutionId;
use baton_coordinator::store::keys::ExecutionKey;
use baton_coordinator::store::memory::MemoryStore;
use baton_coordinator::store::{Acquired, Append, Checkpoint, KeyRange, ShardId, ShardStore, StoreError, StoreId, Table, Token};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use futures_util::stream::BoxStream;
use parking_lot::Mutex;
use tokio::sync::watch;

/// See the module.
pub(crate) struct FaultyStore {
    pub(crate) inner: MemoryStore,
    /// What is read of an execution instead of what was written.
    replaced: Mutex<HashMap<Vec<u8>, Option<Bytes>>>,
    /// No checkpoint is taken, for good.
    pub(crate) refuses_checkpoints: AtomicBool,
}

impl FaultyStore {
    pub(crate) fn new(shard_count: u16) -> Self {
        Self { inner: MemoryStore::new(shard_count), replaced: Mutex::default(), refuses_checkpoints: AtomicBool::new(false) }
    }

    /// What is stored of the execution.
    pub(crate) async fn stored(&self, id: ExecutionId) -> Option<Bytes> {
        self.inner.get(Table::Executions, &key(id)).await.expect("it can be read")
    }

    /// From now on this is read of the execution, whatever is written.
    pub(crate) fn replace(&self, id: ExecutionId, value: Option<Bytes>) {
        self.replaced.lock().insert(key(id), value);
    }

    /// What is written is read again.
    pub(crate) fn mend(&self) {
        self.replaced.lock().clear();
    }
}

fn key(id: ExecutionId) -> Vec<u8> {
    ExecutionKey { execution: id.0 }.encode()
}

impl ShardStore for FaultyStore {
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
        self.inner.append(append);
    }

    fn read_log(&self, shard: ShardId, after_seq: u64) -> BoxStream<'static, Result<(u64, Bytes), StoreError>> {
        self.inner.read_log(shard, after_seq)
    }

    fn last_seq(&self, shard: ShardId) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.inner.last_seq(shard)
    }

    fn checkpoint_many(&self, checkpoints: Vec<Checkpoint>) -> BoxFuture<'_, Vec<Result<(), StoreError>>> {
        if self.refuses_checkpoints.load(Ordering::Relaxed) {
            let refused = |_| Err(StoreError::Corrupt("as the test says".to_owned()));
            return ready(checkpoints.into_iter().map(refused).collect()).boxed();
        }
        self.inner.checkpoint_many(checkpoints)
    }

    fn get(&self, table: Table, key: &[u8]) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>> {
        match self.replaced.lock().get(key).filter(|_| table == Table::Executions) {
            Some(value) => ready(Ok(value.clone())).boxed(),
            None => self.inner.get(table, key),
        }
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
