//! Reading a journal of the key-value side without changing it.
//!
//! The tree cuts a journal at the first thing in it that it does not understand, whatever follows, and does so before anybody can ask
//! whether that is right. So journals are read here first.
//!
//! A journal is a row of batches: a start (`1`, number of items, sequence number), the items (`2`, kind, compression, keyspace, lengths,
//! key, value; or `4`, keyspace), an end (`3`, XXH3 of the items, a fixed trailer). Behind the last one stand zeros, or nothing.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

const TRAILER: &[u8] = b"FJL\x03";
const START_LEN: usize = 13;
const ITEM_LEN: usize = 20;
const BUFFER: usize = 256 << 10;

/// A journal, as found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Journal {
    /// Its file.
    pub(crate) path: PathBuf,
    /// Its number; the highest one is being written.
    pub(crate) number: u64,
    /// After the last whole batch of the row that begins the file.
    pub(crate) whole: u64,
    /// Whether anything but zeros stands behind.
    pub(crate) has_rest: bool,
}

/// Reads the journal in `path`.
pub(crate) fn read(path: &Path, number: u64) -> io::Result<Journal> {
    let mut reader = Reader::open(path)?;
    let mut whole = 0;
    while let Found::Whole(end) = reader.batch(whole)? {
        whole = end;
    }
    let has_rest = reader.any_from(whole)?;
    Ok(Journal { path: path.to_owned(), number, whole, has_rest })
}

/// Where whole batches stand in `path`, whatever stands between them.
pub(crate) fn whole_batches(path: &Path) -> io::Result<Vec<Range<u64>>> {
    let mut reader = Reader::open(path)?;
    let (mut ranges, mut at): (Vec<Range<u64>>, _) = (Vec::new(), 0);
    loop {
        at = match reader.batch(at)? {
            Found::Whole(end) => {
                match ranges.last_mut().filter(|last| last.end == at) {
                    Some(last) => last.end = end,
                    None => ranges.push(at..end),
                }
                end
            }
            Found::Damaged(end) => end,
            Found::Nothing => match reader.after_trailer(at)? {
                Some(next) => next,
                None => return Ok(ranges),
            },
        };
    }
}

enum Found {
    /// A batch that ends here.
    Whole(u64),
    /// Something that has a batch's form up to here, with another sum.
    Damaged(u64),
    /// No batch.
    Nothing,
}

struct Reader {
    input: BufReader<File>,
    at: u64,
    len: u64,
}

impl Reader {
    fn open(path: &Path) -> io::Result<Reader> {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        Ok(Reader { input: BufReader::with_capacity(BUFFER, file), at: 0, len })
    }

    fn go_to(&mut self, at: u64) -> io::Result<()> {
        self.input.seek_relative(at as i64 - self.at as i64)?;
        self.at = at;
        Ok(())
    }

    /// Shows the next `count` bytes in pieces; false if the file ends before.
    fn pass(&mut self, count: u64, mut show: impl FnMut(&[u8])) -> io::Result<bool> {
        if count > self.len.saturating_sub(self.at) {
            return Ok(false);
        }
        let mut left = count;
        while left > 0 {
            let bytes = self.input.fill_buf()?;
            let piece = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            if piece == 0 {
                return Ok(false);
            }
            show(&bytes[..piece]);
            self.input.consume(piece);
            self.at += piece as u64;
            left -= piece as u64;
        }
        Ok(true)
    }

    fn take<const N: usize>(&mut self) -> io::Result<Option<[u8; N]>> {
        let (mut bytes, mut filled) = ([0; N], 0);
        let all = self.pass(N as u64, |piece| {
            bytes[filled..filled + piece.len()].copy_from_slice(piece);
            filled += piece.len();
        })?;
        Ok(all.then_some(bytes))
    }

    /// The batch that begins at `at`.
    fn batch(&mut self, at: u64) -> io::Result<Found> {
        self.go_to(at)?;
        let Some(start) = self.take::<START_LEN>()?.filter(|start| start[0] == 1) else { return Ok(Found::Nothing) };
        let items = u32::from_le_bytes([start[1], start[2], start[3], start[4]]);
        let mut sum = Xxh3::new();
        for _ in 0..items {
            if !self.item(&mut sum)? {
                return Ok(Found::Nothing);
            }
        }
        let Some(end) = self.take::<13>()?.filter(|end| end[0] == 3) else { return Ok(Found::Nothing) };
        let whole = end[1..9] == sum.digest().to_le_bytes() && end[9..] == *TRAILER && items > 0;
        Ok(if whole { Found::Whole(self.at) } else { Found::Damaged(self.at) })
    }

