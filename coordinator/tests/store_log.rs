//! How the local store's log keeps house: groups, recycled segments, quotas, a disk that refuses in the middle of a write.

mod store_support;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use baton_coordinator::store::local::{LocalOptions, LocalStore, LogDisk, OsDisk};
use baton_coordinator::store::memory::MemoryStore;
use baton_coordinator::store::{KvOp, ShardId, ShardStore, StoreError, Table};
use proptest::prelude::*;
use store_support::{FakeSpace, Gate, Owner, batch, log, runtime, segments, small_options, temp_dir};

const ONE: ShardId = ShardId(1);

#[test]
fn batches_of_many_shards_share_a_group() {
    let dir = temp_dir();
    let gate = Gate::default();
    let options = LocalOptions { disk: Arc::new(gate.clone()), ..small_options() };
    let store = LocalStore::open(dir.path(), options).unwrap();
    runtime().block_on(async {
        let mut owners = Vec::new();
        for shard in 0..8 {
            owners.push(Owner::of(&store, ShardId(shard)).await);
        }
        let before = store.log_stats();
        gate.close();
        for _ in 0..5 {
            owners.iter_mut().for_each(|owner| owner.append("batch"));
        }
        gate.open();
        for owner in &mut owners {
            for _ in 0..5 {
                assert_eq!(owner.end().await.result, Ok(()));
            }
        }
        let after = store.log_stats();
        assert_eq!(after.batches - before.batches, 40);
        // What the writer had taken when the gate closed, and the rest.
        assert!(after.groups - before.groups <= 2, "{after:?}");
    });
}

#[test]
fn covered_segments_are_used_again() {
    let dir = temp_dir();
    let mut generations = Vec::new();
    for round in 0..5_u64 {
        let store = LocalStore::open(dir.path(), small_options()).unwrap();
        runtime().block_on(async {
            let mut owner = Owner::of(&store, ONE).await;
            let first = round * 400 + 1;
            let covered = first.saturating_sub(20);
            assert_eq!((owner.acquired.seq, owner.acquired.checkpoint_seq), (first - 1, covered));
            let expected: Vec<_> = (covered + 1..first).map(|seq| (seq, batch(ONE, seq, 1000))).collect();
            assert_eq!(owner.log(covered).await, expected);
            for seq in first..first + 400 {
                owner.commit(batch(ONE, seq, 1000)).await;
                if seq % 10 == 1 {
                    owner.checkpoint(seq.saturating_sub(10)).await.unwrap();
                }
            }
            owner.checkpoint(owner.next - 19).await.unwrap();
            assert!(store.log_stats().segments <= 2);
        });
        drop(store);
        let files = fs::read_dir(dir.path().join("log")).unwrap().count();
        assert!(files <= 5, "{files} files");
        let newest = segments(dir.path()).pop().unwrap();
        generations.push(newest.file_name().unwrap().to_str().unwrap()[..10].parse::<u32>().unwrap());
    }
    // 400 frames of 1,040 bytes fill more than six segments in each round.
    assert!(generations.is_sorted() && generations[4] > 30, "{generations:?}");
}

#[test]
fn a_used_segment_is_overwritten_in_place() {
    let dir = temp_dir();
    let store = LocalStore::open(dir.path(), small_options()).unwrap();
    let inodes = || {
        let entries = fs::read_dir(dir.path().join("log")).unwrap().map(|entry| entry.unwrap());
        // Small notes lie beside the segments.
        let metadata = entries.filter_map(|entry| entry.metadata().ok()).filter(|metadata| metadata.len() == 64 << 10);
        let mut inodes: Vec<_> = metadata.map(|metadata| metadata.ino()).collect();
        inodes.sort();
        inodes
    };
    runtime().block_on(async {
        let mut owner = Owner::of(&store, ONE).await;
        let mut seen = Vec::new();
        for seq in 1..=1000 {
            owner.commit(batch(ONE, seq, 1000)).await;
            owner.checkpoint(seq).await.unwrap();
            if seq > 300 {
                seen.extend(inodes());
            }
        }
        seen.sort();
        seen.dedup();
        assert!(seen.len() <= 4, "{} files in turn", seen.len());
    });
}

