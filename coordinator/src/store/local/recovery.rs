//! From what a process has left in the log to what the next one goes on with.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

use super::disk::{LogDisk, is_full};
use super::error::OpenError;
use super::frame::{self, Header, Kind, Link};
use super::identity::Identity;
use super::options::LocalOptions;
use super::segment::{DATA_START, Segment};
use super::shard_log::{Place, ShardLog};
use super::survey::{Survey, survey};
use super::trimmed::{self, Trimmed};
use crate::store::ShardId;

/// The log, ready to go on.
#[derive(Debug)]
pub(crate) struct Recovered {
    /// By [`ShardId::index`].
    pub(crate) shards: Vec<ShardLog>,
    /// Segments with frames, oldest first; the last one is written next.
    pub(crate) segments: VecDeque<Segment>,
    /// Where the next frame goes in the last one.
    pub(crate) tail_end: u64,
    /// The next segment, if one is ready.
    pub(crate) spare: Option<Segment>,
    /// Files that can become segments.
    pub(crate) free: Vec<PathBuf>,
    /// Of this process.
    pub(crate) run: u32,
}

/// Reads the log in `log_dir` of a store whose key-value side stands at `checkpoints`.
pub(crate) fn recover(dir: &Path, identity: &Identity, checkpoints: &[u64], disk: &dyn LogDisk) -> Result<Recovered, OpenError> {
    let log_dir = dir.join("log");
    let trimmed = Trimmed::read(&log_dir, identity.log_seed, identity.shards());
    let mut index = Index::new(identity.shard_count, checkpoints, trimmed.clone());
    let survey = survey(&log_dir, identity, &mut |segment, offset, header| index.add(segment, offset, header))
        .map_err(|error| OpenError::io(&log_dir, error))?;
    index.settle(survey.damage.is_some());
    if let Some(first) = index.behind.first() {
        return Err(OpenError::behind(dir, *first, index.behind.len()));
    }
    if let Some(damage) = survey.damage {
        return Err(OpenError::damaged(dir, damage));
    }
    if trimmed == Trimmed::Unknown {
        trimmed::write(&log_dir, identity.log_seed, checkpoints).map_err(|error| OpenError::io(&log_dir, error))?;
    }
    if survey.torn {
        tell_torn(&survey);
    }
    settle(&survey, disk).map_err(|error| OpenError::io(&log_dir, error))?;
    let (mut free, mut unused) = (survey.free, survey.unused.into_iter());
    let spare = unused.next();
    for segment in unused {
        let file = segment.set_free();
        free.push(file.map_err(|error| OpenError::io(&log_dir, error))?);
    }
    let run = survey.run + 1;
    Ok(Recovered { shards: index.finish(run), segments: survey.live.into(), tail_end: survey.tail_end, spare, free, run })
}

/// The disk keeps no record of who was told what in the moment before a crash.
fn tell_torn(survey: &Survey) {
    if let Some(tail) = survey.live.last() {
        tracing::warn!(
            "behind byte {} of {} stands a write that is not whole; the log ends before it. Whether its writer had been told that it is \
             durable cannot be known: a crash of the machine leaves this in writes that nobody was told of, damage also in others",
            survey.tail_end,
            tail.path.display()
        );
    }
}

/// What was read may still be on its way to the disk, if only the process and not the machine had ended. From here on it counts
/// as durable, so it has to be.
fn settle(survey: &Survey, disk: &dyn LogDisk) -> io::Result<()> {
    for segment in survey.live.iter().rev().take(2) {
        disk.sync_data(&segment.file)?;
    }
    Ok(())
}

/// Makes the first segment of a new log.
pub(crate) fn create_log(dir: &Path, identity: &Identity, options: &LocalOptions) -> Result<(), OpenError> {
    let log_dir = dir.join("log");
    let size = options.first_segment_bytes;
    let made = std::fs::create_dir_all(&log_dir).and_then(|()| first_segment(&log_dir, 1, size, 1, identity, &*options.disk));
    let made = made.and_then(|_| trimmed::write(&log_dir, identity.log_seed, &vec![0; identity.shards()]));
    made.map_err(|error| match is_full(&error) {
        true => OpenError::Full { dir: dir.to_owned(), free_bytes: options.space.free_bytes(dir).unwrap_or(0), needed_bytes: size },
        false => OpenError::io(&log_dir, error),
    })
}