    fn item(&mut self, sum: &mut Xxh3) -> io::Result<bool> {
        let Some([kind]) = self.take::<1>()? else { return Ok(false) };
        sum.update(&[kind]);
        match kind {
            2 => {
                let Some(head) = self.take::<ITEM_LEN>()? else { return Ok(false) };
                sum.update(&head);
                let key_len = u64::from(u16::from_le_bytes([head[10], head[11]]));
                let value_len = u64::from(u32::from_le_bytes([head[16], head[17], head[18], head[19]]));
                self.pass(key_len + value_len, |piece| sum.update(piece))
            }
            4 => self.pass(8, |piece| sum.update(piece)),
            _ => Ok(false),
        }
    }

    /// The place behind the first trailer from `at` on.
    fn after_trailer(&mut self, at: u64) -> io::Result<Option<u64>> {
        self.go_to(at)?;
        let (mut last, mut found) = ([0_u8; 4], None);
        while found.is_none() && self.at < self.len {
            let from = self.at;
            let count = (self.len - from).min(BUFFER as u64);
            let mut seen = from;
            let all = self.pass(count, |piece| {
                for byte in piece {
                    last = [last[1], last[2], last[3], *byte];
                    seen += 1;
                    if found.is_none() && last == *TRAILER {
                        found = Some(seen);
                    }
                }
            })?;
            if !all {
                break;
            }
        }
        Ok(found)
    }

    /// Whether anything but zeros stands from `at` on. Most of a new journal is a hole, which need not be read.
    fn any_from(&mut self, at: u64) -> io::Result<bool> {
        let mut at = at;
        while at < self.len {
            at = match rustix::fs::seek(self.input.get_ref(), rustix::fs::SeekFrom::Data(at)) {
                Ok(data) => data,
                Err(rustix::io::Errno::NXIO) => return Ok(false),
                Err(_) => at,
            };
            self.input.seek(SeekFrom::Start(at))?;
            self.at = at;
            let (mut any, count) = (false, (self.len - at).min(BUFFER as u64));
            if !self.pass(count, |piece| any |= piece.iter().any(|byte| *byte != 0))? {
                return Ok(false);
            }
            if any {
                return Ok(true);
            }
            at += count;
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fjall::{Database, KeyspaceCreateOptions, PersistMode};
    use std::fs;

    /// A journal that the tree has written: batches of several items, some of them compressed, a few removed.
    fn written() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::builder(dir.path()).worker_threads(1).manual_journal_persist(true).open().unwrap();
        let keyspace = database.keyspace("rows", KeyspaceCreateOptions::default).unwrap();
        for round in 0..20_u8 {
            let mut batch = database.batch();
            for item in 0..=round {
                batch.insert(&keyspace, [round, item], vec![item; 500 * usize::from(item)]);
            }
            batch.remove(&keyspace, [round, 0]);
            batch.commit().unwrap();
        }
        database.persist(PersistMode::SyncData).unwrap();
        drop((keyspace, database));
        let path = dir.path().join("0.jnl");
        (dir, path)
    }

    #[test]
    fn what_the_tree_writes_is_whole() {
        let (_dir, path) = written();
        let journal = read(&path, 0).unwrap();
        assert!(journal.whole > 1_000 && !journal.has_rest, "{journal:?}");
        assert!(whole_batches(&path).unwrap().into_iter().eq(std::iter::once(0..journal.whole)));
    }

    #[test]
    fn a_flipped_bit_anywhere_is_seen_and_costs_one_batch() {
        let (_dir, path) = written();
        let whole = fs::read(&path).unwrap();
        let end = read(&path, 0).unwrap().whole;
        for byte in (0..end).step_by(499).chain(end - 13..end) {
            let mut bytes = whole.clone();
            bytes[byte as usize] ^= 1 << (byte % 8);
            fs::write(&path, &bytes[..end as usize]).unwrap();
            let journal = read(&path, 0).unwrap();
            let ranges = whole_batches(&path).unwrap();
            if journal.whole == end {
                // Only the sequence numbers in the starts are not summed.
                assert!(ranges.into_iter().eq(std::iter::once(0..end)));
                continue;
            }
            assert!(journal.has_rest && journal.whole <= byte, "{byte}: {journal:?}");
            let kept: u64 = ranges.iter().map(|range| range.end - range.start).sum();
            assert!(kept > end / 2, "{byte}: {kept} of {end}");
            assert!(ranges.iter().all(|range| !range.contains(&byte)));
        }
    }

    #[test]
    fn a_cut_anywhere_leaves_the_whole_batches_before_it() {
        let (_dir, path) = written();
        let bytes = fs::read(&path).unwrap();
        let end = read(&path, 0).unwrap().whole;
        for cut in (0..end).step_by(997) {
            fs::write(&path, &bytes[..cut as usize]).unwrap();
            let journal = read(&path, 0).unwrap();
            assert!(journal.whole <= cut);
            assert_eq!(journal.has_rest, bytes[journal.whole as usize..cut as usize].iter().any(|byte| *byte != 0));
        }
    }
}
