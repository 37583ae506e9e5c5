//! The connections that are open: how many there may be, and which one goes when there are too many.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use parking_lot::Mutex;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::Notify;

use super::activity::Activity;

/// File descriptors that are not for connections: a quarter of all, within these bounds. The log, the key-value side and handlers need them.
const RESERVED_MIN: u64 = 48;
const RESERVED_MAX: u64 = 4_096;
/// However few file descriptors there are, so many connections may be open.
const CONNECTIONS_MIN: u64 = 4;

/// How many connections there may be, and how long they may be idle.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConnectionLimits {
    /// Open at once.
    pub(super) count_max: usize,
    /// Until the first request has begun.
    pub(super) first_request: Duration,
    /// From the end of one answer to the beginning of the next request.
    pub(super) between_requests: Duration,
}

impl ConnectionLimits {
    /// For the file descriptors that this process may have, of which it takes as many as it can get.
    pub(super) fn of_process() -> Self {
        let count_max = match raise_descriptor_limit() {
            Some(limit) => usize::try_from(connections_of(limit)).unwrap_or(usize::MAX),
            None => usize::MAX,
        };
        Self { count_max, first_request: Duration::from_secs(60), between_requests: Duration::from_secs(600) }
    }
}

/// Makes the soft limit of file descriptors what the hard one allows, and answers it; `None` if there is no limit.
fn raise_descriptor_limit() -> Option<u64> {
    let before = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: before.maximum, maximum: before.maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => before.maximum,
        Err(error) => {
            tracing::debug!(%error, "the limit of file descriptors stays as it is");
            before.current
        }
    }
}

fn connections_of(descriptors: u64) -> u64 {
    let reserved = (descriptors / 4).clamp(RESERVED_MIN, RESERVED_MAX);
    descriptors.saturating_sub(reserved).max(CONNECTIONS_MIN)
}

/// See the module. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Connections(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    count_max: usize,
    next: AtomicU64,
    open: Mutex<HashMap<u64, Arc<Activity>, FixedState>>,
    /// One has ended.
    left: Notify,
}

impl Connections {
    pub(super) fn new(count_max: usize) -> Self {
        Self(Arc::new(Inner { count_max, next: AtomicU64::new(0), open: Mutex::default(), left: Notify::new() }))
    }

    /// A place for one more connection.
    pub(super) fn enter(&self) -> Place {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let activity = Arc::new(Activity::default());
        self.0.open.lock().insert(number, activity.clone());
        Place { connections: self.clone(), number, activity }
    }

    pub(super) fn has_room(&self) -> bool {
        self.0.open.lock().len() < self.0.count_max
    }

    /// Asks the connection that has been idle for the longest time to end. False if all have something to do.
    pub(super) fn evict_one(&self) -> bool {
        let open = self.0.open.lock();
        let idle = open.values().filter_map(|activity| Some((activity.idle()?.0, activity)));
        match idle.min_by_key(|(since, _)| *since) {
            Some((_, activity)) => {
                activity.evict();
                true
            }
            None => false,
        }
    }

    /// Answers when a connection has ended.
    pub(super) async fn left(&self) {
        self.0.left.notified().await;
    }
}

/// An open connection's.
#[derive(Debug)]
pub(super) struct Place {
    connections: Connections,
    number: u64,
    pub(super) activity: Arc<Activity>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.0.open.lock().remove(&self.number);
        self.connections.0.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_descriptors_are_always_left_for_the_rest() {
        assert_eq!([24, 64, 1_024, 1 << 20].map(connections_of), [4, 16, 768, (1 << 20) - 4_096]);
    }

    #[test]
    fn the_soft_limit_is_what_the_hard_one_allows() {
        raise_descriptor_limit();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
