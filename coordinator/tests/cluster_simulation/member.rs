//! A member: the real shards, the real ownership machine and the real outboxes, driven by what arrives.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::offers::{Batch, Published};
use baton_coordinator::cluster::ownership::{Action, Input as Moved, Ownership};
use baton_coordinator::shard::{Answer, ExecutionId, MapRunMessage, Output, Recovering, Seen, Shard, ShardInput, StoredEnded};
use baton_coordinator::store::keys::{ExecutionKey, HistoryKey, MetaKey, TimerKey};
use baton_coordinator::store::{KvOp, Member, MemberSession, ShardId, ShardSet, StoreError, Table, Token};
use baton_engine::{Claim, Input, TaskRef};
use bytes::Bytes;

use super::clients::{Told, start_of};
use super::cluster::{Cluster, Happening, Place, SHARD_BITS};
use super::errands::{Errands, Said, Wish};
use super::mutants::Mutant;
use super::shared_store::{MARGIN, Reply, Request, TTL};
use super::workers::ToWorker;
use super::world::{Asker, MemberWorld, Slot};

/// How often a member looks at the time.
const TICK: i64 = 100;
/// After this time an append is sent again, the same bytes,
const APPEND_AGAIN: i64 = 500;
/// and after this one the shard is told that nobody knows.
const APPEND_FAILED: i64 = 3_000;
/// What else the store does not answer in this time is taken for failed.
const STORE_SILENT: i64 = 2_000;
/// A worker is lost when no member has had its session for this time.
const WORKER_LOST: i64 = 10_000;
/// A claim is asked for when its worker has not been known to hold it for this time.
const CONFIRM_AFTER: i64 = 2_000;

/// What reaches a member.
pub(crate) enum ToMember {
    Tick,
    FromStore {
        sent_at: i64,
        reply: Reply,
    },
    Due {
        shard: ShardId,
        token: Token,
        id: ExecutionId,
    },
    Loaded {
        shard: ShardId,
        token: Token,
        id: ExecutionId,
    },
    HistoryLoaded {
        shard: ShardId,
        token: Token,
        id: ExecutionId,
        stored: StoredEnded,
    },
    Published {
        queue: Arc<str>,
        batch: Batch,
        outcome: Published,
    },
    /// Whether a worker holds a claim, as asked with this number.
    Holding {
        shard: ShardId,
        claim_id: u64,
        question: u64,
        is_held: bool,
        session: u64,
    },
    /// What an owner has answered to an errand, as it was then.
    Errand {
        number: u64,
        stage: u32,
        said: Said,
    },
    MapRunLoaded {
        id: ExecutionId,
    },
}

/// What somebody asks of whoever owns an execution.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) id: ExecutionId,
    pub(crate) what: What,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    Start { n: u64, is_again: bool, seed: u64, operation: usize },
    Stop { operation: usize },
    Redrive { token: Arc<str>, operation: usize },
    Describe { operation: usize },
    Claim { task: TaskRef, claim: Claim, slot: Slot },
    Report { input: Input, claim_id: u64, asker: Asker },
    Errand { wish: Wish, asker: Asker },
}

/// An append that has not been answered.
struct Pending {
    seq: u64,
    batch: Bytes,
    sent_at: i64,
    first_at: i64,
}

/// A checkpoint that has not been answered.
struct CheckpointUnderWay {
    sent_at: i64,
    upto_seq: u64,
    ops: Vec<KvOp>,
}

/// Who runs an attempt, as its owner knows.
struct Holder {
    id: ExecutionId,
    task: TaskRef,
    claim: Claim,
    /// Since when no member has had a session of its worker.
    gone_since: Option<i64>,
    /// The session over which the worker was known to hold it, and since when it is not known.
    confirmed: Option<u64>,
    since: i64,
    question: Option<u64>,
    heard_of_loss: bool,
}

