//! The way into a host: many write, one reads everything at once that is there in one of two lanes. When the reader has ended, what comes is
//! dropped, and with it the sender's hope of an answer: whoever waits for one learns so at once.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Context;

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// The inbox is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// What goes into an inbox knows its lane.
pub(crate) trait Laned {
    /// Whether it can wait for everything that is not bulk.
    fn is_bulk(&self) -> bool;
}

/// What is in, each lane in order.
struct Lanes<T> {
    first: Vec<T>,
    bulk: Vec<T>,
}

/// What the reader has taken of each lane and not handled yet.
#[derive(Default)]
struct HeldBack {
    first: AtomicUsize,
    bulk: AtomicUsize,
}

/// See the module.
pub(crate) struct Inbox<T> {
    /// None once the reader has ended.
    items: Mutex<Option<Lanes<T>>>,
    /// Whether something is in the first lane.
    has_first: AtomicBool,
    reader: AtomicWaker,
    len_max: usize,
    held_back: HeldBack,
    space: Notify,
}

impl<T: Laned> Inbox<T> {
    /// New work is refused when this many items are in its lane.
    pub(crate) fn new(len_max: usize) -> Self {
        Self {
            items: Mutex::new(Some(Lanes { first: Vec::new(), bulk: Vec::new() })),
            has_first: AtomicBool::new(false),
            reader: AtomicWaker::new(),
            len_max,
            held_back: HeldBack::default(),
            space: Notify::new(),
        }
    }

    /// Puts new work in, unless the inbox is full.
    pub(crate) fn try_push(&self, item: T) -> Result<(), Full> {
        let mut items = self.items.lock();
        if items.as_ref().is_some_and(|items| if item.is_bulk() { self.is_bulk_full(items) } else { self.is_first_full(items) }) {
            return Err(Full);
        }
        self.add(&mut items, [item]);
        Ok(())
    }

    fn is_first_full(&self, items: &Lanes<T>) -> bool {
        items.first.len() + self.held_back.first.load(Ordering::Relaxed) >= self.len_max
    }

    fn is_bulk_full(&self, items: &Lanes<T>) -> bool {
        items.bulk.len() + self.held_back.bulk.load(Ordering::Relaxed) >= self.len_max
    }

    /// Puts in what must not be refused: what running work brings with it.
    pub(crate) fn push(&self, item: T) {
        self.add(&mut self.items.lock(), [item]);
    }

    /// As [`push`](Self::push), all of them.
    pub(crate) fn push_all(&self, more: impl IntoIterator<Item = T>) {
        self.add(&mut self.items.lock(), more);
    }

    fn add(&self, items: &mut Option<Lanes<T>>, more: impl IntoIterator<Item = T>) {
        let Some(items) = items else { return };
        let (had_first, had_bulk) = (!items.first.is_empty(), !items.bulk.is_empty());
        for item in more {
            if item.is_bulk() { items.bulk.push(item) } else { items.first.push(item) }
        }
        let has_first = !items.first.is_empty();
        self.has_first.store(has_first, Ordering::Relaxed);
        // Bulk may be left where it is while it rests.
        let is_news = if has_first { !had_first } else { !had_bulk };
        if is_news {
            self.reader.wake();
        }
    }

    /// How much is in, in both lanes.
    pub(crate) fn len(&self) -> usize {
        self.items.lock().as_ref().map_or(0, |items| items.first.len() + items.bulk.len())
    }

    /// Whether nothing is in.
    pub(crate) fn is_empty(&self) -> bool {
        self.items.lock().as_ref().is_none_or(|items| items.first.is_empty() && items.bulk.is_empty())
    }

    /// Waits until new work would be taken. Bulk is bounded by the windows of the Map Runs that it is of, and keeps nobody else waiting.
    pub(crate) async fn has_space(&self) {
        loop {
            let space = self.space.notified();
            if self.items.lock().as_ref().is_none_or(|items| !self.is_first_full(items)) {
                return;
            }
            space.await;
        }
    }

    /// The reader is to be woken when something comes. It looks afterwards, so that it misses nothing.
    pub(crate) fn register(&self, cx: &mut Context<'_>) {
        self.reader.register(cx.waker());
    }

    /// Whether something is in the first lane.
    pub(crate) fn has_first(&self) -> bool {
        self.has_first.load(Ordering::Relaxed)
    }

    /// Moves what is in the first lane into `into`, which is empty.
    pub(crate) fn take_first(&self, into: &mut Vec<T>) {
        self.take(into, |items| {
            // Under the lock: what comes afterwards says so.
            self.has_first.store(false, Ordering::Relaxed);
            &mut items.first
        });
    }

    /// Moves what is bulk into `into`, which is empty.
    pub(crate) fn take_bulk(&self, into: &mut Vec<T>) {
        self.take(into, |items| &mut items.bulk);
    }

    fn take(&self, into: &mut Vec<T>, lane: impl FnOnce(&mut Lanes<T>) -> &mut Vec<T>) {
        debug_assert!(into.is_empty(), "what was taken has been handled");
        let mut items = self.items.lock();
        let items = items.as_mut().expect("the reader of an inbox that has ended reads no more");
        std::mem::swap(into, lane(items));
    }

    /// The reader has ended: what is in and what comes is dropped.
    pub(crate) fn end(&self) {
        let left = self.items.lock().take();
        // Outside of the lock: whoever waits for an answer is woken by the drop.
        drop(left);
        self.space.notify_waiters();
    }

    /// The reader says how much of each lane it has taken and not handled.
    pub(crate) fn set_held_back(&self, first: usize, bulk: usize) {
        let before = self.held_back.first.swap(first, Ordering::Relaxed).max(self.held_back.bulk.swap(bulk, Ordering::Relaxed));
        if before > 0 || first.max(bulk) < self.len_max {
            self.space.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Wake;

    use super::*;

    #[derive(Debug, PartialEq)]
    enum Item {
        First,
        Bulk,
    }

    impl Laned for Item {
        fn is_bulk(&self) -> bool {
            *self == Item::Bulk
        }
    }

    /// Counts how often it was woken.
    #[derive(Default)]
    struct Reader(AtomicUsize);

    impl Wake for Reader {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_full_lane_refuses_its_own_alone() {
        let inbox = Inbox::new(2);
        inbox.push_all([Item::Bulk, Item::Bulk]);
        assert_eq!(inbox.try_push(Item::Bulk), Err(Full));
        assert_eq!(inbox.try_push(Item::First), Ok(()));
        inbox.set_held_back(1, 0);
        assert_eq!(inbox.try_push(Item::First), Err(Full));
    }

    #[test]
    fn the_first_lane_wakes_a_reader_that_leaves_bulk_where_it_is() {
        let (inbox, reader) = (Inbox::new(9), Arc::new(Reader::default()));
        let woken = |item| {
            inbox.register(&mut Context::from_waker(&reader.clone().into()));
            inbox.push(item);
            reader.0.swap(0, Ordering::Relaxed)
        };
        assert_eq!([Item::Bulk, Item::Bulk, Item::First, Item::First, Item::Bulk].map(woken), [1, 0, 1, 0, 0]);
        let mut taken = Vec::new();
        inbox.take_first(&mut taken);
        assert_eq!(taken, [Item::First, Item::First]);
        assert!(!inbox.has_first() && !inbox.is_empty());
    }
}
