//! A store in one data folder, on one disk, for one process.
//!
//! ```text
//! data folder
//!   lock          who has the folder
//!   store.json    what it is: format, id, number of shards
//!   log/          segments of the log, zero-filled files of one size
//!   kv/           the key-value side, an LSM tree
//! ```
//!
//! Three threads: `log-write` writes groups and flushes, `log-prepare` makes the next segment ready and watches the room that is
//! left, `checkpoint` writes the key-value side. Each takes everything that is queued at once, so that many small writes share a
//! flush. Callers only queue, except for reads, which go to the files directly, in the calling task: mostly they find what they
//! want in memory.
//!
//! A failure to flush ends the process (`disk::fatal`). A full disk does not: appends and checkpoints are refused
//! until there is room.

mod checkpointer;
mod cut;
mod disk;
mod durable_end;
mod error;
mod folder_watch;
mod frame;
mod identity;
mod kv;
mod kv_journal;
mod kv_opening;
mod kv_rescue;
mod kv_survey;
mod lock;
mod options;
mod prepare;
mod queue;
mod read;
mod recovery;
mod repair;
mod salvage;
mod scan;
mod segment;
mod shard_log;
mod shared;
mod space;
mod survey;
mod threads;
mod trimmed;
mod writer;

pub use disk::{LogDisk, OsDisk, OsSpace, SpaceProbe};
pub use error::OpenError;
pub use lock::Holder;
pub use options::LocalOptions;
pub use recovery::Behind;
pub use repair::{CutBatches, Loss, RepairReport, inspect, repair};
pub use shared::LogStats;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use tokio::sync::{oneshot, watch};

use super::{Acquired, Append, Checkpoint, KeyRange, ShardId, ShardStore, StoreError, StoreId, Table, Token, Usage};
use checkpointer::{Answers, Request, all_failed, own};
use identity::{Found, Identity};
use kv::Kv;
use kv_opening::Opening;
use lock::FolderLock;
use recovery::Recovered;
use shard_log::ShardLog;
use shared::Shared;
use space::Space;
use threads::Threads;
use writer::{Command, IndexedAppend};

/// The store. Dropping it writes what is queued and gives the folder back.
pub struct LocalStore {
    dir: PathBuf,
    shared: Arc<Shared>,
    kv: Arc<Kv>,
    threads: Threads,
    // Dropped last: the folder is given back when nothing more is written.
    _lock: FolderLock,
}

impl LocalStore {
    /// Opens the store in `dir`, or creates one there. Blocks until the log has been read.
    pub fn open(dir: impl AsRef<Path>, options: LocalOptions) -> Result<LocalStore, OpenError> {
        options.check();
        let dir = dir.as_ref();
        fs::create_dir_all(dir).map_err(|error| OpenError::io(dir, error))?;
        let lock = FolderLock::take(dir)?;
        let Ready { identity, kv, recovered } = open_or_create(dir, &options)?;
        let kv = Arc::new(kv);
        let marks = recovered.shards.iter().map(ShardLog::checkpoint_seq).collect();
        let space = Arc::new(Space::new(dir.to_owned(), &options));
        let shared = Arc::new(Shared::new(identity, space));
        let threads = Threads::start(dir, &options, &shared, &kv, marks, recovered).map_err(|error| OpenError::io(dir, error))?;
        Ok(LocalStore { dir: dir.to_owned(), shared, kv, threads, _lock: lock })
    }

    /// The data folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// How the log is doing.
    pub fn log_stats(&self) -> LogStats {
        self.shared.stats()
    }

    /// With its shard's place; told of if the store has no such shard.
    fn indexed(&self, append: Append) -> Option<IndexedAppend> {
        match self.shared.index(append.shard) {
            Ok(index) => Some(IndexedAppend { index, append }),
            Err(error) => {
                append.refuse(error);
                None
            }
        }
    }

    fn queue(&self, append: IndexedAppend) {
        if let Err(Command::Append(refused)) = self.threads.log.push(Command::Append(append)) {
            refused.append.refuse(StoreError::Closed);
        }
    }

    /// Asks the thread that writes the log, and waits for its answer.
    fn ask<T: Send + 'static>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> impl Future<Output = Result<T, StoreError>> + Send + 'static {
        let (reply, answer) = oneshot::channel();
        let queued = self.threads.log.push(command(reply));
        async move {
            queued.map_err(|_| StoreError::Closed)?;
            answer.await.map_err(|_| StoreError::Closed)
        }
    }
}

/// How many frames of a log with this `seed` stand in `bytes`. For fuzzing: frames are read before anything about them is known.
#[doc(hidden)]
pub fn count_frames(bytes: &[u8], seed: u32) -> usize {
    frame::count(bytes, seed)
}

/// Both sides of a store, read and found to fit.
struct Ready {
    identity: Identity,
    kv: Kv,
    recovered: Recovered,
}

/// What is in `dir`, or a new store there.
fn open_or_create(dir: &Path, options: &LocalOptions) -> Result<Ready, OpenError> {
    match Identity::find(dir)? {
        Found::Store(identity) => open_old(dir, identity, options),
        Found::Nothing => create(dir, options),
    }
}

