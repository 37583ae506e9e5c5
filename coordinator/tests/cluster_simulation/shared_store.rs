//! The store that all members share: one log a shard, a key-value side, leases, and who lives. It does what the Redis store's functions do, each request in
//! one step; requests and answers take their time, get lost, and come twice on their way to it and back.

use std::collections::BTreeMap;
use std::sync::Arc;

use baton_coordinator::store::{KvOp, Member, ShardId, Table, Token};
use bytes::Bytes;

use super::mutants::Mutant;

/// How long a lease and a member's word last.
pub(crate) const TTL: i64 = 1_500;
/// How long before its lease ends an owner stops speaking.
pub(crate) const MARGIN: i64 = 200;

/// What a member asks of the store.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    Acquire(ShardId),
    Append { shard: ShardId, token: Token, expected_seq: u64, batch: Bytes },
    Renew(Vec<(ShardId, Token)>),
    Checkpoint { shard: ShardId, token: Token, upto_seq: u64, ops: Vec<KvOp> },
    Release { shard: ShardId, token: Token },
    Beat(Arc<Member>),
}

/// What the store answers.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Acquired {
        shard: ShardId,
        token: Token,
        seq: u64,
        checkpoint_seq: u64,
    },
    Held {
        shard: ShardId,
        for_ms: u64,
    },
    Appended {
        shard: ShardId,
        token: Token,
        seq: u64,
    },
    /// A batch before it is missing: the log is shorter than the sender believes, or it was overtaken on its way.
    Behind {
        shard: ShardId,
        token: Token,
        last_seq: u64,
    },
    Fenced {
        shard: ShardId,
        token: Token,
    },
    Renewed(Vec<(ShardId, Token, bool)>),
    Checkpointed {
        shard: ShardId,
        token: Token,
        is_done: bool,
    },
    Released {
        shard: ShardId,
        token: Token,
    },
    Members(Vec<Arc<Member>>),
}

#[derive(Default)]
pub(crate) struct Log {
    token: Option<Token>,
    epoch: u64,
    lease_until: i64,
    /// Every batch that was ever appended, with the token it was appended under.
    pub(crate) batches: Vec<(Token, Bytes)>,
    pub(crate) checkpoint_seq: u64,
    /// The newest checkpoint of which something was written.
    newest_checkpoint: u64,
}

pub(crate) struct Store {
    pub(crate) logs: BTreeMap<ShardId, Log>,
    pub(crate) table: BTreeMap<(Table, Vec<u8>), Bytes>,
    members: BTreeMap<u64, (Arc<Member>, i64)>,
    incarnations: u64,
    mutant: Option<Mutant>,
}

impl Store {
    pub(crate) fn new(shards: u16, mutant: Option<Mutant>) -> Self {
        let logs = (0..shards).map(|shard| (ShardId(shard), Log::default())).collect();
        Self { logs, table: BTreeMap::new(), members: BTreeMap::new(), incarnations: 0, mutant }
    }

