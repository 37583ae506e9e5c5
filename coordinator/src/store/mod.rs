//! Where shards keep what must not be lost.
//!
//! A shard owns one **log** of batches and a part of a **key-value side**. The log is the only synchronous write: a batch is
//! appended, made durable, and only then does anything that it caused leave the shard. The key-value side (snapshots, history
//! segments, indexes, far timers) is derived from the log and written lazily by checkpoints; what a checkpoint has taken over need
//! not stay in the log.
//!
//! [`ShardStore`] is the border. Three implementations stand behind it: [`local::LocalStore`], one data folder on one disk,
//! [`redis::RedisStore`], which several processes share, and [`memory::MemoryStore`], which forgets everything at exit and can be told to fail
//! in the ways a disk fails. One suite, `tests/store_contract.rs`, says what all must do.
//!
//! Deliberately absent: any knowledge of what a batch or a value means. Keys have types ([`keys`]), values are bytes.

mod append;
mod checkpoint;
mod durable;
mod error;
mod head;
mod ids;
pub mod keys;
pub mod local;
mod members;
pub mod memory;
pub mod redis;
mod table;
mod usage;

pub use append::Append;
pub use checkpoint::{Checkpoint, KEY_BYTES_MAX, KvOp, VALUE_BYTES_MAX};
pub use durable::{Durable, DurableReceiver, DurableSender};
pub use error::StoreError;
pub use ids::{Acquired, ShardId, StoreId, Token};
pub use members::{Member, MemberSession, Membership, ShardSet};
pub use table::{KeyRange, Table};
pub use usage::Usage;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use tokio::sync::watch;

/// Largest batch that any store takes, bytes. A local one with small segments takes less.
pub const BATCH_BYTES_MAX: usize = 16 << 20;

