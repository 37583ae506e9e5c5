//! A store in Redis, or Valkey, for the several processes of a cluster.
//!
//! ```text
//! baton:{cluster}:settings        what was settled when the store was made: id, number of shards, the key of task tokens
//! baton:{cluster}:members         who lives, by what each says of itself
//! baton:{s:17}:record             a shard: token, lease, numbers
//! baton:{s:17}:log                its batches, a stream
//! baton:{s:17}:history            a table: values by key
//! baton:{s:17}:history:order      the order of its keys
//! ```
//!
//! One server has all of them, or the nodes of a Redis Cluster have some shards each: a shard's keys have one hash tag and so stay together.
//!
//! Whatever compares and writes is one function at the server (`functions.lua`). A token is judged there, and so is a lease, by the server's clock.
//! Here is the rest: [`pipeline`] sends batches in order and again until their outcome is known, [`heads`] knows for how long this process may
//! speak for its shards, [`policy`] holds the server's settings against the durability that was chosen.

mod address;
mod checkpoint;
mod clock;
mod connection;
mod error;
mod figures;
mod functions;
mod heads;
mod lane;
mod layout;
mod leases;
mod line;
mod log;
mod marks;
mod members;
mod names;
mod node;
mod options;
mod pipeline;
mod placement;
mod policy;
mod queue;
mod replication;
mod reply;
mod room;
mod scan;
mod server;
mod settings;

pub use error::RedisOpenError;
pub use members::MemberSeen;
pub use options::{Durability, RedisOptions, UnknownDurability};
pub use policy::{Fault, Findings};

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use tokio::sync::watch;

use super::{Acquired, Append, BATCH_BYTES_MAX, Checkpoint, KeyRange, ShardId, ShardStore, StoreError, StoreId, Table, Token, Usage};
use figures::{Operation, counted, counted_all};
use heads::Heads;
use lane::Lane;
use names::ShardNames;
use queue::{Entry, Queue};
use replication::Replication;
use room::Room;
use server::Server;
use settings::Settings;

/// The store. What is queued when it is dropped is still sent.
pub struct RedisStore {
    inner: Arc<Inner>,
}

struct Inner {
    server: Arc<Server>,
    settings: Settings,
    options: RedisOptions,
    replication: Replication,
    /// `Redis 7.0.15`.
    server_name: String,
    /// This process, as leases name it. It takes its own shards again without waiting.
    holder: u64,
    /// By the shards' places, the catalog last.
    shards: Arc<[ShardNames]>,
    heads: Arc<Heads>,
    /// Numbers of the last pieces of checkpoints that were sent; held by the checkpoint that is under way.
    pieces: Box<[tokio::sync::Mutex<u64>]>,
    queue: Arc<Queue>,
    room: Arc<Room>,
    /// Small calls.
    control: Arc<Lane>,
    /// Large ones.
    data: Lane,
}

impl RedisStore {
    /// Opens the store at the server, or makes one there. Its tasks run on the runtime of the caller.
    pub async fn connect(options: RedisOptions) -> Result<RedisStore, RedisOpenError> {
        options.check();
        let server = reached(&options).await?;
        let checked = policy::check(&server, options.durability).await?;
        let policy::Findings { address, faults, .. } = &checked.findings;
        if !faults.is_empty() {
            let durability = options.durability.to_string();
            return Err(RedisOpenError::Unfit { address: address.clone(), durability, faults: faults.clone() });
        }
        let lane = Lane::new(server.clone());
        let settings = settings::settle(&server, &lane, &options).await?;
        let count = settings.shard_count;
        let shards: Arc<[ShardNames]> = (0..=usize::from(count)).map(|index| server.names.shard(ShardId::at_index(index, count))).collect();
        marks::mark(&server, &lane, settings.store_id, &shards).await?;
        server.opened(settings.store_id, shards.clone());
        Ok(Self::start(server, settings, options, checked, shards))
    }

    fn start(
        server: Arc<Server>,
        settings: Settings,
        options: RedisOptions,
        checked: policy::Checked,
        shards: Arc<[ShardNames]>,
    ) -> RedisStore {
        figures::show();
        let inner = Inner {
            heads: Arc::new(Heads::new(shards.len(), options.lease - options.lease_margin())),
            pieces: shards.iter().map(|_| tokio::sync::Mutex::new(0)).collect(),
            queue: Arc::default(),
            room: Arc::new(Room::new(options.durability)),
            control: Arc::new(Lane::new(server.clone())),
            data: Lane::new(server.clone()),
            holder: Token::fresh(0).incarnation,
            replication: checked.replication,
            server_name: checked.findings.server,
            server,
            settings,
            options,
            shards,
        };
        tokio::spawn(pipeline::Task::new(inner.sender()).run());
        tokio::spawn(Server::watch(Arc::downgrade(&inner.server)));
        tokio::spawn(Room::watch(inner.room.clone(), inner.control.clone(), inner.server.clone()));
        RedisStore { inner: Arc::new(inner) }
    }

    /// Holds a server's settings against a durability without opening a store, for `baton doctor`.
    pub async fn examine(options: &RedisOptions) -> Result<Findings, RedisOpenError> {
        let server = reached(options).await?;
        Ok(policy::check(&server, options.durability).await?.findings)
    }

