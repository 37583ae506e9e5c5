//! The shards of a member: what they need from time to time, and what they put out.

use super::*;

impl Cluster {
    /// What a shard needs from time to time.
    pub(super) fn tend(&mut self, member: usize, shard: ShardId) {
        let now = self.now;
        let Some(held) = self.members[member].shards.get_mut(&shard) else { return };
        let token = held.token;
        if held.pending.front().is_some_and(|pending| now - pending.first_at >= APPEND_FAILED) {
            let last = held.pending.back().map_or(0, |pending| pending.seq);
            let result = if self.has(Mutant::AssumesWritten) { Ok(()) } else { Err(StoreError::Failed("no answer".to_owned())) };
            if let Some(held) = self.held(member, shard, token) {
                held.retry_at = Some(now + 300);
            }
            self.appended(member, shard, token, last, result);
        } else if held.pending.front().is_some_and(|pending| now - pending.sent_at >= APPEND_AGAIN) {
            held.pending.iter_mut().for_each(|pending| pending.sent_at = now);
            let again: Vec<_> = held.pending.iter().map(|pending| (pending.seq - 1, pending.batch.clone())).collect();
            for (expected_seq, batch) in again {
                self.ask_store(member, Request::Append { shard, token, expected_seq, batch });
            }
        }
        let Some(held) = self.held(member, shard, token) else { return };
        if held.retry_at.is_some_and(|at| at <= now) {
            held.retry_at = None;
            if held.shard.wants_retry() {
                self.step_owned(member, shard, token, ShardInput::Retry);
            }
        }
        let Some(held) = self.held(member, shard, token) else { return };
        if let Some(under_way) = held.checkpoint.as_mut().filter(|under_way| now - under_way.sent_at >= STORE_SILENT) {
            under_way.sent_at = now;
            let (upto_seq, ops) = (under_way.upto_seq, under_way.ops.clone());
            self.ask_store(member, Request::Checkpoint { shard, token, upto_seq, ops });
        }
        self.resume(member, shard);
        self.look_for_holders(member, shard);
        self.give_up_if_settled(member, shard);
    }

    /// A shard that is to go goes when everything that it has decided is durable.
    pub(super) fn give_up_if_settled(&mut self, member: usize, shard: ShardId) {
        let now = self.now;
        let Some(held) = self.members[member].shards.get_mut(&shard).filter(|held| held.is_leaving) else { return };
        let token = held.token;
        match held.release_sent_at {
            Some((first_at, _)) if now - first_at >= 2 * STORE_SILENT => {
                self.drop_shard(member, shard);
                self.moved(member, Moved::Lost(shard));
            }
            Some((first_at, at)) if now - at >= APPEND_AGAIN => {
                held.release_sent_at = Some((first_at, now));
                self.ask_store(member, Request::Release { shard, token });
            }
            Some(_) => {}
            None if held.shard.is_settled() && held.checkpoint.is_none() => {
                held.release_sent_at = Some((now, now));
                self.ask_store(member, Request::Release { shard, token });
            }
            None => {}
        }
    }

    pub(super) fn drop_shard(&mut self, member: usize, shard: ShardId) {
        let mate = &mut self.members[member];
        mate.shards.remove(&shard);
        mate.world.drop_shard(shard);
        mate.errands.give_up(shard);
    }

    // Shards.

    pub(super) fn step_owned(&mut self, member: usize, shard: ShardId, token: Token, input: ShardInput<MemberWorld>) {
        let now = self.now;
        let mate = &mut self.members[member];
        let Some(held) = mate.shards.get_mut(&shard).filter(|held| held.token == token) else { return };
        let mut out = Vec::new();
        held.shard.step(now, input, &mut mate.world, &mut out);
        self.carry_out(member, shard, token, out);
        self.resume(member, shard);
        self.part_if_lost(member, shard);
    }

    /// As [`step_owned`](Self::step_owned), of whoever is the owner here by now. Its lease may have lapsed: it may be its own again.
    pub(crate) fn step_here(&mut self, member: usize, id: ExecutionId, input: ShardInput<MemberWorld>) {
        let (shard, now) = (Self::shard_of(id), self.now);
        let Some(held) = self.members[member].shards.get(&shard).filter(|held| !held.is_leaving) else { return };
        if now < held.lease_until || !input.can_be_asked_elsewhere() {
            let token = held.token;
            self.step_owned(member, shard, token, input);
        }
    }

