//! The files of the log.
//!
//! `log/0000000007.log` is the segment of generation 7: a header of 4 KiB, then frames. Its file is written full of zeros before it is
//! used, so that a group overwrites blocks that the file system has long since given out, and its flush has nothing to do but that.
//! A finished segment whose frames are all covered by checkpoints becomes `log/free-0000000007.tmp`, and later a segment of a
//! new generation. A file is renamed to `.log` as the last step, so what bears that name is complete.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{LogDisk, sync_dir};
use super::identity::Identity;

/// Frames begin here, bytes from the start of the file.
pub(crate) const DATA_START: u64 = 4096;

const MAGIC: [u8; 8] = *b"BATONLOG";
const HEADER_LEN: usize = 48;
const ZEROS: usize = 1 << 20;
const SYNC_EVERY: u64 = 4 << 20;

/// One file of the log, ready to be written and read.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) generation: u32,
    pub(crate) size: u64,
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<File>,
}

impl Segment {
    /// Opens the segment in `path`; the inner error says in what its header is wrong.
    pub(crate) fn open(path: &Path, identity: &Identity) -> io::Result<Result<Segment, String>> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let size = file.metadata()?.len();
        let mut header = [0; HEADER_LEN];
        if size < DATA_START {
            return Ok(Err(format!("it has {size} bytes, less than its header")));
        }
        file.read_exact_at(&mut header, 0)?;
        let Some(generation) = read_header(&header, size, identity) else {
            return Ok(Err("its header is damaged".to_owned()));
        };
        if generation_of(path) != Some(generation) {
            return Ok(Err(format!("its header is of generation {generation}")));
        }
        let (path, file) = (path.to_owned(), Arc::new(file));
        Ok(Ok(Segment { generation, size, path, file }))
    }

    /// Makes a segment from a file full of zeros.
    pub(crate) fn create(log_dir: &Path, generation: u32, size: u64, identity: &Identity, disk: &dyn LogDisk) -> io::Result<Segment> {
        let path = free_path(log_dir, generation);
        let made = fill_with_zeros(&path, size, disk).and_then(|file| Self::dedicate(path.clone(), file, generation, identity, disk));
        if made.is_err() {
            // A file that is only begun would take room that is lacking already.
            let _ = fs::remove_file(&path);
        }
        made
    }

    /// Makes a segment of a new generation from a finished one's file. Its old frames stay; their generation tells them.
    pub(crate) fn reuse(path: PathBuf, generation: u32, identity: &Identity, disk: &dyn LogDisk) -> io::Result<Segment> {
        let file = OpenOptions::new().read(true).write(true).open(&path)?;
        Self::dedicate(path, file, generation, identity, disk)
    }

    fn dedicate(from: PathBuf, file: File, generation: u32, identity: &Identity, disk: &dyn LogDisk) -> io::Result<Segment> {
        let size = file.metadata()?.len();
        disk.write_all_at(&file, &header(generation, size, identity), 0)?;
        disk.sync_data(&file)?;
        let log_dir = from.parent().expect("a segment lies in a folder");
        let path = segment_path(log_dir, generation);
        fs::rename(&from, &path)?;
        sync_dir(log_dir)?;
        let file = Arc::new(file);
        Ok(Segment { generation, size, path, file })
    }

    /// Takes the segment out of the log and keeps its file. The name goes before anything in the file changes, so that a crash cannot
    /// leave a segment of an old name with the frames of a new generation.
    pub(crate) fn set_free(self) -> io::Result<PathBuf> {
        let log_dir = self.path.parent().expect("a segment lies in a folder");
        let free = free_path(log_dir, self.generation);
        fs::rename(&self.path, &free)?;
        sync_dir(log_dir)?;
        Ok(free)
    }
}

/// The files in `log_dir`.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Segments by their names, in the order of their generations.
    pub(crate) segments: Vec<(u32, PathBuf)>,
    /// Files that wait for a new generation, or that were only begun.
    pub(crate) free: Vec<PathBuf>,
}

impl Listing {
    /// Reads the names. Other files are left alone.
    pub(crate) fn read(log_dir: &Path) -> io::Result<Listing> {
        let mut listing = Listing::default();
        for entry in fs::read_dir(log_dir)? {
            let path = entry?.path();
            if let Some(generation) = generation_of(&path) {
                listing.segments.push((generation, path));
            } else if is_free(&path) {
                listing.free.push(path);
            }
        }
        listing.segments.sort();
        listing.free.sort();
        Ok(listing)
    }
}

fn segment_path(log_dir: &Path, generation: u32) -> PathBuf {
    log_dir.join(format!("{generation:010}.log"))
}

fn free_path(log_dir: &Path, generation: u32) -> PathBuf {
    log_dir.join(format!("free-{generation:010}.tmp"))
}

fn generation_of(path: &Path) -> Option<u32> {
    let number = path.file_name()?.to_str()?.strip_suffix(".log")?;
    (number.len() == 10).then(|| number.parse().ok()).flatten()
}

fn is_free(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with("free-") && name.ends_with(".tmp"))
}

fn fill_with_zeros(path: &Path, size: u64, disk: &dyn LogDisk) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
    let zeros = vec![0; ZEROS];
    let mut offset = 0;
    while offset < size {
        let len = (size - offset).min(ZEROS as u64);
        disk.write_all_at(&file, &zeros[..len as usize], offset)?;
        offset += len;
        // One flush for all would make the groups that are written meanwhile wait for it.
        if offset.is_multiple_of(SYNC_EVERY) {
            disk.sync_data(&file)?;
        }
    }
    file.sync_all()?;
    Ok(file)
}

fn header(generation: u32, size: u64, identity: &Identity) -> [u8; HEADER_LEN] {
    let mut header = [0; HEADER_LEN];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&identity.format.to_le_bytes());
    header[12..16].copy_from_slice(&generation.to_le_bytes());
    header[16..24].copy_from_slice(&size.to_le_bytes());
    header[24..40].copy_from_slice(&identity.store_id.0.to_le_bytes());
    let crc = crc32c::crc32c_append(identity.log_seed, &header[..44]);
    header[44..].copy_from_slice(&crc.to_le_bytes());
    header
}

/// The generation in `bytes`, if they are the header of a segment of this store with `size` bytes.
fn read_header(bytes: &[u8; HEADER_LEN], size: u64, identity: &Identity) -> Option<u32> {
    let number = bytes[12..16].try_into().expect("four bytes are four bytes");
    let generation = u32::from_le_bytes(number);
    (*bytes == header(generation, size, identity)).then_some(generation)
}
