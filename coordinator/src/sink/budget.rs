//! How much may wait in a queue.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What an item costs beside its bytes, so that many small ones are bounded too.
const ITEM_BYTES: usize = 256;

/// Bytes that may wait. Clones share them.
#[derive(Clone)]
pub(crate) struct Budget(Arc<Semaphore>);

/// The bytes of one item, given back when it is dropped.
pub(crate) struct Held(#[expect(dead_code, reason = "held for its end")] OwnedSemaphorePermit);

impl Budget {
    /// So many bytes.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes_max.min(Semaphore::MAX_PERMITS))))
    }

    /// Room for an item of so many bytes; `None` if there is none.
    pub(crate) fn hold(&self, bytes: usize) -> Option<Held> {
        let bytes = u32::try_from(bytes.saturating_add(ITEM_BYTES)).ok()?;
        self.0.clone().try_acquire_many_owned(bytes).ok().map(Held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_not_there_for_others() {
        let budget = Budget::new(2 * ITEM_BYTES + 20);
        let first = budget.hold(10).expect("there is room");
        let _second = budget.hold(10).expect("there is room");
        assert!(budget.hold(0).is_none());
        drop(first);
        assert!(budget.hold(11).is_none());
        assert!(budget.hold(10).is_some());
    }
}
