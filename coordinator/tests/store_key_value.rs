//! What the local store makes of a key-value side that is damaged: a start that refuses changes nothing, and a repair keeps what can be
//! kept and says what cannot.

mod store_support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use baton_coordinator::store::local::{LocalStore, Loss, OpenError, RepairReport, inspect, repair};
use baton_coordinator::store::{KvOp, ShardId, ShardStore, Table};
use store_support::{Owner, batch, copy_dir, runtime, segments, small_options, temp_dir};

const SHARDS: u16 = 4;
/// Batches of each shard, and up to where checkpoints cover them.
const BATCHES: u64 = 120;
const COVERED: u64 = 100;

fn open(dir: &Path) -> Result<LocalStore, OpenError> {
    LocalStore::open(dir, small_options())
}

/// A store whose log has been given back in part: only the key-value side has what the first batches did. The last shard stopped early, so
/// that the log has nothing of it.
fn given_back() -> tempfile::TempDir {
    let dir = temp_dir();
    let store = open(dir.path()).unwrap();
    runtime().block_on(async {
        write(&store, ShardId(SHARDS - 1), 10, 10).await;
        for shard in 0..SHARDS - 1 {
            write(&store, ShardId(shard), BATCHES, COVERED).await;
        }
    });
    // The thread that takes segments back works on its own.
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while segments(dir.path()).first().is_some_and(|path| path.ends_with("0000000001.log")) {
        assert!(std::time::Instant::now() < until, "covered segments are given back");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    drop(store);
    dir
}

/// Appends, and lets a checkpoint cover the batches up to `covered`, in steps.
async fn write(store: &LocalStore, shard: ShardId, batches: u64, covered: u64) {
    let mut owner = Owner::of(store, shard).await;
    for seq in 1..=batches {
        owner.commit(batch(shard, seq, 1500)).await;
        if seq <= covered && seq % 5 == 0 {
            let ops = (seq - 4..=seq).map(|seq| KvOp::put(Table::Executions, key(shard, seq), vec![seq as u8; 100]));
            let token = owner.acquired.token;
            store.checkpoint(shard, token, seq, ops.collect()).await.unwrap();
        }
    }
}

fn key(shard: ShardId, seq: u64) -> Vec<u8> {
    [&shard.0.to_be_bytes()[..], &seq.to_be_bytes()[..]].concat()
}

/// How many records each shard has, where its log begins and ends.
fn content(store: &LocalStore) -> Vec<(usize, u64, u64)> {
    runtime().block_on(async {
        let mut content = Vec::new();
        for shard in 0..SHARDS {
            let range =
                (std::ops::Bound::Included(shard.to_be_bytes().to_vec()), std::ops::Bound::Excluded((shard + 1).to_be_bytes().to_vec()));
            let records = store.scan(Table::Executions, range, usize::MAX, false).await.unwrap().len();
            let owner = Owner::of(store, ShardId(shard)).await;
            let log = owner.log(owner.acquired.checkpoint_seq).await;
            assert_eq!(log.len() as u64, owner.acquired.seq - owner.acquired.checkpoint_seq);
            content.push((records, owner.acquired.checkpoint_seq, owner.acquired.seq));
        }
        content
    })
}

fn everything() -> Vec<(usize, u64, u64)> {
    let mut all = vec![(COVERED as usize, COVERED, BATCHES); usize::from(SHARDS) - 1];
    all.push((10, 10, 10));
    all
}

/// Every file below `dir` with what it holds, zeros at its end not counted.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let mut bytes = fs::read(&path).unwrap();
            bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
            found.insert(path, bytes);
        }
    }
    found.retain(|path, _| !path.ends_with("lock"));
    found
}

fn damaged(original: &Path, damage: impl FnOnce(&Path)) -> tempfile::TempDir {
    let copy = temp_dir();
    fs::remove_dir(copy.path()).unwrap();
    copy_dir(original, copy.path());
    damage(copy.path());
    copy
}

