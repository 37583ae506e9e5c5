//! What the local store makes of a log that a crash has torn or a disk has damaged.

mod store_support;

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use baton_coordinator::store::local::{self, CutBatches, LocalOptions, LocalStore, Loss, OpenError, RepairReport, inspect};
use baton_coordinator::store::{KvOp, ShardId, ShardStore, Table};
use bytes::Bytes;
use proptest::prelude::*;
use store_support::{Gate, Owner, append_groups, batch, change, copy_dir, log, runtime, segments, small_options, temp_dir};

const ONE: ShardId = ShardId(1);
const HEADER: u64 = 40;
/// Length of the batches and of their frames, bytes.
const LEN: usize = 21;
const FRAME: u64 = 64;

/// A folder with a log, closed, to be copied and damaged.
struct Original {
    dir: tempfile::TempDir,
    /// Offset of each frame in the last segment, in order.
    frames: Vec<u64>,
    segment: PathBuf,
}

impl Original {
    /// Groups as in [`append_groups`].
    fn with_groups(groups: &[u64]) -> Self {
        let dir = temp_dir();
        let gate = Gate::default();
        let store = open_with(dir.path(), &gate);
        runtime().block_on(append_groups(&store, &gate, groups, LEN));
        drop(store);
        let segment = segments(dir.path()).pop().expect("a log has a segment");
        let frames = frame_offsets(&segment);
        assert_eq!(frames.len() as u64, groups.iter().sum::<u64>());
        Self { dir, frames, segment }
    }

    /// A copy in which the last segment has been changed.
    fn damaged(&self, damage: impl FnOnce(&Path)) -> tempfile::TempDir {
        let copy = temp_dir();
        fs::remove_dir(copy.path()).expect("a new folder is empty");
        copy_dir(self.dir.path(), copy.path());
        let name = self.segment.file_name().expect("a segment has a name");
        damage(&copy.path().join("log").join(name));
        as_after_a_crash(copy.path());
        copy
    }
}

/// A store that was closed knows how far its log was durable; after a crash nothing may have been noted yet.
fn as_after_a_crash(dir: &Path) {
    fs::remove_file(dir.join("log/durable")).expect("a store that was closed has noted the end of its log");
}

/// Where frames of batches begin, found by their bodies, which say who they are.
fn frame_offsets(segment: &Path) -> Vec<u64> {
    let bytes = fs::read(segment).expect("the segment can be read");
    let bodies = bytes.windows(6).enumerate();
    bodies.filter(|(_, window)| *window == b"shard ").map(|(offset, _)| offset as u64 - HEADER).collect()
}

fn open_with(dir: &Path, gate: &Gate) -> LocalStore {
    let options = LocalOptions { disk: Arc::new(gate.clone()), ..small_options() };
    LocalStore::open(dir, options).expect("the store opens")
}

fn open(dir: &Path) -> Result<LocalStore, OpenError> {
    LocalStore::open(dir, small_options())
}

/// Repairs, whatever it costs. A repair that costs something changes nothing before that is accepted.
fn repair(dir: &Path) -> Result<RepairReport, OpenError> {
    let asked = local::repair(dir, false)?;
    let RepairReport::WouldLose(would_lose) = asked else { return Ok(asked) };
    assert!(inspect(dir).is_err() && open(dir).is_err(), "nothing has been changed");
    let report = local::repair(dir, true)?;
    if let RepairReport::Repaired { lost, .. } = &report {
        assert_eq!(*lost, would_lose);
    }
    inspect(dir)?;
    Ok(report)
}

/// Opens the folder, sees that the first `count` batches are there and no more, goes on, and sees the same again.
fn check_goes_on_after(dir: &Path, count: u64) {
    let expect = |count: u64| -> Vec<(u64, Bytes)> { (1..=count).map(|seq| (seq, batch(ONE, seq, LEN))).collect() };
    for more in 0..2 {
        let store = open(dir).expect("a torn end is no obstacle");
        runtime().block_on(async {
            assert_eq!(log(&store, ONE, 0).await, expect(count + more));
            let mut owner = Owner::of(&store, ONE).await;
            assert_eq!(owner.acquired.seq, count + more);
            owner.commit(batch(ONE, count + more + 1, LEN)).await;
        });
    }
}

