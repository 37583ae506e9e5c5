//! A thread of its own for work that may wait for a disk or a pipe.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::budget::{Budget, Held};

/// What a [`WorkThread`] does.
pub(crate) trait Work<T>: Send + 'static {
    /// One item.
    fn take(&mut self, item: T);

    /// Nothing more is there at the moment: what was gathered is handed on.
    fn idle(&mut self);
}

/// Takes items without waiting and has them worked off in order. Clones speak to the same thread.
pub(crate) struct WorkThread<T> {
    inbox: mpsc::UnboundedSender<Message<T>>,
    budget: Budget,
}

impl<T> Clone for WorkThread<T> {
    fn clone(&self) -> Self {
        Self { inbox: self.inbox.clone(), budget: self.budget.clone() }
    }
}

enum Message<T> {
    Item(T, Held),
    Close(oneshot::Sender<()>),
}

/// The thread does not take an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// It is so far behind that its queue is full.
    Full,
    /// It has ended.
    Ended,
}

impl NotTaken {
    /// For metrics, and for people.
    pub(crate) fn reason(self) -> (&'static str, &'static str) {
        match self {
            Self::Full => ("queue_full", "they come faster than they can be written"),
            Self::Ended => ("ended", "what writes them has ended, at the server's end or by a defect, which its log tells"),
        }
    }
}

impl<T: Send + 'static> WorkThread<T> {
    /// A thread with this name whose queue holds so many bytes.
    pub(crate) fn start(name: &str, bytes_max: usize, mut work: impl Work<T>) -> std::io::Result<Self> {
        let (inbox, mut messages) = mpsc::unbounded_channel();
        let run = move || {
            let mut closing: Vec<oneshot::Sender<()>> = Vec::new();
            while let Some(message) = messages.blocking_recv() {
                let mut next = Some(message);
                while let Some(message) = next {
                    match message {
                        Message::Item(item, held) => {
                            work.take(item);
                            drop(held);
                        }
                        Message::Close(reply) => {
                            messages.close();
                            closing.push(reply);
                        }
                    }
                    next = messages.try_recv().ok();
                }
                work.idle();
            }
            drop(work);
            for reply in closing {
                // Whoever has gone away needs no answer.
                let _ = reply.send(());
            }
        };
        std::thread::Builder::new().name(name.to_owned()).spawn(run)?;
        Ok(Self { inbox, budget: Budget::new(bytes_max) })
    }

    /// Hands an item of about so many bytes in.
    pub(crate) fn push(&self, item: T, bytes: usize) -> Result<(), NotTaken> {
        let held = self.budget.hold(bytes).ok_or(NotTaken::Full)?;
        self.inbox.send(Message::Item(item, held)).map_err(|_| NotTaken::Ended)
    }

    /// Works off what is there and ends the thread. False if that takes longer than `timeout`.
    pub(crate) async fn close(&self, timeout: Duration) -> bool {
        let (reply, closed) = oneshot::channel();
        if self.inbox.send(Message::Close(reply)).is_err() {
            return true;
        }
        tokio::time::timeout(timeout, closed).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use parking_lot::Mutex;

    use super::*;

    /// Waits for a word before each item.
    struct Slow {
        go: Receiver<()>,
        done: Arc<Mutex<Vec<u32>>>,
    }

    impl Work<u32> for Slow {
        fn take(&mut self, item: u32) {
            self.go.recv().expect("the test goes on");
            self.done.lock().push(item);
        }

        fn idle(&mut self) {
            self.done.lock().push(0);
        }
    }

    fn slow() -> (WorkThread<u32>, Sender<()>, Arc<Mutex<Vec<u32>>>) {
        let (word, go) = channel();
        let done = Arc::new(Mutex::new(Vec::new()));
        let thread = WorkThread::start("slow", 3 * 300, Slow { go, done: done.clone() }).expect("a thread starts");
        (thread, word, done)
    }

    #[tokio::test]
    async fn a_full_queue_refuses_instead_of_waiting() {
        let (thread, word, done) = slow();
        assert!((1..=3).all(|item| thread.push(item, 20).is_ok()));
        assert_eq!(thread.push(4, 20), Err(NotTaken::Full));
        assert!(!thread.close(Duration::from_millis(20)).await, "it waits for the word");
        assert!(thread.push(5, 1_000_000).is_err());
        (0..3).for_each(|_| word.send(()).expect("the thread listens"));
        while done.lock().last() != Some(&0) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(*done.lock(), [1, 2, 3, 0]);
        assert!(thread.close(Duration::from_secs(5)).await, "it has ended");
        assert_eq!(thread.push(6, 0), Err(NotTaken::Ended));
    }
}