/// A shard that is at work here, or on its way out.
pub(crate) struct Held {
    token: Token,
    pub(crate) shard: Shard<MemberWorld>,
    lease_until: i64,
    pending: VecDeque<Pending>,
    retry_at: Option<i64>,
    /// The checkpoint that is under way: it is made again until it is answered.
    checkpoint: Option<CheckpointUnderWay>,
    is_leaving: bool,
    release_sent_at: Option<(i64, i64)>,
    holders: BTreeMap<u64, Holder>,
}

/// A member.
pub(crate) struct Mate {
    pub(crate) incarnation: u64,
    pub(crate) is_up: bool,
    pub(crate) paused_until: i64,
    booted_at: i64,
    machine: Ownership,
    others: Vec<Arc<Member>>,
    mine: ShardSet,
    pub(crate) world: MemberWorld,
    shards: BTreeMap<ShardId, Held>,
    acquiring: BTreeMap<ShardId, i64>,
    beat_sent_at: Option<i64>,
    renew_at: i64,
    audit_at: i64,
    questions: u64,
    pub(crate) errands: Errands,
}

impl Cluster {
    pub(crate) fn fresh_member(&mut self, _member: usize) -> Mate {
        self.incarnations += 1;
        Mate {
            incarnation: self.incarnations,
            is_up: true,
            paused_until: 0,
            booted_at: self.now,
            machine: Ownership::new(self.incarnations, 1 << SHARD_BITS, false),
            others: Vec::new(),
            mine: ShardSet::default(),
            world: MemberWorld::new(self.revision.clone(), self.broker.is_up),
            shards: BTreeMap::new(),
            acquiring: BTreeMap::new(),
            beat_sent_at: None,
            renew_at: self.now,
            audit_at: self.now + 10_000,
            questions: 0,
            errands: Errands::default(),
        }
    }

    pub(crate) fn boot(&mut self, member: usize) {
        self.member_later(member, 1, ToMember::Tick);
    }

    fn member_later(&mut self, member: usize, after: i64, what: ToMember) {
        let incarnation = self.members[member].incarnation;
        self.later(after, Happening::Member { member, incarnation, what });
    }

    fn ask_store(&mut self, member: usize, request: Request) {
        let (incarnation, sent_at) = (self.members[member].incarnation, self.now);
        let what = || Happening::Store { member, incarnation, sent_at, request: request.clone() };
        self.send(Place::Member(member), Place::Store, what);
    }

    pub(crate) fn at_member(&mut self, member: usize, what: ToMember) {
        self.members[member].world.now_ms = self.now as u64;
        match what {
            ToMember::Tick => self.tick(member),
            ToMember::FromStore { sent_at, reply } => self.store_answers(member, sent_at, reply),
            ToMember::Due { shard, token, id } => {
                let until = self.now;
                self.step_owned(member, shard, token, ShardInput::Due { id, until });
            }
            ToMember::Loaded { shard, token, id } => {
                let value = self.store.table.get(&(Table::Executions, ExecutionKey { execution: id.0 }.encode())).cloned();
                self.step_owned(member, shard, token, ShardInput::Loaded { id, result: Ok(value) });
            }
            ToMember::HistoryLoaded { shard, token, id, stored } => {
                let result = Ok(self.segments(id));
                self.step_owned(member, shard, token, ShardInput::HistoryLoaded { id, stored, result });
            }
            ToMember::Published { queue, batch, outcome } => {
                let (now_ms, random) = (self.now as u64, self.random.next());
                if let Some(queue) = self.members[member].world.queues.get_mut(&queue) {
                    queue.outbox.published(&batch, outcome, now_ms, random);
                }
            }
            ToMember::Holding { shard, claim_id, question, is_held, session } => {
                self.answered(member, shard, claim_id, question, is_held, session)
            }
            ToMember::Errand { number, stage, said } => self.errand_answered(member, number, stage, said),
            ToMember::MapRunLoaded { id } => {
                let value = self.store.table.get(&(Table::Executions, ExecutionKey { execution: id.0 }.encode())).cloned();
                let message = MapRunMessage::Loaded { result: Ok(value) };
                self.step_here(member, id, ShardInput::MapRun { id, message, reply: None });
            }
        }
        self.publish(member);
    }