#[test]
fn the_shard_that_holds_the_oldest_segment_is_known() {
    let dir = temp_dir();
    let store = LocalStore::open(dir.path(), small_options()).unwrap();
    runtime().block_on(async {
        let mut idle = Owner::of(&store, ShardId(5)).await;
        let mut busy = Owner::of(&store, ONE).await;
        idle.commit("old").await;
        assert_eq!(store.oldest_shard(), None);
        for seq in 1..=200 {
            busy.commit(batch(ONE, seq, 1000)).await;
        }
        busy.checkpoint(190).await.unwrap();
        until(|| store.oldest_shard() == Some(ShardId(5))).await;
        assert!(store.log_stats().segments >= 3);
        idle.checkpoint(1).await.unwrap();
        until(|| store.log_stats().segments <= 2).await;
        assert_ne!(store.oldest_shard(), Some(ShardId(5)));
        busy.checkpoint(200).await.unwrap();
        until(|| store.oldest_shard().is_none()).await;
    });
}

async fn until(condition: impl Fn() -> bool) {
    for _ in 0..500 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never became so");
}

#[test]
fn a_quota_limits_the_log_and_a_checkpoint_frees_it() {
    let dir = temp_dir();
    let options = LocalOptions { reserve_bytes: 0, max_bytes: Some(600 << 10), ..small_options() };
    let store = LocalStore::open(dir.path(), options).unwrap();
    runtime().block_on(async {
        let mut owner = Owner::of(&store, ONE).await;
        let full = loop {
            owner.append(batch(ONE, owner.next + 1, 1000));
            match owner.end().await.result {
                Ok(()) => assert!(owner.next < 2000, "a quota is kept"),
                other => break other,
            }
        };
        assert_eq!(full, Err(StoreError::Full));
        assert!(owner.next > 100, "{} batches fit", owner.next);
        assert!(!store.accepts_intake());
        owner.next -= 1;
        owner.checkpoint(owner.next).await.unwrap();
        until(|| store.accepts_intake()).await;
        for _ in 0..50 {
            owner.commit(batch(ONE, owner.next + 1, 1000)).await;
        }
    });
}

#[test]
fn the_reserve_stops_intake_before_running_work() {
    let dir = temp_dir();
    let space = FakeSpace::with_free(1 << 40);
    let options = LocalOptions { space: Arc::new(space.clone()), reserve_bytes: 1 << 20, ..small_options() };
    let store = LocalStore::open(dir.path(), options).unwrap();
    runtime().block_on(async {
        let mut owner = Owner::of(&store, ONE).await;
        owner.commit("first").await;
        space.set_free(1 << 19);
        until(|| !store.accepts_intake()).await;
        owner.commit("running work goes on in the segment that there is").await;
        assert_eq!(owner.checkpoint(1).await, Ok(()));
        space.set_free(1 << 17);
        tokio::time::sleep(Duration::from_millis(250)).await;
        assert_eq!(owner.checkpoint(2).await, Err(StoreError::Full));
        space.set_free(1 << 40);
        until(|| store.accepts_intake()).await;
        assert_eq!(owner.checkpoint(2).await, Ok(()));
    });
}

/// A file system that finds no room in the middle of overwriting, every third time.
#[derive(Default)]
struct Stingy(AtomicU32);

impl LogDisk for Stingy {
    fn write_all_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        if self.0.fetch_add(1, Ordering::Relaxed) % 3 == 2 && bytes.starts_with(b"BT") {
            let half = &bytes[..bytes.len() / 16 * 8];
            OsDisk.write_all_at(file, half, offset)?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        OsDisk.write_all_at(file, bytes, offset)
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        OsDisk.sync_data(file)
    }
}

#[test]
fn a_group_that_finds_no_room_is_refused_whole_and_comes_again() {
    let dir = temp_dir();
    drop(LocalStore::open(dir.path(), small_options()).unwrap());
    let mut committed = 0;
    for round in 0..10 {
        let options = LocalOptions { disk: Arc::new(Stingy::default()), ..small_options() };
        let store = LocalStore::open(dir.path(), options).unwrap();
        runtime().block_on(async {
            let mut owner = Owner::of(&store, ONE).await;
            assert_eq!(owner.acquired.seq, committed);
            assert_eq!(check_log(&store).await, committed);
            let target = committed + 100;
            loop {
                let refused = append_stingily(&mut owner, &mut committed, 7).await;
                if refused && committed >= target {
                    break;
                }
            }
            if round % 2 == 1 {
                // What goes over the refused group is shorter than it was. All batches are of one length, so its frames stand where more
                // of this group would.
                while append_stingily(&mut owner, &mut committed, 1).await {}
            }
        });
    }
    let store = LocalStore::open(dir.path(), small_options()).unwrap();
    assert_eq!(runtime().block_on(check_log(&store)), committed);
}

