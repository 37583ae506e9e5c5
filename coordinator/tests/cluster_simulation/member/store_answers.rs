//! What the store answers a member, and what a shard is read back from.

use super::*;

impl Cluster {
    pub(super) fn store_answers(&mut self, member: usize, sent_at: i64, reply: Reply) {
        match reply {
            Reply::Acquired { shard, token, seq, checkpoint_seq } => self.acquired(member, sent_at, shard, token, seq, checkpoint_seq),
            Reply::Held { shard, for_ms } => {
                if self.is_awaited(member, shard, sent_at) {
                    self.moved(member, Moved::Held { shard, for_ms });
                }
            }
            Reply::Appended { shard, token, seq } => {
                self.prolong(member, shard, token, sent_at);
                self.appended(member, shard, token, seq, Ok(()));
            }
            Reply::Behind { shard, token, last_seq } => {
                // Something before it was overtaken: it comes again by itself.
                let _ = (shard, token, last_seq);
            }
            Reply::Fenced { .. } if self.has(Mutant::StaysAfterFence) => {}
            Reply::Fenced { shard, token } => self.fenced(member, shard, token),
            Reply::Renewed(answers) => {
                for (shard, token, is_owner) in answers {
                    if is_owner || self.has(Mutant::StaysAfterFence) {
                        self.prolong(member, shard, token, sent_at);
                    } else {
                        self.fenced(member, shard, token);
                    }
                }
            }
            Reply::Checkpointed { shard, token, is_done } => {
                let Some(held) = self.held(member, shard, token) else { return };
                if held.checkpoint.take_if(|under_way| under_way.sent_at == sent_at).is_some() {
                    let result = if is_done { Ok(()) } else { Err(StoreError::Fenced { shard }) };
                    self.step_owned(member, shard, token, ShardInput::Checkpointed { result });
                }
            }
            Reply::Released { shard, token } => {
                if self.held(member, shard, token).is_some_and(|held| held.release_sent_at.is_some()) {
                    self.drop_shard(member, shard);
                    self.moved(member, Moved::GivenUp(shard));
                }
            }
            Reply::Members(members) => self.heard(member, sent_at, members),
        }
    }

    /// Whether this is the answer to the request for the shard that is under way.
    pub(super) fn is_awaited(&mut self, member: usize, shard: ShardId, sent_at: i64) -> bool {
        let acquiring = &mut self.members[member].acquiring;
        let is_it = acquiring.get(&shard) == Some(&sent_at);
        is_it && acquiring.remove(&shard).is_some()
    }

    pub(super) fn heard(&mut self, member: usize, sent_at: i64, members: Vec<Arc<Member>>) {
        let mate = &mut self.members[member];
        if mate.beat_sent_at.take_if(|at| *at == sent_at).is_none() {
            return;
        }
        let me = mate.incarnation;
        mate.others = members.iter().filter(|other| other.incarnation != me).cloned().collect();
        self.moved(member, Moved::Members(members));
    }

    pub(super) fn held(&mut self, member: usize, shard: ShardId, token: Token) -> Option<&mut Held> {
        self.members[member].shards.get_mut(&shard).filter(|held| held.token == token)
    }

    pub(super) fn prolong(&mut self, member: usize, shard: ShardId, token: Token, sent_at: i64) {
        if let Some(held) = self.held(member, shard, token) {
            held.lease_until = held.lease_until.max(sent_at + TTL - MARGIN);
        }
    }

    pub(super) fn fenced(&mut self, member: usize, shard: ShardId, token: Token) {
        self.step_owned(member, shard, token, ShardInput::Lost { error: StoreError::Fenced { shard } });
    }

