//! Queues that somebody is to look at, each by its name, in order.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// See the module. Whoever notes sees to it that nothing stands here twice.
#[derive(Debug, Default)]
pub(super) struct Noted {
    names: Mutex<VecDeque<Arc<str>>>,
    is_there: Notify,
}

impl Noted {
    pub(super) fn note(&self, name: &Arc<str>) {
        self.names.lock().push_back(name.clone());
        self.is_there.notify_one();
    }

    /// Waits for the next. For one reader; cancel-safe.
    pub(super) async fn next(&self) -> Arc<str> {
        loop {
            if let Some(name) = self.names.lock().pop_front() {
                return name;
            }
            self.is_there.notified().await;
        }
    }
}