    /// What an acknowledgement is worth.
    pub fn durability(&self) -> Durability {
        self.inner.options.durability
    }

    /// Name and version of the server, as it was when the store was opened.
    pub fn server_name(&self) -> &str {
        &self.inner.server_name
    }

    /// Host and port of the server, or of each that takes writes.
    pub fn address(&self) -> String {
        self.inner.server.address()
    }

    /// The key that seals task tokens, the same at all members.
    pub fn token_key(&self) -> [u8; 32] {
        self.inner.settings.token_key
    }
}

impl Drop for RedisStore {
    fn drop(&mut self) {
        self.inner.queue.close();
    }
}

/// The servers at the address, once one has answered.
async fn reached(options: &RedisOptions) -> Result<Arc<Server>, RedisOpenError> {
    let server = Arc::new(Server::new(options)?);
    server.reach().await?;
    Ok(server)
}

/// As functions compare it.
fn token_bytes(token: Token) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&token.epoch.to_be_bytes());
    bytes[8..].copy_from_slice(&token.incarnation.to_be_bytes());
    bytes
}

impl Inner {
    fn index(&self, shard: ShardId) -> Result<usize, StoreError> {
        let count = self.settings.shard_count;
        shard.index(count).ok_or(StoreError::UnknownShard { shard, count })
    }

    fn lease_ms(&self) -> u64 {
        self.options.lease.as_millis() as u64
    }

    fn sender(&self) -> pipeline::Sender {
        pipeline::Sender {
            server: self.server.clone(),
            shards: self.shards.clone(),
            heads: self.heads.clone(),
            room: self.room.clone(),
            queue: self.queue.clone(),
            replication: self.replication,
            lease_ms: self.lease_ms(),
            patience: self.options.patience,
        }
    }
}

impl ShardStore for RedisStore {
    fn store_id(&self) -> StoreId {
        self.inner.settings.store_id
    }

    fn shard_count(&self) -> u16 {
        self.inner.settings.shard_count
    }

    fn acquire(&self, shard: ShardId) -> BoxFuture<'_, Result<Acquired, StoreError>> {
        Box::pin(counted(Operation::Acquire, self.inner.acquire(shard)))
    }

    fn renew(&self, held: Vec<(ShardId, Token)>) -> BoxFuture<'_, Vec<Result<(), StoreError>>> {
        Box::pin(counted_all(Operation::Renew, self.inner.renew(held)))
    }

    fn is_held(&self, shard: ShardId, token: Token) -> bool {
        self.inner.index(shard).is_ok_and(|index| self.inner.heads.is_held(index, token))
    }

    fn release(&self, shard: ShardId, token: Token) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(counted(Operation::Release, self.inner.release(shard, token)))
    }

    fn append(&self, append: Append) {
        let index = match self.inner.index(append.shard) {
            Ok(index) => index,
            Err(error) => return append.refuse(error),
        };
        let (len, max) = (append.batch.len(), BATCH_BYTES_MAX);
        let refused = (len > max).then_some(StoreError::TooLarge { len, max });
        if let Some(entry) = self.inner.queue.push(Entry { index, append, since: Instant::now(), refused }) {
            entry.append.refuse(StoreError::Closed);
        }
    }

    fn read_log(&self, shard: ShardId, after_seq: u64) -> BoxStream<'static, Result<(u64, Bytes), StoreError>> {
        log::read(self.inner.clone(), shard, after_seq)
    }

    fn last_seq(&self, shard: ShardId) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(counted(Operation::Read, self.inner.last_seq(shard)))
    }

    fn checkpoint_many(&self, checkpoints: Vec<Checkpoint>) -> BoxFuture<'_, Vec<Result<(), StoreError>>> {
        Box::pin(counted_all(Operation::Checkpoint, self.inner.checkpoint_many(checkpoints)))
    }

    fn get(&self, table: Table, key: &[u8]) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>> {
        let key = key.to_vec();
        Box::pin(async move { counted(Operation::Read, self.inner.get(table, &key)).await })
    }

    fn scan(&self, table: Table, range: KeyRange, limit: usize, reverse: bool) -> BoxFuture<'_, Result<Vec<(Bytes, Bytes)>, StoreError>> {
        Box::pin(counted(Operation::Read, self.inner.scan(table, range, limit, reverse)))
    }

    fn accepts_intake(&self) -> bool {
        self.inner.room.accepts_intake()
    }

    fn intake_refusal(&self) -> Option<&'static str> {
        self.inner.room.refusal()
    }

    fn intake(&self) -> watch::Receiver<bool> {
        self.inner.room.intake()
    }

    fn is_reachable(&self) -> bool {
        self.inner.room.is_reachable()
    }

    fn usage(&self) -> Option<Usage> {
        self.inner.room.usage()
    }

    /// Each log goes by itself, with its own checkpoints.
    fn oldest_shard(&self) -> Option<ShardId> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_its_epoch_in_front() {
        let token = Token { epoch: 1, incarnation: 2 };
        assert_eq!(token_bytes(token), [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2]);
    }
}
