//! A member: the real shards, the real ownership machine and the real outboxes, driven by what arrives.

mod asks;
mod holders;
mod shards;
mod store_answers;

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
    Wake {
        shard: ShardId,
        token: Token,
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

impl Mate {
    /// Whether it may speak for the shard.
    pub(crate) fn is_owner(&self, shard: ShardId, now: i64) -> bool {
        self.shards.get(&shard).is_some_and(|held| now < held.lease_until)
    }
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
            ToMember::Wake { shard, token } => self.step_owned(member, shard, token, ShardInput::Wake),
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
}
