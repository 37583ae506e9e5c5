//! The way into a thread that takes everything at once.

use std::mem;

use parking_lot::{Condvar, Mutex, MutexGuard};

/// Many push, one takes all that is there. Pushing never waits for the taker.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
}

#[derive(Debug)]
struct State<T> {
    items: Vec<T>,
    closed: bool,
    waiting: bool,
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::new(State { items: Vec::new(), closed: false, waiting: false }), filled: Condvar::new() }
    }

    /// Adds an item; gives it back if the queue is closed.
    pub(crate) fn push(&self, item: T) -> Result<(), T> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(item);
        }
        state.items.push(item);
        let wake = mem::take(&mut state.waiting);
        drop(state);
        if wake {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// As [`push`](Self::push), by whoever takes it out next: nobody is woken.
    pub(crate) fn push_unnoticed(&self, item: T) -> Result<(), T> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(item);
        }
        state.items.push(item);
        Ok(())
    }

    /// Waits until there is something, and swaps it against the empty `items`. False if the queue is closed and empty.
    pub(crate) fn take_all(&self, items: &mut Vec<T>) -> bool {
        debug_assert!(items.is_empty(), "what was taken before has been dealt with");
        let mut state = self.state.lock();
        let is_filled = self.wait_filled(&mut state);
        mem::swap(&mut state.items, items);
        is_filled
    }

    /// Waits until there is something, and leaves it there. False if the queue is closed and empty.
    pub(crate) fn wait(&self) -> bool {
        self.wait_filled(&mut self.state.lock())
    }

    /// Swaps what is there against the empty `items`.
    pub(crate) fn take_now(&self, items: &mut Vec<T>) {
        debug_assert!(items.is_empty(), "what was taken before has been dealt with");
        mem::swap(&mut self.state.lock().items, items);
    }

    fn wait_filled(&self, state: &mut MutexGuard<'_, State<T>>) -> bool {
        while state.items.is_empty() {
            if state.closed {
                return false;
            }
            state.waiting = true;
            self.filled.wait(state);
        }
        true
    }

    /// Nothing more is taken in. What is in the queue is still handed out.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.filled.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn everything_that_was_pushed_is_taken_once_and_in_order() {
        let queue = Arc::new(Queue::new());
        let pushers: Vec<_> = (0..4)
            .map(|pusher| {
                let queue = queue.clone();
                std::thread::spawn(move || {
                    for number in 0..1000 {
                        queue.push((pusher, number)).unwrap();
                    }
                })
            })
            .collect();
        let mut next = [0; 4];
        let mut items = Vec::new();
        while next != [1000; 4] {
            assert!(queue.take_all(&mut items));
            for (pusher, number) in items.drain(..) {
                assert_eq!(next[pusher], number);
                next[pusher] += 1;
            }
        }
        pushers.into_iter().for_each(|pusher| pusher.join().unwrap());
        queue.push((0, 7)).unwrap();
        queue.close();
        assert_eq!(queue.push((0, 8)), Err((0, 8)));
        assert!(queue.take_all(&mut items));
        assert_eq!(mem::take(&mut items), [(0, 7)]);
        assert!(!queue.take_all(&mut items));
    }
}
