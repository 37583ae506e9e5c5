//! Appends on their way to the task that sends them.

use std::collections::VecDeque;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::store::Append;

/// An append that has not ended.
pub(super) struct Entry {
    pub(super) index: usize,
    pub(super) append: Append,
    /// When it was queued.
    pub(super) since: Instant,
    /// It will not be sent: its end when its turn comes.
    pub(super) refused: Option<crate::store::StoreError>,
}

/// In the order of the calls.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    pub(super) wake: Notify,
}

#[derive(Default)]
struct Waiting {
    entries: VecDeque<Entry>,
    is_closed: bool,
}

impl Queue {
    /// Puts one at the end, or gives it back if the queue is closed.
    pub(super) fn push(&self, entry: Entry) -> Option<Entry> {
        let mut waiting = self.waiting.lock();
        if waiting.is_closed {
            return Some(entry);
        }
        waiting.entries.push_back(entry);
        let is_first = waiting.entries.len() == 1;
        drop(waiting);
        if is_first {
            self.wake.notify_one();
        }
        None
    }

    /// Takes all.
    pub(super) fn take(&self, into: &mut VecDeque<Entry>) {
        into.append(&mut self.waiting.lock().entries);
    }

    /// Nothing comes in any more.
    pub(super) fn close(&self) {
        self.waiting.lock().is_closed = true;
        self.wake.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.waiting.lock().is_closed
    }
}
