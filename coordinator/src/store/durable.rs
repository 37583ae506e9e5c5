//! How a store says that a batch is durable.

use std::fmt;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::{ShardId, StoreError};

/// The end of one append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Durable {
    /// Whose batch.
    pub shard: ShardId,
    /// Number that the batch has, or would have had.
    pub seq: u64,
    /// `Ok` if it is on stable storage.
    pub result: Result<(), StoreError>,
}

/// Receiving end of [`DurableSender::channel`].
pub type DurableReceiver = mpsc::UnboundedReceiver<Durable>;

/// Takes the ends of appends. Clones are cheap and lead to the same place.
#[derive(Clone)]
pub struct DurableSender(Arc<dyn Fn(Durable) + Send + Sync>);

impl DurableSender {
    /// Hands every end to `deliver`, on a thread of the store. It must neither block nor call the store.
    pub fn new(deliver: impl Fn(Durable) + Send + Sync + 'static) -> Self {
        Self(Arc::new(deliver))
    }

    /// A channel. It holds no more messages than its owner has appends under way.
    pub fn channel() -> (DurableSender, DurableReceiver) {
        let (sender, receiver) = mpsc::unbounded_channel();
        // A receiver that has gone away has no use for the message.
        let deliver = move |durable| drop(sender.send(durable));
        (Self::new(deliver), receiver)
    }

    /// Tells the end of one append. For stores.
    pub fn deliver(&self, durable: Durable) {
        (self.0)(durable);
    }
}

impl fmt::Debug for DurableSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DurableSender")
    }
}