    fn tick(&mut self, member: usize) {
        self.member_later(member, TICK, ToMember::Tick);
        let (now, mate) = (self.now, &mut self.members[member]);
        if mate.beat_sent_at.is_some_and(|at| now - at >= STORE_SILENT) {
            mate.beat_sent_at = None;
            self.moved(member, Moved::Unheard);
        }
        let silent = |at: &i64| now - *at >= STORE_SILENT;
        let mate = &mut self.members[member];
        let failed: Vec<_> = mate.acquiring.extract_if(.., |_, at| silent(at)).map(|(shard, _)| shard).collect();
        failed.into_iter().for_each(|shard| self.moved(member, Moved::Failed(shard)));
        self.moved(member, Moved::Tick);
        for shard in self.shards_of(member) {
            self.tend(member, shard);
        }
        self.renew(member);
        self.audit(member);
        self.run_errands(member);
    }

    fn shards_of(&self, member: usize) -> Vec<ShardId> {
        self.members[member].shards.keys().copied().collect()
    }

    /// The ownership machine hears of something, and what it decides is done.
    fn moved(&mut self, member: usize, input: Moved) {
        let mate = &mut self.members[member];
        let moment = (self.now - mate.booted_at) as u64;
        for action in mate.machine.step(moment, input) {
            match action {
                Action::Acquire(shard) => {
                    self.members[member].acquiring.insert(shard, self.now);
                    self.ask_store(member, Request::Acquire(shard));
                }
                Action::GiveUp(shard) => {
                    if let Some(held) = self.members[member].shards.get_mut(&shard) {
                        held.is_leaving = true;
                    }
                    self.give_up_if_settled(member, shard);
                }
                Action::Publish(mine) => self.members[member].mine = mine,
                Action::Beat => self.beat(member),
                Action::Left => {}
            }
        }
    }

    fn beat(&mut self, member: usize) {
        let sessions = self.workers.iter().filter(|worker| worker.is_up && worker.member == member);
        let sessions = sessions.map(|worker| MemberSession { incarnation: worker.incarnation, session_id: worker.session });
        let sessions: Arc<[MemberSession]> = sessions.collect();
        let mate = &mut self.members[member];
        mate.beat_sent_at = Some(self.now);
        let me = Member {
            name: format!("member-{member}").into(),
            incarnation: mate.incarnation,
            address: format!("{member}").into(),
            weight: 1,
            level: 1,
            is_leaving: false,
            owned: mate.machine.owned(),
            sessions,
        };
        self.ask_store(member, Request::Beat(Arc::new(me)));
    }

    fn renew(&mut self, member: usize) {
        let (now, mate) = (self.now, &mut self.members[member]);
        if now < mate.renew_at || mate.shards.is_empty() {
            return;
        }
        mate.renew_at = now + 400;
        let held = mate.shards.iter().map(|(shard, held)| (*shard, held.token)).collect();
        self.ask_store(member, Request::Renew(held));
    }

    fn audit(&mut self, member: usize) {
        let ignores = self.has(Mutant::NeverOffersAgain);
        let (now, mate) = (self.now, &mut self.members[member]);
        if now < mate.audit_at || !self.broker.is_up {
            return;
        }
        mate.audit_at = now + 10_000;
        for (name, queue) in mate.world.queues.iter_mut().filter(|_| !ignores) {
            queue.outbox.audited(self.broker.depth(name), now as u64);
        }
    }

    /// What the outboxes have for the broker.
    fn publish(&mut self, member: usize) {
        let now_ms = self.now as u64;
        let incarnation = self.members[member].incarnation;
        let mut batches = Vec::new();
        for (name, queue) in &mut self.members[member].world.queues {
            queue.fill(now_ms);
            while let Some(batch) = queue.outbox.next_batch(now_ms) {
                batches.push((name.clone(), batch));
            }
        }
        for (queue, batch) in batches {
            let what = || Happening::Broker { member, incarnation, queue: queue.clone(), batch: batch.clone() };
            self.later_to_broker(member, &queue, &batch);
            self.send(Place::Member(member), Place::Broker, what);
        }
    }

