//! The log's way to the disk, as a seam for tests: a real disk fails too seldom.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What the log asks of a file.
pub trait LogDisk: Send + Sync + 'static {
    /// Writes all of `bytes` at `offset`.
    fn write_all_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Returns when everything written to `file` is on stable storage.
    fn sync_data(&self, file: &File) -> io::Result<()>;
}

/// The operating system's files.
#[derive(Clone, Copy, Debug)]
pub struct OsDisk;

impl LogDisk for OsDisk {
    fn write_all_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}

/// How much room a volume has.
pub trait SpaceProbe: Send + Sync + 'static {
    /// Bytes that this process may still write to the volume that holds `dir`.
    fn free_bytes(&self, dir: &Path) -> io::Result<u64>;
}

/// What `statvfs` says.
#[derive(Clone, Copy, Debug)]
pub struct OsSpace;

impl SpaceProbe for OsSpace {
    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        let volume = rustix::fs::statvfs(dir)?;
        Ok(volume.f_bavail.saturating_mul(volume.f_frsize))
    }
}

/// Whether `error` says that there is no room: the volume is full, this user's quota is, or a file would become larger than this
/// process may make one.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

/// Returns when the names in `dir` are on stable storage.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Ends the process: a disk that failed to write must not be asked again whether it has written, since the kernel may have
/// dropped what it could not write and then answers yes.
pub(crate) fn fatal(what: &str, error: &io::Error) -> ! {
    let sentence = format!(
        "{what}: {error}. The process ends here, so that nothing is acknowledged that is not on the disk; \
         a restart continues with everything that is"
    );
    tracing::error!("{sentence}");
    if !tracing::dispatcher::has_been_set() {
        eprintln!("{sentence}");
    }
    std::process::abort()
}
