//! Cutting the log after the last good frame before a damage. What is cut off has been kept elsewhere before.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use super::disk::{LogDisk, OsDisk, sync_dir};
use super::durable_end;
use super::frame::Kind;
use super::identity::Identity;
use super::options::LocalOptions;
use super::recovery::first_segment;
use super::repair::CutBatches;
use super::scan::Scanner;
use super::segment::{DATA_START, Listing, Segment};
use super::survey::Survey;
use crate::store::ShardId;

pub(crate) struct Cutter<'a> {
    log_dir: &'a Path,
    identity: &'a Identity,
    survey: Survey,
    lost: BTreeMap<ShardId, CutBatches>,
}

impl<'a> Cutter<'a> {
    /// To cut a log where its survey ends.
    pub(crate) fn new(log_dir: &'a Path, identity: &'a Identity, survey: Survey) -> Self {
        Self { log_dir, identity, survey, lost: BTreeMap::new() }
    }

    fn kept(&self) -> u32 {
        self.survey.live.last().map_or(0, |tail| tail.generation)
    }

    /// The batches behind the cut that can be read.
    pub(crate) fn count(&mut self) -> io::Result<Vec<CutBatches>> {
        if let Some(tail) = self.survey.live.last().cloned() {
            self.count_from(&tail, self.survey.tail_end)?;
        }
        let kept = self.kept();
        for (generation, path) in Listing::read(self.log_dir)?.segments {
            if generation > kept
                && let Ok(segment) = Segment::open(&path, self.identity)?
            {
                self.count_from(&segment, DATA_START)?;
            }
        }
        Ok(self.lost.values().copied().collect())
    }

    /// Cuts.
    pub(crate) fn cut(self) -> io::Result<()> {
        let (listing, kept) = (Listing::read(self.log_dir)?, self.kept());
        for (generation, path) in &listing.segments {
            if *generation > kept {
                fs::remove_file(path)?;
            }
        }
        match self.survey.live.last() {
            Some(tail) => self.cut_tail(tail)?,
            None => self.begin_anew(listing.segments.last().map_or(0, |(number, _)| *number) + 1)?,
        }
        durable_end::forget(self.log_dir)?;
        sync_dir(self.log_dir)
    }

    /// Fills the last good segment with zeros from the end of its good frames on.
    fn cut_tail(&self, tail: &Segment) -> io::Result<()> {
        let end = self.survey.tail_end;
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
        first_segment(self.log_dir, generation, size, run, self.identity, &OsDisk)?;
        Ok(())
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
