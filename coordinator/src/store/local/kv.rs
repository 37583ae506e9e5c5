//! The key-value side: one keyspace of an LSM tree per [`Table`], and one for how far each shard's checkpoints have come.
//!
//! Its own journal is flushed once per round of checkpoints and never otherwise: until then the log holds the same. Keyspaces are
//! made when something is first put into them, since making all of them would double the time that a fresh store takes to open.

use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use fjall::config::PartitioningPolicy;
use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions, OwnedWriteBatch, PersistMode};
use parking_lot::RwLock;

use super::disk::is_full;
use crate::store::table::is_empty_range;
use crate::store::{KeyRange, KvOp, ShardId, StoreError, Table};

/// Keyspace of the checkpoints' sequence numbers.
const MARKS: &str = "checkpoints";

/// A write of the tree's holds this much at most; larger checkpoints are several.
const WRITE_BYTES_MAX: usize = 4 << 20;
const WRITE_OPS_MAX: usize = 4096;

/// Journals beyond this make the tree write out what holds the oldest one back.
const JOURNAL_BYTES_MAX: u64 = 128 << 20;

/// What is gathered in memory before it is written out, bytes. Histories are most of what there is.
const HISTORY_MEMTABLE_BYTES: u64 = 16 << 20;
const MEMTABLE_BYTES: u64 = 8 << 20;

/// Histories are written once and read seldom: values of this size and more stay where they were first written instead of being
/// copied at each compaction, which halves the CPU that a workflow's end costs.
const HISTORY_SEPARATE_BYTES: u32 = 512;

/// The tree, open.
pub(crate) struct Kv {
    path: PathBuf,
    cache_bytes: u64,
    open: RwLock<Option<Open>>,
    has_met_damage: AtomicBool,
}

struct Open {
    database: Database,
    marks: Keyspace,
    tables: [OnceLock<Keyspace>; Table::ALL.len()],
    /// Tables that are known to have been written: the tree makes a keyspace anew, empty, if its files are gone.
    recorded: [AtomicBool; Table::ALL.len()],
    /// One of them whose files are gone.
    lost: Option<&'static str>,
}

/// Why a write failed. The tree takes no further one before it has been [reopened](Kv::reopen).
#[derive(Debug)]
pub(crate) enum WriteError {
    /// No room.
    Full,
    /// A thread of the tree's own has failed earlier; it does not say why. Mostly it had found no room.
    Stopped,
    /// Some other failure of the disk, after which it must not be trusted.
    Broken(String),
}

impl Kv {
    /// Makes the tree of a new store. The error says what is wrong.
    pub(crate) fn create(path: &Path, cache_bytes: u64) -> Result<Kv, String> {
        let open = Open::new(path, cache_bytes).map_err(|error| describe(&error))?;
        Ok(Kv { path: path.to_owned(), cache_bytes, open: RwLock::new(Some(open)), has_met_damage: AtomicBool::new(false) })
    }

    /// Opens the tree of an old store. What is missing of it is not made anew: the log may hold only what came after its checkpoints.
    pub(crate) fn open(path: &Path, cache_bytes: u64) -> Result<Kv, String> {
        let kv = Self::create(path, cache_bytes)?;
        let lost = kv.open.read().as_ref().and_then(|open| open.lost);
        match lost {
            Some(name) => Err(format!("the files of its keyspace `{name}` are missing")),
            None => Ok(kv),
        }
    }

    /// Closes the tree and opens it again with what had reached its journal.
    pub(crate) fn reopen(&self) -> Result<(), WriteError> {
        let mut open = self.open.write();
        *open = None;
        // Without its files the tree would be made anew, empty.
        if !self.path.join("version").exists() {
            return Err(WriteError::Broken(format!("{} has gone", self.path.display())));
        }
        *open = Some(Open::new(&self.path, self.cache_bytes).map_err(write_error)?);
        Ok(())
    }

    /// How far the checkpoints of `shard_count` shards and the catalog have come.
    pub(crate) fn marks(&self, shard_count: u16) -> Result<Vec<u64>, StoreError> {
        self.with(|open| {
            let mut marks = vec![0; usize::from(shard_count) + 1];
            for entry in open.marks.iter() {
                let (key, value) = entry.into_inner()?;
                let shard = <[u8; 2]>::try_from(&*key).map(u16::from_be_bytes);
                let seq = <[u8; 8]>::try_from(&*value).map(u64::from_be_bytes);
                let index = shard.ok().and_then(|shard| ShardId(shard).index(shard_count));
                if let (Some(index), Ok(seq)) = (index, seq) {
                    marks[index] = seq;
                }
            }
            Ok(marks)
        })
    }

    /// Says from where on the log is to be read, after a repair: what stood before is lost.
    pub(crate) fn set_marks(&self, marks: &[(ShardId, u64)]) -> Result<(), String> {
        for (shard, mark) in marks {
            self.write(*shard, *mark, Vec::new()).map_err(|error| format!("{error:?}"))?;
        }
        self.persist().map_err(|error| format!("{error:?}"))
    }

