//! What every [`ShardStore`] must do, run against each implementation.
//!
//! The one in Redis runs against real servers; `scripts/services.sh` installs them.

mod store_support;

use std::ops::Bound;
use std::time::Duration;

use baton_coordinator::store::keys::{ExecutionKey, HistoryKey, MetaKey, TimerKey, prefix_range};
use baton_coordinator::store::local::{LocalOptions, LocalStore};
use baton_coordinator::store::memory::MemoryStore;
use baton_coordinator::store::redis::RedisStore;
use baton_coordinator::store::{Checkpoint, KEY_BYTES_MAX, KvOp, ShardId, ShardStore, StoreError, Table};
use bytes::Bytes;
use store_support::redis_cluster::Nodes;
use store_support::redis_server::RedisServer;
use store_support::{FakeSpace, Owner, batch, log, runtime, small_options};

const PLENTY: u64 = 1 << 40;
const ONE: ShardId = ShardId(1);

/// A store, and what a test does to it from outside.
trait Harness: Sized {
    async fn new() -> Self;
    fn store(&self) -> &dyn ShardStore;
    /// Ends the process that has the store and starts another.
    async fn restart(self) -> Self;
    /// Fills the disk, or makes room.
    fn set_full(&self, full: bool);
}

struct Memory(MemoryStore);

impl Harness for Memory {
    async fn new() -> Self {
        Self(MemoryStore::new(8))
    }

    fn store(&self) -> &dyn ShardStore {
        &self.0
    }

    async fn restart(self) -> Self {
        self.0.crash(usize::MAX);
        self
    }

    fn set_full(&self, full: bool) {
        self.0.set_full(full);
    }
}

struct Local {
    store: Option<LocalStore>,
    options: LocalOptions,
    space: FakeSpace,
    dir: tempfile::TempDir,
}

impl Harness for Local {
    async fn new() -> Self {
        let space = FakeSpace::with_free(PLENTY);
        let options = LocalOptions { space: std::sync::Arc::new(space.clone()), ..small_options() };
        let dir = tempfile::tempdir().expect("a folder can be made");
        let store = LocalStore::open(dir.path(), options.clone()).expect("a store can be made");
        Self { store: Some(store), options, space, dir }
    }

    fn store(&self) -> &dyn ShardStore {
        self.store.as_ref().expect("the store is open")
    }

    async fn restart(mut self) -> Self {
        drop(self.store.take());
        let store = LocalStore::open(self.dir.path(), self.options.clone());
        self.store = Some(store.expect("the store can be opened again"));
        self
    }

    fn set_full(&self, full: bool) {
        self.space.set_free(if full { 0 } else { PLENTY });
    }
}

struct Redis {
    store: Option<RedisStore>,
    server: RedisServer,
}

impl Harness for Redis {
    async fn new() -> Self {
        let server = RedisServer::start();
        let store = server.open().await;
        Self { store: Some(store), server }
    }

    fn store(&self) -> &dyn ShardStore {
        self.store.as_ref().expect("the store is open")
    }

    async fn restart(mut self) -> Self {
        drop(self.store.take());
        self.server.kill();
        self.server.start_again();
        self.store = Some(self.server.open().await);
        self
    }

    fn set_full(&self, full: bool) {
        self.server.set("maxmemory", if full { "1" } else { "0" });
    }
}

/// In a Redis Cluster of three nodes.
struct RedisCluster {
    store: Option<RedisStore>,
    nodes: Nodes,
}

impl Harness for RedisCluster {
    async fn new() -> Self {
        let nodes = Nodes::start(3).await;
        let store = nodes.open().await;
        Self { store: Some(store), nodes }
    }

    fn store(&self) -> &dyn ShardStore {
        self.store.as_ref().expect("the store is open")
    }

    async fn restart(mut self) -> Self {
        drop(self.store.take());
        self.nodes.restart().await;
        self.store = Some(self.nodes.open().await);
        self
    }

    fn set_full(&self, full: bool) {
        self.nodes.each(|node| node.set("maxmemory", if full { "1" } else { "0" }));
    }
}

