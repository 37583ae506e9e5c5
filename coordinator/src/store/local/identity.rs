//! What a data folder is: `store.json`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::disk::sync_dir;
use super::error::OpenError;
use super::segment::Listing;
use crate::store::StoreId;

/// Version of everything in a data folder that this program reads and writes.
pub(crate) const FORMAT: u32 = 2;

const FILE: &str = "store.json";
const BEGUN: &str = "store.json.tmp";

/// What never changes about a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) format: u32,
    pub(crate) store_id: StoreId,
    pub(crate) shard_count: u16,
    /// Secret with which the sums of the log begin.
    pub(crate) log_seed: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    format: u32,
    store_id: String,
    shard_count: u16,
    log_seed: u32,
}

/// The file that says what `dir` is.
pub(crate) fn file(dir: &Path) -> PathBuf {
    dir.join(FILE)
}

/// What `dir` holds.
pub(crate) enum Found {
    /// A store.
    Store(Identity),
    /// Nothing, or the beginnings of a store whose creation was interrupted.
    Nothing,
}

impl Identity {
    /// That of a store to be created.
    pub(crate) fn new(shard_count: u16) -> Identity {
        let log_seed = getrandom::u32().expect("the operating system gives random numbers");
        Identity { format: FORMAT, store_id: StoreId::random(), shard_count, log_seed }
    }

    /// Shards, the catalog counted.
    pub(crate) fn shards(&self) -> usize {
        usize::from(self.shard_count) + 1
    }

    /// Looks for a store in `dir`.
    pub(crate) fn find(dir: &Path) -> Result<Found, OpenError> {
        match fs::read(dir.join(FILE)) {
            Ok(text) => Self::parse(dir, &text).map(Found::Store),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::look_for_remains(dir),
            Err(error) => Err(OpenError::io(&dir.join(FILE), error)),
        }
    }

    fn parse(dir: &Path, text: &[u8]) -> Result<Identity, OpenError> {
        let path = dir.join(FILE);
        let stored: Stored =
            serde_json::from_slice(text).map_err(|error| OpenError::Unreadable { path: path.clone(), detail: error.to_string() })?;
        if stored.format != FORMAT {
            return Err(OpenError::Format { dir: dir.to_owned(), found: stored.format, supported: FORMAT });
        }
        if !stored.shard_count.is_power_of_two() {
            let detail = format!("{} shards are not a power of two", stored.shard_count);
            return Err(OpenError::Unreadable { path, detail });
        }
        let store_id = StoreId::parse(&stored.store_id)
            .ok_or_else(|| OpenError::Unreadable { path, detail: format!("`{}` is not an id", stored.store_id) })?;
        Ok(Identity { format: stored.format, store_id, shard_count: stored.shard_count, log_seed: stored.log_seed })
    }

    /// The file is written last. Without it, a folder with data is either the remains of a creation, which `begin` has marked, or
    /// something that must not be written over.
    fn look_for_remains(dir: &Path) -> Result<Found, OpenError> {
        let has_data = ["log", "kv"].iter().any(|name| dir.join(name).exists());
        if has_data && !dir.join(BEGUN).exists() {
            return Err(OpenError::NoIdentity { dir: dir.to_owned(), found: remains(dir) });
        }
        Ok(Found::Nothing)
    }

    /// Marks the folder as one in which a store is being created, and removes the remains of an earlier try.
    pub(crate) fn begin(&self, dir: &Path) -> io::Result<()> {
        let stored =
            Stored { format: self.format, store_id: self.store_id.to_string(), shard_count: self.shard_count, log_seed: self.log_seed };
        let text = serde_json::to_string_pretty(&stored).expect("numbers can be written as JSON") + "\n";
        let mut file = File::create(dir.join(BEGUN))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        for name in ["log", "kv"] {
            remove_dir(&dir.join(name))?;
        }
        Ok(())
    }

    /// Makes the folder a store's; everything else in it is ready.
    pub(crate) fn finish(dir: &Path) -> io::Result<()> {
        fs::rename(dir.join(BEGUN), dir.join(FILE))?;
        sync_dir(dir)
    }
}

/// What lies in a folder that is no store's.
fn remains(dir: &Path) -> String {
    let segments = Listing::read(&dir.join("log")).map_or(0, |listing| listing.segments.len());
    let log = dir.join("log").exists().then(|| match segments {
        0 => "a log without segments".to_owned(),
        1 => "a log of 1 segment".to_owned(),
        count => format!("a log of {count} segments"),
    });
    let kv = dir.join("kv").exists().then(|| match dir.join("kv/version").exists() {
        true => "a key-value store".to_owned(),
        false => "remains of a key-value store".to_owned(),
    });
    log.into_iter().chain(kv).collect::<Vec<_>>().join(" and ")
}

fn remove_dir(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