fn create(dir: &Path, options: &LocalOptions) -> Result<Ready, OpenError> {
    let identity = Identity::new(options.shard_count);
    identity.begin(dir).map_err(|error| OpenError::io(dir, error))?;
    recovery::create_log(dir, &identity, options)?;
    // What is new is not damaged, whatever keeps it from being made.
    let refused = |detail| OpenError::io(&dir.join("kv"), std::io::Error::other(format!("it cannot be made: {detail}")));
    let kv = Kv::create(&dir.join("kv"), options.kv_cache_bytes).map_err(refused)?;
    Identity::finish(dir).map_err(|error| OpenError::io(dir, error))?;
    let marks = vec![0; identity.shards()];
    let recovered = recovery::recover(dir, &identity, &marks, &*options.disk)?;
    Ok(Ready { identity, kv, recovered })
}

fn open_old(dir: &Path, identity: Identity, options: &LocalOptions) -> Result<Ready, OpenError> {
    let opening = Opening::begin(dir, options.kv_cache_bytes)?;
    match read_both(dir, &opening, &identity, options) {
        Ok(recovered) => {
            opening.tell();
            Ok(Ready { identity, kv: opening.keep()?, recovered })
        }
        Err(error) => {
            opening.put_back()?;
            Err(error)
        }
    }
}

fn read_both(dir: &Path, opening: &Opening, identity: &Identity, options: &LocalOptions) -> Result<Recovered, OpenError> {
    let marks = opening.kv().marks(identity.shard_count).map_err(|error| OpenError::kv(dir, error.to_string()))?;
    recovery::recover(dir, identity, &marks, &*options.disk).map_err(|error| error.with_cut_journal(opening.cut.clone()))
}

impl ShardStore for LocalStore {
    fn store_id(&self) -> StoreId {
        self.shared.identity.store_id
    }

    fn shard_count(&self) -> u16 {
        self.shared.identity.shard_count
    }

    fn acquire(&self, shard: ShardId) -> BoxFuture<'_, Result<Acquired, StoreError>> {
        Box::pin(async move {
            let index = self.shared.index(shard)?;
            // First the checkpoints of the owner before are settled and its further ones refused, then its appends: what the new
            // owner is told about both then holds.
            own(&self.threads.checkpoints, index, None).await?;
            let acquired = self.ask(move |reply| Command::Acquire { index, reply }).await?;
            own(&self.threads.checkpoints, index, Some(acquired.token)).await?;
            Ok(acquired)
        })
    }

    fn renew(&self, held: Vec<(ShardId, Token)>) -> BoxFuture<'_, Vec<Result<(), StoreError>>> {
        Box::pin(async move {
            let count = held.len();
            let known =
                held.into_iter().map(|(shard, token)| Ok((self.shared.index(shard)?, token))).collect::<Result<Vec<_>, StoreError>>();
            let answers = match known {
                Ok(held) => self.ask(move |reply| Command::Renew { held, reply }).await,
                Err(error) => Err(error),
            };
            answers.unwrap_or_else(|error| all_failed(count, error))
        })
    }

    fn is_held(&self, _: ShardId, _: Token) -> bool {
        true
    }

    fn release(&self, shard: ShardId, token: Token) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let index = self.shared.index(shard)?;
            self.ask(move |reply| Command::Release { index, token, reply }).await??;
            own(&self.threads.checkpoints, index, None).await
        })
    }

    fn append(&self, append: Append) {
        if let Some(append) = self.indexed(append) {
            self.queue(append);
        }
    }

    fn append_and_wait(&self, appends: Vec<Append>) {
        let appends = appends.into_iter().filter_map(|append| self.indexed(append)).collect();
        if let Err(appends) = self.threads.writer.write_here(appends) {
            appends.into_iter().for_each(|append| self.queue(append));
        }
    }

    fn read_log(&self, shard: ShardId, after_seq: u64) -> BoxStream<'static, Result<(u64, Bytes), StoreError>> {
        let found = self.shared.index(shard).map(|index| self.ask(move |reply| Command::Find { index, after_seq, reply }));
        let places = async move { found?.await };
        read::batches(places, shard, self.shared.identity.log_seed)
    }

    fn last_seq(&self, shard: ShardId) -> BoxFuture<'_, Result<u64, StoreError>> {
        let seq = self.shared.index(shard).map(|index| self.shared.durable_seqs[index].load(Ordering::Acquire));
        Box::pin(std::future::ready(seq))
    }

    fn checkpoint_many(&self, checkpoints: Vec<Checkpoint>) -> BoxFuture<'_, Vec<Result<(), StoreError>>> {
        Box::pin(async move {
            let count = checkpoints.len();
            let (reply, answer) = oneshot::channel::<Answers>();
            let request = Request::Write { checkpoints, reply };
            if self.threads.checkpoints.push(request).is_err() {
                return all_failed(count, StoreError::Closed);
            }
            let answers = answer.await;
            answers.unwrap_or_else(|_| all_failed(count, StoreError::Closed))
        })
    }

    fn get(&self, table: Table, key: &[u8]) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>> {
        let value = self.kv.get(table, key);
        Box::pin(std::future::ready(value))
    }

    fn scan(&self, table: Table, range: KeyRange, limit: usize, reverse: bool) -> BoxFuture<'_, Result<Vec<(Bytes, Bytes)>, StoreError>> {
        Box::pin(async move { self.kv.scan(table, range, limit, reverse) })
    }

    fn has_met_damage(&self) -> bool {
        self.kv.has_met_damage()
    }

    fn accepts_intake(&self) -> bool {
        self.shared.space.accepts_intake()
    }

    fn intake(&self) -> watch::Receiver<bool> {
        self.shared.space.intake()
    }

    fn usage(&self) -> Option<Usage> {
        Some(self.shared.space.usage())
    }

    fn oldest_shard(&self) -> Option<ShardId> {
        self.shared.oldest_shard()
    }
}
