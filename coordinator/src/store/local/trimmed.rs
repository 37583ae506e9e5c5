//! From where on the log holds each shard's batches: `log/trimmed`.
//!
//! A segment is given back when checkpoints have covered everything in it. From then on only the key-value side has what it held.
//! Up to where that is so is written here before the segment goes: a key-value side that has come less far has lost something, even
//! where the log has nothing more of the shard that would show a gap.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::disk::sync_dir;

fn path(log_dir: &Path) -> PathBuf {
    log_dir.join("trimmed")
}

/// What is known of the batches that the log does not hold any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trimmed {
    /// By [`ShardId::index`](crate::store::ShardId::index): checkpoints had covered everything up to these when a segment last went.
    UpTo(Vec<u64>),
    /// Nothing can be said: the store was made before there was such a file, or the file is damaged.
    Unknown,
}

impl Trimmed {
    /// Reads the file of a store with `count` shards.
    pub(crate) fn read(log_dir: &Path, seed: u32, count: usize) -> Trimmed {
        let bytes = fs::read(path(log_dir)).unwrap_or_default();
        match decode(&bytes, seed) {
            Some(marks) if marks.len() == count => Trimmed::UpTo(marks),
            Some(_) | None => Trimmed::Unknown,
        }
    }

    /// Up to where the key-value side of a shard must have come, at the least.
    pub(crate) fn of(&self, index: usize) -> u64 {
        match self {
            Trimmed::UpTo(marks) => marks[index],
            Trimmed::Unknown => 0,
        }
    }

    /// Whether the log has held every batch from the first one on ever since.
    pub(crate) fn is_nothing(&self) -> bool {
        match self {
            Trimmed::UpTo(marks) => marks.iter().all(|mark| *mark == 0),
            Trimmed::Unknown => false,
        }
    }
}

/// Writes the file. When this answers, it is on stable storage.
pub(crate) fn write(log_dir: &Path, seed: u32, marks: &[u64]) -> io::Result<()> {
    let begun = log_dir.join("trimmed.tmp");
    let mut file = File::create(&begun)?;
    file.write_all(&encode(marks, seed))?;
    file.sync_all()?;
    fs::rename(begun, path(log_dir))?;
    sync_dir(log_dir)
}

fn encode(marks: &[u64], seed: u32) -> Vec<u8> {
    let mut bytes: Vec<u8> = marks.iter().flat_map(|mark| mark.to_le_bytes()).collect();
    let sum = crc32c::crc32c_append(seed, &bytes);
    bytes.extend(sum.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8], seed: u32) -> Option<Vec<u64>> {
    let (marks, sum) = bytes.split_last_chunk()?;
    if u32::from_le_bytes(*sum) != crc32c::crc32c_append(seed, marks) {
        return None;
    }
    let (marks, rest) = marks.as_chunks();
    rest.is_empty().then(|| marks.iter().map(|mark| u64::from_le_bytes(*mark)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_come_back_and_damaged_ones_are_unknown() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Trimmed::read(dir.path(), 7, 3), Trimmed::Unknown);
        write(dir.path(), 7, &[0; 3]).unwrap();
        assert!(Trimmed::read(dir.path(), 7, 3).is_nothing());
        write(dir.path(), 7, &[4, 0, u64::MAX]).unwrap();
        let trimmed = Trimmed::read(dir.path(), 7, 3);
        assert_eq!([0, 1, 2].map(|index| trimmed.of(index)), [4, 0, u64::MAX]);
        assert!(!trimmed.is_nothing());
        assert_eq!(Trimmed::read(dir.path(), 7, 4), Trimmed::Unknown);
        assert_eq!(Trimmed::read(dir.path(), 8, 3), Trimmed::Unknown);
        let whole = encode(&[1, 2], 7);
        for byte in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[byte] ^= 1;
            assert_eq!((decode(&flipped, 7), decode(&whole[..byte], 7)), (None, None));
        }
    }
}