    fn has(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    fn log(&mut self, shard: ShardId) -> &mut Log {
        self.logs.get_mut(&shard).expect("only shards of this store are spoken of")
    }

    fn is_owner(&self, shard: ShardId, token: Token) -> bool {
        self.logs[&shard].token == Some(token)
    }

    /// One request, in one step.
    pub(crate) fn handle(&mut self, now: i64, request: Request) -> Reply {
        match request {
            Request::Acquire(shard) => self.acquire(now, shard),
            Request::Append { shard, token, expected_seq, batch } => self.append(now, shard, token, expected_seq, batch),
            Request::Renew(held) => {
                Reply::Renewed(held.into_iter().map(|(shard, token)| (shard, token, self.renew(now, shard, token))).collect())
            }
            Request::Checkpoint { shard, token, upto_seq, ops } => self.checkpoint(shard, token, upto_seq, ops),
            Request::Release { shard, token } => self.release(shard, token),
            Request::Beat(member) => {
                self.members.insert(member.incarnation, (member, now + TTL));
                self.members.retain(|_, (_, until)| *until > now);
                Reply::Members(self.members.values().map(|(member, _)| member.clone()).collect())
            }
        }
    }

    fn acquire(&mut self, now: i64, shard: ShardId) -> Reply {
        self.incarnations += 1;
        let incarnation = self.incarnations;
        let repeats_tokens = self.has(Mutant::TokensComeAgain);
        let log = self.log(shard);
        if log.token.is_some() && log.lease_until > now {
            return Reply::Held { shard, for_ms: (log.lease_until - now) as u64 };
        }
        log.epoch += 1;
        let token = if repeats_tokens { Token { epoch: 1, incarnation: 1 } } else { Token { epoch: log.epoch, incarnation } };
        log.token = Some(token);
        log.lease_until = now + TTL;
        Reply::Acquired { shard, token, seq: log.batches.len() as u64, checkpoint_seq: log.checkpoint_seq }
    }

    fn append(&mut self, now: i64, shard: ShardId, token: Token, expected_seq: u64, batch: Bytes) -> Reply {
        let is_fenced = !self.is_owner(shard, token) && !self.has(Mutant::AppendUnfenced);
        let ignores_seq = self.has(Mutant::AppendIgnoresSeq);
        if is_fenced {
            return Reply::Fenced { shard, token };
        }
        let log = self.log(shard);
        let last_seq = log.batches.len() as u64;
        if expected_seq == last_seq || ignores_seq {
            log.lease_until = now + TTL;
            log.batches.push((token, batch));
            return Reply::Appended { shard, token, seq: expected_seq + 1 };
        }
        if expected_seq > last_seq {
            return Reply::Behind { shard, token, last_seq };
        }
        match log.batches[expected_seq as usize] == (token, batch) {
            true => Reply::Appended { shard, token, seq: expected_seq + 1 },
            false => Reply::Fenced { shard, token },
        }
    }

    fn renew(&mut self, now: i64, shard: ShardId, token: Token) -> bool {
        let is_owner = self.is_owner(shard, token);
        if is_owner {
            self.log(shard).lease_until = now + TTL;
        }
        is_owner
    }

    fn checkpoint(&mut self, shard: ShardId, token: Token, upto_seq: u64, ops: Vec<KvOp>) -> Reply {
        let is_fenced = !self.is_owner(shard, token) && !self.has(Mutant::CheckpointUnfenced);
        if is_fenced {
            return Reply::Checkpointed { shard, token, is_done: false };
        }
        // One that was held up on its way would put back what a later one has written.
        let marks_too_much = self.has(Mutant::MarksTooMuch);
        let takes_old = self.has(Mutant::OldCheckpointsCount) || self.has(Mutant::CheckpointUnfenced);
        let log = self.log(shard);
        if upto_seq < log.newest_checkpoint && !takes_old {
            return Reply::Checkpointed { shard, token, is_done: true };
        }
        log.newest_checkpoint = log.newest_checkpoint.max(upto_seq);
        for op in ops {
            match op {
                KvOp::Put { table, key, value } => drop(self.table.insert((table, key), value)),
                KvOp::Delete { table, key } => drop(self.table.remove(&(table, key))),
            }
        }
        let log = self.log(shard);
        log.checkpoint_seq = if marks_too_much { log.batches.len() as u64 } else { log.checkpoint_seq.max(upto_seq) };
        Reply::Checkpointed { shard, token, is_done: true }
    }

    fn release(&mut self, shard: ShardId, token: Token) -> Reply {
        if self.is_owner(shard, token) {
            self.log(shard).token = None;
        }
        Reply::Released { shard, token }
    }

    /// I4: the tokens of a log follow each other, and none comes again after another.
    pub(crate) fn check_tokens(&self) {
        for (shard, log) in &self.logs {
            let epochs: Vec<_> = log.batches.iter().map(|(token, _)| token.epoch).collect();
            assert!(epochs.is_sorted(), "shard {shard}: an owner has written after the next one: {epochs:?}");
        }
    }
}
