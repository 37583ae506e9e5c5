//! How a host stands, as it says from time to time for whoever asks in between. A host that is stuck cannot be asked.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use baton_engine::Timestamp;

use crate::clock;
use crate::telemetry::names;

/// See the module.
#[derive(Debug)]
pub(crate) struct HostGauges {
    pub(crate) in_memory: AtomicUsize,
    pub(crate) open: AtomicUsize,
    pub(crate) timers: AtomicUsize,
    pub(crate) unsaved_bytes: AtomicUsize,
    pub(crate) inbox: AtomicUsize,
    /// When the earliest timer is due.
    next_timer: AtomicI64,
}

impl Default for HostGauges {
    fn default() -> Self {
        let zero = || AtomicUsize::new(0);
        Self {
            in_memory: zero(),
            open: zero(),
            timers: zero(),
            unsaved_bytes: zero(),
            inbox: zero(),
            next_timer: AtomicI64::new(Timestamp::MAX),
        }
    }
}

impl HostGauges {
    /// The host's timers now.
    pub(crate) fn set_timers(&self, count: usize, next: Option<Timestamp>) {
        self.timers.store(count, Ordering::Relaxed);
        self.next_timer.store(next.unwrap_or(Timestamp::MAX), Ordering::Relaxed);
    }

    /// Bytes of the log that no checkpoint has taken over, in all hosts. Something like as much memory is held for them.
    pub(crate) fn unsaved_bytes(all: &[HostGauges]) -> usize {
        all.iter().map(|gauges| gauges.unsaved_bytes.load(Ordering::Relaxed)).sum()
    }

    /// Shows the sums of all hosts.
    pub(crate) fn show(all: &[HostGauges]) {
        let sum = |of: fn(&HostGauges) -> &AtomicUsize| all.iter().map(|gauges| of(gauges).load(Ordering::Relaxed)).sum::<usize>() as f64;
        names::EXECUTIONS_IN_MEMORY.gauge([]).set(sum(|gauges| &gauges.in_memory));
        names::EXECUTIONS_OPEN.gauge([]).set(sum(|gauges| &gauges.open));
        names::TIMERS_PENDING.gauge([]).set(sum(|gauges| &gauges.timers));
        names::UNSAVED_BYTES.gauge([]).set(sum(|gauges| &gauges.unsaved_bytes));
        names::INBOX_LENGTH.gauge([]).set(sum(|gauges| &gauges.inbox));
        let next = all.iter().map(|gauges| gauges.next_timer.load(Ordering::Relaxed)).min().unwrap_or(Timestamp::MAX);
        names::TIMER_OVERDUE.gauge([]).set((clock::now().saturating_sub(next)).max(0) as f64 / 1_000.0);
    }
}
