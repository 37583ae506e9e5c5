//! Messages that were taken out of the broker and are not acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use baton_task_queue::Delivery;
use tokio::sync::Notify;

/// Messages that are not settled.
#[derive(Default)]
pub(super) struct InHand {
    count: AtomicUsize,
    fewer: Notify,
}

impl InHand {
    /// A message has come, with so many offers.
    pub(super) fn take(self: &Arc<Self>, delivery: Delivery, offers: usize) -> Arc<Message> {
        self.count.fetch_add(1, Ordering::AcqRel);
        Arc::new(Message { delivery: Some(delivery).into(), open: offers.into(), in_hand: self.clone() })
    }

    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    pub(super) async fn all_settled(&self) {
        while self.count() > 0 {
            self.fewer.notified().await;
        }
    }
}

/// A message in hand. The last of its offers that is settled acknowledges it; without that it goes back.
pub(super) struct Message {
    delivery: parking_lot::Mutex<Option<Delivery>>,
    open: AtomicUsize,
    in_hand: Arc<InHand>,
}

impl Message {
    /// One of its offers was granted, denied or handed back.
    pub(super) fn settle(&self) {
        if self.open.fetch_sub(1, Ordering::AcqRel) == 1
            && let Some(delivery) = self.delivery.lock().take()
        {
            delivery.acknowledge();
        }
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        self.in_hand.count.fetch_sub(1, Ordering::AcqRel);
        self.in_hand.fewer.notify_one();
    }
}
