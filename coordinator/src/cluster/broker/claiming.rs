//! Offers that have come to this process, from the broker or from another member, on their way to somebody who serves their queue here: to a slot
//! in whose name they are claimed, or to a session that claims for itself.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::cluster::{ClaimName, ClaimOutcome, Cluster, ExecutionId, count_claim};
use crate::dispatch::{Random, SessionItem, SharedQueue, Slot, TaskToken, new_claim_id};
use crate::shard::Grant;
use baton_engine::TaskRef;

/// Whoever takes an offer.
pub(super) enum Taker {
    /// A reserved slot. The claim is made under an id of its own, so that a grant which provably has not left can be given to others.
    Slot(Slot),
    /// A session has been told of the offer; this hears when its claim is answered or the offer is handed back, and ends otherwise.
    Session(oneshot::Receiver<()>),
}

impl Taker {
    /// Somebody who serves the queue here and has room for one more.
    pub(super) fn of(cluster: &Cluster, queue: &SharedQueue, execution: ExecutionId, task: TaskRef) -> Option<Self> {
        let queues = &cluster.inner.queues;
        queues.take_slot(queue).map(Self::Slot).or_else(|| queues.pass_on(queue, execution, task).map(Self::Session))
    }

    /// Takes the offer to its end. Answers whether it is done with: granted, denied or handed back.
    pub(super) async fn take(self, cluster: Cluster, queue: Arc<SharedQueue>, execution: ExecutionId, task: TaskRef) -> bool {
        match self {
            Self::Session(answered) => answered.await.is_ok(),
            Self::Slot(slot) => {
                let claim_id = new_claim_id(Random::from_system().next_u64());
                claim(&cluster, &queue, slot, ClaimName { execution, task, claim_id }).await;
                true
            }
        }
    }
}

/// What an offer names, if it is one of ours.
pub(super) fn named(cluster: &Cluster, token: &[u8]) -> Option<TaskToken> {
    cluster.inner.key.open(token)
}

async fn claim(cluster: &Cluster, queue: &SharedQueue, slot: Slot, name: ClaimName) {
    let ClaimName { execution, task, claim_id } = name;
    let claim = slot.claim(claim_id);
    let _listed = cluster.list_claim(claim.incarnation, name);
    match cluster.claim_at_owner(execution, task, claim).await {
        Ok(Some(granted)) => {
            count_claim(ClaimOutcome::Granted);
            grant(cluster, slot, granted);
        }
        Ok(None) => {
            count_claim(ClaimOutcome::Denied);
            cluster.inner.queues.give_back(slot, &queue.name);
        }
        Err(error) => {
            // Whether it is granted is not known, and nobody will be told that it is.
            tracing::warn!(%execution, %error, "a claim has no answer; its task is offered again");
            cluster.grant_lost(execution, task, claim_id);
            cluster.inner.queues.give_back(slot, &queue.name);
        }
    }
}

fn grant(cluster: &Cluster, slot: Slot, grant: Box<Grant>) {
    let (execution, task, claim_id) = (grant.execution, grant.activation.task, grant.claim.claim_id);
    let is_lost = match slot {
        Slot::Session { session, queue } => session.push(SessionItem::Grant { grant, queue, is_claimed: false }).is_err(),
        Slot::Poller(poller) => poller.reply.send(grant).is_err(),
        Slot::Asked(_) | Slot::Claimant(_) => unreachable!("a queue gives out slots of sessions and pollers"),
    };
    if is_lost {
        // It has provably not left: this claim is known to nobody else, and the session was gone before.
        cluster.grant_lost(execution, task, claim_id);
    }
}
