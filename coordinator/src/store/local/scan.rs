//! Reading frames from a segment, good ones and what may be left behind them.

use std::io;
use std::os::unix::fs::FileExt;

use super::frame::{self, ALIGN, Flaw, HEADER_LEN, Header};
use super::segment::Segment;

const WINDOW: usize = 1 << 20;

/// A place in a segment to read from, with a window of its bytes in memory.
pub(crate) struct Scanner<'a> {
    segment: &'a Segment,
    seed: u32,
    window: Vec<u8>,
    window_start: u64,
}

/// Shown each frame of a row: its offset and header. An objection ends the row before the frame.
pub(crate) type Visit<'a> = &'a mut dyn FnMut(u64, &Header) -> Result<(), String>;

/// Where a row of good frames ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowEnd {
    /// After the last good frame.
    pub(crate) offset: u64,
    /// Why there is no further one; `None` if the limit was reached.
    pub(crate) flaw: Option<Flaw>,
    /// Run of the last good frame.
    pub(crate) run: u32,
}

/// What stands behind the end of a row of good frames.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Beyond {
    /// Highest run of any frame of the segment's generation.
    pub(crate) run: u32,
    /// A frame whose group was begun after the end: everything up to it had been on stable storage.
    pub(crate) later_group: Option<u64>,
    /// Whether there is any frame of the segment's generation.
    pub(crate) any: bool,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(segment: &'a Segment, seed: u32) -> Self {
        Self { segment, seed, window: Vec::new(), window_start: 0 }
    }

    /// The frame at `offset`, if one of this segment's generation is there.
    pub(crate) fn frame(&mut self, offset: u64) -> io::Result<Result<(Header, &[u8]), Flaw>> {
        let (seed, generation) = (self.seed, self.segment.generation);
        let header = match frame::read_header(self.bytes(offset, HEADER_LEN)?, seed) {
            Ok(header) if header.generation == generation => header,
            Ok(_) => return Ok(Err(Flaw::NoHeader)),
            Err(flaw) => return Ok(Err(flaw)),
        };
        let bytes = self.bytes(offset, frame::frame_len(header.body_len))?;
        Ok(frame::read_body(bytes, &header, seed).map(|body| (header, body)))
    }

    /// Visits the good frames from `offset` on, up to `limit`. Runs never go down from `run`: a frame of an earlier one is what a
    /// process left that did not live to finish its group. A visitor that objects ends the row before the frame.
    pub(crate) fn row(&mut self, offset: u64, limit: u64, run: u32, visit: Visit<'_>) -> io::Result<Result<RowEnd, (RowEnd, String)>> {
        let (mut offset, mut run) = (offset, run);
        loop {
            let end = |flaw| RowEnd { offset, flaw, run };
            if offset >= limit {
                return Ok(Ok(end(None)));
            }
            match self.frame(offset)? {
                Ok((header, _)) if header.run >= run => {
                    if let Err(objection) = visit(offset, &header) {
                        return Ok(Err((end(None), objection)));
                    }
                    run = header.run;
                    offset += frame::frame_len(header.body_len) as u64;
                }
                Ok(_) => return Ok(Ok(end(Some(Flaw::NoHeader)))),
                Err(flaw) => return Ok(Ok(end(Some(flaw)))),
            }
        }
    }

    /// Looks at everything from the end of a row to the end of the file.
    pub(crate) fn beyond(&mut self, end: RowEnd) -> io::Result<Beyond> {
        let mut beyond = Beyond { run: end.run, ..Beyond::default() };
        self.all_from(end.offset, &mut |offset, header| {
            beyond.any = true;
            if u64::from(header.group_start) > end.offset {
                beyond.later_group = beyond.later_group.or(Some(offset));
            }
            beyond.run = beyond.run.max(header.run);
        })?;
        Ok(beyond)
    }

    /// Visits every frame of the segment's generation from `offset` on, whatever stands between them.
    pub(crate) fn all_from(&mut self, offset: u64, visit: &mut dyn FnMut(u64, &Header)) -> io::Result<()> {
        let mut offset = offset;
        while let Some(candidate) = self.next_candidate(offset)? {
            offset = candidate + ALIGN as u64;
            if let Ok((header, _)) = self.frame(candidate)? {
                visit(candidate, &header);
                offset = candidate + frame::frame_len(header.body_len) as u64;
            }
        }
        Ok(())
    }

    fn next_candidate(&mut self, offset: u64) -> io::Result<Option<u64>> {
        let mut offset = offset;
        loop {
            let window = self.window_from(offset)?;
            if window.len() < HEADER_LEN {
                return Ok(None);
            }
            let mut places = window.chunks_exact(ALIGN);
            if let Some(place) = places.position(frame::may_begin) {
                return Ok(Some(offset + (place * ALIGN) as u64));
            }
            offset += (window.len() / ALIGN * ALIGN) as u64;
        }
    }

    /// What the window holds from `offset` on: at least a header, unless the file ends.
    fn window_from(&mut self, offset: u64) -> io::Result<&[u8]> {
        let end = self.window_start + self.window.len() as u64;
        if offset < self.window_start || offset + HEADER_LEN as u64 > end {
            self.fill(offset, WINDOW)?;
        }
        Ok(&self.window[(offset - self.window_start) as usize..])
    }

    /// `len` bytes from `offset` on; fewer if the file ends.
    fn bytes(&mut self, offset: u64, len: usize) -> io::Result<&[u8]> {
        let end = self.window_start + self.window.len() as u64;
        if offset < self.window_start || offset + len as u64 > end {
            self.fill(offset, len.max(WINDOW))?;
        }
        let from = (offset - self.window_start) as usize;
        let to = self.window.len().min(from + len);
        Ok(&self.window[from..to])
    }

    fn fill(&mut self, offset: u64, len: usize) -> io::Result<()> {
        let rest = self.segment.size.saturating_sub(offset);
        let len = rest.min(len as u64) as usize;
        self.window.resize(len, 0);
        self.window_start = offset;
        self.segment.file.read_exact_at(&mut self.window, offset)
    }
}