/// A key of shard 1, of 8 shards.
fn meta_key(name: &str) -> Vec<u8> {
    MetaKey { shard: ONE, name }.encode()
}

/// An execution of shard 1, of 8 shards.
fn execution(number: u128) -> u128 {
    1 << 125 | number
}

fn execution_key(number: u128) -> Vec<u8> {
    ExecutionKey { execution: execution(number) }.encode()
}

fn history_key(number: u128, first_event: u64) -> Vec<u8> {
    HistoryKey { execution: execution(number), first_event }.encode()
}

fn timer_key(shard: u16) -> Vec<u8> {
    TimerKey { shard: ShardId(shard), due_ms: 5, execution: 7, timer: 1 }.encode()
}

macro_rules! contract {
    ($($name:ident),* $(,)?) => {
        mod memory {
            $(#[test] fn $name() { super::runtime().block_on(super::$name::<super::Memory>()); })*
        }
        mod local {
            $(#[test] fn $name() { super::runtime().block_on(super::$name::<super::Local>()); })*
        }
        mod redis {
            $(#[test] fn $name() { super::runtime().block_on(super::$name::<super::Redis>()); })*
        }
        mod redis_cluster {
            $(#[test] fn $name() { super::runtime().block_on(super::$name::<super::RedisCluster>()); })*
        }
    };
}

contract!(
    a_new_store_is_empty,
    batches_come_back_as_they_were_appended,
    each_append_has_one_end_in_order,
    batches_of_any_size_are_kept,
    a_batch_that_does_not_follow_is_refused,
    a_new_owner_fences_the_old_one,
    a_released_shard_has_no_owner,
    shards_do_not_disturb_each_other,
    appends_that_are_waited_for_stand_in_order,
    the_catalog_is_a_shard,
    an_unknown_shard_is_refused,
    everything_durable_survives_a_restart,
    a_checkpoint_covers_the_log,
    a_checkpoint_survives_a_restart,
    a_checkpoint_never_runs_ahead_of_the_log,
    a_checkpoint_never_goes_back,
    checkpoints_of_many_shards_have_an_answer_each,
    operations_apply_in_order,
    keys_that_are_too_long_are_refused,
    scans_follow_the_order_of_keys,
    a_full_store_refuses_in_order_and_goes_on,
    many_shards_append_at_once,
);

async fn a_new_store_is_empty<H: Harness>() {
    let harness = H::new().await;
    let store = harness.store();
    assert_eq!(store.shard_count(), 8);
    assert_eq!(store.last_seq(ONE).await, Ok(0));
    assert!(store.accepts_intake());
    assert_eq!(store.oldest_shard(), None);
    let owner = Owner::of(store, ONE).await;
    assert_eq!((owner.acquired.seq, owner.acquired.checkpoint_seq), (0, 0));
    assert_eq!(owner.log(0).await, []);
    for table in Table::ALL {
        assert_eq!(store.get(table, b"key").await, Ok(None));
        let all = (Bound::Unbounded, Bound::Unbounded);
        assert_eq!(store.scan(table, all, 10, false).await, Ok(Vec::new()));
    }
}

async fn batches_come_back_as_they_were_appended<H: Harness>() {
    let harness = H::new().await;
    let mut owner = Owner::of(harness.store(), ONE).await;
    for seq in 1..=5 {
        assert_eq!(owner.commit(batch(ONE, seq, 100)).await, seq);
    }
    let expected: Vec<_> = (1..=5).map(|seq| (seq, batch(ONE, seq, 100))).collect();
    assert_eq!(owner.log(0).await, expected);
    assert_eq!(owner.log(3).await, expected[3..]);
    assert_eq!(owner.log(5).await, []);
    assert_eq!(owner.log(u64::MAX).await, []);
}

async fn each_append_has_one_end_in_order<H: Harness>() {
    let harness = H::new().await;
    let mut owner = Owner::of(harness.store(), ONE).await;
    (1..=300).for_each(|seq| owner.append(batch(ONE, seq, 50)));
    for seq in 1..=300 {
        let end = owner.end().await;
        assert_eq!((end.shard, end.seq, end.result), (ONE, seq, Ok(())));
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(owner.ends.try_recv().is_err());
    assert_eq!(owner.log(0).await.len(), 300);
}

async fn batches_of_any_size_are_kept<H: Harness>() {
    let harness = H::new().await;
    let mut owner = Owner::of(harness.store(), ONE).await;
    let sizes = [0, 1, 7, 8, 9, 4095, 4096, 4097, 20_000, 0, 32_000, 1];
    let batches: Vec<_> = sizes.iter().map(|len| Bytes::from(vec![b'B'; *len])).collect();
    for batch in &batches {
        owner.commit(batch.clone()).await;
    }
    let read: Vec<_> = owner.log(0).await.into_iter().map(|(_, batch)| batch).collect();
    assert_eq!(read, batches);

    owner.append(vec![0; 17 << 20]);
    let end = owner.end().await;
    assert!(matches!(end.result, Err(StoreError::TooLarge { len, .. }) if len == 17 << 20));
    owner.next -= 1;
    assert_eq!(owner.commit("small").await, sizes.len() as u64 + 1);
}

async fn a_batch_that_does_not_follow_is_refused<H: Harness>() {
    let harness = H::new().await;
    let mut owner = Owner::of(harness.store(), ONE).await;
    owner.commit("first").await;
    for expected in [0, 2, 7, u64::MAX] {
        owner.append_after(expected, "other");
        let end = owner.end().await;
        let conflict = StoreError::SeqConflict { shard: ONE, expected, last: 1 };
        assert_eq!(end.result, Err(conflict));
    }
    assert_eq!(owner.commit("second").await, 2);
    assert_eq!(owner.log(0).await.len(), 2);
}

async fn a_new_owner_fences_the_old_one<H: Harness>() {
    let harness = H::new().await;
    let store = harness.store();
    let mut old = Owner::of(store, ONE).await;
    old.commit("of the old one").await;
    let mut new = Owner::of(store, ONE).await;
    assert_eq!(new.acquired.seq, 1);
    assert_ne!(new.acquired.token, old.acquired.token);

    let fenced = StoreError::Fenced { shard: ONE };
    old.append("late");
    assert_eq!(old.end().await.result, Err(fenced.clone()));
    let put = vec![KvOp::put(Table::Meta, meta_key("key"), "value")];
    let token = old.acquired.token;
    assert_eq!(store.checkpoint(ONE, token, 1, put).await, Err(fenced.clone()));
    assert_eq!(store.release(ONE, token).await, Err(fenced.clone()));
    let held = vec![(ONE, new.acquired.token), (ONE, token)];
    assert_eq!(store.renew(held).await, [Ok(()), Err(fenced)]);

    assert_eq!(store.get(Table::Meta, &meta_key("key")).await, Ok(None));
    assert_eq!(new.commit("of the new one").await, 2);
    assert_eq!(new.log(0).await.len(), 2);
    assert_eq!(new.checkpoint(2).await, Ok(()));
}

async fn a_released_shard_has_no_owner<H: Harness>() {
    let harness = H::new().await;
    let store = harness.store();
    let mut owner = Owner::of(store, ONE).await;
    owner.commit("batch").await;
    assert_eq!(store.release(ONE, owner.acquired.token).await, Ok(()));
    owner.append("late");
    let fenced = Err(StoreError::Fenced { shard: ONE });
    assert_eq!(owner.end().await.result, fenced);
    assert_eq!(owner.checkpoint(1).await, fenced);
    assert_eq!(Owner::of(store, ONE).await.acquired.seq, 1);
}

async fn shards_do_not_disturb_each_other<H: Harness>() {
    let harness = H::new().await;
    let store = harness.store();
    let mut owners = Vec::new();
    for shard in 0..8 {
        owners.push(Owner::of(store, ShardId(shard)).await);
    }
    for seq in 1..=40 {
        for owner in &mut owners {
            owner.append(batch(owner.shard, seq, 500));
        }
    }
    for owner in &mut owners {
        for seq in 1..=40 {
            let end = owner.end().await;
            assert_eq!((end.shard, end.seq, end.result), (owner.shard, seq, Ok(())));
        }
        let expected: Vec<_> = (1..=40).map(|seq| (seq, batch(owner.shard, seq, 500))).collect();
        assert_eq!(owner.log(0).await, expected);
    }
}

async fn appends_that_are_waited_for_stand_in_order<H: Harness>() {
    let harness = H::new().await;
    let store = harness.store();
    let shards = || (0..4).map(ShardId);
    let owners = futures_util::future::join_all(shards().map(|shard| Owner::of(store, shard))).await;
    // Each on a thread of its own, so that they meet.
    let owners = std::thread::scope(|scope| {
        let threads: Vec<_> = owners.into_iter().map(|owner| scope.spawn(move || append_in_both_ways(owner))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no append panics")).collect::<Vec<_>>()
    });
    for mut owner in owners {
        for seq in 1..=200 {
            let end = owner.end().await;
            assert_eq!((end.shard, end.seq, end.result), (owner.shard, seq, Ok(())));
        }
        let expected: Vec<_> = (1..=200).map(|seq| (seq, batch(owner.shard, seq, 300))).collect();
        assert_eq!(owner.log(0).await, expected);
    }
}

/// 50 rounds of four batches.
fn append_in_both_ways(mut owner: Owner<'_>) -> Owner<'_> {
    for round in 0..50 {
        let first = round * 4 + 1;
        owner.append(batch(owner.shard, first, 300));
        let rest: Vec<_> = (1..4).map(|after| batch(owner.shard, first + after, 300)).collect();
        owner.append_and_wait(rest);
        if round % 5 == 0 {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
    owner
}

async fn the_catalog_is_a_shard<H: Harness>() {
    let harness = H::new().await;
    let mut owner = Owner::of(harness.store(), ShardId::CATALOG).await;
    owner.commit("machine").await;
    let harness = harness.restart().await;
    let owner = Owner::of(harness.store(), ShardId::CATALOG).await;
    assert_eq!(owner.log(0).await, [(1, Bytes::from("machine"))]);
}

async fn an_unknown_shard_is_refused<H: Harness>() {
    let harness = H::new().await;
    let store = harness.store();
    let mut owner = Owner::of(store, ONE).await;
    let (shard, count, token) = (ShardId(8), 8, owner.acquired.token);
    let unknown = StoreError::UnknownShard { shard, count };
    assert_eq!(store.acquire(shard).await, Err(unknown.clone()));
    assert_eq!(store.release(shard, token).await, Err(unknown.clone()));
    assert_eq!(store.checkpoint(shard, token, 0, Vec::new()).await, Err(unknown.clone()));
    owner.shard = shard;
    owner.append("batch");
    assert_eq!(owner.end().await.result, Err(unknown));
}

async fn everything_durable_survives_a_restart<H: Harness>() {
    let mut harness = H::new().await;
    let id = harness.store().store_id();
    for round in 0..4 {
        let mut owner = Owner::of(harness.store(), ONE).await;
        assert_eq!(owner.acquired.seq, round * 100);
        let old_token = owner.acquired.token;
        for _ in 0..100 {
            let seq = owner.next + 1;
            owner.commit(batch(ONE, seq, 600)).await;
        }
        harness = harness.restart().await;
        assert_eq!(harness.store().store_id(), id);
        let mut owner = Owner::of(harness.store(), ONE).await;
        let expected: Vec<_> = (1..=(round + 1) * 100).map(|seq| (seq, batch(ONE, seq, 600))).collect();
        assert_eq!(owner.log(0).await, expected);
        owner.acquired.token = old_token;
        owner.append("late");
        let fenced = Err(StoreError::Fenced { shard: ONE });
        assert_eq!(owner.end().await.result, fenced);
    }
}

async fn a_checkpoint_covers_the_log<H: Harness>() {
    let harness = H::new().await;
    let store = harness.store();
    let mut owner = Owner::of(store, ONE).await;
    for seq in 1..=10 {
        owner.commit(batch(ONE, seq, 10)).await;
    }
    let ops = vec![KvOp::put(Table::Executions, execution_key(1), "snapshot")];
    let token = owner.acquired.token;
    assert_eq!(store.checkpoint(ONE, token, 7, ops).await, Ok(()));
    let value = store.get(Table::Executions, &execution_key(1)).await;
    assert_eq!(value, Ok(Some(Bytes::from("snapshot"))));
    let left: Vec<_> = owner.log(7).await.into_iter().map(|(seq, _)| seq).collect();
    assert_eq!(left, [8, 9, 10]);
    let next = Owner::of(store, ONE).await;
    assert_eq!((next.acquired.seq, next.acquired.checkpoint_seq), (10, 7));
}

async fn a_checkpoint_survives_a_restart<H: Harness>() {
    let mut harness = H::new().await;
    for round in 1..=3 {
        let store = harness.store();
        let mut owner = Owner::of(store, ONE).await;
        for seq in owner.next + 1..=owner.next + 10 {
            owner.commit(batch(ONE, seq, 10)).await;
        }
        let ops = vec![
            KvOp::put(Table::Executions, execution_key(1), round.to_string()),
            KvOp::put(Table::History, history_key(1, round), "events"),
            KvOp::delete(Table::History, history_key(1, (round + 1) % 3)),
        ];
        let (token, upto) = (owner.acquired.token, owner.next - 2);
        assert_eq!(store.checkpoint(ONE, token, upto, ops).await, Ok(()));
        harness = harness.restart().await;
        let owner = Owner::of(harness.store(), ONE).await;
        assert_eq!((owner.acquired.seq, owner.acquired.checkpoint_seq), (round * 10, upto));
        assert_eq!(owner.log(upto).await.len(), 2);
    }
    let store = harness.store();
    assert_eq!(store.get(Table::Executions, &execution_key(1)).await, Ok(Some("3".into())));
    assert_eq!(store.get(Table::History, &history_key(1, 1)).await, Ok(None));
    assert_eq!(store.get(Table::History, &history_key(1, 3)).await, Ok(Some("events".into())));
    assert_eq!(store.get(Table::Executions, &history_key(1, 3)).await, Ok(None));
}

async fn a_checkpoint_never_runs_ahead_of_the_log<H: Harness>() {
    let harness = H::new().await;
    let store = harness.store();
    let mut owner = Owner::of(store, ONE).await;
    owner.commit("batch").await;
    let ops = vec![KvOp::put(Table::Meta, meta_key("key"), "value")];
    let ahead = StoreError::SeqConflict { shard: ONE, expected: 2, last: 1 };
    let token = owner.acquired.token;
    assert_eq!(store.checkpoint(ONE, token, 2, ops).await, Err(ahead));
    assert_eq!(store.get(Table::Meta, &meta_key("key")).await, Ok(None));
}

async fn a_checkpoint_never_goes_back<H: Harness>() {
    let mut harness = H::new().await;
    let mut owner = Owner::of(harness.store(), ONE).await;
    for seq in 1..=5 {
        owner.commit(batch(ONE, seq, 10)).await;
    }
    assert_eq!(owner.checkpoint(4).await, Ok(()));
    assert_eq!(owner.checkpoint(2).await, Ok(()));
    assert_eq!(Owner::of(harness.store(), ONE).await.acquired.checkpoint_seq, 4);
    harness = harness.restart().await;
    assert_eq!(Owner::of(harness.store(), ONE).await.acquired.checkpoint_seq, 4);
}

async fn checkpoints_of_many_shards_have_an_answer_each<H: Harness>() {
    let harness = H::new().await;
    let store = harness.store();
    let mut checkpoints = Vec::new();
    for shard in 0..8 {
        let mut owner = Owner::of(store, ShardId(shard)).await;
        owner.commit("batch").await;
        checkpoints.push(Checkpoint {
            shard: owner.shard,
            token: owner.acquired.token,
            upto_seq: 1,
            ops: vec![KvOp::put(Table::Timers, timer_key(shard), "due")],
        });
    }
    checkpoints[3].token.incarnation ^= 1;
    checkpoints[5].upto_seq = 9;
    let answers = store.checkpoint_many(checkpoints).await;
    for (shard, answer) in (0..8).zip(answers) {
        let value = store.get(Table::Timers, &timer_key(shard)).await;
        match shard {
            3 => assert!(matches!(answer, Err(StoreError::Fenced { .. }))),
            5 => assert!(matches!(answer, Err(StoreError::SeqConflict { .. }))),
            _ => assert_eq!(answer, Ok(())),
        }
        assert_eq!(value.unwrap().is_some(), answer.is_ok());
    }
    assert_eq!(store.checkpoint_many(Vec::new()).await, []);
}

async fn operations_apply_in_order<H: Harness>() {
    let harness = H::new().await;
    let store = harness.store();
    let owner = Owner::of(store, ONE).await;
    let put = |value: &'static str| KvOp::put(Table::Meta, meta_key("key"), value);
    let delete = || KvOp::delete(Table::Meta, meta_key("key"));
    let token = owner.acquired.token;
    let cases = [
        (vec![put("a"), put("b")], Some("b")),
        (vec![put("c"), delete()], None),
        (vec![delete(), put("d")], Some("d")),
        (vec![put("")], Some("")),
        (vec![delete(), delete()], None),
    ];
    for (ops, expected) in cases {
        assert_eq!(store.checkpoint(ONE, token, 0, ops).await, Ok(()));
        let value = store.get(Table::Meta, &meta_key("key")).await.unwrap();
        assert_eq!(value, expected.map(Bytes::from));
    }
    // More than a single write of the key-value side holds.
    let many = (0..10_000_u32).map(|n| KvOp::put(Table::Meta, meta_key(&n.to_string()), vec![1; 1000]));
    assert_eq!(store.checkpoint(ONE, token, 0, many.collect()).await, Ok(()));
    let all = (Bound::Unbounded, Bound::Unbounded);
    let entries = store.scan(Table::Meta, all, usize::MAX, false).await;
    assert_eq!(entries.unwrap().len(), 10_000);
}

async fn keys_that_are_too_long_are_refused<H: Harness>() {
    let harness = H::new().await;
    let store = harness.store();
    let owner = Owner::of(store, ONE).await;
    let token = owner.acquired.token;
    let put = |len| {
        let mut key = ONE.0.to_be_bytes().to_vec();
        key.resize(len, 7);
        vec![KvOp::put(Table::Meta, key, "value")]
    };
    let longest = put(KEY_BYTES_MAX);
    assert_eq!(store.checkpoint(ONE, token, 0, longest).await, Ok(()));
    let too_long = put(KEY_BYTES_MAX + 1);
    let answer = store.checkpoint(ONE, token, 0, too_long).await;
    assert!(matches!(answer, Err(StoreError::TooLarge { .. })));
}

async fn scans_follow_the_order_of_keys<H: Harness>() {
    let harness = H::new().await;
    let store = harness.store();
    let owner = Owner::of(store, ONE).await;
    let key = history_key;
    let keys = [key(1, 1), key(1, 300), key(2, 1), key(2, 256), key(1 << 100, 1)];
    let put = |key: &Vec<u8>| KvOp::put(Table::History, key.clone(), key.clone());
    let ops = keys.iter().rev().map(put).collect();
    let token = owner.acquired.token;
    assert_eq!(store.checkpoint(ONE, token, 0, ops).await, Ok(()));

    let found = async |range, limit, reverse| {
        let entries = store.scan(Table::History, range, limit, reverse).await;
        let entries = entries.expect("the table can be read");
        assert!(entries.iter().all(|(key, value)| key == value));
        let place = |(key, _): &(Bytes, Bytes)| keys.iter().position(|other| other == key);
        entries.iter().filter_map(place).collect::<Vec<_>>()
    };
    let all = || (Bound::Unbounded, Bound::Unbounded);
    assert_eq!(found(all(), 10, false).await, [0, 1, 2, 3, 4]);
    assert_eq!(found(all(), 10, true).await, [4, 3, 2, 1, 0]);
    assert_eq!(found(all(), 2, false).await, [0, 1]);
    assert_eq!(found(all(), 2, true).await, [4, 3]);
    assert_eq!(found(all(), 0, false).await, [0_usize; 0]);
    assert_eq!(found(HistoryKey::of_execution(execution(2)), 10, false).await, [2, 3]);
    let after = (Bound::Excluded(keys[1].clone()), Bound::Unbounded);
    assert_eq!(found(after, 2, false).await, [2, 3]);
    let between = (Bound::Included(keys[1].clone()), Bound::Excluded(keys[3].clone()));
    assert_eq!(found(between, 10, true).await, [2, 1]);
    let inverted = (Bound::Included(keys[3].clone()), Bound::Excluded(keys[1].clone()));
    assert_eq!(found(inverted, 10, false).await, [0_usize; 0]);
    let empty = (Bound::Excluded(keys[3].clone()), Bound::Excluded(keys[3].clone()));
    assert_eq!(found(empty, 10, false).await, [0_usize; 0]);
    assert_eq!(found(prefix_range(&[]), 10, false).await.len(), 5);
}

async fn a_full_store_refuses_in_order_and_goes_on<H: Harness>() {
    let mut harness = H::new().await;
    let store = harness.store();
    let mut owner = Owner::of(store, ONE).await;
    owner.commit("before").await;
    let mut intake = store.intake();
    harness.set_full(true);
    // The log may still have room of its own.
    let refused = loop {
        assert!(owner.next < 10_000, "a full store refuses in the end");
        let first = owner.next + 1;
        (0..3).for_each(|after| owner.append(batch(ONE, first + after, 5000)));
        let ends = [owner.end().await, owner.end().await, owner.end().await];
        assert_eq!(ends.each_ref().map(|end| end.seq), [first, first + 1, first + 2]);
        if let Some(refused) = ends.iter().position(|end| end.result.is_err()) {
            for end in &ends[refused..] {
                assert_eq!(end.result, Err(StoreError::Full));
            }
            break ends[refused].seq;
        }
    };
    assert!(!store.accepts_intake());
    assert!(StoreError::Full.is_retryable());

    harness.set_full(false);
    let accepts = intake.wait_for(|accepts| *accepts);
    let waited = tokio::time::timeout(Duration::from_secs(10), accepts).await;
    assert!(*waited.expect("room is noticed").expect("the store lives"));
    owner.next = refused - 1;
    for seq in refused..refused + 20 {
        owner.commit(batch(ONE, seq, 5000)).await;
    }
    let last = owner.next;
    harness = harness.restart().await;
    let batches = log(harness.store(), ONE, 1).await;
    let expected: Vec<_> = (2..=last).map(|seq| (seq, batch(ONE, seq, 5000))).collect();
    assert_eq!(batches, expected);
}

async fn many_shards_append_at_once<H: Harness>() {
    let mut harness = H::new().await;
    let append = async |store: &dyn ShardStore, shard| {
        let mut owner = Owner::of(store, shard).await;
        (1..=3).for_each(|seq| owner.append(batch(shard, seq, 200)));
        for seq in 4..=200 {
            assert_eq!(owner.end().await.result, Ok(()));
            owner.append(batch(shard, seq, 200));
            if seq % 50 == 0 {
                let covered = seq - 3;
                assert_eq!(owner.checkpoint(covered).await, Ok(()));
            }
        }
        for _ in 0..3 {
            assert_eq!(owner.end().await.result, Ok(()));
        }
    };
    let store = harness.store();
    futures_util::future::join_all((0..8).map(|shard| append(store, ShardId(shard)))).await;
    harness = harness.restart().await;
    for shard in (0..8).map(ShardId) {
        let owner = Owner::of(harness.store(), shard).await;
        assert_eq!((owner.acquired.seq, owner.acquired.checkpoint_seq), (200, 197));
        let expected: Vec<_> = (198..=200).map(|seq| (seq, batch(shard, seq, 200))).collect();
        assert_eq!(owner.log(197).await, expected);
    }
}
