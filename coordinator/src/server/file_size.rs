//! A limit on the size of files (`ulimit -f`) ends a process that runs into it, without a word, unless the process listens for the
//! signal. Then the write fails instead, and is dealt with as on a full disk.

use tokio::signal::unix::{SignalKind, signal};

/// `SIGXFSZ`, on Linux (but for MIPS) and the BSDs, macOS among them.
const SIGXFSZ: i32 = 25;

/// From here on such a write is an error, for as long as the process lives. To be called within a runtime.
pub(super) fn fail_writes_beyond_the_limit() {
    if let Err(error) = signal(SignalKind::from_raw(SIGXFSZ)) {
        tracing::debug!("a limit on the size of files would end this process: {error}");
    }
}
