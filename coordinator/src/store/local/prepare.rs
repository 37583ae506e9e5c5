//! The thread that makes the next segment ready while the present one is being written, takes finished ones back, keeps an eye on
//! the room that is left and on whether the folder is still there, and notes how far the log is durable.

use std::fs;
use std::io;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::disk::{LogDisk, fatal, is_full};
use super::durable_end::Notes;
use super::folder_watch::FolderWatch;
use super::options::LocalOptions;
use super::segment::Segment;
use super::shared::Shared as StoreShared;
use super::space::Space;
use super::threads::spawn;
use super::trimmed;

/// How often the volume is looked at, when nothing else happens and when the log waits for room.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const LOOK_EVERY_WHEN_FULL: Duration = Duration::from_millis(100);

/// The log needs a segment and there is no room for one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoRoom;

/// Makes segments ready.
pub(crate) struct Preparer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    /// For the thread: there is something to do.
    work: Condvar,
    /// For the writer: a segment is ready, or there is no room for one.
    done: Condvar,
}

#[derive(Default)]
struct State {
    wanted: Option<u32>,
    ready: Option<Segment>,
    full: bool,
    freed: Vec<Covered>,
    stopped: bool,
}

/// A segment that is not needed any more, and how far checkpoints had come then, by [`ShardId::index`](crate::store::ShardId::index).
struct Covered {
    segment: Segment,
    marks: Vec<u64>,
}

/// What the thread works with.
struct Workshop {
    log_dir: PathBuf,
    shared: Arc<StoreShared>,
    segment_bytes: u64,
    spare_segments: usize,
    disk: Arc<dyn LogDisk>,
    free: Vec<PathBuf>,
    /// Finished segments that wait until it can be written down that they go.
    unwritten: Vec<Covered>,
    notes: Notes,
    watch: FolderWatch,
}

impl Preparer {
    /// Starts with what recovery has found.
    pub(crate) fn start(
        dir: &Path,
        store: &Arc<StoreShared>,
        options: &LocalOptions,
        ready: Option<Segment>,
        free: Vec<PathBuf>,
    ) -> io::Result<Preparer> {
        let shared =
            Arc::new(Shared { state: Mutex::new(State { ready, ..State::default() }), work: Condvar::new(), done: Condvar::new() });
        let log_dir = dir.join("log");
        let mut workshop = Workshop {
            notes: Notes::new(&log_dir, store.identity.log_seed),
            log_dir,
            shared: store.clone(),
            segment_bytes: options.segment_bytes,
            spare_segments: options.spare_segments,
            disk: options.disk.clone(),
            free: Vec::new(),
            unwritten: Vec::new(),
            watch: FolderWatch::new(dir),
        };
        let thread = Some(spawn("log-prepare", {
            let shared = shared.clone();
            move || {
                free.into_iter().for_each(|path| workshop.keep(path));
                workshop.work(&shared);
            }
        })?);
        Ok(Preparer { shared, thread })
    }

    /// Says that the segment of `generation` will soon be needed.
    pub(crate) fn want(&self, generation: u32) {
        let mut state = self.shared.state.lock();
        if state.ready.is_none() && state.wanted.is_none() {
            state.wanted = Some(generation);
            self.shared.work.notify_one();
        }
    }

    /// Waits for the segment of `generation`. Does not wait for room.
    pub(crate) fn take(&self, generation: u32) -> Result<Segment, NoRoom> {
        self.want(generation);
        let mut state = self.shared.state.lock();
        loop {
            if let Some(segment) = state.ready.take() {
                assert_eq!(segment.generation, generation, "one segment is made ready at a time");
                return Ok(segment);
            }
            if state.full {
                return Err(NoRoom);
            }
            self.shared.done.wait(&mut state);
        }
    }

    /// Takes a segment back none of whose frames is needed any more, since checkpoints on stable storage have come as far as `marks`.
    pub(crate) fn give_back(&self, segment: Segment, marks: Vec<u64>) {
        self.shared.state.lock().freed.push(Covered { segment, marks });
        self.shared.work.notify_one();
    }
}

impl Drop for Preparer {
    fn drop(&mut self) {
        self.shared.state.lock().stopped = true;
        self.shared.work.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been reported by the thread.
            let _ = thread.join();
        }
    }
}

impl Workshop {
    fn work(&mut self, shared: &Shared) {
        loop {
            let mut state = shared.state.lock();
            let busy = !state.freed.is_empty() || (state.wanted.is_some() && !state.full);
            if !busy && !state.stopped {
                let pause = if state.full { LOOK_EVERY_WHEN_FULL } else { LOOK_EVERY };
                shared.work.wait_for(&mut state, pause);
            }
            if state.stopped {
                self.notes.note(self.shared.durable_end());
                self.notes.settle();
                return;
            }
            let freed = mem::take(&mut state.freed);
            let wanted = state.wanted.filter(|_| state.ready.is_none());
            drop(state);
            self.take_back_all(freed);
            if let Some(generation) = wanted {
                self.provide(generation, shared);
            }
            self.space().look();
            self.notes.note(self.shared.durable_end());
            self.watch.look();
        }
    }

    fn provide(&mut self, generation: u32, shared: &Shared) {
        let segment = self.prepare(generation);
        let full = segment.is_none();
        let mut state = shared.state.lock();
        state.full = full;
        if let Some(segment) = segment {
            state.ready = Some(segment);
            state.wanted = None;
        }
        drop(state);
        shared.done.notify_all();
        self.space().set_log_full(full);
    }

    /// The segment of `generation`; `None` if there is no room for it.
    fn prepare(&mut self, generation: u32) -> Option<Segment> {
        let made = match self.free.pop() {
            Some(path) => Segment::reuse(path, generation, &self.shared.identity, &*self.disk),
            None if !self.space().has_room_for(self.segment_bytes) => return None,
            None => Segment::create(&self.log_dir, generation, self.segment_bytes, &self.shared.identity, &*self.disk),
        };
        match made {
            Ok(segment) => Some(segment),
            Err(error) if is_full(&error) => None,
            Err(error) => fatal("the next segment of the log cannot be prepared", &error),
        }
    }

    /// First it is written down what only the key-value side has from here on.
    fn take_back_all(&mut self, freed: Vec<Covered>) {
        let mut covered = mem::take(&mut self.unwritten);
        covered.extend(freed);
        let Some(last) = covered.last() else { return };
        if let Err(error) = trimmed::write(&self.log_dir, self.seed(), &last.marks) {
            // Without it the segments stay, until the next look.
            tracing::debug!("finished segments of the log are kept: {error}");
            self.unwritten = covered;
            return;
        }
        covered.into_iter().for_each(|covered| self.take_back(covered.segment));
    }

    fn space(&self) -> &Space {
        &self.shared.space
    }

    fn seed(&self) -> u32 {
        self.shared.identity.log_seed
    }

    fn take_back(&mut self, segment: Segment) {
        match segment.set_free() {
            Ok(path) => self.keep(path),
            Err(error) => fatal("a finished segment of the log cannot be set free", &error),
        }
    }

    /// Keeps a file for the next segment if it has the right size and there are not enough yet; else gives its room back.
    fn keep(&mut self, path: PathBuf) {
        let size = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        if size == self.segment_bytes && self.free.len() < self.spare_segments {
            self.free.push(path);
            return;
        }
        if let Err(error) = fs::remove_file(&path) {
            tracing::warn!("{} cannot be removed: {error}", path.display());
        }
    }
}
