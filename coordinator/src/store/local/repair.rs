//! `baton doctor --repair`: makes a store of what can be kept of a damaged one.
//!
//! What costs nothing is done at once. What would cost something is only told, unless the caller accepts the loss. Both sides are kept as
//! they were in a folder beside them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::cut::Cutter;
use super::disk::sync_dir;
use super::error::OpenError;
use super::identity::{Found, Identity};
use super::kv::Kv;
use super::kv_opening::{DEPTH_MAX, Opening, double, put_in_place, remove, settle};
use super::lock::FolderLock;
use super::options::LocalOptions;
use super::recovery::{Behind, Index};
use super::salvage::{Salvaged, salvage};
use super::survey::{Survey, survey};
use super::trimmed::Trimmed;
use crate::store::{ShardId, StoreError, Table};

/// What [`repair`] has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RepairReport {
    /// There was nothing to do; the folder was not changed.
    Sound,
    /// There is damage that cannot be repaired without this loss; the folder was not changed.
    WouldLose(Loss),
    /// The store opens again.
    Repaired {
        /// What was wrong, a sentence each.
        found: Vec<String>,
        /// What was lost; nothing, if the log had all of it.
        lost: Loss,
        /// Folder with log and key-value side as they were.
        kept_in: PathBuf,
    },
}

/// What a repair costs, and what it leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loss {
    /// What is wrong, a sentence each.
    pub found: Vec<String>,
    /// Parts of the key-value side that cannot be read, a sentence each.
    pub key_value: Vec<String>,
    /// Shards whose records are incomplete.
    pub behind: Vec<Behind>,
    /// Readable batches of the log that are cut off, by shard. What could not be read is not counted.
    pub batches: Vec<CutBatches>,
    /// Whether the log is cut.
    pub cuts_log: bool,
    /// Executions of which there are records afterwards.
    pub executions_left: usize,
    /// Records of state machines, versions, aliases and activities that there are afterwards, what the log has on top not counted.
    pub catalog_left: usize,
}

impl Loss {
    /// Whether nothing is lost.
    pub fn is_nothing(&self) -> bool {
        self.key_value.is_empty() && self.behind.is_empty() && self.batches.is_empty() && !self.cuts_log
    }
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

/// Checks the store in `dir` as a start does, reads all of its tables, and leaves it as it was.
pub fn inspect(dir: impl AsRef<Path>) -> Result<(), OpenError> {
    let dir = dir.as_ref();
    let _lock = FolderLock::take(dir)?;
    let identity = identity(dir)?;
    let opening = Opening::begin(dir, cache_bytes())?;
    let checked = check(dir, &identity, &opening);
    opening.put_back()?;
    checked
}

fn check(dir: &Path, identity: &Identity, opening: &Opening) -> Result<(), OpenError> {
    let read = read_log(dir, identity, &marks(dir, identity, opening.kv())?)?;
    read.refuse(dir).map_err(|error| error.with_cut_journal(opening.cut.clone()))?;
    match opening.kv().reads_all() {
        true => Ok(()),
        false => Err(OpenError::kv(dir, "one of its tables is damaged".to_owned())),
    }
}

/// Makes a store of what can be kept of the one in `dir`.
pub fn repair(dir: impl AsRef<Path>, accept_loss: bool) -> Result<RepairReport, OpenError> {
    let dir = dir.as_ref();
    let _lock = FolderLock::take(dir)?;
    let identity = identity(dir)?;
    settle(dir).map_err(|error| OpenError::io(dir, error))?;
    fs::create_dir_all(dir.join("log")).map_err(|error| OpenError::io(dir, error))?;
    let plan = Plan::make(dir, &identity)?;
    let scratch = dir.join(SCRATCH);
    let report = plan.carry_out(dir, &identity, accept_loss);
    remove(&scratch).map_err(|error| OpenError::io(&scratch, error))?;
    report
}

/// A key-value side that is being made.
const SCRATCH: &str = "kv.repair.tmp";

fn identity(dir: &Path) -> Result<Identity, OpenError> {
    match Identity::find(dir)? {
        Found::Store(identity) => Ok(identity),
        Found::Nothing => Err(OpenError::NoIdentity { dir: dir.to_owned(), found: "nothing".to_owned() }),
    }
}

fn cache_bytes() -> u64 {
    LocalOptions::default().kv_cache_bytes
}

fn marks(dir: &Path, identity: &Identity, kv: &Kv) -> Result<Vec<u64>, OpenError> {
    kv.marks(identity.shard_count).map_err(|error| OpenError::kv(dir, error.to_string()))
}

/// The log, read on top of a key-value side.
struct LogRead {
    survey: Survey,
    behind: Vec<Behind>,
}

impl LogRead {
    fn refuse(&self, dir: &Path) -> Result<(), OpenError> {
        if let Some(first) = self.behind.first() {
            return Err(OpenError::behind(dir, *first, self.behind.len()));
        }
        match &self.survey.damage {
            Some(damage) => Err(OpenError::damaged(dir, damage.clone())),
            None => Ok(()),
        }
    }
}

fn read_log(dir: &Path, identity: &Identity, marks: &[u64]) -> Result<LogRead, OpenError> {
    let log_dir = dir.join("log");
    let mut index = Index::new(identity.shard_count, marks, trimmed(dir, identity));
    let survey = survey(&log_dir, identity, &mut |segment, offset, header| index.add(segment, offset, header));
    let survey = survey.map_err(|error| OpenError::io(&log_dir, error))?;
    index.settle(survey.damage.is_some());
    Ok(LogRead { survey, behind: index.behind })
}

fn trimmed(dir: &Path, identity: &Identity) -> Trimmed {
    Trimmed::read(&dir.join("log"), identity.log_seed, identity.shards())
}

/// What there is to do.
struct Plan {
    found: Vec<String>,
    lost: Loss,
    /// Whether the key-value side in [`SCRATCH`] takes the place of the present one.
    replaces_kv: bool,
    log: LogRead,
}

impl Plan {
    fn make(dir: &Path, identity: &Identity) -> Result<Plan, OpenError> {
        match Opening::begin(dir, cache_bytes()) {
            Ok(opening) => {
                let plan = Self::with_present_kv(dir, identity, &opening);
                opening.put_back()?;
                match plan? {
                    Ok(plan) => Ok(plan),
                    Err(behind) => Self::with_new_kv(dir, identity, behind.to_string()),
                }
            }
            Err(error @ OpenError::KeyValue { .. }) => Self::with_new_kv(dir, identity, error.to_string()),
            Err(error) => Err(error),
        }
    }

