//! Looking at the key-value side's files before the tree does, which mends what it takes for the remains of a crash.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::kv_journal::{self, Journal};

/// The files, as found.
#[derive(Debug)]
pub(crate) struct KvSurvey {
    /// In the order in which they were written; the last one is being written.
    pub(crate) journals: Vec<Journal>,
    /// The first thing that no crash leaves behind.
    pub(crate) flaw: Option<KvFlaw>,
}

/// A file of the key-value side that is damaged or missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KvFlaw {
    pub(crate) path: PathBuf,
    pub(crate) detail: String,
}

impl KvFlaw {
    fn new(path: PathBuf, detail: impl Into<String>) -> KvFlaw {
        KvFlaw { path, detail: detail.into() }
    }
}

/// Looks at the files in `kv_dir`.
pub(crate) fn survey(kv_dir: &Path) -> io::Result<KvSurvey> {
    let missing = |path: PathBuf| KvSurvey { journals: Vec::new(), flaw: Some(KvFlaw::new(path, "it is missing")) };
    if !kv_dir.is_dir() {
        return Ok(missing(kv_dir.to_owned()));
    }
    let journals = read_journals(kv_dir)?;
    let flaw = match flaw_of_version(kv_dir)?.or_else(|| flaw_of_journals(kv_dir, &journals)) {
        Some(flaw) => Some(flaw),
        None => flaw_of_keyspaces(kv_dir)?,
    };
    Ok(KvSurvey { journals, flaw })
}

/// The journals in `kv_dir`, in order.
pub(crate) fn read_journals(kv_dir: &Path) -> io::Result<Vec<Journal>> {
    let mut journals = Vec::new();
    for entry in fs::read_dir(kv_dir)? {
        let path = entry?.path();
        let number = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".jnl")?.parse().ok());
        if let Some(number) = number {
            journals.push(kv_journal::read(&path, number)?);
        }
    }
    journals.sort_by_key(|journal| journal.number);
    Ok(journals)
}

fn flaw_of_version(kv_dir: &Path) -> io::Result<Option<KvFlaw>> {
    let path = kv_dir.join("version");
    match fs::read(&path) {
        Ok(bytes) if bytes.starts_with(b"FJL\x03") => Ok(None),
        Ok(_) => Ok(Some(KvFlaw::new(path, "it does not say that these are the files of a key-value store"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Some(KvFlaw::new(path, "it is missing"))),
        Err(error) => Err(error),
    }
}

fn flaw_of_journals(kv_dir: &Path, journals: &[Journal]) -> Option<KvFlaw> {
    let Some((_, finished)) = journals.split_last() else {
        return Some(KvFlaw::new(kv_dir.to_owned(), "its journal is missing"));
    };
    let gap = journals.windows(2).find(|pair| pair[0].number + 1 != pair[1].number);
    if let Some(pair) = gap {
        return Some(KvFlaw::new(kv_dir.join(format!("{}.jnl", pair[0].number + 1)), "it is missing"));
    }
    // A finished journal was flushed before the next one was begun.
    let damaged = finished.iter().find(|journal| journal.has_rest)?;
    Some(KvFlaw::new(damaged.path.clone(), format!("it is damaged at byte {}", damaged.whole)))
}

/// A keyspace says in `current` which of its files count. Without it the tree takes the keyspace for one whose creation was interrupted,
/// and removes it.
fn flaw_of_keyspaces(kv_dir: &Path) -> io::Result<Option<KvFlaw>> {
    let keyspaces = kv_dir.join("keyspaces");
    if !keyspaces.join("0").is_dir() {
        return Ok(Some(KvFlaw::new(keyspaces.join("0"), "it is missing")));
    }
    for entry in fs::read_dir(&keyspaces)? {
        let folder = entry?.path();
        let current = folder.join("current");
        if !folder.is_dir() || current.exists() {
            continue;
        }
        let is_main = folder.ends_with("0");
        if is_main || has_files(&folder.join("tables"))? || has_files(&folder.join("blobs"))? {
            return Ok(Some(KvFlaw::new(current, "it is missing")));
        }
    }
    Ok(None)
}

fn has_files(dir: &Path) -> io::Result<bool> {
    match fs::read_dir(dir) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
