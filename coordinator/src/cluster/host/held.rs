//! What others hold of the host's tasks, where whoever holds it may be at another member.

use std::collections::BTreeSet;

use super::{Host, HostMessage, Owned};
use crate::dispatch::is_of_worker;
use crate::shard::{HeldClaim, ShardInput};
use crate::store::ShardId;

impl Owned {
    /// Everything that is held of the shard's tasks. Of what was held when the shard came some may be over.
    fn for_each_held(&self, mut show: impl FnMut(HeldClaim)) {
        self.held_when_it_came.iter().filter(|held| !self.shard.is_live(held.execution)).for_each(|held| show(held.clone()));
        self.shard.for_each_held(|execution, task, claim| show(HeldClaim { execution, task, claim: claim.clone() }));
    }
}

impl Host {
    /// A shard has come of which others hold this. What is not in memory is remembered here.
    pub(super) fn note_held(&mut self, shard: ShardId, held: &[HeldClaim]) {
        let index = self.index(shard);
        if let Some(owned) = &mut self.shards[index] {
            owned.held_when_it_came = held.iter().filter(|held| !owned.shard.is_live(held.execution)).cloned().collect();
        }
    }

    /// Who holds something.
    pub(super) fn holders(&self) -> BTreeSet<u64> {
        let mut holders = BTreeSet::new();
        for owned in self.shards.iter().flatten() {
            holders.extend(owned.held_when_it_came.iter().map(|held| held.claim.incarnation));
            owned.shard.for_each_held(|_, _, claim| {
                holders.insert(claim.incarnation);
            });
        }
        holders
    }

    /// What the worker holds.
    pub(super) fn held_by(&self, worker: u64) -> Vec<HeldClaim> {
        let mut held = Vec::new();
        for owned in self.shards.iter().flatten() {
            owned.for_each_held(|claim| {
                if claim.claim.incarnation == worker {
                    held.push(claim);
                }
            });
        }
        held
    }

    /// These tasks go to somebody else; but a worker's own claim is repeated by it until it is answered, and may be at any moment. One after another with what else comes: there may be many.
    pub(super) fn not_held(&mut self, claims: Vec<HeldClaim>) {
        let names: BTreeSet<_> = claims
            .iter()
            .filter(|held| !is_of_worker(held.claim.claim_id))
            .map(|held| (held.execution, held.task, held.claim.claim_id))
            .collect();
        let is_named = |held: &HeldClaim| names.contains(&(held.execution, held.task, held.claim.claim_id));
        self.take_held(is_named, |HeldClaim { execution: id, task, claim }| ShardInput::GrantLost { id, task, claim_id: claim.claim_id });
    }

    /// What the worker holds fails.
    pub(super) fn worker_lost(&mut self, worker: u64) {
        let lost = |HeldClaim { execution: id, task, claim }: HeldClaim| {
            tracing::warn!(worker = claim.worker_name.as_deref(), execution = %id, "a worker was lost while it held a task");
            ShardInput::HolderLost { id, task, claim_id: claim.claim_id }
        };
        self.take_held(|held| held.claim.incarnation == worker, lost);
    }

    fn take_held(&mut self, is_meant: impl Fn(&HeldClaim) -> bool, as_input: impl Fn(HeldClaim) -> super::Input) {
        for owned in self.shards.iter_mut().flatten() {
            let shard = owned.shard.id();
            let mail = &mut self.mail;
            owned.for_each_held(|held| {
                if is_meant(&held) {
                    mail.push(HostMessage::Shard(shard, as_input(held)));
                }
            });
            owned.held_when_it_came.retain(|held| !is_meant(held));
        }
    }
}
