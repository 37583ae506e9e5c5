//! What can be kept of a table that cannot be read whole: each entry that can.

use std::cell::RefCell;
use std::fs;
use std::path::Path;

use fjall::{Guard, Keyspace, UserKey, UserValue};

use super::kv::Kv;
use super::kv_opening::{DEPTH_MAX, double, remove};
use crate::store::{KvOp, StoreError, Table};

/// Entries are put into the new table in pieces of this size.
const PIECE_BYTES: usize = 1 << 20;

/// What cannot be read of a table.
#[derive(Default)]
struct Unreadable {
    /// Keys whose values cannot be read.
    values: Vec<UserKey>,
    /// Whether there is a piece of which not even the keys can be read.
    has_gap: bool,
}

/// Makes the tree in `dir` anew, its `damaged` tables with those of their entries that can be read. Answers what is missing, a sentence each.
pub(super) fn without_what_is_damaged(dir: &Path, damaged: &[Table], cache_bytes: u64) -> Result<(Kv, Vec<String>), String> {
    let source = dir.with_extension("damaged.tmp");
    let made = rescue_from(&source, dir, damaged, cache_bytes);
    remove(&source).map_err(|error| error.to_string())?;
    made
}

fn rescue_from(source: &Path, dir: &Path, damaged: &[Table], cache_bytes: u64) -> Result<(Kv, Vec<String>), String> {
    put_aside(source, dir).map_err(|error| error.to_string())?;
    let old = Kv::create(source, cache_bytes)?;
    let tables: Vec<_> = damaged.iter().filter_map(|table| Some((*table, old.keyspace(*table)?))).collect();
    for folder in tables.iter().filter_map(|(_, keyspace)| keyspace.path().file_name()) {
        remove(&dir.join("keyspaces").join(folder)).map_err(|error| error.to_string())?;
    }
    Kv::create(dir, cache_bytes)?.make_lost()?;
    let new = Kv::open(dir, cache_bytes)?;
    let mut lost = Vec::new();
    for (table, keyspace) in tables {
        let unreadable = copy(table, &keyspace, &new)?;
        lost.extend(unreadable.lost(table, &new).map_err(|error| error.to_string())?);
    }
    new.persist().map_err(|error| format!("{error:?}"))?;
    Ok((new, lost))
}

/// Moves the tree in `dir` to `source` and makes `dir` a copy of it. Its journals are changed by whoever opens it and are not shared.
fn put_aside(source: &Path, dir: &Path) -> std::io::Result<()> {
    remove(source)?;
    fs::rename(dir, source)?;
    double(source, dir, &|path| path.parent() == Some(source), DEPTH_MAX)
}

fn copy(table: Table, from: &Keyspace, to: &Kv) -> Result<Unreadable, String> {
    let (mut piece, mut bytes) = (Vec::new(), 0);
    let unreadable = read(from, &mut |key, value| {
        bytes += key.len() + value.len();
        piece.push(KvOp::put(table, key.to_vec(), value.to_vec()));
        match bytes < PIECE_BYTES {
            true => Ok(()),
            false => {
                bytes = 0;
                to.put(std::mem::take(&mut piece)).map_err(|error| format!("{error:?}"))
            }
        }
    })?;
    to.put(piece).map_err(|error| format!("{error:?}"))?;
    Ok(unreadable)
}

/// Gives what can be read to `take`: from the first key up to a piece whose keys cannot be read, and from the last key down to one.
fn read(from: &Keyspace, take: &mut dyn FnMut(UserKey, UserValue) -> Result<(), String>) -> Result<Unreadable, String> {
    let mut unreadable = Unreadable::default();
    let mut last = None;
    for entry in from.iter() {
        match entry_of(entry) {
            Entry::Whole(key, value) => {
                last = Some(key.clone());
                take(key, value)?;
            }
            Entry::Key(key) => unreadable.values.push(key),
            Entry::Nothing => {
                unreadable.has_gap = true;
                break;
            }
        }
    }
    if !unreadable.has_gap {
        return Ok(unreadable);
    }
    for entry in from.iter().rev() {
        match entry_of(entry) {
            Entry::Whole(key, _) if last.as_ref().is_some_and(|last| key <= *last) => break,
            Entry::Whole(key, value) => take(key, value)?,
            Entry::Key(key) => unreadable.values.push(key),
            Entry::Nothing => break,
        }
    }
    Ok(unreadable)
}

enum Entry {
    Whole(UserKey, UserValue),
    /// The value cannot be read.
    Key(UserKey),
    Nothing,
}

fn entry_of(entry: Guard) -> Entry {
    let seen = RefCell::new(None);
    let read = entry.into_inner_if(|key| {
        seen.replace(Some(key.clone()));
        true
    });
    match (read, seen.into_inner()) {
        (Ok((key, Some(value))), _) => Entry::Whole(key, value),
        (Ok(_) | Err(_), Some(key)) => Entry::Key(key),
        (Ok(_) | Err(_), None) => Entry::Nothing,
    }
}

impl Unreadable {
    /// What is lost of it, in a sentence; nothing, if the journal had what cannot be read here.
    fn lost(&self, table: Table, now: &Kv) -> Result<Option<String>, StoreError> {
        let mut values = 0;
        for key in &self.values {
            values += usize::from(now.get(table, key)?.is_none());
        }
        let (name, left) = (table.name(), now.count(table)?);
        Ok(match (values, self.has_gap) {
            (0, false) => None,
            (_, false) => Some(format!("{values} of {} entries of the table `{name}`, which cannot be read", left + values)),
            (_, true) => Some(format!("an unknown number of entries of the table `{name}`, which cannot be read: {left} are left of it")),
        })
    }
}
