//! What others hold of a shard's tasks, for those who find out whether they live.

use baton_engine::{Claim, Holder, TaskRef};

use super::live::{Live, TaskHolder};
use super::{ExecutionId, Shard, World};

impl<W: World> Shard<W> {
    /// Shows every claim of a worker or a process that is durable and has left: whoever holds it has heard of it or is about to.
    pub fn for_each_held(&self, mut show: impl FnMut(ExecutionId, TaskRef, &Claim)) {
        let durable_seq = self.log.durable_seq;
        let has_left = |live: &Live| live.express.is_some() || live.last_seq <= durable_seq;
        for (id, live) in self.live.iter().filter(|(_, live)| has_left(live)) {
            for open in &live.tasks {
                match &open.holder {
                    TaskHolder::Claimed(claim) if claim.holder != Holder::Poller => show(*id, open.task, claim),
                    TaskHolder::Claimed(_) | TaskHolder::Queued(_) | TaskHolder::Unplaced | TaskHolder::Submitted => {}
                }
            }
        }
    }

    /// Whether the execution is in memory and runs.
    pub fn is_live(&self, id: ExecutionId) -> bool {
        self.live.contains_key(&id)
    }
}
