//! What can be kept of a damaged key-value side: whole batches of its journals, keyspaces that open, and
//! the entries that can be read of those that are damaged.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::error::OpenError;
use super::kv::Kv;
use super::kv_journal::whole_batches;
use super::kv_opening::{DEPTH_MAX, double, remove};
use super::kv_rescue::without_what_is_damaged;
use super::kv_survey::read_journals;

/// A key-value side made of what could be kept, in a folder of its own.
pub(crate) struct Salvaged {
    pub(crate) kv: Kv,
    /// What could not be kept, a sentence each.
    pub(crate) lost: Vec<String>,
}

/// Makes a key-value side in `to` of what can be kept of the one in `from`, which is not changed.
pub(crate) fn salvage(dir: &Path, from: &Path, to: &Path, cache_bytes: u64) -> Result<Salvaged, OpenError> {
    let mut lost = Vec::new();
    let copied = match from.is_dir() {
        true => copy_readable(from, to, cache_bytes, &mut lost).map_err(|error| OpenError::io(from, error))?,
        false => false,
    };
    if copied {
        // What the journals have of a keyspace whose files are gone is found when the keyspace is there again.
        let first = Kv::create(to, cache_bytes).and_then(|kv| kv.make_lost());
        if let Ok(kv) = first.and_then(|()| Kv::open(to, cache_bytes))
            && let Ok((kv, damaged)) = whole(kv, to, cache_bytes)
        {
            lost.extend(damaged);
            return Ok(Salvaged { kv, lost });
        }
    }
    remove(to).map_err(|error| OpenError::io(to, error))?;
    let kv = Kv::create(to, cache_bytes).map_err(|detail| OpenError::kv(dir, detail))?;
    Ok(Salvaged { kv, lost: vec!["everything that only the key-value side had: none of it can be read".to_owned()] })
}

/// The tree in `dir` with nothing in it that cannot be read, and what it has lost for that.
fn whole(kv: Kv, dir: &Path, cache_bytes: u64) -> Result<(Kv, Vec<String>), String> {
    let damaged = kv.damaged();
    if damaged.is_empty() {
        return Ok((kv, Vec::new()));
    }
    drop(kv);
    let (kv, lost) = without_what_is_damaged(dir, &damaged, cache_bytes)?;
    match kv.reads_all() {
        true => Ok((kv, lost)),
        false => Err("its tables cannot be read even when they are written anew".to_owned()),
    }
}

/// Copies what can be read; false if the list of keyspaces cannot.
fn copy_readable(from: &Path, to: &Path, cache_bytes: u64, lost: &mut Vec<String>) -> io::Result<bool> {
    double(from, to, &|path| path.parent() == Some(from), DEPTH_MAX)?;
    make_openable(to)?;
    for journal in read_journals(to)? {
        if journal.has_rest {
            let bytes = keep_whole_batches(&journal.path)?;
            let name = journal.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            lost.push(format!("{bytes} bytes of kv/{name}, from byte {} on", journal.whole));
        }
    }
    let keyspaces = to.join("keyspaces");
    if !opens_alone(&keyspaces, "0", to, cache_bytes)? {
        return Ok(false);
    }
    for entry in fs::read_dir(&keyspaces)?.collect::<io::Result<Vec<_>>>()? {
        let number = entry.file_name().to_string_lossy().into_owned();
        if number != "0" && !opens_alone(&keyspaces, &number, to, cache_bytes)? {
            remove(&entry.path())?;
            lost.push(format!("the tables in kv/keyspaces/{number}, which cannot be read"));
        }
    }
    Ok(true)
}

/// The small files without which the tree opens nothing, or finds nothing: one that has no journal takes the latest of its writes for the first.
fn make_openable(dir: &Path) -> io::Result<()> {
    fs::write(dir.join("version"), b"FJL\x03")?;
    fs::write(dir.join("lock"), b"")?;
    match read_journals(dir)?.is_empty() {
        true => fs::write(dir.join("0.jnl"), b""),
        false => Ok(()),
    }
}

/// Whether the tree can open a keyspace, apart from the others.
fn opens_alone(keyspaces: &Path, number: &str, beside: &Path, cache_bytes: u64) -> io::Result<bool> {
    if !keyspaces.join(number).join("current").exists() {
        return Ok(false);
    }
    let probe = beside.with_extension("probe.tmp");
    remove(&probe)?;
    fs::create_dir_all(probe.join("keyspaces"))?;
    make_openable(&probe)?;
    for wanted in ["0", number] {
        let to = probe.join("keyspaces").join(wanted);
        if !to.exists() {
            double(&keyspaces.join(wanted), &to, &|_| false, DEPTH_MAX)?;
        }
    }
    let opens = Kv::create(&probe, cache_bytes).is_ok_and(|kv| kv.reads_marks());
    remove(&probe)?;
    Ok(opens)
}

/// Writes the journal again with nothing but whole batches. Answers how many bytes were not kept, zeros at its end not counted.
fn keep_whole_batches(path: &Path) -> io::Result<u64> {
    let ranges = whole_batches(path)?;
    let end = ranges.last().map_or(0, |range| range.end);
    let mut old = File::open(path)?;
    let begun = path.with_extension("tmp");
    let mut new = File::create(&begun)?;
    let mut kept = 0;
    for range in ranges {
        old.seek(SeekFrom::Start(range.start))?;
        kept += io::copy(&mut (&old).take(range.end - range.start), &mut new)?;
    }
    new.sync_all()?;
    fs::rename(begun, path)?;
    Ok(end.saturating_sub(kept))
}
