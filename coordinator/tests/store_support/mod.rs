//! What the tests of stores have in common.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod redis_cluster;
pub(crate) mod redis_server;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use baton_coordinator::store::local::{LocalOptions, LocalStore, LogDisk, OsDisk, SpaceProbe};
use baton_coordinator::store::{Acquired, Append, Durable, DurableReceiver, DurableSender, ShardId, ShardStore, StoreError};
use bytes::Bytes;
use futures_util::TryStreamExt;

/// An owner of a shard who appends, and waits.
pub(crate) struct Owner<'a> {
    pub(crate) store: &'a dyn ShardStore,
    pub(crate) shard: ShardId,
    pub(crate) acquired: Acquired,
    pub(crate) next: u64,
    pub(crate) done: DurableSender,
    pub(crate) ends: DurableReceiver,
}

impl<'a> Owner<'a> {
    /// Takes the shard, as soon as nobody else has a lease of it.
    pub(crate) async fn of(store: &'a dyn ShardStore, shard: ShardId) -> Owner<'a> {
        let acquired = loop {
            match store.acquire(shard).await {
                Err(StoreError::Held { for_ms, .. }) => tokio::time::sleep(Duration::from_millis(for_ms + 1)).await,
                acquired => break acquired.expect("the shard exists"),
            }
        };
        let (done, ends) = DurableSender::channel();
        Owner { store, shard, acquired, next: acquired.seq, done, ends }
    }

    /// Queues a batch behind the last one.
    pub(crate) fn append(&mut self, batch: impl Into<Bytes>) {
        self.append_after(self.next, batch);
        self.next += 1;
    }

    pub(crate) fn append_after(&self, expected_seq: u64, batch: impl Into<Bytes>) {
        let token = self.acquired.token;
        let batch = batch.into();
        self.store.append(Append { shard: self.shard, token, expected_seq, batch, done: self.done.clone() });
    }

    /// Appends several behind the last one and has nothing else to do.
    pub(crate) fn append_and_wait(&mut self, batches: impl IntoIterator<Item = Bytes>) {
        let (shard, token) = (self.shard, self.acquired.token);
        let appends =
            (self.next..).zip(batches).map(|(expected_seq, batch)| Append { shard, token, expected_seq, batch, done: self.done.clone() });
        let appends: Vec<_> = appends.collect();
        self.next += appends.len() as u64;
        self.store.append_and_wait(appends);
    }

    pub(crate) async fn end(&mut self) -> Durable {
        tokio::time::timeout(Duration::from_secs(30), self.ends.recv()).await.expect("each append has an end").expect("the store lives")
    }

    /// Queues a batch and waits until it is durable.
    pub(crate) async fn commit(&mut self, batch: impl Into<Bytes>) -> u64 {
        self.append(batch);
        let end = self.end().await;
        assert_eq!(end.result, Ok(()), "of batch {}", end.seq);
        assert_eq!((end.shard, end.seq), (self.shard, self.next));
        end.seq
    }

    pub(crate) async fn checkpoint(&self, upto_seq: u64) -> Result<(), StoreError> {
        let token = self.acquired.token;
        self.store.checkpoint(self.shard, token, upto_seq, Vec::new()).await
    }

    pub(crate) async fn log(&self, after_seq: u64) -> Vec<(u64, Bytes)> {
        log(self.store, self.shard, after_seq).await
    }
}

/// The batches of a shard.
pub(crate) async fn log(store: &dyn ShardStore, shard: ShardId, after_seq: u64) -> Vec<(u64, Bytes)> {
    let batches = store.read_log(shard, after_seq).try_collect().await;
    batches.expect("the log can be read")
}

/// Bytes that say which batch they are, and fill `len`.
pub(crate) fn batch(shard: ShardId, seq: u64, len: usize) -> Bytes {
    let mut bytes = format!("shard {shard} batch {seq} ").into_bytes();
    let filler = (seq as u8) ^ (shard.0 as u8);
    bytes.resize(len.max(bytes.len()), filler);
    bytes.into()
}

/// A volume with as much room as a test says.
#[derive(Clone, Default)]
pub(crate) struct FakeSpace(Arc<AtomicU64>);

impl FakeSpace {
    pub(crate) fn with_free(bytes: u64) -> Self {
        Self(Arc::new(AtomicU64::new(bytes)))
    }

    pub(crate) fn set_free(&self, bytes: u64) {
        self.0.store(bytes, Ordering::Relaxed);
    }
}

impl SpaceProbe for FakeSpace {
    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(self.0.load(Ordering::Relaxed))
    }
}

/// A store with segments so small that every test uses several.
pub(crate) fn small_options() -> LocalOptions {
    LocalOptions { shard_count: 8, segment_bytes: 64 << 10, first_segment_bytes: 64 << 10, ..LocalOptions::default() }
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime can be built")
}

/// A disk whose writes wait while it is closed, so that what is queued meanwhile becomes one group.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(std::sync::Mutex<bool>, std::sync::Condvar)>);

impl Gate {
    pub(crate) fn close(&self) {
        *self.0.0.lock().expect("no holder panics") = true;
    }

    pub(crate) fn open(&self) {
        *self.0.0.lock().expect("no holder panics") = false;
        self.0.1.notify_all();
    }
}

impl LogDisk for Gate {
    fn write_all_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let closed = self.0.0.lock().expect("no holder panics");
        let waited = self.0.1.wait_while(closed, |closed| *closed);
        drop(waited.expect("no holder panics"));
        OsDisk.write_all_at(file, bytes, offset)
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        OsDisk.sync_data(file)
    }
}

/// Appends batches of `len` bytes to shard 1: for each of `groups` one batch alone, then the others as one group.
pub(crate) async fn append_groups(store: &LocalStore, gate: &Gate, groups: &[u64], len: usize) {
    let shard = ShardId(1);
    let mut owner = Owner::of(store, shard).await;
    for count in groups {
        let before = store.log_stats().groups;
        gate.close();
        // The first batch is taken at once and waits at the gate, the others gather behind it.
        let first = owner.next + 1;
        owner.append(batch(shard, first, len));
        tokio::time::sleep(Duration::from_millis(15)).await;
        for after in 1..*count {
            owner.append(batch(shard, first + after, len));
        }
        gate.open();
        for _ in 0..*count {
            assert_eq!(owner.end().await.result, Ok(()));
        }
        let made = store.log_stats().groups - before;
        assert_eq!(made, if *count > 1 { 2 } else { 1 });
    }
}

/// Copies a data folder to a place that does not exist yet, holes as holes.
pub(crate) fn copy_dir(from: &Path, to: &Path) {
    let copied = std::process::Command::new("cp").arg("-R").arg(from).arg(to).status();
    assert!(copied.expect("there is a cp").success());
}

/// The log's segments, oldest first.
pub(crate) fn segments(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir.join("log")).expect("a store has a log");
    let paths = entries.map(|entry| entry.expect("a folder can be read").path());
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "log");
    let mut segments: Vec<_> = paths.filter(is_segment).collect();
    segments.sort();
    segments
}

/// Changes bytes of a file.
pub(crate) fn change(path: &Path, offset: u64, change: impl FnOnce(&mut [u8]), len: usize) {
    let file = fs::OpenOptions::new().read(true).write(true).open(path);
    let file = file.expect("the file is there");
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, offset).expect("the bytes are there");
    change(&mut bytes);
    file.write_all_at(&bytes, offset).expect("the file can be written");
}

/// A folder for a test that opens many stores and needs no real disk: in memory, where the system offers that.
pub(crate) fn temp_dir() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    made.expect("a folder can be made")
}
