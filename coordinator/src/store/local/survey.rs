//! Reading the whole log as a process has left it: which frames stand, where the next one goes, and whether the end is a torn
//! write or the middle is damaged. It changes nothing; recovery and repair both build on it.

use std::io;
use std::path::{Path, PathBuf};

use super::durable_end::{self, LogEnd};
use super::frame::{Flaw, Header, Kind, Link};
use super::identity::Identity;
use super::scan::{RowEnd, Scanner};
use super::segment::{DATA_START, Listing, Segment};

/// The log, as found.
#[derive(Debug)]
pub(crate) struct Survey {
    /// Segments whose frames stand, oldest first. The last one is the tail. Up to the damage, if there is any.
    pub(crate) live: Vec<Segment>,
    /// Where the next frame goes in the tail.
    pub(crate) tail_end: u64,
    /// Segments of later generations that have been made ready, the next one first. There is one at most, unless somebody has
    /// put files here.
    pub(crate) unused: Vec<Segment>,
    /// Files that no generation uses.
    pub(crate) free: Vec<PathBuf>,
    /// Highest run of any frame, good or left behind.
    pub(crate) run: u32,
    /// Whether something half-written stands behind the tail's end.
    pub(crate) torn: bool,
    /// The first place where frames are missing that once stood.
    pub(crate) damage: Option<Damage>,
}

/// A place before the end of the log from which on it cannot be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    /// The file; it may be the one that is missing.
    pub(crate) path: PathBuf,
    /// After its last good frame; 0 if nothing of the file is good.
    pub(crate) offset: u64,
    /// What is wrong.
    pub(crate) detail: String,
}

impl Damage {
    fn new(path: &Path, offset: u64, detail: impl Into<String>) -> Damage {
        Damage { path: path.to_owned(), offset, detail: detail.into() }
    }
}

/// Shown each batch in the order in which they were written: segment, offset and header. An objection is a damage.
pub(crate) type Visit<'a> = &'a mut dyn FnMut(&Segment, u64, &Header) -> Result<(), String>;

/// Reads the log in `log_dir`.
pub(crate) fn survey(log_dir: &Path, identity: &Identity, visit: Visit<'_>) -> io::Result<Survey> {
    let listing = Listing::read(log_dir)?;
    let (segments, damage) = open_segments(log_dir, &listing, identity)?;
    let mut survey = Survey { live: Vec::new(), tail_end: 0, unused: Vec::new(), free: listing.free, run: 0, torn: false, damage };
    survey.read_segments(segments, identity.log_seed, visit)?;
    survey.compare_with_note(durable_end::read(log_dir, identity.log_seed));
    Ok(survey)
}

/// Opens the segments up to the first one that is missing or has no good header.
fn open_segments(log_dir: &Path, listing: &Listing, identity: &Identity) -> io::Result<(Vec<Segment>, Option<Damage>)> {
    let mut segments: Vec<Segment> = Vec::new();
    for (generation, path) in &listing.segments {
        let expected = segments.last().map(|before| before.generation + 1);
        if expected.is_some_and(|expected| expected != *generation) {
            let detail = "a segment before it is missing";
            return Ok((segments, Some(Damage::new(path, 0, detail))));
        }
        match Segment::open(path, identity)? {
            Ok(segment) => segments.push(segment),
            Err(detail) => return Ok((segments, Some(Damage::new(path, 0, detail)))),
        }
    }
    let damage = segments.is_empty().then(|| Damage::new(log_dir, 0, "there is no segment"));
    Ok((segments, damage))
}

impl Survey {
    fn read_segments(&mut self, segments: Vec<Segment>, seed: u32, visit: Visit<'_>) -> io::Result<()> {
        let links = segments.iter().map(|segment| read_link(segment, seed)).collect::<io::Result<Vec<_>>>()?;
        let Some(tail) = links.iter().rposition(Option::is_some) else {
            if let Some(first) = segments.first() {
                let detail = "its first frame is damaged";
                self.found(Damage::new(&first.path, 0, detail));
            }
            return Ok(());
        };
        let mut segments = segments.into_iter();
        for (place, segment) in segments.by_ref().take(tail + 1).enumerate() {
            let next_link = links.get(place + 1).copied().flatten();
            let is_tail = place == tail;
            if links[place].is_none() {
                let detail = "its first frame is damaged";
                self.found(Damage::new(&segment.path, 0, detail));
                return Ok(());
            }
            if !self.read_segment(segment, seed, next_link, is_tail, visit)? {
                return Ok(());
            }
        }
        self.read_unused(segments, seed)
    }

