//! Tasks that other members cannot offer through a broker, for those who serve their queues here: as long as there are free slots, the other members
//! are asked for what they have. What they name is claimed as an offer of the broker is.
//!
//! Whoever is asked lends a task to one asker at a time, and offers it anew when it is not claimed soon. Nobody is asked for more than there are
//! free slots.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::claiming::Taker;
use crate::cluster::{Cluster, PeerAnswer, Question};
use crate::dispatch::SharedQueue;
use crate::store::Member;

/// Pauses between questions while there is no broker here, and while there is one: another member may be cut off from it.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_BESIDE_BROKER: Duration = Duration::from_secs(2);
/// The same while there is work.
const PAUSE_BUSY: Duration = Duration::from_millis(2);
/// A member that has not answered by then has nothing to lend.
const ANSWER_MAX: Duration = Duration::from_millis(500);

/// Runs until it is dropped.
pub(super) async fn run(cluster: Cluster) {
    let mut link = cluster.inner.broker.as_ref().map(|broker| broker.link());
    loop {
        let is_cut_off = link.as_mut().is_none_or(|link| !link.borrow_and_update().is_up);
        let mut has_got = false;
        for member in cluster.inner.directory.others() {
            has_got |= borrow(&cluster, &member, is_cut_off).await;
        }
        let pause = match (has_got, is_cut_off) {
            (true, _) => PAUSE_BUSY,
            (false, true) => PAUSE,
            (false, false) => PAUSE_BESIDE_BROKER,
        };
        let changed = async {
            match &mut link {
                Some(link) => drop(link.changed().await),
                None => std::future::pending().await,
            }
        };
        let _ = timeout(pause, changed).await;
    }
}

/// Asks one member for as much as there are free slots. Answers whether it had anything.
async fn borrow(cluster: &Cluster, member: &Arc<Member>, is_cut_off: bool) -> bool {
    let (queues, wanted): (Vec<_>, Vec<_>) =
        cluster.inner.queues.with_free_slots().into_iter().map(|(queue, slots)| (queue.clone(), (queue.name.clone(), slots))).unzip();
    if wanted.is_empty() {
        return false;
    }
    let asked = timeout(ANSWER_MAX, cluster.inner.remote.ask(member, Question::Borrow { wanted, is_cut_off })).await;
    let Ok(Ok(PeerAnswer::Lent(lent))) = asked else { return false };
    for (place, name) in &lent {
        let Some(queue) = queues.get(*place as usize) else { continue };
        take(cluster, queue, name.execution, name.task);
    }
    !lent.is_empty()
}

fn take(cluster: &Cluster, queue: &Arc<SharedQueue>, execution: crate::cluster::ExecutionId, task: baton_engine::TaskRef) {
    let Some(taker) = Taker::of(cluster, queue, execution, task) else { return cluster.hand_back(execution, task) };
    let (cluster, queue) = (cluster.clone(), queue.clone());
    tokio::spawn(async move {
        if !taker.take(cluster.clone(), queue, execution, task).await {
            cluster.hand_back(execution, task);
        }
    });
}