    /// The store has given the shard: it is read back.
    pub(super) fn acquired(&mut self, member: usize, sent_at: i64, shard: ShardId, token: Token, seq: u64, checkpoint_seq: u64) {
        if !self.is_awaited(member, shard, sent_at) {
            // The answer to a request that was given up, or a second one: nobody uses the token.
            let is_ours = self.held(member, shard, token).is_some();
            if !is_ours {
                self.ask_store(member, Request::Release { shard, token });
            }
            return;
        }
        self.moved(member, Moved::Acquired(shard));
        let checkpoint_seq = if self.has(Mutant::ReplaysTooLittle) { (checkpoint_seq + 3).min(seq) } else { checkpoint_seq };
        let log = (1_u64..).zip(&self.store.logs[&shard].batches).filter(|(number, _)| *number > checkpoint_seq);
        let log: Vec<(u64, Bytes)> = log.map(|(number, (_, batch))| (number, batch.clone())).collect();
        let mut recovering = Recovering::new(shard, seq, self.now, i64::MAX);
        for ((_, key), value) in rows(&self.store.table, Table::Meta, MetaKey::of_shard(shard)) {
            recovering.record(key, value).expect("a record can be read");
        }
        for (seq, batch) in log {
            for id in recovering.missing(&batch).expect("a batch can be read") {
                if let Some(value) = self.store.table.get(&(Table::Executions, ExecutionKey { execution: id.0 }.encode())) {
                    recovering.snapshot(id, value, &mut self.members[member].world).expect("a snapshot can be read");
                }
            }
            for id in recovering.redriven(&batch).expect("a batch can be read") {
                let segments = self.segments(id);
                recovering.history(id, &segments, &mut self.members[member].world).expect("an execution can be rebuilt");
            }
            recovering.replay(seq, &batch, &mut self.members[member].world).expect("a batch can be replayed");
        }
        let mut out = Vec::new();
        let (read, mut claims) = recovering.finish(&mut self.members[member].world, &mut out);
        if self.has(Mutant::ForgetsTasks) {
            self.members[member].world.drop_shard(shard);
            out.clear();
        }
        if self.has(Mutant::ForgetsHolders) {
            claims.clear();
        }
        if self.has(Mutant::ForgetsTimers) {
            out.retain(|output| !matches!(output, Output::Timer { .. }));
        }
        if self.has(Mutant::ForgetsEnds) {
            out.retain(|output| !matches!(output, Output::ChildEnded(_)));
        }
        let holders = claims.into_iter().map(|held| {
            let claim_id = held.claim.claim_id;
            (claim_id, Holder::new(held.execution, held.task, held.claim, self.now))
        });
        let held = Held {
            token,
            shard: read,
            lease_until: sent_at + TTL - MARGIN,
            pending: VecDeque::new(),
            retry_at: None,
            checkpoint: None,
            is_leaving: false,
            release_sent_at: None,
            holders: holders.collect(),
        };
        self.members[member].shards.insert(shard, held);
        let forgets_timers = self.has(Mutant::ForgetsTimers);
        let due: Vec<_> = rows(&self.store.table, Table::Timers, TimerKey::due(shard, i64::MIN, i64::MAX))
            .filter_map(|((_, key), _)| TimerKey::decode(key))
            .map(|row| (row.due_ms, ExecutionId(row.execution)))
            .collect();
        for (due, id) in due.into_iter().filter(|_| !forgets_timers) {
            self.member_later(member, (due - self.now).max(0), ToMember::Due { shard, token, id });
        }
        self.carry_out(member, shard, token, out);
        self.moved(member, Moved::Adopted(shard));
        self.resume(member, shard);
    }

    /// An append has come to an end.
    pub(super) fn appended(&mut self, member: usize, shard: ShardId, token: Token, seq: u64, result: Result<(), StoreError>) {
        // Batches are appended in order: what came before this one is there, too. Each may cost the member its shard.
        while let Some(held) = self.held(member, shard, token) {
            let Some(pending) = held.pending.pop_front_if(|pending| pending.seq <= seq) else { return };
            self.step_owned(member, shard, token, ShardInput::Durable { seq: pending.seq, result: result.clone() });
        }
    }

    /// The segments of an execution's history.
    pub(crate) fn segments(&self, id: ExecutionId) -> Vec<Bytes> {
        rows(&self.store.table, Table::History, HistoryKey::of_execution(id.0)).map(|(_, value)| value.clone()).collect()
    }
}

type Row<'a> = (&'a (Table, Vec<u8>), &'a Bytes);

/// The rows of a range.
fn rows(table: &BTreeMap<(Table, Vec<u8>), Bytes>, of: Table, range: baton_coordinator::store::KeyRange) -> impl Iterator<Item = Row<'_>> {
    let bound = |bound: std::ops::Bound<Vec<u8>>, is_start: bool| match bound {
        std::ops::Bound::Included(key) => std::ops::Bound::Included((of, key)),
        std::ops::Bound::Excluded(key) => std::ops::Bound::Excluded((of, key)),
        std::ops::Bound::Unbounded if is_start => std::ops::Bound::Included((of, Vec::new())),
        std::ops::Bound::Unbounded => std::ops::Bound::Unbounded,
    };
    table.range((bound(range.0, true), bound(range.1, false))).take_while(move |((table, _), _)| *table == of)
}
