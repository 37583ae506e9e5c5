//! Who holds the claims of a shard.

use super::*;

impl Cluster {
    /// A claim has come again: what is being asked about it is out of date.
    pub(super) fn heard_of(&mut self, member: usize, shard: ShardId, claim_id: u64) {
        let Some(holder) = self.members[member].shards.get_mut(&shard).and_then(|held| held.holders.get_mut(&claim_id)) else { return };
        holder.question = None;
    }

    /// A worker's session has ended: whoever listens hears of it once.
    pub(crate) fn session_ended(&mut self, worker: usize) {
        let incarnation = self.workers[worker].incarnation;
        for mate in self.members.iter_mut().filter(|mate| mate.is_up) {
            for holder in mate.shards.values_mut().flat_map(|held| held.holders.values_mut()) {
                holder.heard_of_loss |= holder.claim.incarnation == incarnation;
            }
        }
    }

    /// Whether each claim's worker lives, and still holds it.
    pub(super) fn look_for_holders(&mut self, member: usize, shard: ShardId) {
        let now = self.now;
        let is_edge = self.has(Mutant::EdgeTriggeredLoss);
        let regrants = self.has(Mutant::RegrantsHeldClaims);
        let mate = &mut self.members[member];
        let mine =
            self.workers.iter().filter(|worker| worker.is_up && worker.member == member).map(|worker| (worker.incarnation, worker.session));
        let others = mate.others.iter().flat_map(|other| other.sessions.iter()).map(|session| (session.incarnation, session.session_id));
        let sessions: BTreeMap<u64, u64> = others.chain(mine).collect();
        let Some(held) = mate.shards.get_mut(&shard) else { return };
        let token = held.token;
        let (mut lost, mut asked, mut unheld) = (Vec::new(), Vec::new(), Vec::new());
        for (claim_id, holder) in &mut held.holders {
            let session = sessions.get(&holder.claim.incarnation).copied();
            if session.is_some() {
                holder.gone_since = None;
            }
            let gone_since = *holder.gone_since.get_or_insert(now);
            match session {
                None if is_edge && !holder.heard_of_loss => {}
                None if now - gone_since >= WORKER_LOST => lost.push(*claim_id),
                None => {}
                Some(session) => {
                    holder.gone_since = None;
                    let is_known = holder.confirmed == Some(session);
                    if regrants && now - holder.since >= CONFIRM_AFTER {
                        unheld.push(*claim_id);
                    } else if !is_known && now - holder.since >= CONFIRM_AFTER {
                        holder.since = now;
                        mate.questions += 1;
                        holder.question = Some(mate.questions);
                        asked.push((*claim_id, mate.questions, holder.claim.incarnation));
                    }
                }
            }
        }
        for claim_id in lost {
            let is_lost = !self.has(Mutant::RegrantsOfTheLost);
            self.holder_is(member, shard, token, claim_id, is_lost);
        }
        for claim_id in unheld {
            self.holder_is(member, shard, token, claim_id, false);
        }
        for (claim_id, question, incarnation) in asked {
            let Some(worker) = self.workers.iter().position(|worker| worker.incarnation == incarnation) else { continue };
            self.tell_worker(member, worker, incarnation, ToWorker::Holding { member, shard, claim_id, question });
        }
    }

    /// Whoever held the claim is gone for good, or nobody has it.
    pub(super) fn holder_is(&mut self, member: usize, shard: ShardId, token: Token, claim_id: u64, is_lost: bool) {
        let Some(Holder { id, task, .. }) = self.held(member, shard, token).and_then(|held| held.holders.remove(&claim_id)) else { return };
        let input = match is_lost {
            true => ShardInput::HolderLost { id, task, claim_id },
            false => ShardInput::GrantLost { id, task, claim_id },
        };
        self.step_owned(member, shard, token, input);
    }

    pub(super) fn answered(&mut self, member: usize, shard: ShardId, claim_id: u64, question: u64, is_held: bool, session: u64) {
        let Some(held) = self.members[member].shards.get_mut(&shard) else { return };
        let token = held.token;
        let Some(holder) = held.holders.get_mut(&claim_id).filter(|holder| holder.question == Some(question)) else { return };
        holder.question = None;
        if is_held {
            holder.confirmed = Some(session);
        } else {
            self.holder_is(member, shard, token, claim_id, false);
        }
    }
}

impl Holder {
    pub(super) fn new(id: ExecutionId, task: TaskRef, claim: Claim, now: i64) -> Self {
        Self { id, task, claim, gone_since: None, confirmed: None, since: now, question: None, heard_of_loss: false }
    }
}
