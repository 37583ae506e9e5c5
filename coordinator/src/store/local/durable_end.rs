//! How far the log is known to be on stable storage: `log/durable`.
//!
//! A frame that cannot be read at the end of the log may be a write that a crash has torn, or one that was acknowledged and has
//! rotted since. The log alone cannot tell. So the end up to which it has been flushed is noted once a second and when the store is
//! closed: what is missing before it was durable once.
//!
//! The note is a lower bound and only ever grows, so it needs no flush of its own and an old one does no harm.
//!
//! | bytes | what |
//! |---|---|
//! | 0..4 | generation of the segment |
//! | 4..8 | offset in it after the last frame |
//! | 8..12 | CRC32C of bytes 0..8, begun with the store's secret |

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const LEN: usize = 12;

/// A place in the log, ordered as the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LogEnd {
    pub(crate) generation: u32,
    pub(crate) offset: u32,
}

impl LogEnd {
    pub(crate) fn to_number(self) -> u64 {
        (u64::from(self.generation) << 32) | u64::from(self.offset)
    }

    pub(crate) fn from_number(number: u64) -> LogEnd {
        LogEnd { generation: (number >> 32) as u32, offset: number as u32 }
    }

    fn encode(self, seed: u32) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        bytes[..4].copy_from_slice(&self.generation.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.offset.to_le_bytes());
        let sum = crc32c::crc32c_append(seed, &bytes[..8]);
        bytes[8..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8], seed: u32) -> Option<LogEnd> {
        let number = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..at + 4)?.first_chunk()?));
        let end = LogEnd { generation: number(0)?, offset: number(4)? };
        (bytes == end.encode(seed)).then_some(end)
    }
}

fn path(log_dir: &Path) -> PathBuf {
    log_dir.join("durable")
}

/// The end that was noted last; `None` if there is no note that can be read.
pub(crate) fn read(log_dir: &Path, seed: u32) -> Option<LogEnd> {
    LogEnd::decode(&fs::read(path(log_dir)).ok()?, seed)
}

/// After a repair the log may end before.
pub(crate) fn forget(log_dir: &Path) -> io::Result<()> {
    match fs::remove_file(path(log_dir)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes the note. That it cannot be written is no obstacle: it only helps to tell damage from a crash.
#[derive(Debug)]
pub(crate) struct Notes {
    path: PathBuf,
    seed: u32,
    file: Option<File>,
    written: Option<LogEnd>,
}

impl Notes {
    pub(crate) fn new(log_dir: &Path, seed: u32) -> Notes {
        Notes { path: path(log_dir), seed, file: None, written: None }
    }

    /// Notes that the log has been flushed up to `end`.
    pub(crate) fn note(&mut self, end: LogEnd) {
        if self.written == Some(end) {
            return;
        }
        match self.write(end) {
            Ok(()) => self.written = Some(end),
            Err(error) => tracing::debug!("{} cannot be written: {error}", self.path.display()),
        }
    }

    fn write(&mut self, end: LogEnd) -> io::Result<()> {
        let file = match self.file.take() {
            Some(file) => file,
            None => OpenOptions::new().write(true).create(true).truncate(false).open(&self.path)?,
        };
        file.write_all_at(&end.encode(self.seed), 0)?;
        self.file = Some(file);
        Ok(())
    }

    /// The store is being closed: from here on the note is all that tells.
    pub(crate) fn settle(&self) {
        if let Some(file) = &self.file
            && let Err(error) = file.sync_all()
        {
            tracing::debug!("{} cannot be flushed: {error}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_comes_back_and_a_damaged_one_is_none() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path(), 7), None);
        let mut notes = Notes::new(dir.path(), 7);
        let ends = [(1, 4096), (1, 9000), (2, 4096)].map(|(generation, offset)| LogEnd { generation, offset });
        for end in ends {
            notes.note(end);
            assert_eq!(read(dir.path(), 7), Some(end));
            assert_eq!(LogEnd::from_number(end.to_number()), end);
        }
        assert!(ends.is_sorted());
        assert_eq!(read(dir.path(), 8), None);
        for byte in 0..LEN {
            let mut bytes = ends[2].encode(7);
            bytes[byte] ^= 4;
            assert_eq!(LogEnd::decode(&bytes, 7), None);
        }
        forget(dir.path()).unwrap();
        forget(dir.path()).unwrap();
        assert_eq!(read(dir.path(), 7), None);
    }
}
