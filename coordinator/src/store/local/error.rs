//! Why a data folder could not be opened, and what to do then.

use std::io;
use std::path::{Path, PathBuf};

use super::lock::Holder;
use super::recovery::Behind;
use super::survey::Damage;
use crate::store::ShardId;

/// What can stand in the way of [`LocalStore::open`](super::LocalStore::open) and [`repair`](super::repair()).
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the folder.
    #[error("the data folder {} is in use by {holder}", dir.display())]
    Locked {
        /// The folder.
        dir: PathBuf,
        /// Who has it.
        holder: Holder,
    },
    /// The log is damaged before its end: batches that were acknowledged cannot be read. Nothing has been changed.
    #[error(
        "the log in {} is damaged at byte {offset} of {}, before its end: {detail}. Nothing has been changed",
        dir.display(), segment.display()
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
    /// The key-value side has less than was given back of the log. Nothing has been changed.
    #[error(
        "the key-value side in {}/kv has lost something: it has shard {} up to batch {mark}, but the log was given back up to batch {trimmed} \
         ({shards} shards are concerned). {}Nothing has been changed",
        dir.display(), shard, journal(cut)
    )]
    KeyValueBehind {
        /// The folder.
        dir: PathBuf,
        /// The first shard that is concerned.
        shard: ShardId,
        /// Number of the last batch of it that the key-value side has.
        mark: u64,
        /// Number of the last batch before the log begins.
        trimmed: u64,
        /// How many shards are concerned.
        shards: usize,
        /// A journal that is damaged, and at which byte.
        cut: Option<(PathBuf, u64)>,
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
    #[error("the data folder {} holds {found}, but no store.json that says what they are", dir.display())]
    NoIdentity {
        /// The folder.
        dir: PathBuf,
        /// What is in it.
        found: String,
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
    #[error("the volume of {} has {free_bytes} bytes left, fewer than a log needs ({needed_bytes})", dir.display())]
    Full {
        /// The folder.
        dir: PathBuf,
        /// Room that there is, bytes.
        free_bytes: u64,
        /// Room that is needed, bytes.
        needed_bytes: u64,
    },
    /// The key-value side could not be opened. Nothing has been changed.
    #[error("the key-value side is damaged: {}: {detail}. Nothing has been changed", path.display())]
    KeyValue {
        /// The data folder.
        dir: PathBuf,
        /// The file or folder that is concerned.
        path: PathBuf,
        /// What is wrong.
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

fn journal(cut: &Option<(PathBuf, u64)>) -> String {
    match cut {
        Some((path, at)) => format!("{} is damaged at byte {at}. ", path.display()),
        None => String::new(),
    }
}

impl OpenError {
    pub(crate) fn io(path: &Path, error: io::Error) -> OpenError {
        let path = path.to_owned();
        OpenError::Io { path, error }
    }

    pub(crate) fn damaged(dir: &Path, damage: Damage) -> OpenError {
        let segment = damage.path.strip_prefix(dir).unwrap_or(&damage.path);
        OpenError::Damaged { dir: dir.to_owned(), segment: segment.to_owned(), offset: damage.offset, detail: damage.detail }
    }

    pub(crate) fn kv(dir: &Path, detail: String) -> OpenError {
        OpenError::KeyValue { dir: dir.to_owned(), path: dir.join("kv"), detail }
    }

    pub(crate) fn behind(dir: &Path, first: Behind, shards: usize) -> OpenError {
        let Behind { shard, mark, trimmed } = first;
        OpenError::KeyValueBehind { dir: dir.to_owned(), shard, mark, trimmed, shards, cut: None }
    }

    /// What was cut off a journal explains why the key-value side has come less far.
    pub(crate) fn with_cut_journal(mut self, journal: Option<(PathBuf, u64)>) -> OpenError {
        if let OpenError::KeyValueBehind { cut, .. } = &mut self {
            *cut = journal;
        }
        self
    }

    /// What to do about it.
    pub fn next_step(&self) -> String {
        match self {
            OpenError::Locked { .. } => "stop that process, or give this one another folder with --data-dir".to_owned(),
            OpenError::Damaged { dir, .. } | OpenError::KeyValueBehind { dir, .. } | OpenError::KeyValue { dir, .. } => {
                format!("restore the folder from a backup, or see what can be kept of it with `baton doctor --repair {}`", dir.display())
            }
            OpenError::Format { .. } => "use the version of baton that wrote it, or another folder with --data-dir".to_owned(),
            OpenError::NoIdentity { dir, .. } => format!(
                "put store.json back from a backup; if nothing in the folder is needed, move it away: `mv {0} {0}.old`",
                dir.display()
            ),
            OpenError::Unreadable { path, .. } => format!("put {} back from a backup of the folder", path.display()),
            OpenError::Full { .. } => "make room on the volume, or use a folder on another one with --data-dir".to_owned(),
            OpenError::Io { path, error } => match error.kind() {
                io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                    format!("make {} writable for this user, or use another folder with --data-dir", path.display())
                }
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                    "make room on the volume, or use a folder on another one with --data-dir".to_owned()
                }
                io::ErrorKind::NotFound => "put what is missing back from a backup, or use another folder with --data-dir".to_owned(),
                _ => "see what the system's log says of this disk; `--data-dir` takes a folder on another one".to_owned(),
            },
        }
    }
}