fn flip(path: &Path, offset: u64) {
    change(path, offset, |byte| byte[0] ^= 0x10, 1);
}

fn zero_from(path: &Path, offset: u64) {
    let size = fs::metadata(path).expect("the file is there").len();
    change(path, offset, |bytes| bytes.fill(0), (size - offset) as usize);
}

#[test]
fn a_write_that_is_cut_off_anywhere_leaves_the_whole_frames_before_it() {
    let original = Original::with_groups(&[2, 4]);
    let last_group = original.frames[3];
    for cut in last_group..original.frames[5] + FRAME {
        let dir = original.damaged(|segment| zero_from(segment, cut));
        let whole = original.frames.iter().filter(|frame| {
            // The last bytes of a frame are its padding, or zeros of the batch's own.
            cut >= *frame + HEADER + LEN as u64
        });
        check_goes_on_after(dir.path(), whole.count() as u64);
    }
}

#[test]
fn a_flipped_bit_anywhere_in_the_last_group_cuts_it_there() {
    let original = Original::with_groups(&[2, 4]);
    for (place, frame) in original.frames.iter().enumerate().skip(3) {
        for byte in 0..HEADER + LEN as u64 {
            let dir = original.damaged(|segment| flip(segment, frame + byte));
            check_goes_on_after(dir.path(), place as u64);
        }
    }
}

#[test]
fn what_a_torn_group_left_behind_never_comes_back() {
    let original = Original::with_groups(&[2, 5]);
    // Pages reach the disk in any order: of the last group, frames 4 to 7, the first is lost and the others are whole.
    let dir = original.damaged(|segment| change(segment, original.frames[3], |b| b.fill(0), 8));
    check_goes_on_after(dir.path(), 3);
    // As above, but the process that comes next dies in the middle of a group of its own.
    let dir = original.damaged(|segment| change(segment, original.frames[3], |b| b.fill(0), 8));
    let next = open(dir.path()).expect("a torn end is no obstacle");
    runtime().block_on(async {
        let mut owner = Owner::of(&next, ONE).await;
        owner.commit(batch(ONE, 4, LEN)).await;
    });
    drop(next);
    let segment = segments(dir.path()).pop().expect("a log has a segment");
    flip(&segment, original.frames[3] + 1);
    as_after_a_crash(dir.path());
    check_goes_on_after(dir.path(), 3);
}

#[test]
fn what_was_noted_as_durable_is_not_taken_for_a_torn_write() {
    let original = Original::with_groups(&[2, 4]);
    for frame in &original.frames[3..] {
        let dir = original.damaged(|segment| flip(segment, frame + HEADER));
        fs::copy(original.dir.path().join("log/durable"), dir.path().join("log/durable")).unwrap();
        let error = open(dir.path()).map(drop).expect_err("an acknowledged batch is missed").to_string();
        assert!(error.contains("was on the disk up to byte"), "{error}");
        repair(dir.path()).expect("the log can be cut");
        let place = original.frames.iter().position(|other| other == frame).unwrap();
        check_goes_on_after(dir.path(), place as u64);
    }
}

#[test]
fn a_last_segment_that_has_gone_is_missed() {
    let dir = several_segments();
    fs::remove_file(segments(dir.path()).pop().unwrap()).unwrap();
    assert!(matches!(open(dir.path()), Err(OpenError::Damaged { .. })));
}