    /// Reads one segment; false if its frames cannot be trusted to their end.
    fn read_segment(&mut self, segment: Segment, seed: u32, next_link: Option<Link>, is_tail: bool, visit: Visit<'_>) -> io::Result<bool> {
        let limit = next_link.map_or(segment.size, |link| u64::from(link.end));
        let mut scanner = Scanner::new(&segment, seed);
        let mut visit_batch = |offset, header: &Header| match header.kind {
            Kind::Batch => visit(&segment, offset, header),
            Kind::Link => Ok(()),
        };
        let row = scanner.row(DATA_START, limit, self.run, &mut visit_batch)?;
        let (end, mut objection) = match row {
            Ok(end) => (end, None),
            Err((end, objection)) => (end, Some(objection)),
        };
        self.tail_end = end.offset;
        self.run = self.run.max(end.run);
        if objection.is_none() && is_tail {
            objection = self.look_beyond(&mut scanner, end)?;
        } else if objection.is_none() && next_link.is_some() && end.offset != limit {
            objection = Some(missing_before(limit, end));
        }
        let path = segment.path.clone();
        self.live.push(segment);
        if let Some(detail) = objection {
            self.found(Damage::new(&path, end.offset, detail));
            return Ok(false);
        }
        Ok(true)
    }

    fn look_beyond(&mut self, scanner: &mut Scanner<'_>, end: RowEnd) -> io::Result<Option<String>> {
        let beyond = scanner.beyond(end)?;
        self.run = self.run.max(beyond.run);
        self.torn |= beyond.any || !matches!(end.flaw, None | Some(Flaw::NoHeader));
        let (Some(later), Some(flaw)) = (beyond.later_group, end.flaw) else {
            return Ok(None);
        };
        Ok(Some(format!("{flaw}, but at byte {later} stands a good one that was written later")))
    }

    /// The segments behind the tail may hold the remains of a group that did not become durable.
    fn read_unused(&mut self, segments: impl Iterator<Item = Segment>, seed: u32) -> io::Result<()> {
        for segment in segments {
            let end = RowEnd { offset: DATA_START, flaw: Some(Flaw::NoHeader), run: self.run };
            let mut scanner = Scanner::new(&segment, seed);
            if let Some(detail) = self.look_beyond(&mut scanner, end)? {
                self.found(Damage::new(&segment.path, 0, detail));
                return Ok(());
            }
            self.unused.push(segment);
        }
        Ok(())
    }

    /// What was once noted to be on stable storage must be there.
    fn compare_with_note(&mut self, noted: Option<LogEnd>) {
        let (Some(noted), Some(tail), None) = (noted, self.live.last(), &self.damage) else { return };
        let offset = u32::try_from(self.tail_end).expect("a segment has 2 GiB at most");
        if noted > (LogEnd { generation: tail.generation, offset }) {
            let LogEnd { generation, offset } = noted;
            let detail = format!("it can be read up to here, but was on the disk up to byte {offset} of segment {generation}");
            self.damage = Some(Damage::new(&tail.path.clone(), self.tail_end, detail));
        }
    }

    fn found(&mut self, damage: Damage) {
        // A damage in an earlier segment is the one that counts.
        self.damage = Some(damage);
    }
}

fn missing_before(limit: u64, end: RowEnd) -> String {
    match end.flaw {
        Some(flaw) => format!("{flaw}, but the frames go on to byte {limit}"),
        None => format!("the frames do not end at byte {limit}"),
    }
}

fn read_link(segment: &Segment, seed: u32) -> io::Result<Option<Link>> {
    let mut scanner = Scanner::new(segment, seed);
    let frame = scanner.frame(DATA_START)?;
    Ok(frame.ok().and_then(|(header, body)| match header.kind {
        Kind::Link => Link::decode(body),
        Kind::Batch => None,
    }))
}