fn flip(path: &Path, offset: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[offset] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn journal_len(dir: &Path) -> usize {
    files(dir)[&dir.join("kv/0.jnl")].len()
}

/// Where the journal's writes begin, but for the first.
fn batch_starts(dir: &Path) -> Vec<usize> {
    let bytes = fs::read(dir.join("kv/0.jnl")).unwrap();
    bytes.windows(4).enumerate().filter(|(_, window)| window == b"FJL\x03").map(|(at, _)| at + 4).collect()
}

/// Sees that a start refuses, blames the key-value side, changes nothing, and that an inspection says the same.
fn check_refused(dir: &Path) -> String {
    let before = files(dir);
    let error = open(dir).map(drop).expect_err("what is lost is missed");
    assert!(matches!(error, OpenError::KeyValue { .. } | OpenError::KeyValueBehind { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("key-value side") && text.contains("kv") && text.contains("Nothing has been changed"), "{text}");
    assert!(error.next_step().contains("baton doctor --repair"), "{}", error.next_step());
    assert_eq!(inspect(dir).unwrap_err().to_string(), text);
    assert!(files(dir) == before, "nothing has been changed");
    text
}

/// Repairs what costs something: first only told, then done, with everything kept.
fn check_costly_repair(dir: &Path) -> (Loss, Vec<(usize, u64, u64)>) {
    let before = files(dir);
    let RepairReport::WouldLose(loss) = repair(dir, false).unwrap() else { panic!("it costs something") };
    assert!(files(dir) == before, "nothing has been changed");
    let RepairReport::Repaired { lost, kept_in, .. } = repair(dir, true).unwrap() else { panic!("the loss was accepted") };
    assert_eq!(lost, loss);
    for (path, bytes) in before.iter().filter(|(path, _)| ["log", "kv"].iter().any(|side| path.starts_with(dir.join(side)))) {
        let kept = kept_in.join(path.strip_prefix(dir).unwrap());
        let kept = fs::read(&kept).unwrap_or_else(|error| panic!("{}: {error}", kept.display()));
        assert!(kept.starts_with(bytes), "{} is kept", path.display());
    }
    inspect(dir).expect("it is sound now");
    let store = open(dir).expect("it opens");
    (loss, content(&store))
}

#[test]
fn a_sound_store_is_sound() {
    let dir = given_back();
    inspect(dir.path()).unwrap();
    assert_eq!(repair(dir.path(), true).unwrap(), RepairReport::Sound);
    assert_eq!(content(&open(dir.path()).unwrap()), everything());
}

#[test]
fn a_flipped_bit_in_the_journal_costs_one_write_and_never_the_store() {
    let original = given_back();
    let starts = batch_starts(original.path());
    // The first byte of all, the number of items, and keys and values of writes that the log has nothing of any more.
    for offset in [0, 1, starts[1] + 40, starts[8] + 200] {
        let dir = damaged(original.path(), |dir| flip(&dir.join("kv/0.jnl"), offset));
        let text = check_refused(dir.path());
        assert!(text.contains("0.jnl is damaged at byte"), "{text}");
        let (loss, left) = check_costly_repair(dir.path());
        assert!(!loss.key_value.is_empty(), "{loss:?}");
        let records: usize = left.iter().map(|(records, ..)| records).sum();
        let all: usize = everything().iter().map(|(records, ..)| records).sum();
        assert!((all - 5..=all).contains(&records), "{records} of {all} records are left");
        for (place, (_, begins, ends)) in left.into_iter().enumerate() {
            let (_, covered, batches) = everything()[place];
            assert_eq!((begins, ends), (covered, batches), "shard {place}");
        }
    }
}

#[test]
fn a_last_write_that_the_log_still_has_is_done_again() {
    let dir = temp_dir();
    let store = open(dir.path()).unwrap();
    runtime().block_on(write(&store, ShardId(0), 20, 20));
    drop(store);
    let len = journal_len(dir.path());
    for offset in [len - 1, len - 30, len / 2, 0] {
        let dir = damaged(dir.path(), |dir| flip(&dir.join("kv/0.jnl"), offset));
        let store = open(dir.path()).expect("the log has what the journal had");
        let (records, begins, ends) = content(&store)[0];
        assert_eq!((records as u64, ends), (begins, 20));
    }
}

#[test]
fn the_last_write_of_a_shard_that_the_log_has_nothing_of_is_missed() {
    let dir = given_back();
    // The quiet shard's second checkpoint is the second write of the journal. Cut before it, nothing in the log shows a gap.
    let copy = damaged(dir.path(), |dir| {
        let journal = dir.join("kv/0.jnl");
        let bytes = fs::read(&journal).unwrap();
        fs::write(journal, &bytes[..batch_starts(dir)[0]]).unwrap();
    });
    check_refused(copy.path());
}

#[test]
fn what_is_missing_of_the_key_value_side_is_named_and_costs_only_itself() {
    let original = given_back();
    let remove = |name: &'static str| damaged(original.path(), move |dir| fs::remove_file(dir.join("kv").join(name)).unwrap());
    let dir = remove("version");
    check_refused(dir.path());
    assert!(matches!(repair(dir.path(), false).unwrap(), RepairReport::Repaired { lost, .. } if lost.is_nothing()));
    assert_eq!(content(&open(dir.path()).unwrap()), everything());
    for name in ["0.jnl", "keyspaces/0/current"] {
        let dir = remove(name);
        check_refused(dir.path());
        let (_, left) = check_costly_repair(dir.path());
        assert!(left.iter().zip(everything()).all(|(left, all)| left.2 == all.2), "the log is kept: {left:?}");
    }
    for keyspace in ["1", "2"] {
        let dir = damaged(original.path(), |dir| fs::remove_dir_all(dir.join("kv/keyspaces").join(keyspace)).unwrap());
        check_refused(dir.path());
        // All that it held is in the journal still.
        repair(dir.path(), true).unwrap();
        assert_eq!(content(&open(dir.path()).unwrap()), everything());
    }
    let dir = damaged(original.path(), |dir| fs::remove_dir_all(dir.join("kv")).unwrap());
    check_refused(dir.path());
    let RepairReport::WouldLose(loss) = repair(dir.path(), false).unwrap() else { panic!("it costs everything") };
    // The log still has all of the other shards.
    let behind: Vec<_> = loss.behind.iter().map(|behind| behind.shard.0).collect();
    assert_eq!((loss.executions_left, behind), (0, vec![0, SHARDS - 1]));
}

#[test]
fn a_key_value_side_that_the_log_has_all_of_is_made_again_without_loss() {
    let dir = temp_dir();
    let store = open(dir.path()).unwrap();
    runtime().block_on(write(&store, ShardId(0), 20, 10));
    drop(store);
    fs::remove_dir_all(dir.path().join("kv")).unwrap();
    check_refused(dir.path());
    let RepairReport::Repaired { lost, .. } = repair(dir.path(), false).unwrap() else { panic!("nothing is lost") };
    assert!(lost.is_nothing(), "{lost:?}");
    assert_eq!(content(&open(dir.path()).unwrap())[0], (0, 0, 20));
}

/// A store with histories, all of it written out of the tree's journal: keys to tables, values to files of their own. The log has nothing of
/// them any more.
fn with_histories() -> tempfile::TempDir {
    let dir = given_back();
    let store = open(dir.path()).unwrap();
    let put = |seq| KvOp::put(Table::History, key(ShardId(0), seq), history(seq));
    runtime().block_on(async {
        let mut owner = Owner::of(&store, ShardId(0)).await;
        owner.commit(batch(ShardId(0), BATCHES + 1, 10)).await;
        store.checkpoint(ShardId(0), owner.acquired.token, BATCHES + 1, (0..HISTORIES).map(put).collect()).await.unwrap();
    });
    drop(store);
    write_out(&dir.path().join("kv"));
    dir
}

const HISTORIES: u64 = 2000;

/// What the tree does by itself when it has gathered more.
fn write_out(kv: &Path) {
    let tree = fjall::Database::builder(kv).open().unwrap();
    for name in tree.list_keyspace_names() {
        tree.keyspace(&name, fjall::KeyspaceCreateOptions::default).unwrap().rotate_memtable_and_wait().unwrap();
    }
    drop(tree);
    fs::write(kv.join("0.jnl"), []).unwrap();
}

/// A value that does not compress.
fn history(seq: u64) -> Vec<u8> {
    let mut state = seq;
    let mut word = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32
    };
    (0..250).flat_map(|_| word().to_le_bytes()).collect()
}

/// The first file below the tree's folder of this kind.
fn first_file(dir: &Path, kind: &str) -> PathBuf {
    let all = files(&dir.join("kv"));
    let of_histories =
        |path: &&PathBuf| path.parent().is_some_and(|folder| folder.ends_with(kind) && folder.with_file_name("blobs").exists());
    all.keys().find(of_histories).expect("the tree has written histories out").clone()
}

/// How many histories can be read; all of them must be as they were written.
fn histories(dir: &Path) -> usize {
    let store = open(dir).unwrap();
    let found = runtime()
        .block_on(store.scan(Table::History, (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded), usize::MAX, false))
        .unwrap();
    for (key, value) in &found {
        let seq = u64::from_be_bytes(key[2..].try_into().unwrap());
        assert!(**value == history(seq), "history {seq}");
    }
    found.len()
}

#[test]
fn a_flipped_bit_in_a_value_costs_that_value_alone() {
    let original = with_histories();
    assert_eq!(histories(original.path()), HISTORIES as usize);
    let dir = damaged(original.path(), |dir| flip(&first_file(dir, "blobs"), 1_000_000));
    let store = open(dir.path()).expect("a start does not read every value");
    let flipped = |seq| runtime().block_on(store.get(Table::History, &key(ShardId(0), seq))).is_err();
    assert!(!store.has_met_damage());
    assert_eq!((0..HISTORIES).filter(|seq| flipped(*seq)).count(), 1);
    assert!(store.has_met_damage());
    drop(store);
    let error = inspect(dir.path()).expect_err("a value cannot be read").to_string();
    assert!(error.contains("damaged"), "{error}");
    let (loss, _) = check_costly_repair(dir.path());
    assert_eq!(loss.key_value, ["1 of 2000 entries of the table `history`, which cannot be read"]);
    assert_eq!(histories(dir.path()), HISTORIES as usize - 1);
    assert_eq!(repair(dir.path(), false).unwrap(), RepairReport::Sound);
}

#[test]
fn a_flipped_bit_in_a_table_costs_a_piece_of_it() {
    let original = with_histories();
    let dir = damaged(original.path(), |dir| flip(&first_file(dir, "tables"), 100));
    let (loss, _) = check_costly_repair(dir.path());
    assert!(loss.key_value.len() == 1 && loss.key_value[0].starts_with("an unknown number of entries of the table `history`"), "{loss:?}");
    let left = histories(dir.path());
    assert!(left > 0 && left < HISTORIES as usize, "{left} are left");
}

#[test]
fn an_opening_that_was_killed_is_taken_back() {
    let original = given_back();
    let dir = damaged(original.path(), |dir| {
        // As if the tree had cut its journal and the process had been killed then.
        fs::rename(dir.join("kv"), dir.join("kv.opening")).unwrap();
        copy_dir(&dir.join("kv.opening"), &dir.join("kv"));
        fs::write(dir.join("kv/0.jnl"), []).unwrap();
    });
    assert_eq!(content(&open(dir.path()).unwrap()), everything());
    assert!(!dir.path().join("kv.opening").exists());
}
