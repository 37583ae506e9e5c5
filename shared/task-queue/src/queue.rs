//! The border: what a broker must do for baton.

use futures_util::future::BoxFuture;
use tokio::sync::{oneshot, watch};

use crate::Offer;

/// A broker with queues of offers, by name: `lambda:<function>`, `activity:<ARN>`.
///
/// Usable as `Arc<dyn TaskQueue>`. It looks after its connection itself: calls fail while there is none, and [`link`](Self::link) tells.
pub trait TaskQueue: Send + Sync + 'static {
    /// Puts offers into the queue, which is made if it is not there. Answers `Ok` once the broker has taken responsibility for all of them; after
    /// an error any of them may be in the queue all the same.
    fn publish<'a>(&'a self, queue: &'a str, offers: Vec<Offer>) -> BoxFuture<'a, Result<(), QueueError>>;

    /// Takes offers out of the queue, at most `prefetch` messages of them unacknowledged at a time. It ends with the connection.
    fn consume<'a>(&'a self, queue: &'a str, prefetch: u16) -> BoxFuture<'a, Result<Box<dyn Consumer>, QueueError>>;

    /// How the queue stands; `None` if it is not there.
    fn depth<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, Result<Option<Depth>, QueueError>>;

    /// How the connection stands, as it changes.
    fn link(&self) -> watch::Receiver<Link>;
}

/// The connection to a broker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Whether there is one.
    pub is_up: bool,
    /// Counts connections: with another number, what was offered over the one before may be gone.
    pub generation: u64,
}

/// Messages of a queue, as the broker says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// That nobody has taken.
    pub ready: u64,
    /// Who takes them.
    pub consumers: u64,
}

/// Takes offers out of a queue, as long as it lives. What was taken and not acknowledged when it is dropped goes to others.
pub trait Consumer: Send {
    /// The next message; `None` once the connection is gone.
    fn next(&mut self) -> BoxFuture<'_, Option<Delivery>>;

    /// How many messages may be unacknowledged from now on; 0 stops it for the time being.
    fn set_prefetch(&mut self, prefetch: u16) -> BoxFuture<'_, Result<(), QueueError>>;
}

/// One message. Dropped without having been [acknowledged](Self::acknowledge), it goes back into the queue.
#[derive(Debug)]
pub struct Delivery {
    /// What it carries, at least one.
    pub offers: Vec<Offer>,
    /// Whether the broker says that it has been delivered before.
    pub is_redelivered: bool,
    done: oneshot::Sender<()>,
}

impl Delivery {
    /// A message, and who hears of its end: `Ok` when it is acknowledged, an error when it goes back.
    pub fn new(offers: Vec<Offer>, is_redelivered: bool) -> (Self, oneshot::Receiver<()>) {
        let (done, ended) = oneshot::channel();
        (Self { offers, is_redelivered, done }, ended)
    }

    /// Each of its offers has been claimed, denied or handed back.
    pub fn acknowledge(self) {
        // A connection that is gone has given the message back already.
        let _ = self.done.send(());
    }
}

/// Why a broker did not do as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// There is no connection, or it was lost on the way.
    #[error("the broker is away: {0}")]
    Away(String),
    /// The broker has not taken the message: a full queue, or one that has just gone. Worth trying again, later.
    #[error("the broker takes no more into queue {queue}: {reason}")]
    Refused {
        /// Which.
        queue: String,
        /// In its words.
        reason: String,
    },
    /// A queue or exchange of this name is there and is not ours: it was declared by somebody else, in another way.
    #[error("{what} is there already and was declared by somebody else: {reason}")]
    Foreign {
        /// Which thing.
        what: String,
        /// In the broker's words.
        reason: String,
    },
}