/// A log of batches per shard and a key-value side, both fenced by the owner's [`Token`].
///
/// Usable as `Arc<dyn ShardStore>`. Every write names the token that [`acquire`](Self::acquire) gave; a write with any other token
/// is answered [`StoreError::Fenced`] and changes nothing, checkpoints included.
pub trait ShardStore: Send + Sync + 'static {
    /// Which store this is. It never changes; two systems must not share one.
    fn store_id(&self) -> StoreId;

    /// Shards 0 to `shard_count - 1` exist, and [`ShardId::CATALOG`]. A power of two, fixed when the store was created.
    fn shard_count(&self) -> u16;

    /// Takes ownership, also from an owner that still believes to have it: from here on that one's writes are refused.
    ///
    /// A store that several processes share gives leases, judged by its own clock and prolonged by every write and by [`renew`](Self::renew): as
    /// long as another owner's has not ended, the answer is [`StoreError::Held`].
    ///
    /// [`Acquired::seq`] counts every batch that was queued before this call and became durable.
    fn acquire(&self, shard: ShardId) -> BoxFuture<'_, Result<Acquired, StoreError>>;

    /// Confirms that each of these is still owned; one answer each, in order.
    fn renew(&self, held: Vec<(ShardId, Token)>) -> BoxFuture<'_, Vec<Result<(), StoreError>>>;

    /// Whether the owner may still speak for the shard without having written: its lease, counted by this process's own clock from before it
    /// was last confirmed, has not ended. A store of one process has no leases, and answers true.
    fn is_held(&self, shard: ShardId, token: Token) -> bool;

    /// Gives the shard up. The token is worthless afterwards.
    fn release(&self, shard: ShardId, token: Token) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Queues one batch and returns at once.
    ///
    /// Several batches of a shard may be under way; their order is the order of the calls. Exactly one [`Durable`] is handed to
    /// [`Append::done`] for each call: `Ok` only after the batch is on stable storage. `done` may be called before this function
    /// returns and is called on a thread of the store, so it must not block.
    ///
    /// When a batch is refused, those queued behind it are refused too, for the same reason, since their predecessor is missing. The shard
    /// keeps the bytes and appends the same batches again, in order, once the reason is gone ([`StoreError::is_retryable`]).
    fn append(&self, append: Append);

    /// [`append`](Self::append) of each in order, by a caller that has nothing else to do until they are durable.
    ///
    /// A store whose disk answers faster than a thread is woken may write them, and what is queued before them, on the calling thread.
    fn append_and_wait(&self, appends: Vec<Append>) {
        appends.into_iter().for_each(|append| self.append(append));
    }

    /// The durable batches with a `seq` greater than `after_seq`, in order, without gaps; ends at the last durable one.
    ///
    /// What a checkpoint has covered may be gone: reading from before [`Acquired::checkpoint_seq`] starts at the first batch that
    /// is still there.
    fn read_log(&self, shard: ShardId, after_seq: u64) -> BoxStream<'static, Result<(u64, Bytes), StoreError>>;

    /// Number of the last durable batch, for those who follow a log that is not their own.
    fn last_seq(&self, shard: ShardId) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// [`checkpoint_many`](Self::checkpoint_many) of one.
    fn checkpoint(&self, shard: ShardId, token: Token, upto_seq: u64, ops: Vec<KvOp>) -> BoxFuture<'_, Result<(), StoreError>> {
        let checkpoint = Checkpoint { shard, token, upto_seq, ops };
        Box::pin(async move { self.checkpoint_many(vec![checkpoint]).await.pop().expect("each checkpoint has one answer") })
    }

    /// Applies the operations of each checkpoint, whose keys are its own shard's ([`keys`]), then moves its shard's `checkpoint_seq` to `upto_seq`; one answer each, in order.
    ///
    /// The operations must be idempotent: after a crash a prefix of them may have been applied without `checkpoint_seq` having
    /// moved, and the shard will make them again from the log. When a call is answered `Ok`, operations and `checkpoint_seq` are on
    /// stable storage together, and the log up to `upto_seq` may go. `upto_seq` must be durable; one below the present
    /// `checkpoint_seq` leaves it where it is.
    ///
    /// One that is refused with a [retryable](StoreError::is_retryable) error is worth making again.
    ///
    /// Calls that meet share one flush, as do the checkpoints of one call.
    fn checkpoint_many(&self, checkpoints: Vec<Checkpoint>) -> BoxFuture<'_, Vec<Result<(), StoreError>>>;

    /// The value under `key`. Sees every checkpoint answered before the call.
    fn get(&self, table: Table, key: &[u8]) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>>;

    /// At most `limit` entries of the range, in the order of their keys, or from the last one down if `reverse`.
    fn scan(&self, table: Table, range: KeyRange, limit: usize, reverse: bool) -> BoxFuture<'_, Result<Vec<(Bytes, Bytes)>, StoreError>>;

    /// Whether new work may be taken in. False on a full disk: the API then answers 503. Running work goes on while the log has
    /// room, and is refused with [`StoreError::Full`] after that.
    fn accepts_intake(&self) -> bool;

    /// Why it is not, in a sentence for whoever brings it.
    fn intake_refusal(&self) -> Option<&'static str> {
        (!self.accepts_intake()).then_some("The server cannot take new work now: there is no room left on its disk.")
    }

    /// [`accepts_intake`](Self::accepts_intake) as it changes. Work that was refused with [`StoreError::Full`] is worth another
    /// try when this turns true.
    fn intake(&self) -> watch::Receiver<bool>;

    /// Whether it answers, as far as is known without asking. A store on another machine says so by what it was asked last.
    fn is_reachable(&self) -> bool {
        true
    }

    /// Whether something that was read since the start was not what had been written. What was asked for it was refused; it stays so until a repair.
    fn has_met_damage(&self) -> bool {
        false
    }

    /// How much it holds, for people; `None` where nobody knows. It may look through files, so it is called where waiting does no harm; a store on
    /// another machine answers with what it has heard last.
    fn usage(&self) -> Option<Usage> {
        None
    }

    /// The shard whose checkpoint would free the oldest piece of the log, if there is a piece that waits for one.
    fn oldest_shard(&self) -> Option<ShardId>;
}
