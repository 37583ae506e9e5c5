//! The account of what was handed on and what was lost.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};

use metrics::Counter;

use crate::telemetry::CounterFamily;

/// Of one destination.
pub(crate) struct Losses {
    /// What goes there, for people.
    what: &'static str,
    /// Counts losses.
    dropped: &'static CounterFamily,
    destination: &'static str,
    sent: Counter,
    is_said: AtomicBool,
}

impl Losses {
    /// Of `what` on its way to `destination`. `sent` is counted by destination, `dropped` by destination and reason.
    pub(crate) fn new(what: &'static str, destination: &'static str, sent: &CounterFamily, dropped: &'static CounterFamily) -> Self {
        let sent = sent.counter([destination]);
        // So that the first of them is seen as a rise.
        dropped.counter([destination, "queue_full"]).increment(0);
        Self { what, dropped, destination, sent, is_said: AtomicBool::new(false) }
    }

    /// So many have arrived. The next loss is told again.
    pub(crate) fn sent(&self, count: u64) {
        self.sent.increment(count);
        self.is_said.store(false, Ordering::Relaxed);
    }

    /// So many are lost. The first of a row is told in the server's log, all are counted.
    pub(crate) fn lost(&self, count: u64, reason: &'static str, why: impl Display) {
        self.dropped.counter([self.destination, reason]).increment(count);
        if !self.is_said.swap(true, Ordering::Relaxed) {
            tracing::warn!(destination = self.destination, reason = %why, "{} are dropped; the metric {} counts them", self.what, self.dropped.name());
        }
    }
}