    /// An answer that stays out: nobody knows whether the broker has the batch.
    fn later_to_broker(&mut self, member: usize, queue: &Arc<str>, batch: &Batch) {
        let what = ToMember::Published { queue: queue.clone(), batch: batch.clone(), outcome: Published::Unknown };
        self.member_later(member, 5_000, what);
    }

    pub(crate) fn at_broker(&mut self, member: usize, incarnation: u64, queue: Arc<str>, batch: Batch) {
        let is_refused = !self.broker.is_up || (self.has_faults && self.random.once_in(30));
        if !is_refused {
            self.broker.publish(&queue, batch.offers.iter().map(|offer| offer.task.clone()).collect());
        }
        let outcome = if is_refused { Published::Refused } else { Published::Confirmed };
        let what = || {
            let what = ToMember::Published { queue: queue.clone(), batch: batch.clone(), outcome };
            Happening::Member { member, incarnation, what }
        };
        self.send(Place::Broker, Place::Member(member), what);
    }

    // The store's answers.

    fn store_answers(&mut self, member: usize, sent_at: i64, reply: Reply) {
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
    fn is_awaited(&mut self, member: usize, shard: ShardId, sent_at: i64) -> bool {
        let acquiring = &mut self.members[member].acquiring;
        let is_it = acquiring.get(&shard) == Some(&sent_at);
        is_it && acquiring.remove(&shard).is_some()
    }

    fn heard(&mut self, member: usize, sent_at: i64, members: Vec<Arc<Member>>) {
        let mate = &mut self.members[member];
        if mate.beat_sent_at.take_if(|at| *at == sent_at).is_none() {
            return;
        }
        let me = mate.incarnation;
        mate.others = members.iter().filter(|other| other.incarnation != me).cloned().collect();
        self.moved(member, Moved::Members(members));
    }

    fn held(&mut self, member: usize, shard: ShardId, token: Token) -> Option<&mut Held> {
        self.members[member].shards.get_mut(&shard).filter(|held| held.token == token)
    }

    fn prolong(&mut self, member: usize, shard: ShardId, token: Token, sent_at: i64) {
        if let Some(held) = self.held(member, shard, token) {
            held.lease_until = held.lease_until.max(sent_at + TTL - MARGIN);
        }
    }

    fn fenced(&mut self, member: usize, shard: ShardId, token: Token) {
        self.step_owned(member, shard, token, ShardInput::Lost { error: StoreError::Fenced { shard } });
    }

    /// The store has given the shard: it is read back.
    fn acquired(&mut self, member: usize, sent_at: i64, shard: ShardId, token: Token, seq: u64, checkpoint_seq: u64) {
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
    fn appended(&mut self, member: usize, shard: ShardId, token: Token, seq: u64, result: Result<(), StoreError>) {
        // Batches are appended in order: what came before this one is there, too. Each may cost the member its shard.
        while let Some(held) = self.held(member, shard, token) {
            let Some(pending) = held.pending.pop_front_if(|pending| pending.seq <= seq) else { return };
            self.step_owned(member, shard, token, ShardInput::Durable { seq: pending.seq, result: result.clone() });
        }
    }

    /// What a shard needs from time to time.
    fn tend(&mut self, member: usize, shard: ShardId) {
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
    fn give_up_if_settled(&mut self, member: usize, shard: ShardId) {
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

    fn drop_shard(&mut self, member: usize, shard: ShardId) {
        let mate = &mut self.members[member];
        mate.shards.remove(&shard);
        mate.world.drop_shard(shard);
    }

    // Shards.

    fn step_owned(&mut self, member: usize, shard: ShardId, token: Token, input: ShardInput<MemberWorld>) {
        let now = self.now;
        let mate = &mut self.members[member];
        let Some(held) = mate.shards.get_mut(&shard).filter(|held| held.token == token) else { return };
        let mut out = Vec::new();
        held.shard.step(now, input, &mut mate.world, &mut out);
        self.carry_out(member, shard, token, out);
        self.resume(member, shard);
        self.part_if_lost(member, shard);
    }

    /// As [`step_owned`](Self::step_owned), of whoever is the owner here by now.
    pub(crate) fn step_here(&mut self, member: usize, id: ExecutionId, input: ShardInput<MemberWorld>) {
        let shard = Self::shard_of(id);
        if let Some(token) = self.members[member].shards.get(&shard).map(|held| held.token) {
            self.step_owned(member, shard, token, input);
        }
    }

    fn resume(&mut self, member: usize, shard: ShardId) {
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

    fn part_if_lost(&mut self, member: usize, shard: ShardId) {
        if self.members[member].shards.get(&shard).is_some_and(|held| held.shard.lost().is_some()) {
            self.drop_shard(member, shard);
            self.moved(member, Moved::Lost(shard));
        }
    }

    fn carry_out(&mut self, member: usize, shard: ShardId, token: Token, out: Vec<Output<MemberWorld>>) {
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
                | Output::Wake { .. }
                | Output::Watched(..)
                | Output::WatchedEnd(())
                | Output::Announce(()) => {}
            }
        }
    }

    fn append(&mut self, member: usize, shard: ShardId, token: Token, expected_seq: u64, batch: Bytes) {
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

    fn tell_worker(&mut self, member: usize, worker: usize, incarnation: u64, what: ToWorker) {
        let what = || Happening::Worker { worker, incarnation, what: what.clone() };
        self.send(Place::Member(member), Place::Worker(worker), what);
    }

    /// What has not been written down is true only as long as nobody else can write.
    fn may_say(&self, member: usize, shard: ShardId, answer: &Answer) -> bool {
        let is_written = matches!(answer, Answer::Started(Ok(_)) | Answer::Redriven(Ok(_)) | Answer::Sent(Ok(_)));
        let is_held = self.members[member].shards.get(&shard).is_some_and(|held| self.now < held.lease_until);
        is_written || is_held || self.has(Mutant::ReadsWithoutLease)
    }

    fn answer(&mut self, member: usize, shard: ShardId, asker: Asker, answer: Answer) {
        match asker {
            Asker::Errand { .. } => {
                if let Some(said) = Said::of(&answer).filter(|_| self.may_say(member, shard, &answer)) {
                    self.errand_told(member, asker, said);
                }
            }
            Asker::Client { operation } => {
                let id = self.clients.id_of(operation);
                if !self.may_say(member, shard, &answer) {
                    return;
                }
                let told = match answer {
                    Answer::Started(Ok(started)) => Told::Started(started.start_at),
                    Answer::Started(Err(baton_coordinator::shard::StartError::AlreadyExists { .. })) => Told::Exists,
                    Answer::Redriven(Ok(at)) => Told::Redriven(at),
                    Answer::Redriven(Err(baton_coordinator::shard::RedriveError::NotRedrivable(_))) => Told::NotRedrivable,
                    Answer::Sent(Ok(_)) => Told::Stopped,
                    Answer::Sent(Err(baton_coordinator::shard::SendError::Rejected(_))) => Told::NotStopped,
                    Answer::Seen(Seen::Here(record)) => Told::Seen(Some(record.status)),
                    Answer::Seen(Seen::Elsewhere) => Told::Seen(self.stored_status(id)),
                    // Not now: the client tries again.
                    _ => return,
                };
                self.send(Place::Member(member), Place::Clients, || Happening::Told { operation, told: told.clone() });
            }
            Asker::Worker { worker, incarnation, claim_id } => {
                if let Answer::Sent(
                    Ok(_) | Err(baton_coordinator::shard::SendError::Rejected(_) | baton_coordinator::shard::SendError::NoSuchExecution),
                ) = answer
                {
                    if let Some(held) = self.members[member].shards.get_mut(&shard) {
                        held.holders.remove(&claim_id);
                    }
                    self.tell_worker(member, worker, incarnation, ToWorker::Acknowledged { claim_id });
                }
            }
        }
    }

    // What is asked.

    pub(crate) fn asked(&mut self, member: usize, ask: Ask, hops: u32) {
        self.members[member].world.now_ms = self.now as u64;
        let shard = Self::shard_of(ask.id);
        let mate = &self.members[member];
        let ignores_lease = self.has(Mutant::ReadsWithoutLease);
        let is_at_work = |held: &&Held| !held.is_leaving && held.shard.lost().is_none() && (self.now < held.lease_until || ignores_lease);
        let here = mate.shards.get(&shard).filter(|_| mate.mine.contains(shard)).filter(is_at_work);
        if let Some(held) = here {
            let token = held.token;
            return self.ask_shard(member, shard, token, ask);
        }
        let owner = mate.others.iter().find(|other| other.owned.contains(shard));
        let owner = owner.and_then(|owner| owner.address.parse::<usize>().ok()).filter(|owner| *owner != member && hops < 3);
        if let Some(owner) = owner {
            let what = || Happening::Ask { member: owner, ask: ask.clone(), hops: hops + 1 };
            self.send(Place::Member(member), Place::Member(owner), what);
        }
    }

    fn ask_shard(&mut self, member: usize, shard: ShardId, token: Token, ask: Ask) {
        let id = ask.id;
        let client = |operation| Asker::Client { operation };
        let input = match ask.what {
            What::Start { n, is_again, seed, operation } => {
                let start = Box::new(start_of(n, seed));
                let reply = client(operation);
                if is_again { ShardInput::StartAgain { start, reply } } else { ShardInput::Start { start, reply } }
            }
            What::Stop { operation } => {
                let input = Input::Stop { error: None, cause: None };
                ShardInput::Send { id, input, claim_id: None, reply: Some(client(operation)) }
            }
            What::Redrive { token, operation } => ShardInput::Redrive { id, client_token: Some(token), reply: client(operation) },
            What::Describe { operation } => ShardInput::Describe { id, reply: client(operation) },
            What::Claim { task, claim, slot } => {
                self.heard_of(member, shard, claim.claim_id);
                ShardInput::Claim { id, task, slot, claim }
            }
            What::Report { claim_id, asker: Asker::Worker { worker, incarnation, .. }, input }
                if self.has(Mutant::AcknowledgesReportsEarly) =>
            {
                self.tell_worker(member, worker, incarnation, ToWorker::Acknowledged { claim_id });
                ShardInput::Send { id, input, claim_id: Some(claim_id), reply: None }
            }
            What::Errand { wish, asker } => wish.input(id, asker),
            What::Report { input, claim_id, asker } => ShardInput::Send { id, input, claim_id: Some(claim_id), reply: Some(asker) },
        };
        self.step_owned(member, shard, token, input);
        self.publish(member);
    }

    // Who holds what.

    /// A claim has come again: what is being asked about it is out of date.
    fn heard_of(&mut self, member: usize, shard: ShardId, claim_id: u64) {
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
    fn look_for_holders(&mut self, member: usize, shard: ShardId) {
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
    fn holder_is(&mut self, member: usize, shard: ShardId, token: Token, claim_id: u64, is_lost: bool) {
        let Some(Holder { id, task, .. }) = self.held(member, shard, token).and_then(|held| held.holders.remove(&claim_id)) else { return };
        let input = match is_lost {
            true => ShardInput::HolderLost { id, task, claim_id },
            false => ShardInput::GrantLost { id, task, claim_id },
        };
        self.step_owned(member, shard, token, input);
    }

    fn answered(&mut self, member: usize, shard: ShardId, claim_id: u64, question: u64, is_held: bool, session: u64) {
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

    /// The segments of an execution's history.
    pub(crate) fn segments(&self, id: ExecutionId) -> Vec<Bytes> {
        rows(&self.store.table, Table::History, HistoryKey::of_execution(id.0)).map(|(_, value)| value.clone()).collect()
    }
}

impl Holder {
    fn new(id: ExecutionId, task: TaskRef, claim: Claim, now: i64) -> Self {
        Self { id, task, claim, gone_since: None, confirmed: None, since: now, question: None, heard_of_loss: false }
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
