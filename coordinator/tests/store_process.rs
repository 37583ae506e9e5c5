//! What only real processes show: kill -9 in the middle of appends, a second process on the same folder, a disk that fails to flush,
//! a disk that is really full.
//!
//! The tests start this same program again with [`ROLE`] set; the one test that then runs, [`child`], plays that role.

mod store_support;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use baton_coordinator::store::local::{LocalOptions, LocalStore, LogDisk, OsDisk};
use baton_coordinator::store::{KvOp, ShardId, ShardStore, StoreError, Table};
use store_support::{Owner, batch, log, runtime, small_options};

const ROLE: &str = "BATON_TEST_ROLE";
const DIR: &str = "BATON_TEST_DIR";

/// Runs only in processes that the other tests start.
#[test]
fn child() {
    let (Ok(role), Ok(dir)) = (std::env::var(ROLE), std::env::var(DIR)) else {
        return;
    };
    let dir = Path::new(&dir);
    match role.as_str() {
        "append" => runtime().block_on(append_until_killed(dir)),
        "vanish" => runtime().block_on(append_without_end(dir)),
        "open" => println!("{:?}", LocalStore::open(dir, small_options()).map(drop).map_err(|error| error.to_string())),
        "flush fails" => runtime().block_on(append_to_failing_disk(dir, FailingDisk::flushing_fails())),
        "write fails" => runtime().block_on(append_to_failing_disk(dir, FailingDisk::writing_fails())),
        "fill" => runtime().block_on(fill_the_disk(dir)),
        other => panic!("there is no role {other}"),
    }
}

fn start(role: &str, dir: &Path) -> Child {
    command(std::env::current_exe().expect("a test has a program").as_os_str(), role, dir).spawn().expect("a program can be started")
}

