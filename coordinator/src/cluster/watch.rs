//! Following an execution live.

use baton_engine::Event;

/// All events of an execution so far, then those that become durable, in order and without gaps.
pub struct Watch {
    receiver: tokio::sync::mpsc::Receiver<Vec<Event>>,
}

impl Watch {
    /// The next events; `None` after the execution's last one, or when the watcher was too slow and has to begin again.
    pub async fn next(&mut self) -> Option<Vec<Event>> {
        self.receiver.recv().await
    }
}
