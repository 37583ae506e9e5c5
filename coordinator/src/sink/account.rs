//! What waits for a destination elsewhere, and what becomes of it.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::budget::{Budget, Held};
use super::losses::Losses;

/// The account of a destination whose calls are made by tasks.
pub(crate) struct Account {
    losses: Losses,
    budget: Budget,
    /// Items that are neither sent nor lost yet.
    waiting: AtomicU64,
    tasks: TaskTracker,
    closing: CancellationToken,
}

impl Account {
    /// Of a destination for which so many bytes may wait.
    pub(crate) fn new(losses: Losses, bytes_max: usize) -> Arc<Self> {
        let (budget, waiting) = (Budget::new(bytes_max), AtomicU64::new(0));
        Arc::new(Self { losses, budget, waiting, tasks: TaskTracker::new(), closing: CancellationToken::new() })
    }

    /// The tasks that make the calls.
    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// Answers when the server ends: nothing waits for company any more.
    pub(crate) async fn closing(&self) {
        self.closing.cancelled().await;
    }

    /// One item of so many bytes waits from now on; `None` if there is no room, in which case it is lost.
    pub(crate) fn admit(&self, bytes: usize) -> Option<Held> {
        let held = self.budget.hold(bytes);
        match held {
            Some(_) => drop(self.waiting.fetch_add(1, Ordering::Relaxed)),
            None => self.losses.lost(1, "queue_full", "they come faster than they are taken"),
        }
        held
    }

    /// One item that cannot even wait.
    pub(crate) fn refuse(&self, reason: &'static str, why: impl Display) {
        self.losses.lost(1, reason, why);
    }

    /// So many of those that waited have arrived.
    pub(crate) fn sent(&self, count: u64) {
        self.waiting.fetch_sub(count, Ordering::Relaxed);
        self.losses.sent(count);
    }

    /// So many of those that waited are lost.
    pub(crate) fn lost(&self, count: u64, reason: &'static str, why: impl Display) {
        self.waiting.fetch_sub(count, Ordering::Relaxed);
        self.losses.lost(count, reason, why);
    }

    /// Waits until the tasks have worked off what waits, but not beyond `end`. Nobody admits anything any more.
    pub(crate) async fn close(&self, end: Instant) {
        self.closing.cancel();
        self.tasks.close();
        if tokio::time::timeout_at(end, self.tasks.wait()).await.is_err() {
            let count = self.waiting.swap(0, Ordering::Relaxed);
            self.losses.lost(count, "shutdown", "they were not taken before the server's end");
        }
    }
}
