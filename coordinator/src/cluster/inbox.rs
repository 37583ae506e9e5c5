//! The way into a host: many write, one reads everything that is there at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// The inbox is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// See the module.
pub(crate) struct Inbox<T> {
    items: Mutex<Vec<T>>,
    reader: AtomicWaker,
    len_max: usize,
    /// What the reader has taken and not handled yet.
    held_back: AtomicUsize,
    space: Notify,
}

impl<T> Inbox<T> {
    /// New work is refused when this many items are in.
    pub(crate) fn new(len_max: usize) -> Self {
        Self { items: Mutex::default(), reader: AtomicWaker::new(), len_max, held_back: AtomicUsize::new(0), space: Notify::new() }
    }

    /// Puts new work in, unless the inbox is full.
    pub(crate) fn try_push(&self, item: T) -> Result<(), Full> {
        let held_back = self.held_back.load(Ordering::Relaxed);
        let mut items = self.items.lock();
        if items.len() + held_back >= self.len_max {
            return Err(Full);
        }
        self.add(&mut items, |items| items.push(item));
        Ok(())
    }

    /// Puts in what must not be refused: what running work brings with it.
    pub(crate) fn push(&self, item: T) {
        self.add(&mut self.items.lock(), |items| items.push(item));
    }

    /// As [`push`](Self::push), all of them.
    pub(crate) fn push_all(&self, more: impl IntoIterator<Item = T>) {
        self.add(&mut self.items.lock(), |items| items.extend(more));
    }

    fn add(&self, items: &mut Vec<T>, add: impl FnOnce(&mut Vec<T>)) {
        let was_empty = items.is_empty();
        add(items);
        if was_empty {
            self.reader.wake();
        }
    }

    /// Waits until new work would be taken.
    pub(crate) async fn has_space(&self) {
        loop {
            let space = self.space.notified();
            if self.items.lock().len() + self.held_back.load(Ordering::Relaxed) < self.len_max {
                return;
            }
            space.await;
        }
    }

    /// Moves everything into `into`; pending while there is nothing.
    pub(crate) fn poll_take(&self, into: &mut Vec<T>, cx: &mut Context<'_>) -> Poll<()> {
        self.reader.register(cx.waker());
        let mut items = self.items.lock();
        if items.is_empty() {
            return Poll::Pending;
        }
        if into.is_empty() {
            std::mem::swap(into, &mut items);
        } else {
            into.append(&mut items);
        }
        Poll::Ready(())
    }

    /// The reader says how much it has taken and not handled.
    pub(crate) fn set_held_back(&self, count: usize) {
        let before = self.held_back.swap(count, Ordering::Relaxed);
        if before > 0 || count < self.len_max {
            self.space.notify_waiters();
        }
    }
}