fn command(program: &std::ffi::OsStr, role: &str, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .args(["child", "--exact", "--nocapture", "--test-threads", "1"])
        .env(ROLE, role)
        .env(DIR, dir)
        .env("RUST_BACKTRACE", "0")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Four shards append as fast as they can, checkpoint now and then, and print every acknowledgement.
async fn append_until_killed(dir: &Path) {
    let store = LocalStore::open(dir, small_options()).expect("the store opens");
    let shards = (0..4).map(|shard| append_and_print(&store, ShardId(shard)));
    futures_util::future::join_all(shards).await;
}

async fn append_and_print(store: &LocalStore, shard: ShardId) {
    let mut owner = Owner::of(store, shard).await;
    for _ in 0..3 {
        let seq = owner.next + 1;
        owner.append(batch(shard, seq, 300));
    }
    loop {
        let end = owner.end().await;
        assert_eq!(end.result, Ok(()));
        // One write, so that a kill cannot leave half a line.
        io::stdout().write_all(format!("acked {} {}\n", shard.0, end.seq).as_bytes()).expect("the parent listens");
        let seq = owner.next + 1;
        owner.append(batch(shard, seq, 300));
        if end.seq % 100 == u64::from(shard.0) {
            let put = KvOp::put(Table::Executions, [shard.0 as u8], end.seq.to_be_bytes().to_vec());
            let token = owner.acquired.token;
            store.checkpoint(shard, token, end.seq, vec![put]).await.expect("a checkpoint succeeds");
            io::stdout().write_all(format!("covered {} {}\n", shard.0, end.seq).as_bytes()).expect("the parent listens");
        }
    }
}

#[test]
fn what_was_acknowledged_survives_kill_9_at_any_moment() {
    let dir = tempfile::tempdir().expect("a folder can be made");
    let (mut acked, mut covered) = ([0; 4], [0; 4]);
    for round in 0..10_u64 {
        let mut child = start("append", dir.path());
        let lines = BufReader::new(child.stdout.take().expect("the child's output is piped"));
        let mut lines = lines.lines().map_while(Result::ok).filter(|line| line.starts_with("acked") || line.starts_with("covered"));
        let first = lines.next().expect("the child appends");
        std::thread::sleep(Duration::from_millis(20 + round * 37 % 150));
        child.kill().expect("the child can be killed");
        for line in std::iter::once(first).chain(lines) {
            let words: Vec<_> = line.split(' ').collect();
            let (Ok(shard), Ok(seq)) = (words[1].parse::<usize>(), words[2].parse::<u64>()) else {
                panic!("{line}");
            };
            let reached = if words[0] == "acked" { &mut acked } else { &mut covered };
            reached[shard] = seq;
        }
        child.wait().expect("the child has ended");
        runtime().block_on(check_survived(dir.path(), &acked, &covered));
    }
    assert!(acked.iter().all(|seq| *seq > 300), "{acked:?}");
    assert!(covered.iter().all(|seq| *seq > 100), "{covered:?}");
}

async fn check_survived(dir: &Path, acked: &[u64; 4], covered: &[u64; 4]) {
    let store = LocalStore::open(dir, small_options()).expect("a killed process leaves no damage");
    for shard in 0..4_u16 {
        let index = usize::from(shard);
        let owner = Owner::of(&store, ShardId(shard)).await;
        let (seq, checkpoint_seq) = (owner.acquired.seq, owner.acquired.checkpoint_seq);
        assert!(seq >= acked[index], "shard {shard}: {seq} is less than {acked:?}");
        assert!(checkpoint_seq >= covered[index], "shard {shard}: {checkpoint_seq} is less than {covered:?}");
        let expected: Vec<_> = (checkpoint_seq + 1..=seq).map(|seq| (seq, batch(ShardId(shard), seq, 300))).collect();
        assert_eq!(owner.log(checkpoint_seq).await, expected);
        let value = store.get(Table::Executions, &[shard as u8]).await.expect("the table can be read");
        let value = value.map_or(0, |value| u64::from_be_bytes(value[..].try_into().expect("eight bytes were put")));
        assert_eq!(value, checkpoint_seq);
    }
}

/// Appends slowly, for as long as it lives.
async fn append_without_end(dir: &Path) {
    let store = LocalStore::open(dir, small_options()).expect("the store opens");
    let mut owner = Owner::of(&store, ShardId(1)).await;
    loop {
        let seq = owner.next + 1;
        owner.commit(batch(ShardId(1), seq, 30)).await;
        println!("acked {seq}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[test]
fn a_process_ends_when_its_folder_is_removed_or_moved() {
    for moved in [false, true] {
        let outer = tempfile::tempdir().expect("a folder can be made");
        let dir = outer.path().join("data");
        let mut child = start("vanish", &dir);
        let mut lines = BufReader::new(child.stdout.take().expect("the child's output is piped")).lines().map_while(Result::ok);
        lines.find(|line| line.contains("acked")).expect("the child appends");
        match moved {
            true => std::fs::rename(&dir, outer.path().join("elsewhere")).expect("the folder can be moved"),
            false => std::fs::remove_dir_all(&dir).expect("the folder can be removed"),
        }
        let gone = Instant::now();
        lines.for_each(drop);
        let output = child.wait_with_output().expect("the child ends");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("was removed, moved or replaced while it was in use"), "{said}");
        assert!(gone.elapsed() < Duration::from_secs(3), "it ends within a second or so");
        if moved {
            let store = LocalStore::open(outer.path().join("elsewhere"), small_options()).expect("what was moved opens");
            drop(store);
        }
    }
}

#[test]
fn a_second_process_is_told_who_has_the_folder() {
    let dir = tempfile::tempdir().expect("a folder can be made");
    let store = LocalStore::open(dir.path(), small_options()).expect("a store can be made");
    let output = start("open", dir.path()).wait_with_output().expect("the child ends");
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    let who = format!("in use by process {} (`", std::process::id());
    assert!(output.contains(&who) && output.contains("since 20"), "{output}");
    drop(store);
    let output = start("open", dir.path()).wait_with_output().expect("the child ends");
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.contains("Ok(())"), "{output}");
}

/// A disk on which something fails from the third time on.
struct FailingDisk {
    writes_left: AtomicU32,
    flushes_left: AtomicU32,
}

impl FailingDisk {
    fn flushing_fails() -> Self {
        Self { writes_left: u32::MAX.into(), flushes_left: 3.into() }
    }

    fn writing_fails() -> Self {
        Self { writes_left: 3.into(), flushes_left: u32::MAX.into() }
    }

    fn count(left: &AtomicU32) -> io::Result<()> {
        let counted = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        counted.map(drop).map_err(|_| io::Error::other("the disk is broken"))
    }
}

impl LogDisk for FailingDisk {
    fn write_all_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        Self::count(&self.writes_left)?;
        OsDisk.write_all_at(file, bytes, offset)
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        Self::count(&self.flushes_left)?;
        OsDisk.sync_data(file)
    }
}

async fn append_to_failing_disk(dir: &Path, disk: FailingDisk) {
    let options = LocalOptions { disk: Arc::new(disk), ..small_options() };
    let store = LocalStore::open(dir, options).expect("the store opens");
    let mut owner = Owner::of(&store, ShardId(1)).await;
    loop {
        let seq = owner.next + 1;
        owner.commit(batch(ShardId(1), seq, 300)).await;
        println!("acked {seq}");
    }
}

#[test]
fn a_disk_that_fails_ends_the_process_before_anything_is_acknowledged() {
    for (role, sentence) in [("flush fails", "the log cannot be flushed to the disk"), ("write fails", "the log cannot be written")] {
        let dir = tempfile::tempdir().expect("a folder can be made");
        drop(LocalStore::open(dir.path(), small_options()).expect("a store can be made"));
        let output = start(role, dir.path()).wait_with_output().expect("the child ends");
        assert_eq!(output.status.signal(), Some(6), "{role}: the process aborts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(sentence) && said.contains("the disk is broken"), "{said}");
        let output = String::from_utf8_lossy(&output.stdout).into_owned();
        let acked = output.lines().filter(|line| line.contains("acked ")).count();
        let store = LocalStore::open(dir.path(), small_options()).expect("the store opens again");
        let batches = runtime().block_on(log(&store, ShardId(1), 0)).len();
        // The batch whose flush failed may have reached the disk all the same.
        assert!(acked >= 1 && (acked..=acked + 1).contains(&batches), "{role}: {acked} acknowledged, {batches} there");
    }
}

#[test]
fn a_disk_that_is_really_full_pauses_and_loses_nothing() {
    // A volume of its own needs a mount name space of its own. Where users may not have one, there is nothing to test here.
    let script = "mount -t tmpfs -o size=256m tmpfs \"$BATON_TEST_DIR\" && exec \"$0\" \"$@\"";
    let may_mount = Command::new("unshare").args(["-Urm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).stderr(Stdio::null()).status();
    if !may_mount.is_ok_and(|status| status.success()) {
        eprintln!("skipped: this system does not let its users mount");
        return;
    }
    let dir = tempfile::tempdir().expect("a folder can be made");
    let mut child = command("unshare".as_ref(), "fill", dir.path());
    let program = std::env::current_exe().expect("a test has a program");
    let arguments: Vec<_> = child.get_args().map(ToOwned::to_owned).collect();
    let mut full = Command::new("unshare");
    full.args(["-Urm", "sh", "-c", script]).arg(program).args(arguments);
    full.env(ROLE, "fill").env(DIR, dir.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    child = full;
    let output = child.output().expect("the child ends");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("went on"), "{said}");
}

/// Fills a small volume from three sides: the log, the key-value side, and somebody else's file that goes away again.
async fn fill_the_disk(dir: &Path) {
    // Without a reserve the key-value side runs into the end of the volume in the middle of a write.
    let options = |round: u64| LocalOptions {
        segment_bytes: 1 << 20,
        first_segment_bytes: 1 << 20,
        reserve_bytes: if round.is_multiple_of(2) { 8 << 20 } else { 0 },
        ..small_options()
    };
    let mut store = LocalStore::open(dir, options(0)).expect("a store can be made");
    let mut written = 0;
    for round in 0..5_u64 {
        let mut owner = Owner::of(&store, ShardId(1)).await;
        let covered = owner.acquired.checkpoint_seq;
        written += fill(&store, &mut owner, dir, round).await;
        let seq = owner.next;
        assert!(seq > covered);
        drop(owner);
        drop(store);
        store = LocalStore::open(dir, options(round + 1)).expect("a full disk leaves no damage");
        let owner = Owner::of(&store, ShardId(1)).await;
        assert_eq!(owner.acquired.seq, seq);
        let checkpoint_seq = owner.acquired.checkpoint_seq;
        let expected: Vec<_> = (checkpoint_seq + 1..=seq).map(|seq| (seq, batch(ShardId(1), seq, 30_000))).collect();
        assert_eq!(owner.log(checkpoint_seq).await, expected);
        let all = (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
        let kept = store.scan(Table::Executions, all, usize::MAX, false).await.expect("the table can be read");
        assert!(kept.len() as u64 >= written, "{} are less than {written}", kept.len());
    }
    println!("went on");
}

/// Appends and checkpoints until the volume is full, makes room, and goes on. Answers how many entries it has put.
async fn fill(store: &LocalStore, owner: &mut Owner<'_>, dir: &Path, round: u64) -> u64 {
    let ballast = dir.join("ballast");
    let free = rustix::fs::statvfs(dir).expect("the volume is there");
    let free = free.f_bavail * free.f_frsize;
    // Above the reserve, at it, and below it.
    let left = (4 << 20) * (round % 3) + (1 << 20);
    let file = File::create(&ballast).expect("a file can be made");
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, free - left).expect("there is room for this file");
    drop(file);

    let mut put = 0;
    let started = Instant::now();
    let refused = loop {
        assert!(started.elapsed() < Duration::from_secs(20), "a full volume refuses in the end");
        owner.append(batch(ShardId(1), owner.next + 1, 30_000));
        match owner.end().await.result {
            Ok(()) => {}
            Err(StoreError::Full) => break owner.next,
            Err(other) => panic!("{other}"),
        }
        if owner.next.is_multiple_of(40) {
            let key = (round << 32 | owner.next).to_be_bytes();
            let ops = vec![KvOp::put(Table::Executions, key, vec![round as u8; 300_000])];
            let token = owner.acquired.token;
            match store.checkpoint(ShardId(1), token, owner.next - 30, ops).await {
                Ok(()) => put += 1,
                Err(error) if error.is_retryable() => break owner.next + 1,
                Err(other) => panic!("{other}"),
            }
        }
        tokio::task::yield_now().await;
    };
    std::fs::remove_file(&ballast).expect("the file is there");
    let mut intake = store.intake();
    let accepts = tokio::time::timeout(Duration::from_secs(10), intake.wait_for(|accepts| *accepts));
    drop(accepts.await.expect("room is noticed"));
    owner.next = refused - 1;
    for seq in refused..refused + 5 {
        owner.commit(batch(ShardId(1), seq, 30_000)).await;
    }
    let ops = vec![KvOp::put(Table::Executions, (round << 32).to_be_bytes(), "made room")];
    let token = owner.acquired.token;
    for _ in 0..3 {
        match store.checkpoint(ShardId(1), token, owner.next - 2, ops.clone()).await {
            Ok(()) => return put + 1,
            // The key-value side has been hurt by the lack of room and is opened again.
            Err(StoreError::Failed(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
    panic!("the key-value side does not come back")
}
