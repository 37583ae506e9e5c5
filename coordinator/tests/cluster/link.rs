//! The way to a store, which can be cut.

use std::sync::Arc;
use std::time::Duration;

use baton_coordinator::store::memory::MemoryStore;
use baton_coordinator::store::{
    Acquired, Append, Checkpoint, KeyRange, Member, Membership, ShardId, ShardStore, StoreError, StoreId, Table, Token,
};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use parking_lot::Mutex;
use tokio::sync::watch;

/// See the module. What is on its way when it is cut arrives when it is mended.
pub(crate) struct Link {
    store: Arc<MemoryStore>,
    is_cut: watch::Sender<bool>,
    /// Appends of the time of a cut; `None` while there is none.
    held: Mutex<Option<Vec<Append>>>,
}

impl Link {
    pub(crate) fn new(store: Arc<MemoryStore>) -> Self {
        Self { store, is_cut: watch::Sender::new(false), held: Mutex::default() }
    }

    pub(crate) fn cut(&self, is_cut: bool) {
        self.is_cut.send_replace(is_cut);
        let mut held = self.held.lock();
        let late = std::mem::replace(&mut *held, is_cut.then(Vec::new));
        late.into_iter().flatten().for_each(|append| self.store.append(append));
    }

    async fn mended(&self) {
        let mut is_cut = self.is_cut.subscribe();
        is_cut.wait_for(|is_cut| !is_cut).await.expect("the link is there");
    }
}

impl ShardStore for Link {
    fn store_id(&self) -> StoreId {
        self.store.store_id()
    }

    fn shard_count(&self) -> u16 {
        self.store.shard_count()
    }

    fn acquire(&self, shard: ShardId) -> BoxFuture<'_, Result<Acquired, StoreError>> {
        async move {
            self.mended().await;
            self.store.acquire(shard).await
        }
        .boxed()
    }

    fn renew(&self, held: Vec<(ShardId, Token)>) -> BoxFuture<'_, Vec<Result<(), StoreError>>> {
        async move {
            self.mended().await;
            self.store.renew(held).await
        }
        .boxed()
    }

    fn is_held(&self, shard: ShardId, token: Token) -> bool {
        self.store.is_held(shard, token)
    }

    fn release(&self, shard: ShardId, token: Token) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            self.mended().await;
            self.store.release(shard, token).await
        }
        .boxed()
    }

    fn append(&self, append: Append) {
        match &mut *self.held.lock() {
            Some(held) => held.push(append),
            None => self.store.append(append),
        }
    }

    fn read_log(&self, shard: ShardId, after_seq: u64) -> BoxStream<'static, Result<(u64, Bytes), StoreError>> {
        self.store.read_log(shard, after_seq)
    }

    fn last_seq(&self, shard: ShardId) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.store.last_seq(shard)
    }

    fn checkpoint_many(&self, checkpoints: Vec<Checkpoint>) -> BoxFuture<'_, Vec<Result<(), StoreError>>> {
        async move {
            self.mended().await;
            self.store.checkpoint_many(checkpoints).await
        }
        .boxed()
    }

    fn get(&self, table: Table, key: &[u8]) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>> {
        self.store.get(table, key)
    }

    fn scan(&self, table: Table, range: KeyRange, limit: usize, reverse: bool) -> BoxFuture<'_, Result<Vec<(Bytes, Bytes)>, StoreError>> {
        self.store.scan(table, range, limit, reverse)
    }

    fn accepts_intake(&self) -> bool {
        self.store.accepts_intake()
    }

    fn intake(&self) -> watch::Receiver<bool> {
        self.store.intake()
    }

    fn oldest_shard(&self) -> Option<ShardId> {
        self.store.oldest_shard()
    }
}

impl Membership for Link {
    fn beat<'a>(&'a self, me: &'a Member) -> BoxFuture<'a, Result<Vec<Arc<Member>>, StoreError>> {
        async move {
            self.mended().await;
            self.store.beat(me).await
        }
        .boxed()
    }

    fn leave(&self, incarnation: u64) -> BoxFuture<'_, Result<(), StoreError>> {
        self.store.leave(incarnation)
    }

    fn lifetime(&self) -> Duration {
        self.store.lifetime()
    }
}
