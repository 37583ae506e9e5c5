//! One process per data folder: `lock`.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::OpenError;

/// A process that has a data folder, as it described itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Holder {
    /// Process id; 0 if the process has not said it yet.
    pub pid: u32,
    /// Its command line.
    pub command: String,
    /// When it took the folder, RFC 3339.
    pub since: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pid == 0 {
            return f.write_str("another process that is just starting");
        }
        write!(f, "process {} (`{}`), since {}", self.pid, self.command, self.since)
    }
}

/// How often, and how long, a lock that somebody has is asked for again. A process that was killed while it was starting another leaves
/// its lock to that one for the moment until it has become its own program.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(20);

/// The folder, for as long as this lives. The operating system takes the lock back when the process ends, however it ends; the
/// file stays.
#[derive(Debug)]
pub(crate) struct FolderLock {
    file: File,
}

impl FolderLock {
    /// Takes the folder, or says who has it.
    pub(crate) fn take(dir: &Path) -> Result<FolderLock, OpenError> {
        let path = dir.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| OpenError::io(&path, error))?;
        for _ in 0..TRIES {
            match file.try_lock() {
                Ok(()) => {
                    describe(&mut file).map_err(|error| OpenError::io(&path, error))?;
                    return Ok(FolderLock { file });
                }
                Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
                Err(TryLockError::Error(error)) => return Err(OpenError::io(&path, error)),
            }
        }
        Err(held(dir, &mut file))
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // Closing the file is not enough while a process that is just being started has it too. If this fails, closing it has to do.
        let _ = self.file.unlock();
    }
}

fn held(dir: &Path, file: &mut File) -> OpenError {
    let mut text = String::new();
    let read = file.read_to_string(&mut text).ok();
    let holder = read.and_then(|_| serde_json::from_str(&text).ok());
    OpenError::Locked { dir: dir.to_owned(), holder: holder.unwrap_or_default() }
}

fn describe(file: &mut File) -> io::Result<()> {
    let command: Vec<_> = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let holder =
        Holder { pid: std::process::id(), command: command.join(" "), since: jiff::Timestamp::now().strftime("%FT%TZ").to_string() };
    let text = serde_json::to_string(&holder).expect("texts can be written as JSON");
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_one_learns_who_is_first() {
        let dir = tempfile::tempdir().unwrap();
        let first = FolderLock::take(dir.path()).unwrap();
        let error = FolderLock::take(dir.path()).unwrap_err();
        assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
        assert!(error.next_step().contains("--data-dir"));
        drop(first);
        FolderLock::take(dir.path()).unwrap();
    }

    #[test]
    fn a_lock_file_that_says_nothing_is_no_obstacle() {
        let dir = tempfile::tempdir().unwrap();
        let first = FolderLock::take(dir.path()).unwrap();
        std::fs::write(dir.path().join("lock"), "").unwrap();
        let error = FolderLock::take(dir.path()).unwrap_err().to_string();
        assert!(error.contains("just starting"), "{error}");
        drop(first);
    }
}