#[test]
fn the_end_of_the_log_is_noted_while_the_store_is_in_use() {
    let dir = temp_dir();
    let store = open(dir.path()).unwrap();
    runtime().block_on(async { Owner::of(&store, ONE).await.commit(batch(ONE, 1, LEN)).await });
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    let copy = temp_dir();
    fs::remove_dir(copy.path()).unwrap();
    let noted = |copy: &Path| fs::read(copy.join("log/durable")).ok().filter(|note| note[4..8] != 4144_u32.to_le_bytes());
    while noted(dir.path()).is_none() {
        assert!(std::time::Instant::now() < until, "the end is noted within seconds");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    copy_dir(dir.path(), copy.path());
    drop(store);
    let segment = segments(copy.path()).pop().unwrap();
    flip(&segment, frame_offsets(&segment)[0] + HEADER);
    assert!(matches!(open(copy.path()), Err(OpenError::Damaged { .. })));
}

/// A frame as the log has it; the test says it once more, since the format on disk is a promise.
fn frame(dir: &Path, run: u32, group_start: u64, seq: u64) -> Vec<u8> {
    let identity = fs::read_to_string(dir.join("store.json")).unwrap();
    let identity: serde_json::Value = serde_json::from_str(&identity).unwrap();
    let seed = u32::try_from(identity["logSeed"].as_u64().unwrap()).unwrap();
    let body = batch(ONE, seq, LEN);
    let mut frame = b"BT\x01\x01\x01\0\0\0".to_vec();
    frame.extend((body.len() as u32).to_le_bytes());
    frame.extend(crc32c::crc32c_append(seed, &body).to_le_bytes());
    frame.extend(1_u32.to_le_bytes());
    frame.extend(run.to_le_bytes());
    frame.extend((group_start as u32).to_le_bytes());
    frame.extend(seq.to_le_bytes());
    frame.extend(crc32c::crc32c_append(seed, &frame).to_le_bytes());
    frame.extend_from_slice(&body);
    frame.resize(FRAME as usize, 0);
    frame
}

#[test]
fn what_a_process_left_that_wrote_nothing_else_never_comes_back() {
    let original = Original::with_groups(&[1, 1]);
    let end = original.frames[1] + FRAME;
    let last = fs::read(&original.segment).unwrap()[original.frames[1] as usize..end as usize].to_vec();
    let run = u32::from_le_bytes(last[20..24].try_into().unwrap());
    assert_eq!(last, frame(original.dir.path(), run, original.frames[1], 2), "the format is as it was");

    // The next process wrote one group, batches 3 to 5, and of it only the last two pages reached the disk.
    let left = [4, 5].map(|seq| frame(original.dir.path(), run + 1, end, seq)).concat();
    let dir = original.damaged(|segment| change(segment, end + FRAME, |bytes| bytes.copy_from_slice(&left), left.len()));
    check_goes_on_after(dir.path(), 2);
}

#[test]
fn damage_before_the_last_group_is_refused_and_named() {
    let original = Original::with_groups(&[3, 1, 2]);
    // Groups: 1 | 2 3 | 4 | 5 | 6.
    for (place, frame) in original.frames.iter().enumerate().take(5) {
        for byte in [0, 3, 9, 13, 17, 21, 25, 29, 37, HEADER, HEADER + LEN as u64 - 1] {
            let dir = original.damaged(|segment| flip(segment, frame + byte));
            let before = fs::read(segments(dir.path()).pop().unwrap()).unwrap();
            let error = open(dir.path()).map(drop).expect_err("damage is refused");
            let (text, next) = (error.to_string(), error.next_step());
            let OpenError::Damaged { segment, offset, .. } = error else {
                panic!("{text}");
            };
            assert_eq!(segment, Path::new("log/0000000001.log"));
            assert_eq!(offset, original.frames[place]);
            assert!(next.contains(&format!("baton doctor --repair {}", dir.path().display())), "{next}");
            assert!(text.contains("Nothing has been changed"), "{text}");
            let after = fs::read(segments(dir.path()).pop().unwrap()).unwrap();
            assert!(before == after, "nothing has been changed");
        }
    }
}

#[test]
fn a_lost_page_in_the_middle_is_refused() {
    let original = Original::with_groups(&[1, 1, 1, 1]);
    let dir = original.damaged(|segment| {
        change(segment, original.frames[1], |bytes| bytes.fill(0), FRAME as usize);
    });
    assert!(matches!(open(dir.path()), Err(OpenError::Damaged { .. })));
}

#[test]
fn repair_cuts_at_the_damage_and_keeps_what_it_cuts() {
    let original = Original::with_groups(&[1, 1, 1, 1, 1, 1]);
    let dir = original.damaged(|segment| flip(segment, original.frames[3] + HEADER));
    let damaged = fs::read(segments(dir.path()).pop().unwrap()).unwrap();
    let report = repair(dir.path()).expect("a damaged log can be repaired");
    let RepairReport::Repaired { found, lost: Loss { batches, .. }, kept_in } = report else {
        panic!("{report:?}");
    };
    assert!(found[0].contains(&format!("damaged at byte {}", original.frames[3])), "{found:?}");
    let lost = CutBatches { shard: ONE, first_seq: 5, last_seq: 6 };
    assert_eq!(batches, [lost]);
    let kept = fs::read(segments(&kept_in).pop().unwrap()).unwrap();
    assert!(kept_in.join("kv/version").exists(), "the other side is kept too");
    assert!(kept == damaged, "the file is kept as it was");
    assert_eq!(repair(dir.path()).unwrap(), RepairReport::Sound);
    check_goes_on_after(dir.path(), 3);
}

#[test]
fn repair_leaves_a_sound_or_torn_log_alone() {
    let original = Original::with_groups(&[2, 2]);
    assert_eq!(repair(original.dir.path()).unwrap(), RepairReport::Sound);
    let dir = original.damaged(|segment| flip(segment, original.frames[3]));
    assert_eq!(repair(dir.path()).unwrap(), RepairReport::Sound);
    check_goes_on_after(dir.path(), 3);
}

/// A log of several segments whose batches no checkpoint covers, with shards that end early.
fn several_segments() -> tempfile::TempDir {
    let dir = temp_dir();
    let store = open(dir.path()).expect("a store can be made");
    runtime().block_on(async {
        let mut two = Owner::of(&store, ShardId(2)).await;
        for seq in 1..=40 {
            two.commit(batch(ShardId(2), seq, 1500)).await;
        }
        let mut one = Owner::of(&store, ONE).await;
        for seq in 1..=120 {
            one.commit(batch(ONE, seq, 1500)).await;
        }
    });
    drop(store);
    assert!(segments(dir.path()).len() >= 4);
    dir
}

fn check_damaged(dir: &Path, segment: &str) {
    match open(dir).map(drop) {
        Err(OpenError::Damaged { segment: found, .. }) => {
            assert_eq!(found, Path::new("log").join(segment));
        }
        other => panic!("{other:?}"),
    }
}

/// Repairs, and sees that what is left is a beginning of what was there.
fn check_repaired(dir: &Path) -> (u64, u64) {
    let report = repair(dir).expect("the log can be repaired");
    assert!(matches!(report, RepairReport::Repaired { .. }), "{report:?}");
    let store = open(dir).expect("a repaired store opens");
    runtime().block_on(async {
        let mut left = Vec::new();
        for shard in [ShardId(2), ONE] {
            let mut owner = Owner::of(&store, shard).await;
            let seq = owner.acquired.seq;
            let expected: Vec<_> = (1..=seq).map(|seq| (seq, batch(shard, seq, 1500))).collect();
            assert_eq!(owner.log(0).await, expected);
            owner.commit(batch(shard, seq + 1, 1500)).await;
            left.push(seq);
        }
        (left[0], left[1])
    })
}

#[test]
fn the_end_of_a_finished_segment_is_guarded_by_the_next_one() {
    let dir = several_segments();
    let first = &segments(dir.path())[0];
    // The last frame of the segment is the last one of its group, and nothing good stands behind it.
    let last = *frame_offsets(first).last().unwrap();
    flip(first, last + HEADER);
    check_damaged(dir.path(), "0000000001.log");
    let (two, one) = check_repaired(dir.path());
    assert!(two == 40 || one == 0, "{two} {one}");
}

#[test]
fn a_missing_segment_is_noticed() {
    let dir = several_segments();
    fs::remove_file(&segments(dir.path())[1]).unwrap();
    check_damaged(dir.path(), "0000000003.log");
    check_repaired(dir.path());

    let dir = several_segments();
    fs::remove_file(&segments(dir.path())[0]).unwrap();
    check_damaged(dir.path(), "0000000002.log");
    assert_eq!(check_repaired(dir.path()), (0, 0));

    let dir = several_segments();
    segments(dir.path()).iter().for_each(|path| fs::remove_file(path).unwrap());
    assert!(matches!(open(dir.path()), Err(OpenError::Damaged { .. })));
    assert_eq!(check_repaired(dir.path()), (0, 0));
}

#[test]
fn a_damaged_segment_header_or_first_frame_is_noticed() {
    for offset in [0, 9, 13, 20, 30, 46, 4096, 4097, 4096 + HEADER] {
        for place in 0..3 {
            let dir = several_segments();
            let segment = segments(dir.path())[place].clone();
            flip(&segment, offset);
            check_damaged(dir.path(), segment.file_name().unwrap().to_str().unwrap());
            let (two, one) = check_repaired(dir.path());
            assert!((place == 0) == (two == 0), "{two} {one}");
        }
    }
}

#[test]
fn a_segment_that_has_been_shortened_is_noticed() {
    let dir = several_segments();
    let segment = segments(dir.path())[1].clone();
    let file = fs::OpenOptions::new().write(true).open(&segment).unwrap();
    file.set_len(32 << 10).unwrap();
    check_damaged(dir.path(), "0000000002.log");
    check_repaired(dir.path());
}

#[test]
fn a_segment_of_another_store_is_noticed() {
    let (dir, other) = (several_segments(), several_segments());
    fs::copy(&segments(other.path())[1], &segments(dir.path())[1]).unwrap();
    check_damaged(dir.path(), "0000000002.log");
}

#[test]
fn damage_that_a_checkpoint_has_covered_is_still_damage() {
    let dir = temp_dir();
    let store = open(dir.path()).unwrap();
    runtime().block_on(async {
        let mut owner = Owner::of(&store, ONE).await;
        for seq in 1..=5 {
            owner.commit(batch(ONE, seq, LEN)).await;
        }
        let ops = vec![KvOp::put(Table::Meta, "key", "value")];
        let token = owner.acquired.token;
        store.checkpoint(ONE, token, 4, ops).await.unwrap();
    });
    drop(store);
    let segment = segments(dir.path()).pop().unwrap();
    flip(&segment, frame_offsets(&segment)[1] + HEADER);
    check_damaged(dir.path(), "0000000001.log");

    // The shard goes on from its checkpoint: the numbers of batches that are lost are not given again.
    let report = repair(dir.path()).unwrap();
    assert!(matches!(report, RepairReport::Repaired { .. }));
    for next in 4..7 {
        let store = open(dir.path()).unwrap();
        runtime().block_on(async {
            let mut owner = Owner::of(&store, ONE).await;
            assert_eq!((owner.acquired.seq, owner.acquired.checkpoint_seq), (next, 4));
            owner.commit(batch(ONE, next + 1, LEN)).await;
            assert_eq!(owner.log(4).await.len() as u64, next - 3);
        });
    }
}

#[test]
fn a_payload_cannot_pass_for_a_frame() {
    let dir = temp_dir();
    let gate = Gate::default();
    let store = open_with(dir.path(), &gate);
    runtime().block_on(append_groups(&store, &gate, &[1, 1, 1], LEN));
    drop(store);
    // Somebody has seen frames of this log and puts one that claims a later group into a payload.
    let segment = segments(dir.path()).pop().unwrap();
    let third = *frame_offsets(&segment).last().unwrap();
    let mut forged = vec![0; FRAME as usize];
    let file = fs::File::open(&segment).unwrap();
    file.read_exact_at(&mut forged, third).unwrap();
    forged[24..28].copy_from_slice(&0x7000_u32.to_le_bytes());
    let sum = crc32c::crc32c(&forged[..36]);
    forged[36..40].copy_from_slice(&sum.to_le_bytes());
    let payload: Vec<u8> = std::iter::repeat_n(forged, 50).flatten().collect();
    let store = open(dir.path()).unwrap();
    runtime().block_on(async {
        let mut owner = Owner::of(&store, ONE).await;
        owner.commit(payload).await;
    });
    drop(store);
    flip(&segment, third + FRAME);
    as_after_a_crash(dir.path());
    let store = open(dir.path()).expect("the torn payload is no damage");
    runtime().block_on(async { assert_eq!(log(&store, ONE, 0).await.len(), 3) });
}

#[test]
fn a_folder_that_is_not_a_store_is_left_alone() {
    let dir = several_segments();
    fs::remove_file(dir.path().join("store.json")).unwrap();
    assert!(matches!(open(dir.path()), Err(OpenError::NoIdentity { .. })));
    assert!(matches!(repair(dir.path()), Err(OpenError::NoIdentity { .. })));
    assert!(segments(dir.path()).len() >= 4);

    let dir = several_segments();
    fs::rename(dir.path().join("kv"), dir.path().join("elsewhere")).unwrap();
    assert!(matches!(open(dir.path()), Err(OpenError::KeyValue { .. })));
    assert!(!dir.path().join("kv").exists());

    let dir = several_segments();
    let mut identity: serde_json::Value = serde_json::from_str(&fs::read_to_string(dir.path().join("store.json")).unwrap()).unwrap();
    let ours = identity["format"].as_u64().unwrap();
    identity["format"] = (ours + 1).into();
    fs::write(dir.path().join("store.json"), identity.to_string()).unwrap();
    let error = open(dir.path()).map(drop).unwrap_err().to_string();
    assert!(error.contains(&format!("format {}", ours + 1)) && error.contains(&format!("format {ours}")), "{error}");
    fs::write(dir.path().join("store.json"), "{").unwrap();
    assert!(matches!(open(dir.path()), Err(OpenError::Unreadable { .. })));
}

#[test]
fn a_creation_that_was_interrupted_is_begun_again() {
    let dir = several_segments();
    fs::rename(dir.path().join("store.json"), dir.path().join("store.json.tmp")).unwrap();
    let store = open(dir.path()).expect("the beginnings of a store are no obstacle");
    runtime().block_on(async { assert_eq!(log(&store, ONE, 0).await, []) });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    /// Whatever happens to the bytes: what opens holds a beginning of what was there, and what does not open can be repaired to one.
    #[test]
    fn a_log_with_any_bytes_changed_is_read_right_or_refused(
        changes in proptest::collection::vec((0..4_usize, any::<prop::sample::Index>(), any::<u8>(), 1..600_usize), 1..4)
    ) {
        let dir = several_segments();
        for (segment, offset, value, len) in &changes {
            let segments = segments(dir.path());
            let offset = offset.index((64 << 10) - len) as u64;
            change(&segments[segment % segments.len()], offset, |bytes| bytes.fill(*value), *len);
        }
        if let Err(error) = open(dir.path()) {
            let damaged = matches!(error, OpenError::Damaged { .. });
            prop_assert!(damaged, "{error}");
            repair(dir.path()).expect("the log can be repaired");
        }
        let store = open(dir.path()).expect("the log is sound or repaired");
        runtime().block_on(async {
            for shard in [ShardId(2), ONE] {
                let owner = Owner::of(&store, shard).await;
                let expected: Vec<_> = (1..=owner.acquired.seq).map(|seq| (seq, batch(shard, seq, 1500))).collect();
                assert_eq!(owner.log(0).await, expected);
            }
        });
    }
}