    pub(super) fn resume(&mut self, member: usize, shard: ShardId) {
        let now = self.now;
        let mate = &mut self.members[member];
        let Some(held) = mate.shards.get_mut(&shard).filter(|held| held.release_sent_at.is_none()) else { return };
        let token = held.token;
        let mut out = Vec::new();
        held.shard.resume(now, &mut mate.world, &mut out);
        if held.checkpoint.is_none() && held.shard.wants_checkpoint(now) {
            held.shard.begin_checkpoint(&mut out);
        }
        self.carry_out(member, shard, token, out);
    }

    pub(super) fn part_if_lost(&mut self, member: usize, shard: ShardId) {
        if self.members[member].shards.get(&shard).is_some_and(|held| held.shard.lost().is_some()) {
            self.drop_shard(member, shard);
            self.moved(member, Moved::Lost(shard));
        }
    }

    pub(super) fn carry_out(&mut self, member: usize, shard: ShardId, token: Token, out: Vec<Output<MemberWorld>>) {
        for output in out {
            match output {
                Output::Append { expected_seq, batch } => self.append(member, shard, token, expected_seq, batch),
                Output::Load(id) => {
                    let after = 1 + self.random.below(5) as i64;
                    self.member_later(member, after, ToMember::Loaded { shard, token, id });
                }
                Output::LoadHistory { id, stored } => {
                    let after = 1 + self.random.below(30) as i64;
                    self.member_later(member, after, ToMember::HistoryLoaded { shard, token, id, stored });
                }
                Output::Checkpoint { upto_seq, ops } => {
                    let now = self.now;
                    if let Some(held) = self.held(member, shard, token) {
                        held.checkpoint = Some(CheckpointUnderWay { sent_at: now, upto_seq, ops: ops.clone() });
                    }
                    self.ask_store(member, Request::Checkpoint { shard, token, upto_seq, ops });
                }
                Output::Reply(asker, answer) => self.answer(member, shard, asker, answer),
                Output::Grant(slot, grant) => {
                    let now = self.now;
                    if let Some(held) = self.held(member, shard, token) {
                        let holder = Holder::new(grant.execution, grant.activation.task, grant.claim.clone(), now);
                        held.holders.entry(slot.claim_id).or_insert(holder);
                    }
                    let what = ToWorker::Granted { slot, grant };
                    self.tell_worker(member, slot.worker, slot.incarnation, what);
                }
                Output::Deny { slot, claim_id, .. } => {
                    self.tell_worker(member, slot.worker, slot.incarnation, ToWorker::Denied { claim_id })
                }
                Output::Timer { due, id } => self.member_later(member, (due - self.now).max(0), ToMember::Due { shard, token, id }),
                Output::Wake { due } => self.member_later(member, (due - self.now).max(0), ToMember::Wake { shard, token }),
                Output::Deliver(_) => panic!("nothing is delivered here"),
                Output::MapRun(order) => self.map_run_orders(member, *order),
                Output::ChildEnded(report) => self.child_ended(member, *report),
                Output::LoadMapRun(id) => {
                    let after = 1 + self.random.below(5) as i64;
                    self.member_later(member, after, ToMember::MapRunLoaded { id });
                }
                Output::Return(_)
                | Output::Stray { .. }
                | Output::Cancel { .. }
                | Output::Watched(..)
                | Output::WatchedEnd(())
                | Output::Announce(()) => {}
            }
        }
    }

    pub(super) fn append(&mut self, member: usize, shard: ShardId, token: Token, expected_seq: u64, batch: Bytes) {
        let now = self.now;
        let Some(held) = self.held(member, shard, token) else { return };
        held.pending.push_back(Pending { seq: expected_seq + 1, batch: batch.clone(), sent_at: now, first_at: now });
        self.ask_store(member, Request::Append { shard, token, expected_seq, batch });
        if self.has(Mutant::AcknowledgesEarly) {
            let mate = &mut self.members[member];
            let Some(held) = mate.shards.get_mut(&shard) else { return };
            let mut out = Vec::new();
            held.shard.step(now, ShardInput::Durable { seq: expected_seq + 1, result: Ok(()) }, &mut mate.world, &mut out);
            self.carry_out(member, shard, token, out);
        }
    }
}