/// Appends batches behind the last one that was committed; answers whether any was refused.
async fn append_stingily(owner: &mut Owner<'_>, committed: &mut u64, count: u64) -> bool {
    owner.next = *committed;
    (1..=count).for_each(|after| owner.append(batch(ONE, *committed + after, 700)));
    let mut refused = false;
    for _ in 0..count {
        let end = owner.end().await;
        match end.result {
            Ok(()) => *committed = end.seq,
            Err(error) => {
                assert_eq!(error, StoreError::Full);
                refused = true;
            }
        }
    }
    refused
}

async fn check_log(store: &LocalStore) -> u64 {
    let batches = log(store, ONE, 0).await;
    let count = batches.len() as u64;
    let expected: Vec<_> = (1..=count).map(|seq| (seq, batch(ONE, seq, 700))).collect();
    assert_eq!(batches, expected);
    count
}

/// One step of a random history of a store.
#[derive(Clone, Debug)]
enum Step {
    Acquire { shard: u16 },
    Append { shard: u16, skip: u64, len: usize },
    Checkpoint { shard: u16, behind: u64, key: u8 },
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => (0..3_u16).prop_map(|shard| Step::Acquire { shard }),
        20 => (0..3_u16, prop_oneof![9 => Just(0_u64), 1 => 1..3_u64], 0..9000_usize)
            .prop_map(|(shard, skip, len)| Step::Append { shard, skip, len }),
        4 => (0..3_u16, 0..4_u64, any::<u8>()).prop_map(|(shard, behind, key)| Step::Checkpoint { shard, behind, key }),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn the_local_store_does_what_the_one_in_memory_does(steps in proptest::collection::vec(step(), 1..120)) {
        let dir = temp_dir();
        let memory = MemoryStore::new(8);
        let mut local = LocalStore::open(dir.path(), small_options()).unwrap();
        let mut seen = (Vec::new(), Vec::new());
        let runtime = runtime();
        let mut rest = &steps[..];
        while !rest.is_empty() {
            let end = rest.iter().position(|step| matches!(step, Step::Restart)).unwrap_or(rest.len());
            runtime.block_on(async {
                play(&memory, &rest[..end], &mut seen.0).await;
                play(&local, &rest[..end], &mut seen.1).await;
            });
            rest = rest.get(end + 1..).unwrap_or(&[]);
            memory.crash(usize::MAX);
            drop(local);
            local = LocalStore::open(dir.path(), small_options()).unwrap();
        }
        prop_assert_eq!(seen.0, seen.1);
    }
}

/// Plays the steps and notes everything that can be seen.
async fn play(store: &dyn ShardStore, steps: &[Step], seen: &mut Vec<String>) {
    let mut owners = Vec::new();
    for shard in 0..3 {
        owners.push(Owner::of(store, ShardId(shard)).await);
    }
    for step in steps {
        match *step {
            Step::Acquire { shard } => {
                let owner = Owner::of(store, ShardId(shard)).await;
                seen.push(format!("{shard}: {} {}", owner.acquired.seq, owner.acquired.checkpoint_seq));
                owners[usize::from(shard)] = owner;
            }
            Step::Append { shard, skip, len } => {
                let owner = &mut owners[usize::from(shard)];
                owner.append_after(owner.next + skip, batch(ShardId(shard), owner.next + 1, len));
                let end = owner.end().await;
                owner.next += u64::from(end.result.is_ok());
                seen.push(format!("{end:?}"));
            }
            Step::Checkpoint { shard, behind, key } => {
                let owner = &owners[usize::from(shard)];
                let ops = vec![KvOp::put(Table::Meta, [key % 8], owner.next.to_be_bytes().to_vec()), KvOp::delete(Table::Meta, [key % 3])];
                let upto = owner.next.saturating_sub(behind);
                let answer = store.checkpoint(ShardId(shard), owner.acquired.token, upto, ops).await;
                seen.push(format!("{answer:?}"));
            }
            Step::Restart => {}
        }
    }
    for owner in &owners {
        let owner = Owner::of(store, owner.shard).await;
        let covered = owner.acquired.checkpoint_seq;
        seen.push(format!("{} {covered} {:?}", owner.acquired.seq, owner.log(covered).await));
    }
    let all = (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
    seen.push(format!("{:?}", store.scan(Table::Meta, all, 100, false).await));
}

#[test]
fn a_new_folder_is_made_with_its_parents() {
    let dir = temp_dir();
    let path = dir.path().join("some/where");
    drop(LocalStore::open(&path, small_options()).unwrap());
    assert!(Path::new(&path).join("store.json").is_file());
}
