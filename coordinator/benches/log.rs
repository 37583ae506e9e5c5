//! How fast the local store is: appends as a lonely shard and as many busy ones make them, and checkpoints.
//!
//! `cargo bench -p baton-coordinator --bench log`; `BENCH_DIR` chooses the disk, the system's folder for temporary files by default.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use baton_coordinator::store::local::{LocalOptions, LocalStore};
use baton_coordinator::store::{Acquired, Append, Checkpoint, Durable, DurableSender, KvOp, ShardId, ShardStore, Table};
use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

const SHARDS: u16 = 256;

/// Appends between two checkpoints of a shard, so that segments are recycled as they are in service.
const CHECKPOINT_EVERY: u64 = 4096;

struct Bench {
    store: LocalStore,
    owned: Vec<Acquired>,
    done: DurableSender,
    ends: mpsc::Receiver<Durable>,
    runtime: tokio::runtime::Runtime,
    _dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let base = std::env::var_os("BENCH_DIR").map_or_else(std::env::temp_dir, Into::into);
        let dir = tempfile::tempdir_in(base).expect("a folder can be made");
        let store = LocalStore::open(dir.path(), LocalOptions::default()).expect("a store opens");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime can be built");
        let acquire = |shard| runtime.block_on(store.acquire(ShardId(shard)));
        let owned = (0..SHARDS).map(|shard| acquire(shard).expect("the shard exists")).collect();
        let (sender, ends) = mpsc::channel();
        let done = DurableSender::new(move |end| sender.send(end).expect("the bench listens"));
        Self { store, owned, done, ends, runtime, _dir: dir }
    }

    fn append(&mut self, shard: u16, batch: &Bytes) {
        let acquired = &mut self.owned[usize::from(shard)];
        let (token, expected_seq) = (acquired.token, acquired.seq);
        acquired.seq += 1;
        self.store.append(Append { shard: ShardId(shard), token, expected_seq, batch: batch.clone(), done: self.done.clone() });
    }

    fn end(&self) -> Durable {
        let end = self.ends.recv().expect("the store lives");
        assert_eq!(end.result, Ok(()));
        end
    }

    /// `count` appends, `in_flight` of each of `shards` shards at a time.
    fn busy(&mut self, shards: u16, in_flight: u64, count: u64, batch: &Bytes) -> Duration {
        let start = Instant::now();
        let mut sent = 0;
        for _ in 0..in_flight {
            for shard in (0..shards).take((count - sent) as usize) {
                self.append(shard, batch);
                sent += 1;
            }
        }
        for _ in 0..count {
            let end = self.end();
            if sent < count {
                self.append(end.shard.0, batch);
                sent += 1;
            }
            if end.seq.is_multiple_of(CHECKPOINT_EVERY) {
                self.checkpoint(end);
            }
        }
        start.elapsed()
    }

    /// Asks for a checkpoint and does not wait for it.
    fn checkpoint(&self, upto: Durable) {
        let token = self.owned[usize::from(upto.shard.0)].token;
        let answer: BoxFuture<'_, _> = self.store.checkpoint(upto.shard, token, upto.seq, Vec::new());
        assert!(answer.now_or_never().is_none());
    }
}

fn appends(criterion: &mut Criterion) {
    let mut bench = Bench::new();
    let mut group = criterion.benchmark_group("append");
    group.throughput(Throughput::Elements(1));
    for (shards, in_flight, bytes) in [(1, 1, 200), (1, 3, 200), (16, 3, 200), (256, 3, 200), (256, 3, 2000)] {
        let batch = Bytes::from(vec![7; bytes]);
        let name = format!("{shards} shards, {in_flight} in flight");
        group.bench_with_input(BenchmarkId::new(name, bytes), &batch, |bencher, batch| {
            bencher.iter_custom(|count| bench.busy(shards, in_flight, count, batch));
        });
    }
    group.finish();
    let stats = bench.store.log_stats();
    println!(
        "{} groups of {:.1} batches and {:.0} bytes on average",
        stats.groups,
        stats.batches as f64 / stats.groups as f64,
        stats.bytes as f64 / stats.groups as f64
    );
}

/// Ended workflows, 4 kB each: a snapshot, a history segment and an index entry.
fn checkpoints(criterion: &mut Criterion) {
    const WORKFLOWS: u64 = 100;
    let bench = Bench::new();
    let mut group = criterion.benchmark_group("checkpoint");
    group.throughput(Throughput::Elements(WORKFLOWS));
    let mut next = 0_u128;
    group.bench_function("100 workflows of 4 kB", |bencher| {
        bencher.iter(|| {
            let mut ops = Vec::new();
            for _ in 0..WORKFLOWS {
                // Ids are hashes: they come in no order.
                next = next.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645) + 1;
                let id = next.to_be_bytes();
                ops.push(KvOp::put(Table::Executions, id, vec![1; 1000]));
                ops.push(KvOp::put(Table::History, [&id[..], &[0; 8]].concat(), vec![2; 3000]));
                ops.push(KvOp::put(Table::ExecutionIndex, [&[7; 24], &id[..]].concat(), vec![3; 60]));
            }
            let checkpoint = Checkpoint { shard: ShardId(0), token: bench.owned[0].token, upto_seq: 0, ops };
            let answers = bench.runtime.block_on(bench.store.checkpoint_many(vec![checkpoint]));
            assert_eq!(answers, [Ok(())]);
        });
    });
    group.finish();
}

fn opening(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("open");
    group.sample_size(20);
    group.bench_function("a new store", |bencher| {
        bencher.iter_with_large_drop(|| {
            let dir = tempfile::tempdir().expect("a folder can be made");
            let store = LocalStore::open(dir.path(), LocalOptions::default());
            (store.expect("a store opens"), dir)
        });
    });
    let dir = tempfile::tempdir().expect("a folder can be made");
    group.bench_function("an old store", |bencher| {
        // One process at a time has the folder, so closing it is measured too.
        bencher.iter(|| LocalStore::open(dir.path(), LocalOptions::default()).expect("a store opens"));
    });
    group.finish();
}

criterion_group!(benches, appends, checkpoints, opening);
criterion_main!(benches);
