//! A process that outlives the worker by a moment, to end what the worker's handlers have started.
//!
//! A handler's own process gets a signal when its worker is killed ([`child`](crate::child)), but what that process has started does not.
//! So the worker starts this same executable once more, with [`MARKER`], and tells it through a pipe which process groups there are. The pipe
//! ends with the worker, however that ends, and then the watchdog ends the groups that are left.

use std::collections::BTreeSet;
use std::io::{self, BufRead, Write};
use std::os::unix::process::CommandExt;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::child::kill_process_group_of;

/// First argument of an executable that is to become a watchdog.
pub(crate) const MARKER: &str = "__baton_watchdog";

/// The way to the watchdog; `None` if there is none.
static WATCHDOG: OnceLock<Mutex<Option<ChildStdin>>> = OnceLock::new();

/// What the watchdog does: reads `+id` and `-id` until the worker is gone, then ends the groups that are left.
pub(crate) fn become_watchdog() {
    // The worker's folder may be removed or unmounted meanwhile.
    let _ = std::env::set_current_dir("/");
    left_at_the_end(io::stdin().lock()).into_iter().for_each(kill_process_group_of);
}

fn left_at_the_end(lines: impl BufRead) -> BTreeSet<u32> {
    let mut groups = BTreeSet::new();
    for line in lines.lines().map_while(Result::ok) {
        match (line.get(..1), line.get(1..).and_then(|id| id.parse().ok())) {
            (Some("+"), Some(id)) => drop(groups.insert(id)),
            (Some("-"), Some(id)) => drop(groups.remove(&id)),
            _ => {}
        }
    }
    groups
}

/// The group is to end with this process. Called from the thread that starts processes.
pub(crate) fn watch(group: u32) {
    tell(WATCHDOG.get_or_init(|| Mutex::new(start().ok())), '+', group);
}

/// The group has been ended.
pub(crate) fn forget(group: u32) {
    if let Some(watchdog) = WATCHDOG.get() {
        tell(watchdog, '-', group);
    }
}

fn tell(watchdog: &Mutex<Option<ChildStdin>>, sign: char, group: u32) {
    let mut pipe = watchdog.lock().unwrap_or_else(PoisonError::into_inner);
    // A watchdog that has been ended by somebody is missed only if the worker is killed as well.
    if pipe.as_mut().is_some_and(|pipe| pipe.write_all(format!("{sign}{group}\n").as_bytes()).is_err()) {
        *pipe = None;
    }
}

/// In a group of its own: what ends the worker's group is not to end the watchdog.
fn start() -> io::Result<ChildStdin> {
    let mut command = Command::new("/proc/self/exe");
    command.arg(MARKER).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    let child = command.spawn()?;
    child.stdin.ok_or_else(|| io::Error::other("the watchdog has no pipe"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_ended_is_left() {
        let left = left_at_the_end(&b"+1\n+20\n-1\nnonsense\n+\n+300\n-20\n-7\n+8"[..]);
        assert_eq!(left.into_iter().collect::<Vec<_>>(), [8, 300]);
    }
}
