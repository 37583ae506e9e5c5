//! Room for Express executions. They run in memory and leave it only at their end, so how many there may be at once is a limit of the whole process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::telemetry::names;

/// Bytes that an execution takes beside its payloads, roughly.
const OVERHEAD_BYTES: usize = 2_048;

/// Limits of Express executions.
#[derive(Clone, Debug)]
pub struct ExpressLimits {
    /// Executions that run at once.
    pub open_max: usize,
    /// Bytes that they may hold together when one more is started.
    pub bytes_max: usize,
    /// Seconds after which one times out even when its machine says nothing: AWS's five minutes by default.
    pub execution_seconds_max: u64,
}

impl Default for ExpressLimits {
    fn default() -> Self {
        Self { open_max: 100_000, bytes_max: 1 << 30, execution_seconds_max: 300 }
    }
}

/// How many Express executions run, and what they hold.
#[derive(Debug)]
pub struct ExpressPool {
    limits: ExpressLimits,
    open: AtomicUsize,
    bytes: AtomicUsize,
}

/// One execution's part of the pool. It goes back when this is dropped.
#[derive(Debug)]
pub struct ExpressPermit {
    pool: Arc<ExpressPool>,
    bytes: usize,
}

impl ExpressPool {
    /// An empty one.
    pub fn new(limits: ExpressLimits) -> Arc<Self> {
        Arc::new(Self { limits, open: AtomicUsize::new(0), bytes: AtomicUsize::new(0) })
    }

    /// Room for one more execution that holds payloads of `payload_bytes`; `None` when there is none.
    pub fn admit(self: &Arc<Self>, payload_bytes: usize) -> Option<ExpressPermit> {
        let has_room = self.open() < self.limits.open_max && self.bytes() + payload_bytes + OVERHEAD_BYTES <= self.limits.bytes_max;
        if !has_room {
            names::THROTTLE.counter(["express"]).increment(1);
        }
        has_room.then(|| self.readmit(payload_bytes))
    }

    /// Room for one that was admitted before a restart. It is never turned away.
    pub fn readmit(self: &Arc<Self>, payload_bytes: usize) -> ExpressPermit {
        let bytes = payload_bytes + OVERHEAD_BYTES;
        self.open.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        ExpressPermit { pool: self.clone(), bytes }
    }

    /// Executions that run.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Bytes that they hold.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl ExpressPermit {
    /// The execution's payloads have this size now.
    pub fn resize(&mut self, payload_bytes: usize) {
        let (before, now) = (self.bytes, payload_bytes + OVERHEAD_BYTES);
        if now > before {
            self.pool.bytes.fetch_add(now - before, Ordering::Relaxed);
        } else {
            self.pool.bytes.fetch_sub(before - now, Ordering::Relaxed);
        }
        self.bytes = now;
    }
}

impl Drop for ExpressPermit {
    fn drop(&mut self) {
        self.pool.open.fetch_sub(1, Ordering::Relaxed);
        self.pool.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_admitted_is_given_back() {
        let pool = ExpressPool::new(ExpressLimits { open_max: 2, ..ExpressLimits::default() });
        let first = pool.admit(100).expect("it is empty");
        let second = pool.admit(0).expect("there is room for two");
        assert!(pool.admit(0).is_none());
        assert_eq!((pool.open(), pool.bytes()), (2, 2 * OVERHEAD_BYTES + 100));
        drop(first);
        assert!(pool.admit(0).is_some(), "and gone again at once");
        drop(second);
        assert_eq!((pool.open(), pool.bytes()), (0, 0));
    }

    #[test]
    fn bytes_grow_and_shrink_with_the_execution() {
        let pool = ExpressPool::new(ExpressLimits { bytes_max: 10_000, ..ExpressLimits::default() });
        let mut permit = pool.admit(10).expect("it is empty");
        permit.resize(9_000);
        assert_eq!(pool.bytes(), 9_000 + OVERHEAD_BYTES);
        assert!(pool.admit(0).is_none(), "a running one is not turned away, but the next one is");
        permit.resize(0);
        assert!(pool.admit(5_000).is_some());
        drop(permit);
        assert_eq!(pool.bytes(), 0);
    }

    #[test]
    fn a_restart_turns_nobody_away() {
        let pool = ExpressPool::new(ExpressLimits { open_max: 1, ..ExpressLimits::default() });
        let _again = [pool.readmit(1), pool.readmit(1)];
        assert_eq!(pool.open(), 2);
        assert!(pool.admit(1).is_none());
    }
}
