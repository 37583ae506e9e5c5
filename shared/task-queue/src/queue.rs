//! The border: what a broker must do for baton.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::watch;

use crate::Offer;

/// A broker with queues of offers, by name: `lambda:<function>`, `activity:<ARN>`.
///
/// Usable as `Arc<dyn TaskQueue>`. It looks after its connection itself: calls fail while there is none, and [`link`](Self::link) tells.
pub trait TaskQueue: Send + Sync + 'static {
    /// Puts offers into the queue, which is made if it is not there. Answers `Ok` once the broker has taken responsibility for all of them; after
    /// an error any of them may be in the queue all the same.
    fn publish<'a>(&'a self, queue: &'a str, offers: Vec<Offer>) -> BoxFuture<'a, Result<(), QueueError>>;

    /// Takes offers out of the queue, which is made if it is not there: at most `prefetch` messages of them unacknowledged at a time. It ends
    /// with the connection.
    fn consume<'a>(&'a self, queue: &'a str, prefetch: u16) -> BoxFuture<'a, Result<Box<dyn Consumer>, QueueError>>;

    /// How the queue stands; `None` if it is not there.
    fn depth<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, Result<Option<Depth>, QueueError>>;

    /// How the connection stands, as it changes.
    fn link(&self) -> watch::Receiver<Link>;

    /// What tells these queues from others of the same names at the same broker, if anything does. Whoever looks for them elsewhere finds nothing.
    fn namespace(&self) -> Option<&str> {
        None
    }
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
    /// The next message; `None` once the connection is gone. Cancel-safe: no message is lost when the future is dropped.
    fn next(&mut self) -> BoxFuture<'_, Option<Delivery>>;

    /// How many messages may be unacknowledged from now on; 0 stops it for the time being. What the broker has sent ahead and is too much now
    /// goes back. It costs a round trip or two: something for a change of what a worker can take, not for every message.
    fn set_prefetch(&mut self, prefetch: u16) -> BoxFuture<'_, Result<(), QueueError>>;
}

/// One message. Dropped without having been [acknowledged](Self::acknowledge), it goes back into the queue.
#[derive(Debug)]
pub struct Delivery {
    /// What it carries, at least one.
    pub offers: Vec<Offer>,
    /// Whether the broker says that it has been delivered before.
    pub is_redelivered: bool,
    end: End,
}

impl Delivery {
    /// A message that its consumer knows by `tag`, and who hears of its end.
    pub fn new(offers: Vec<Offer>, is_redelivered: bool, tag: u64, settlement: Arc<dyn Settlement>) -> Self {
        Self { offers, is_redelivered, end: End { tag, settlement: Some(settlement) } }
    }

    /// Each of its offers has been claimed, denied or handed back. Without effect when the connection or the consumer is gone: the broker has
    /// given the message to others already.
    pub fn acknowledge(mut self) {
        self.end.settle(true);
    }
}

/// Hears how deliveries end, each once, on whatever thread it happens; it must not block.
pub trait Settlement: Send + Sync {
    /// The message with this tag was acknowledged, or is to go back into the queue.
    fn settle(&self, tag: u64, is_acknowledged: bool);
}

/// A field of its own, so that [`Delivery::offers`] can be moved out.
struct End {
    tag: u64,
    settlement: Option<Arc<dyn Settlement>>,
}

impl End {
    fn settle(&mut self, is_acknowledged: bool) {
        if let Some(settlement) = self.settlement.take() {
            settlement.settle(self.tag, is_acknowledged);
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.settle(false);
    }
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("End").field("tag", &self.tag).finish_non_exhaustive()
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
    #[error(
        "{what} is there already and was declared by somebody else: {reason}; delete it at the broker, or choose another --queue-namespace"
    )]
    Foreign {
        /// Which thing.
        what: String,
        /// In the broker's words.
        reason: String,
    },
}
