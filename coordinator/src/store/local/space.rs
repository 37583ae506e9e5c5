//! Whether there is room for new work.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::watch;

use super::disk::SpaceProbe;
use super::options::LocalOptions;
use crate::store::Usage;

/// How old what is known of the folder's size may be, where it need not be exact.
const MEASURE_EVERY: Duration = Duration::from_millis(200);

/// And for those who only look.
const USAGE_EVERY: Duration = Duration::from_secs(5);

/// The folder is as deep as the key-value store makes it; a link cannot make it endless.
const DEPTH_MAX: usize = 8;

/// Watches the room that is left and says whether intake is accepted.
pub(crate) struct Space {
    dir: PathBuf,
    probe: Arc<dyn SpaceProbe>,
    reserve_bytes: u64,
    max_bytes: Option<u64>,
    /// When the folder was last measured, and what it took.
    used: Mutex<Option<(Instant, u64)>>,
    log_full: AtomicBool,
    write_refused: AtomicBool,
    intake: watch::Sender<bool>,
}

impl Space {
    pub(crate) fn new(dir: PathBuf, options: &LocalOptions) -> Self {
        Self {
            dir,
            probe: options.space.clone(),
            reserve_bytes: options.reserve_bytes,
            max_bytes: options.max_bytes,
            used: Mutex::new(None),
            log_full: AtomicBool::new(false),
            write_refused: AtomicBool::new(false),
            intake: watch::Sender::new(true),
        }
    }

    /// Whether `bytes` more leave the reserve untouched.
    pub(crate) fn has_room_for(&self, bytes: u64) -> bool {
        self.left_bytes(Duration::ZERO) >= self.reserve_bytes.saturating_add(bytes)
    }

    /// Whether the key-value side may write. It uses the reserve, because what it writes lets the log give room back; it stops in
    /// time to end what it has begun.
    pub(crate) fn has_room_for_checkpoint(&self) -> bool {
        self.left_bytes(MEASURE_EVERY) >= self.reserve_bytes / 4
    }

    /// Bytes that may still be written: what the volume has, or what the quota leaves.
    fn left_bytes(&self, at_most_old: Duration) -> u64 {
        let free = self.probe.free_bytes(&self.dir).unwrap_or_else(|error| {
            let dir = self.dir.display();
            tracing::warn!("cannot tell how much room {dir} has: {error}");
            u64::MAX
        });
        let quota = self.max_bytes.map(|max| max.saturating_sub(self.used_bytes(at_most_old)));
        free.min(quota.unwrap_or(u64::MAX))
    }

    /// What the folder takes, and what may be written before the reserve is touched.
    pub(crate) fn usage(&self) -> Usage {
        let free_bytes = self.left_bytes(USAGE_EVERY).saturating_sub(self.reserve_bytes);
        Usage { bytes: self.used_bytes(USAGE_EVERY), free_bytes }
    }

    fn used_bytes(&self, at_most_old: Duration) -> u64 {
        let mut used = self.used.lock();
        match *used {
            Some((when, bytes)) if when.elapsed() < at_most_old => bytes,
            Some(_) | None => {
                let bytes = folder_bytes(&self.dir, DEPTH_MAX);
                *used = Some((Instant::now(), bytes));
                bytes
            }
        }
    }

    /// The log needs a segment and there is no room for one, or there is one again.
    pub(crate) fn set_log_full(&self, full: bool) {
        self.log_full.store(full, Ordering::Relaxed);
        self.decide();
    }

    /// The volume refused a write for want of room that had seemed to be there. Closes the intake until the next look.
    pub(crate) fn write_refused(&self) {
        self.write_refused.store(true, Ordering::Relaxed);
        self.decide();
    }

    /// Looks at the volume again.
    pub(crate) fn look(&self) {
        self.write_refused.store(false, Ordering::Relaxed);
        self.decide();
    }

    /// Opens or closes the intake.
    fn decide(&self) {
        let refused = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        let accepts = !refused(&self.log_full) && !refused(&self.write_refused) && self.has_room_for(0);
        let changed = self.intake.send_if_modified(|now| {
            let changed = *now != accepts;
            *now = accepts;
            changed
        });
        match (changed, accepts) {
            (true, true) => tracing::info!("there is room again, new work is accepted"),
            (true, false) => tracing::error!(
                "the volume of {} is full: new work is refused until there is room, running work is kept",
                self.dir.display()
            ),
            (false, _) => {}
        }
    }

    pub(crate) fn accepts_intake(&self) -> bool {
        *self.intake.borrow()
    }

    pub(crate) fn intake(&self) -> watch::Receiver<bool> {
        self.intake.subscribe()
    }
}

/// What the files of a folder take on the disk, holes not counted. Files that go away meanwhile are not counted either.
fn folder_bytes(dir: &Path, depth: usize) -> u64 {
    let Some(depth) = depth.checked_sub(1) else {
        return 0;
    };
    let entry_bytes = |entry: io::Result<fs::DirEntry>| {
        let entry = entry?;
        let metadata = entry.metadata()?;
        Ok::<_, io::Error>(match metadata.is_dir() {
            true => folder_bytes(&entry.path(), depth),
            false => metadata.blocks() * 512,
        })
    };
    let entries = fs::read_dir(dir).into_iter().flatten();
    entries.filter_map(|entry| entry_bytes(entry).ok()).sum()
}
