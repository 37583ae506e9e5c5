//! Why a data folder could not be opened.

use std::io;
use std::path::{Path, PathBuf};

use super::lock::Holder;

/// What can stand in the way of [`LocalStore::open`](super::LocalStore::open) and [`repair`](super::repair()).
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the folder.
    #[error(
        "the data folder {} is in use by {holder}. Stop that process, or give this one another folder with --data-dir",
        dir.display()
    )]
    Locked {
        /// The folder.
        dir: PathBuf,
        /// Who has it.
        holder: Holder,
    },
    /// The log is damaged before its end: batches that were acknowledged cannot be read. Nothing has been changed.
    #[error(
        "the log in {} is damaged at byte {offset} of {}, before its end: {detail}. \
         Nothing has been changed. Restore the folder from a backup, or give up what follows the damage with \
         `baton doctor --repair {}`",
        dir.display(), segment.display(), dir.display()
    )]
    Damaged {
        /// The folder.
        dir: PathBuf,
        /// File in it.
        segment: PathBuf,
        /// Where the last good frame ends, bytes from the start of the file.
        offset: u64,
        /// What is wrong there.
        detail: String,
    },
    /// The folder was written by another version of the program.
    #[error(
        "the data folder {} has format {found}, this version of baton reads format {supported}",
        dir.display()
    )]
    Format {
        /// The folder.
        dir: PathBuf,
        /// Its format.
        found: u32,
        /// The one that can be read.
        supported: u32,
    },
    /// There is data, but not the file that says what it is.
    #[error(
        "the data folder {} has a log or a key-value store, but no store.json that says what they are; \
         restore that file from a backup, or give another folder with --data-dir",
        dir.display()
    )]
    NoIdentity {
        /// The folder.
        dir: PathBuf,
    },
    /// A small file of the folder does not say what it should.
    #[error("{} cannot be understood: {detail}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// The volume has too little room for a log.
    #[error(
        "the volume of {} has {free_bytes} bytes left, fewer than a log needs ({needed_bytes}); make room there",
        dir.display()
    )]
    Full {
        /// The folder.
        dir: PathBuf,
        /// Room that there is, bytes.
        free_bytes: u64,
        /// Room that is needed, bytes.
        needed_bytes: u64,
    },
    /// The key-value side could not be opened.
    #[error("the key-value store in {} cannot be opened: {detail}", path.display())]
    KeyValue {
        /// Its folder.
        path: PathBuf,
        /// What it says.
        detail: String,
    },
    /// The operating system failed.
    #[error("{}: {error}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What it says.
        #[source]
        error: io::Error,
    },
}

impl OpenError {
    pub(crate) fn io(path: &Path, error: io::Error) -> OpenError {
        let path = path.to_owned();
        OpenError::Io { path, error }
    }
}