/// Makes a segment that follows none.
pub(crate) fn first_segment(
    log_dir: &Path,
    generation: u32,
    size: u64,
    run: u32,
    identity: &Identity,
    disk: &dyn LogDisk,
) -> io::Result<Segment> {
    let segment = Segment::create(log_dir, generation, size, identity, disk)?;
    let mut bytes = Vec::new();
    let nothing_before = Link { generation: 0, end: 0 };
    write_link(&mut bytes, identity.log_seed, generation, run, nothing_before);
    disk.write_all_at(&segment.file, &bytes, DATA_START)?;
    disk.sync_data(&segment.file)?;
    Ok(segment)
}

/// Appends the first frame of a segment.
pub(crate) fn write_link(out: &mut Vec<u8>, seed: u32, generation: u32, run: u32, link: Link) {
    let header = Header { kind: Kind::Link, shard: 0, generation, run, group_start: DATA_START as u32, seq: 0, body_len: 0, body_crc: 0 };
    frame::write(out, seed, header, &link.encode());
}

/// A shard of which the key-value side has less than was given back of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behind {
    /// The shard.
    pub shard: ShardId,
    /// Number of the last batch that the key-value side has.
    pub mark: u64,
    /// Number of the last batch before the log begins.
    pub trimmed: u64,
}

/// Collects where batches stand and sees that none is missing.
pub(crate) struct Index {
    shard_count: u16,
    checkpoints: Vec<u64>,
    trimmed: Trimmed,
    /// Whether the log has any batch of the shard.
    seen: Vec<bool>,
    places: Vec<Vec<Place>>,
    /// What the key-value side has lost. Reading goes on as if it had come as far as it should.
    pub(crate) behind: Vec<Behind>,
}

impl Index {
    pub(crate) fn new(shard_count: u16, checkpoints: &[u64], trimmed: Trimmed) -> Self {
        let count = checkpoints.len();
        let (seen, places) = (vec![false; count], vec![Vec::new(); count]);
        Self { shard_count, checkpoints: checkpoints.to_vec(), trimmed, seen, places, behind: Vec::new() }
    }

    /// Adds a batch; refuses one that cannot follow those before it.
    pub(crate) fn add(&mut self, segment: &Segment, offset: u64, header: &Header) -> Result<(), String> {
        let shard = ShardId(header.shard);
        let Some(index) = shard.index(self.shard_count) else {
            return Err(format!("it has a batch of shard {shard}, which does not exist"));
        };
        let is_first = !std::mem::replace(&mut self.seen[index], true);
        if is_first && header.seq > self.checkpoints[index] + 1 && self.was_given_back(index, header.seq - 1) {
            self.note_behind(index, header.seq - 1);
        }
        let checkpoint = self.checkpoints[index];
        if header.seq <= checkpoint {
            return Ok(());
        }
        let expected = checkpoint + self.places[index].len() as u64 + 1;
        if header.seq != expected {
            let seq = header.seq;
            return Err(format!("batch {expected} of shard {shard} is missing, batch {seq} is there"));
        }
        self.places[index].push(Place {
            generation: segment.generation,
            offset: u32::try_from(offset).expect("a segment has 2 GiB at most"),
            len: header.body_len as u32,
        });
        Ok(())
    }

    /// Whether the log need not have the batches up to `seq`: segments are given back only when checkpoints have covered them.
    fn was_given_back(&self, index: usize, seq: u64) -> bool {
        match &self.trimmed {
            Trimmed::UpTo(marks) => seq <= marks[index],
            Trimmed::Unknown => true,
        }
    }

    fn note_behind(&mut self, index: usize, trimmed: u64) {
        let shard = ShardId::at_index(index, self.shard_count);
        self.behind.push(Behind { shard, mark: self.checkpoints[index], trimmed });
        self.checkpoints[index] = trimmed;
    }

    /// The log has been read. A shard that ends before what was given back shows that in no gap. Where the log is damaged its own end
    /// cannot be told.
    pub(crate) fn settle(&mut self, is_damaged: bool) {
        for index in 0..self.checkpoints.len() {
            let trimmed = self.trimmed.of(index);
            let last = self.checkpoints[index] + self.places[index].len() as u64;
            if last < trimmed && !(is_damaged && self.seen[index]) {
                self.note_behind(index, trimmed);
            }
        }
    }

    fn finish(self, run: u32) -> Vec<ShardLog> {
        let shard_count = self.shard_count;
        let epoch = u64::from(run) << 32;
        let shards = self.places.into_iter().zip(self.checkpoints).enumerate();
        shards
            .map(|(index, (places, checkpoint))| {
                let shard = ShardId::at_index(index, shard_count);
                let mut log = ShardLog::new(shard, epoch, checkpoint);
                places.into_iter().for_each(|place| log.push(place));
                log
            })
            .collect()
    }
}
