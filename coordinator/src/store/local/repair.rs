//! `baton doctor --repair`: gives up what follows a damage in the log, so that the store opens again.
//!
//! Batches behind the damage are lost, acknowledged ones among them. Everything that is taken out of the log is kept aside.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::disk::{LogDisk, OsDisk, sync_dir};
use super::durable_end;
use super::error::OpenError;
use super::frame::Kind;
use super::identity::{Found, Identity};
use super::kv::Kv;
use super::lock::FolderLock;
use super::options::LocalOptions;
use super::recovery::{Index, first_segment};
use super::scan::Scanner;
use super::segment::{DATA_START, Listing, Segment};
use super::survey::{Damage, Survey, survey};
use crate::store::ShardId;

/// What [`repair`] has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RepairReport {
    /// There was nothing to do; the folder was not changed.
    Sound,
    /// The log has been cut.
    Cut {
        /// File in which the damage began.
        segment: PathBuf,
        /// Where in it, bytes.
        offset: u64,
        /// What was wrong there.
        detail: String,
        /// Readable batches that have been cut off, by shard. What could not be read is not counted.
        batches: Vec<CutBatches>,
        /// Folder with the files as they were.
        kept_in: PathBuf,
    },
}

/// Batches of one shard that have been cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutBatches {
    /// The shard.
    pub shard: ShardId,
    /// Number of its first batch that was cut off and could be read.
    pub first_seq: u64,
    /// Number of its last one.
    pub last_seq: u64,
}

/// Cuts the log of the store in `dir` after the last good frame before a damage, if there is one.
pub fn repair(dir: impl AsRef<Path>) -> Result<RepairReport, OpenError> {
    let dir = dir.as_ref();
    let _lock = FolderLock::take(dir)?;
    let Found::Store(identity) = Identity::find(dir)? else {
        return Err(OpenError::NoIdentity { dir: dir.to_owned() });
    };
    let checkpoints = read_checkpoints(dir, &identity)?;
    let log_dir = dir.join("log");
    let mut index = Index::new(identity.shard_count, &checkpoints);
    let surveyed = fs::create_dir_all(&log_dir)
        .and_then(|()| survey(&log_dir, &identity, &mut |segment, offset, header| index.add(segment, offset, header)));
    let mut survey = surveyed.map_err(|error| OpenError::io(&log_dir, error))?;
    match survey.damage.take() {
        None => Ok(RepairReport::Sound),
        Some(damage) => Cutter::new(dir, &identity, survey).cut(damage).map_err(|error| OpenError::io(&log_dir, error)),
    }
}

fn read_checkpoints(dir: &Path, identity: &Identity) -> Result<Vec<u64>, OpenError> {
    let path = dir.join("kv");
    let kv = Kv::open(&path, LocalOptions::default().kv_cache_bytes)?;
    kv.marks(identity.shard_count).map_err(|error| OpenError::KeyValue { path, detail: error.to_string() })
}

struct Cutter<'a> {
    log_dir: PathBuf,
    aside: PathBuf,
    identity: &'a Identity,
    survey: Survey,
    lost: BTreeMap<ShardId, CutBatches>,
}

impl<'a> Cutter<'a> {
    fn new(dir: &Path, identity: &'a Identity, survey: Survey) -> Self {
        let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%.3fZ");
        Self { log_dir: dir.join("log"), aside: dir.join(format!("repair-{now}")), identity, survey, lost: BTreeMap::new() }
    }

    fn cut(mut self, damage: Damage) -> io::Result<RepairReport> {
        fs::create_dir(&self.aside)?;
        let listing = Listing::read(&self.log_dir)?;
        let last_generation = listing.segments.last().map_or(0, |(number, _)| *number);
        let kept = self.survey.live.last().map_or(0, |tail| tail.generation);
        for (generation, path) in &listing.segments {
            if *generation > kept {
                self.count_segment(path)?;
                self.move_aside(path)?;
            }
        }
        match self.survey.live.last().cloned() {
            Some(tail) => self.cut_tail(&tail)?,
            None => self.begin_anew(last_generation + 1)?,
        }
        durable_end::forget(&self.log_dir)?;
        sync_dir(&self.log_dir)?;
        let dir = self.log_dir.parent().expect("the log lies in a data folder");
        sync_dir(dir)?;
        Ok(RepairReport::Cut {
            segment: damage.path,
            offset: damage.offset,
            detail: damage.detail,
            batches: self.lost.into_values().collect(),
            kept_in: self.aside,
        })
    }

    fn move_aside(&self, path: &Path) -> io::Result<()> {
        let name = path.file_name().expect("a segment has a name");
        fs::rename(path, self.aside.join(name))
    }

    /// Keeps a copy of the last good segment and fills it with zeros from the end of its good frames on.
    fn cut_tail(&mut self, tail: &Segment) -> io::Result<()> {
        let end = self.survey.tail_end;
        self.count_from(tail, end)?;
        let name = tail.path.file_name().expect("a segment has a name");
        fs::copy(&tail.path, self.aside.join(name))?;
        let rest = tail.size.saturating_sub(end);
        let zeros = vec![0; 1 << 20];
        for offset in (0..rest).step_by(zeros.len()) {
            let len = (rest - offset).min(zeros.len() as u64) as usize;
            OsDisk.write_all_at(&tail.file, &zeros[..len], end + offset)?;
        }
        tail.file.sync_all()
    }

    /// Nothing of the log stands.
    fn begin_anew(&self, generation: u32) -> io::Result<()> {
        let (size, run) = (LocalOptions::default().first_segment_bytes, self.survey.run + 1);
        first_segment(&self.log_dir, generation, size, run, self.identity, &OsDisk)?;
        Ok(())
    }

    fn count_segment(&mut self, path: &Path) -> io::Result<()> {
        match Segment::open(path, self.identity)? {
            Ok(segment) => self.count_from(&segment, DATA_START),
            Err(_) => Ok(()),
        }
    }

    /// Notes the batches that can be read from `offset` on, whatever stands between them.
    fn count_from(&mut self, segment: &Segment, offset: u64) -> io::Result<()> {
        let mut scanner = Scanner::new(segment, self.identity.log_seed);
        let lost = &mut self.lost;
        scanner.all_from(offset, &mut |_, header| {
            if header.kind == Kind::Link {
                return;
            }
            let shard = ShardId(header.shard);
            let seq = header.seq;
            let cut = lost.entry(shard).or_insert(CutBatches { shard, first_seq: seq, last_seq: seq });
            cut.first_seq = cut.first_seq.min(seq);
            cut.last_seq = cut.last_seq.max(seq);
        })
    }
}
