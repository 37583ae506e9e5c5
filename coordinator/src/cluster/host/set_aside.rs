//! What the host's shards have set aside: single executions, and checkpoints that have stopped.
//!
//! Neither holds anybody else up, so only what is told of them here makes an operator look.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Host;
use crate::store::ShardId;

/// What the shards of all hosts have set aside.
#[derive(Debug, Default)]
pub(crate) struct SetAside(Mutex<BTreeMap<ShardId, OfShard>>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct OfShard {
    executions: usize,
    /// Why its checkpoints have stopped.
    stopped: Option<Arc<str>>,
}

impl SetAside {
    /// Shards whose checkpoints have stopped, and why, in the order of their numbers.
    pub(crate) fn stopped_checkpoints(&self) -> Vec<(ShardId, Arc<str>)> {
        self.0.lock().iter().filter_map(|(shard, of)| Some((*shard, of.stopped.clone()?))).collect()
    }

    /// Executions that are set aside.
    pub(crate) fn executions(&self) -> usize {
        self.0.lock().values().map(|of| of.executions).sum()
    }

    /// The shard is no longer here.
    pub(super) fn forget(&self, shard: ShardId) {
        self.0.lock().remove(&shard);
    }

    fn note(&self, shard: ShardId, of: OfShard) {
        let mut shards = self.0.lock();
        if of == OfShard::default() {
            shards.remove(&shard);
        } else {
            shards.insert(shard, of);
        }
    }
}

impl Host {
    /// Notes what has changed.
    pub(super) fn note_set_aside(&mut self) {
        for owned in self.shards.iter_mut().flatten() {
            // A shard that is lost writes nothing at all, and is reported as such.
            let stopped = owned.shard.checkpoints_stopped().filter(|_| owned.shard.lost().is_none()).cloned();
            self.shared.set_aside.note(owned.shard.id(), OfShard { executions: owned.shard.set_aside_count(), stopped });
        }
    }
}
