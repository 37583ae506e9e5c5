//! This process among the members, as the rest of it sees that.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};

/// How long it may take to leave in order, before what is left is left to the leases' end.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(20);

/// This process among the members.
pub(crate) struct Membered {
    leave: mpsc::Sender<oneshot::Sender<()>>,
    look: Arc<Notify>,
}

/// Where it is heard that this process is to leave.
pub(crate) type Leaving = mpsc::Receiver<oneshot::Sender<()>>;

impl Membered {
    /// Of a process that is about to [join](join).
    pub(crate) fn new() -> (Self, Leaving) {
        let (leave, leaving) = mpsc::channel(1);
        (Self { leave, look: Arc::default() }, leaving)
    }

    /// What the others have has changed.
    pub(crate) fn look(&self) {
        self.look.notify_one();
    }

    /// Where that is heard.
    pub(crate) fn looking(&self) -> Arc<Notify> {
        self.look.clone()
    }

    /// Hands everything over in order and says goodbye to the others.
    pub(crate) async fn leave(&self) {
        let (reply, left) = oneshot::channel();
        if self.leave.send(reply).await.is_err() {
            return;
        }
        if tokio::time::timeout(LEAVE_TIMEOUT, left).await.is_err() {
            tracing::warn!("not all shards were handed over in time; others take them over when their leases have ended");
        }
    }
}
