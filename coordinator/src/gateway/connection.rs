//! One open session: what both of its sides share, and its end.

use std::sync::Arc;
use std::time::Instant;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use parking_lot::Mutex;

use crate::cluster::Cluster;
use crate::dispatch::{Session, SessionItem, SharedQueue};
use crate::shard::HeldClaim;

/// See the module.
pub(super) struct Connection {
    pub(super) cluster: Cluster,
    pub(super) session: Arc<Session>,
    /// Queues that it serves, by the name that the worker uses.
    pub(super) queues: Mutex<HashMap<Arc<str>, Arc<SharedQueue>, FixedState>>,
}

impl Connection {
    /// The queue that the worker calls so.
    pub(super) fn queue(&self, name: &str) -> Option<Arc<SharedQueue>> {
        self.queues.lock().get(name).cloned()
    }

    /// Ends the session. What has provably not left goes to others at once; what the worker holds is lost if it is not back by `lost_at`.
    pub(super) fn end(&self, lost_at: Instant) {
        let (unsent, mut held) = self.session.close();
        self.leave_queues();
        held.extend(give_to_others(&self.cluster, unsent));
        self.cluster.sessions().disconnect(&self.session, held, lost_at);
    }

    /// Nothing new is granted or offered to the session.
    pub(super) fn leave_queues(&self) {
        let queues = std::mem::take(&mut *self.queues.lock());
        for queue in queues.into_values() {
            self.cluster.task_queues().leave(&queue, self.session.info().session_id);
        }
    }
}

/// Grants that a session was not sent any more go to other slots. Those that its worker has claimed are still its own, and answered: it claims
/// them again.
pub(super) fn give_to_others(cluster: &Cluster, unsent: Vec<SessionItem>) -> Vec<HeldClaim> {
    let mut claimed = Vec::new();
    for item in unsent {
        match item {
            SessionItem::Grant { grant, is_claimed: true, .. } => {
                claimed.push(HeldClaim { execution: grant.execution, task: grant.activation.task, claim: grant.claim });
            }
            SessionItem::Grant { grant, is_claimed: false, .. } => {
                cluster.grant_lost(grant.execution, grant.activation.task, grant.claim.claim_id);
            }
            // Offers come back with the queue; whatever else was to be told, the worker asks again or learns when it comes back.
            SessionItem::Offer { .. }
            | SessionItem::Denied { .. }
            | SessionItem::Cancel { .. }
            | SessionItem::Ack { .. }
            | SessionItem::Drain => {}
        }
    }
    claimed
}
