//! A store of which one process has some of the shards. The others it may have too, but what it writes there nobody else sees.

use std::sync::Arc;

use baton_coordinator::store::memory::MemoryStore;
use baton_coordinator::store::{Acquired, Append, Checkpoint, KeyRange, ShardId, ShardSet, ShardStore, StoreError, StoreId, Table, Token};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use tokio::sync::watch;

pub(super) struct PartialStore {
    shared: Arc<MemoryStore>,
    apart: MemoryStore,
    mine: ShardSet,
}

impl PartialStore {
    pub(super) fn new(shared: Arc<MemoryStore>, mine: ShardSet) -> Self {
        Self { apart: MemoryStore::new(shared.shard_count()), shared, mine }
    }

    fn of(&self, shard: ShardId) -> &MemoryStore {
        if self.mine.contains(shard) { &self.shared } else { &self.apart }
    }
}

impl ShardStore for PartialStore {
    fn store_id(&self) -> StoreId {
        self.shared.store_id()
    }

    fn shard_count(&self) -> u16 {
        self.shared.shard_count()
    }

    fn acquire(&self, shard: ShardId) -> BoxFuture<'_, Result<Acquired, StoreError>> {
        self.of(shard).acquire(shard)
    }

    fn renew(&self, held: Vec<(ShardId, Token)>) -> BoxFuture<'_, Vec<Result<(), StoreError>>> {
        Box::pin(async move {
            let mut answers = Vec::new();
            for (shard, token) in held {
                answers.append(&mut self.of(shard).renew(vec![(shard, token)]).await);
            }
            answers
        })
    }

    fn is_held(&self, shard: ShardId, token: Token) -> bool {
        self.of(shard).is_held(shard, token)
    }

    fn release(&self, shard: ShardId, token: Token) -> BoxFuture<'_, Result<(), StoreError>> {
        self.of(shard).release(shard, token)
    }

    fn append(&self, append: Append) {
        self.of(append.shard).append(append);
    }

    fn read_log(&self, shard: ShardId, after_seq: u64) -> BoxStream<'static, Result<(u64, Bytes), StoreError>> {
        self.of(shard).read_log(shard, after_seq)
    }

    fn last_seq(&self, shard: ShardId) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.of(shard).last_seq(shard)
    }

    fn checkpoint_many(&self, checkpoints: Vec<Checkpoint>) -> BoxFuture<'_, Vec<Result<(), StoreError>>> {
        Box::pin(async move {
            let mut answers = Vec::new();
            for checkpoint in checkpoints {
                answers.append(&mut self.of(checkpoint.shard).checkpoint_many(vec![checkpoint]).await);
            }
            answers
        })
    }

    fn get(&self, table: Table, key: &[u8]) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>> {
        self.shared.get(table, key)
    }

    fn scan(&self, table: Table, range: KeyRange, limit: usize, reverse: bool) -> BoxFuture<'_, Result<Vec<(Bytes, Bytes)>, StoreError>> {
        self.shared.scan(table, range, limit, reverse)
    }

    fn accepts_intake(&self) -> bool {
        self.shared.accepts_intake()
    }

    fn intake(&self) -> watch::Receiver<bool> {
        self.shared.intake()
    }

    fn oldest_shard(&self) -> Option<ShardId> {
        None
    }
}
