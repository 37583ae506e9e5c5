//! The way into a host: many write, one reads everything that is there at once. When the reader has ended, what comes is dropped, and with it
//! the sender's hope of an answer: whoever waits for one learns so at once.

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
    /// None once the reader has ended.
    items: Mutex<Option<Vec<T>>>,
    reader: AtomicWaker,
    len_max: usize,
    /// What the reader has taken and not handled yet.
    held_back: AtomicUsize,
    space: Notify,
}

impl<T> Inbox<T> {
    /// New work is refused when this many items are in.
    pub(crate) fn new(len_max: usize) -> Self {
        Self {
            items: Mutex::new(Some(Vec::new())),
            reader: AtomicWaker::new(),
            len_max,
            held_back: AtomicUsize::new(0),
            space: Notify::new(),
        }
    }

    /// Puts new work in, unless the inbox is full.
    pub(crate) fn try_push(&self, item: T) -> Result<(), Full> {
        let held_back = self.held_back.load(Ordering::Relaxed);
        let mut items = self.items.lock();
        if items.as_ref().is_some_and(|items| items.len() + held_back >= self.len_max) {
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

    fn add(&self, items: &mut Option<Vec<T>>, add: impl FnOnce(&mut Vec<T>)) {
        let Some(items) = items else { return };
        let was_empty = items.is_empty();
        add(items);
        if was_empty {
            self.reader.wake();
        }
    }

    /// Whether nothing is in.
    pub(crate) fn is_empty(&self) -> bool {
        self.items.lock().as_ref().is_none_or(Vec::is_empty)
    }

    /// Waits until new work would be taken.
    pub(crate) async fn has_space(&self) {
        loop {
            let space = self.space.notified();
            if self.items.lock().as_ref().is_none_or(|items| items.len() + self.held_back.load(Ordering::Relaxed) < self.len_max) {
                return;
            }
            space.await;
        }
    }

    /// Moves everything into `into`; pending while there is nothing.
    pub(crate) fn poll_take(&self, into: &mut Vec<T>, cx: &mut Context<'_>) -> Poll<()> {
        self.reader.register(cx.waker());
        let mut items = self.items.lock();
        let items = items.as_mut().expect("the reader of an inbox that has ended reads no more");
        if items.is_empty() {
            return Poll::Pending;
        }
        if into.is_empty() {
            std::mem::swap(into, items);
        } else {
            into.append(items);
        }
        Poll::Ready(())
    }

    /// The reader has ended: what is in and what comes is dropped.
    pub(crate) fn end(&self) {
        let left = self.items.lock().take();
        // Outside of the lock: whoever waits for an answer is woken by the drop.
        drop(left);
        self.space.notify_waiters();
    }

    /// The reader says how much it has taken and not handled.
    pub(crate) fn set_held_back(&self, count: usize) {
        let before = self.held_back.swap(count, Ordering::Relaxed);
        if before > 0 || count < self.len_max {
            self.space.notify_waiters();
        }
    }
}