    fn with_present_kv(dir: &Path, identity: &Identity, opening: &Opening) -> Result<Result<Plan, OpenError>, OpenError> {
        let log = read_log(dir, identity, &marks(dir, identity, opening.kv())?)?;
        if let Some(first) = log.behind.first() {
            let error = OpenError::behind(dir, *first, log.behind.len());
            return Ok(Err(error.with_cut_journal(opening.cut.clone())));
        }
        if !opening.kv().reads_all() {
            return Ok(Err(OpenError::kv(dir, "one of its tables is damaged".to_owned())));
        }
        let mut plan = Plan { found: Vec::new(), lost: Loss::default(), replaces_kv: false, log };
        plan.count(dir, opening.kv())?;
        Ok(Ok(plan))
    }

    fn with_new_kv(dir: &Path, identity: &Identity, found: String) -> Result<Plan, OpenError> {
        let (present, scratch) = (dir.join("kv"), dir.join(SCRATCH));
        remove(&scratch).map_err(|error| OpenError::io(&scratch, error))?;
        let from_log = read_log(dir, identity, &vec![0; identity.shards()])?;
        let has_all = trimmed(dir, identity).is_nothing() && from_log.refuse(dir).is_ok();
        let Salvaged { kv, lost } = match has_all {
            true => Salvaged { kv: Kv::create(&scratch, cache_bytes()).map_err(|detail| OpenError::kv(dir, detail))?, lost: Vec::new() },
            false => salvage(dir, &present, &scratch, cache_bytes())?,
        };
        let log = read_log(dir, identity, &marks(dir, identity, &kv)?)?;
        let set: Vec<_> = log.behind.iter().map(|behind| (behind.shard, behind.trimmed)).collect();
        kv.set_marks(&set).map_err(|detail| OpenError::kv(dir, detail))?;
        let lost = Loss { key_value: lost, behind: log.behind.clone(), ..Loss::default() };
        let mut plan = Plan { found: vec![found], lost, replaces_kv: true, log };
        plan.count(dir, &kv)?;
        Ok(plan)
    }

    fn count(&mut self, dir: &Path, kv: &Kv) -> Result<(), OpenError> {
        let failed = |error: StoreError| OpenError::kv(dir, error.to_string());
        self.lost.executions_left = kv.count(Table::Executions).map_err(failed)?;
        self.lost.catalog_left = kv.count(Table::Catalog).map_err(failed)?;
        Ok(())
    }

    fn carry_out(mut self, dir: &Path, identity: &Identity, accept_loss: bool) -> Result<RepairReport, OpenError> {
        let damage = self.log.survey.damage.take();
        if let Some(damage) = &damage {
            self.found.push(OpenError::damaged(dir, damage.clone()).to_string());
            self.lost.cuts_log = true;
        }
        if self.found.is_empty() {
            return Ok(RepairReport::Sound);
        }
        self.lost.found.clone_from(&self.found);
        let log_dir = dir.join("log");
        let mut cutter = Cutter::new(&log_dir, identity, self.log.survey);
        if damage.is_some() {
            self.lost.batches = cutter.count().map_err(|error| OpenError::io(&log_dir, error))?;
        }
        if !accept_loss && !self.lost.is_nothing() {
            return Ok(RepairReport::WouldLose(self.lost));
        }
        let kept_in = keep_aside(dir).map_err(|error| OpenError::io(dir, error))?;
        if self.replaces_kv {
            put_in_place(dir, &dir.join(SCRATCH)).map_err(|error| OpenError::io(dir, error))?;
        }
        if damage.is_some() {
            cutter.cut().map_err(|error| OpenError::io(&log_dir, error))?;
        }
        Ok(RepairReport::Repaired { found: self.found, lost: self.lost, kept_in })
    }
}

/// Copies both sides. Tables are never changed and only get a second name.
fn keep_aside(dir: &Path) -> io::Result<PathBuf> {
    let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%.3fZ");
    let aside = dir.join(format!("repair-{now}"));
    fs::create_dir(&aside)?;
    let [log, kv] = ["log", "kv"].map(|name| dir.join(name));
    double(&log, &aside.join("log"), &|_| true, DEPTH_MAX)?;
    if kv.exists() {
        double(&kv, &aside.join("kv"), &|path| path.parent() == Some(&*kv), DEPTH_MAX)?;
    }
    sync_dir(&aside)?;
    sync_dir(dir)?;
    Ok(aside)
}
