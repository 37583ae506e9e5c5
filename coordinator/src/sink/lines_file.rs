//! A file of lines that never stands in anybody's way: what cannot be written is dropped and counted.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::losses::Losses;
use super::rotated_file::{RotatedFile, Rotation};

/// A file that could not be written is left alone for this long.
const PAUSE: Duration = Duration::from_secs(1);
/// How often the disk is looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// With less room on the disk than this nothing is written: what is left is for the executions themselves.
const FREE_BYTES_MIN: u64 = 256 * 1024 * 1024;

/// See the module.
pub(crate) struct LinesFile {
    path: PathBuf,
    rotation: Rotation,
    file: Option<RotatedFile>,
    /// Lines that were not handed to the system yet.
    unflushed: u64,
    /// Nothing is tried before this time.
    paused_until: Option<Instant>,
    looked_at: Option<Instant>,
    free_bytes_min: u64,
}

impl LinesFile {
    pub(crate) fn new(path: PathBuf, rotation: Rotation) -> Self {
        let (file, unflushed, paused_until, looked_at) = (None, 0, None, None);
        Self { path, rotation, file, unflushed, paused_until, looked_at, free_bytes_min: FREE_BYTES_MIN }
    }

    /// Writes one line, without its end.
    pub(crate) fn line(&mut self, line: &str, losses: &Losses) {
        let now = Instant::now();
        if self.paused_until.is_some_and(|until| now < until) {
            return losses.lost(1, "cannot_write", "the last write has failed");
        }
        match self.write(line, now) {
            Ok(()) => self.unflushed += 1,
            Err(error) => self.failed(1, &error, losses),
        }
    }

    /// Hands everything to the system.
    pub(crate) fn flush(&mut self, losses: &Losses) {
        let Some(file) = self.file.as_mut().filter(|_| self.unflushed > 0) else { return };
        match file.flush() {
            Ok(()) => losses.sent(std::mem::take(&mut self.unflushed)),
            Err(error) => self.failed(0, &error, losses),
        }
    }

    fn write(&mut self, line: &str, now: Instant) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(RotatedFile::open(&self.path, self.rotation)?),
        };
        if self.looked_at.is_none_or(|at| now - at >= LOOK_INTERVAL) {
            check_room(&self.path, self.free_bytes_min)?;
            self.looked_at = Some(now);
        }
        file.line(line)
    }

    fn failed(&mut self, lines: u64, error: &io::Error, losses: &Losses) {
        self.file = None;
        let lost = lines + std::mem::take(&mut self.unflushed);
        losses.lost(lost, "cannot_write", format_args!("{}: {error}", self.path.display()));
        self.paused_until = Some(Instant::now() + PAUSE);
    }
}

fn check_room(path: &Path, free_bytes_min: u64) -> io::Result<()> {
    let disk = rustix::fs::statvfs(path)?;
    let free_bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free_bytes < free_bytes_min {
        return Err(io::Error::new(io::ErrorKind::StorageFull, "the disk is nearly full"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::names;

    fn losses() -> Losses {
        Losses::new("lines", "file", &names::STATUS_EVENTS, &names::STATUS_EVENTS_DROPPED)
    }

    fn read(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap_or_default()
    }

    #[test]
    fn lines_come_in_order() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("made/lines");
        let (mut file, losses) = (LinesFile::new(path.clone(), Rotation::default()), losses());
        file.free_bytes_min = 0;
        file.line("a", &losses);
        file.line("b", &losses);
        file.flush(&losses);
        assert_eq!(read(&path), "a\nb\n");
    }

    #[test]
    fn a_nearly_full_disk_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("lines");
        let (mut file, losses) = (LinesFile::new(path.clone(), Rotation::default()), losses());
        file.free_bytes_min = u64::MAX;
        file.line("lost", &losses);
        file.flush(&losses);
        assert!(file.paused_until.is_some() && read(&path).is_empty());
        // With room again, and after the pause, lines are written.
        (file.free_bytes_min, file.paused_until) = (0, None);
        file.line("written", &losses);
        file.flush(&losses);
        assert_eq!(read(&path), "written\n");
    }

    #[test]
    fn what_cannot_be_written_costs_one_try_in_a_while() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let blocked = folder.path().join("a-file");
        std::fs::write(&blocked, "").expect("a file can be made");
        let (mut file, losses) = (LinesFile::new(blocked.join("lines"), Rotation::default()), losses());
        file.line("lost", &losses);
        let paused_until = file.paused_until;
        file.line("lost too", &losses);
        file.flush(&losses);
        assert!(paused_until.is_some() && file.paused_until == paused_until);
    }
}