    /// Makes the keyspaces whose files are gone anew, after a repair.
    pub(crate) fn make_lost(&self) -> Result<(), String> {
        let open = self.open.read();
        let Some(open) = open.as_ref() else { return Ok(()) };
        let mut lost = Table::ALL.into_iter().filter(|table| open.recorded[table.index()].load(Ordering::Relaxed));
        lost.try_for_each(|table| open.table(table).map(drop).map_err(|error| describe(&error)))
    }

    /// Whether everything can be read.
    pub(crate) fn reads_all(&self) -> bool {
        self.reads_marks() && self.damaged().is_empty()
    }

    /// Whether it can be read how far the checkpoints have come.
    pub(crate) fn reads_marks(&self) -> bool {
        self.with(|open| count(&open.marks)).is_ok()
    }

    /// The tables of which something cannot be read.
    pub(crate) fn damaged(&self) -> Vec<Table> {
        Table::ALL.into_iter().filter(|table| self.count(*table).is_err()).collect()
    }

    /// How many entries `table` has; reads all of it.
    pub(crate) fn count(&self, table: Table) -> Result<usize, StoreError> {
        self.with(|open| open.tables[table.index()].get().map_or(Ok(0), count))
    }

    /// The keyspace of `table`, if there is one.
    pub(super) fn keyspace(&self, table: Table) -> Option<Keyspace> {
        self.open.read().as_ref().and_then(|open| open.tables[table.index()].get().cloned())
    }

    /// Applies the operations and moves no mark, in a repair.
    pub(super) fn put(&self, ops: Vec<KvOp>) -> Result<(), WriteError> {
        let open = self.open.read();
        let open = open.as_ref().ok_or(WriteError::Full)?;
        open.apply(ops).and_then(OwnedWriteBatch::commit).map_err(write_error)
    }

    /// Applies the operations, and the mark of the shard together with the last of them. Not durable before [`persist`](Self::persist).
    pub(crate) fn write(&self, shard: ShardId, upto_seq: u64, ops: Vec<KvOp>) -> Result<(), WriteError> {
        let open = self.open.read();
        let open = open.as_ref().ok_or(WriteError::Full)?;
        open.write(shard, upto_seq, ops).map_err(write_error)
    }

    /// Returns when everything written so far is on stable storage.
    pub(crate) fn persist(&self) -> Result<(), WriteError> {
        let open = self.open.read();
        let open = open.as_ref().ok_or(WriteError::Full)?;
        open.database.persist(PersistMode::SyncData).map_err(write_error)
    }

    pub(crate) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.with(|open| {
            let Some(keyspace) = open.tables[table.index()].get() else {
                return Ok(None);
            };
            let value = keyspace.get(key)?;
            Ok(value.map(|value| Bytes::copy_from_slice(&value)))
        })
    }

    pub(crate) fn scan(&self, table: Table, range: KeyRange, limit: usize, reverse: bool) -> Result<Vec<(Bytes, Bytes)>, StoreError> {
        if is_empty_range(&range) {
            return Ok(Vec::new());
        }
        self.with(|open| match open.tables[table.index()].get() {
            Some(keyspace) => collect(keyspace, range, limit, reverse),
            None => Ok(Vec::new()),
        })
    }

    fn with<T>(&self, read: impl FnOnce(&Open) -> fjall::Result<T>) -> Result<T, StoreError> {
        match &*self.open.read() {
            Some(open) => read(open).map_err(read_error).inspect_err(|error| {
                if matches!(error, StoreError::Corrupt(_)) {
                    self.has_met_damage.store(true, Ordering::Relaxed);
                }
            }),
            None => Err(StoreError::Full),
        }
    }

    /// Whether something has been read that is not what was written.
    pub(crate) fn has_met_damage(&self) -> bool {
        self.has_met_damage.load(Ordering::Relaxed)
    }
}

impl Open {
    fn new(path: &Path, cache_bytes: u64) -> fjall::Result<Open> {
        let database = Database::builder(path)
            .cache_size(cache_bytes)
            .worker_threads(1)
            .max_journaling_size(JOURNAL_BYTES_MAX)
            .manual_journal_persist(true)
            .open()?;
        let found = database.list_keyspace_names();
        let marks = database.keyspace(MARKS, || options(MEMTABLE_BYTES))?;
        let (mut lost, recorded) = (None, Table::ALL.map(|_| AtomicBool::new(false)));
        for table in Table::ALL {
            let is_recorded = marks.contains_key(record_of(table))?;
            recorded[table.index()].store(is_recorded, Ordering::Relaxed);
            if is_recorded && !found.iter().any(|found| **found == *table.name()) {
                lost = Some(table.name());
            }
        }
        let open = Open { marks, tables: Default::default(), recorded, lost, database };
        for table in Table::ALL {
            if open.database.keyspace_exists(table.name()) {
                open.table(table)?;
            }
        }
        Ok(open)
    }

    /// The keyspace of `table`, made if there is none.
    fn table(&self, table: Table) -> fjall::Result<&Keyspace> {
        let place = &self.tables[table.index()];
        if let Some(keyspace) = place.get() {
            return Ok(keyspace);
        }
        let keyspace = self.database.keyspace(table.name(), || table_options(table))?;
        Ok(place.get_or_init(|| keyspace))
    }

    fn write(&self, shard: ShardId, upto_seq: u64, ops: Vec<KvOp>) -> fjall::Result<()> {
        let mut batch = self.apply(ops)?;
        batch.insert(&self.marks, shard.0.to_be_bytes(), upto_seq.to_be_bytes());
        batch.commit()
    }

    /// Writes the operations but for the last ones, which are in the answer.
    fn apply(&self, ops: Vec<KvOp>) -> fjall::Result<OwnedWriteBatch> {
        let mut batch = self.database.batch();
        let mut bytes = 0;
        for op in ops {
            bytes += op.len_bytes();
            self.add(&mut batch, op)?;
            if bytes >= WRITE_BYTES_MAX || batch.len() >= WRITE_OPS_MAX {
                std::mem::replace(&mut batch, self.database.batch()).commit()?;
                bytes = 0;
            }
        }
        Ok(batch)
    }

    fn add(&self, batch: &mut OwnedWriteBatch, op: KvOp) -> fjall::Result<()> {
        if let KvOp::Put { table, .. } = &op
            && !self.recorded[table.index()].swap(true, Ordering::Relaxed)
        {
            batch.insert(&self.marks, record_of(*table), []);
        }
        match op {
            KvOp::Put { table, key, value } => batch.insert(self.table(table)?, key, &*value),
            KvOp::Delete { table, key } => batch.remove(self.table(table)?, key),
        }
        Ok(())
    }
}

/// Where it is recorded that a table has been written; no shard's mark has such a key.
fn record_of(table: Table) -> String {
    format!("table {}", table.name())
}

fn table_options(table: Table) -> KeyspaceCreateOptions {
    match table {
        Table::History => {
            let separation = KvSeparationOptions::default().separation_threshold(HISTORY_SEPARATE_BYTES).compression(CompressionType::Lz4);
            options(HISTORY_MEMTABLE_BYTES).with_kv_separation(Some(separation))
        }
        Table::Meta | Table::Executions | Table::ExecutionIndex | Table::Timers | Table::Retention | Table::Catalog => {
            options(MEMTABLE_BYTES)
        }
    }
}

/// Every start asks for an execution that is not there. A filter of a million keys is more than a megabyte: in one piece, it would be read again for
/// each, since the cache is small. Those of the first level stay in memory.
fn options(memtable_bytes: u64) -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .max_memtable_size(memtable_bytes)
        .manual_journal_persist(true)
        .filter_block_partitioning_policy(PartitioningPolicy::new([false, true]))
}

/// How many entries there are; reads all of them.
fn count(keyspace: &Keyspace) -> fjall::Result<usize> {
    keyspace.iter().try_fold(0, |count, entry| entry.into_inner().map(|_| count + 1))
}

fn collect(keyspace: &Keyspace, range: KeyRange, limit: usize, reverse: bool) -> fjall::Result<Vec<(Bytes, Bytes)>> {
    let entries = keyspace.range::<Vec<u8>, (Bound<Vec<u8>>, Bound<Vec<u8>>)>(range);
    let entry = |entry: fjall::Guard| {
        let (key, value) = entry.into_inner()?;
        Ok((Bytes::copy_from_slice(&key), Bytes::copy_from_slice(&value)))
    };
    match reverse {
        false => entries.take(limit).map(entry).collect(),
        true => entries.rev().take(limit).map(entry).collect(),
    }
}

/// An error of the tree's in a sentence.
fn describe(error: &fjall::Error) -> String {
    match error {
        fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error)) => error.to_string(),
        fjall::Error::Storage(error) => format!("one of its tables is damaged or missing ({error:?})"),
        fjall::Error::JournalRecovery(error) => format!("its journal is damaged ({error:?})"),
        other => format!("its files do not fit together ({other:?})"),
    }
}

fn write_error(error: fjall::Error) -> WriteError {
    match io_error(&error) {
        Some(error) if is_full(error) => WriteError::Full,
        None if matches!(error, fjall::Error::Poisoned) => WriteError::Stopped,
        Some(_) | None => WriteError::Broken(error.to_string()),
    }
}

fn read_error(error: fjall::Error) -> StoreError {
    match io_error(&error) {
        Some(error) => StoreError::Failed(error.to_string()),
        None => StoreError::Corrupt(error.to_string()),
    }
}

/// The operating system's part in an error of the tree's.
fn io_error(error: &fjall::Error) -> Option<&std::io::Error> {
    match error {
        fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error)) => Some(error),
        _ => None,
    }
}
