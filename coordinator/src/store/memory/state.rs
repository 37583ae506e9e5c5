//! What the store holds.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;

use crate::store::head::Head;
use crate::store::table::is_empty_range;
use crate::store::{Acquired, BATCH_BYTES_MAX, Checkpoint, Durable, DurableSender, KeyRange, KvOp, ShardId, StoreError, Table, Token};

/// Everything.
pub(super) struct State {
    pub(super) shards: Vec<Shard>,
    tables: [BTreeMap<Vec<u8>, Bytes>; Table::ALL.len()],
    /// Batches that are queued and not yet durable, in the order of the calls.
    pub(super) held: VecDeque<Held>,
    /// Whether batches stay in `held` until they are let go.
    pub(super) holding: bool,
    /// How many more appends are refused, and why.
    pub(super) refusing: Option<(usize, StoreError)>,
    /// Whether no question about logs is answered.
    pub(super) silent: bool,
    /// The next checkpoint ends after so many operations.
    pub(super) interrupt_after: Option<usize>,
    /// What has to be delivered once the lock is free.
    pub(super) ends: Vec<(DurableSender, Durable)>,
}

/// One shard.
pub(super) struct Shard {
    id: ShardId,
    pub(super) head: Head,
    /// Durable batches that no checkpoint has covered. The first has number `durable_seq - log.len() + 1`.
    log: VecDeque<Bytes>,
    durable_seq: u64,
    checkpoint_seq: u64,
    /// Until when its owner has it, by the store's clock; nothing where there are no leases.
    pub(super) leased_until: Duration,
}

/// A batch on its way.
pub(super) struct Held {
    index: usize,
    seq: u64,
    batch: Bytes,
    done: DurableSender,
}

impl State {
    pub(super) fn new(shard_count: u16) -> Self {
        let shard = |index| Shard::new(ShardId::at_index(index, shard_count));
        Self {
            shards: (0..=usize::from(shard_count)).map(shard).collect(),
            tables: Default::default(),
            held: VecDeque::new(),
            holding: false,
            refusing: None,
            silent: false,
            interrupt_after: None,
            ends: Vec::new(),
        }
    }

    pub(super) fn acquire(&mut self, index: usize) -> Acquired {
        self.let_go_of(index);
        let shard = &mut self.shards[index];
        Acquired { token: shard.head.acquire(), seq: shard.durable_seq, checkpoint_seq: shard.checkpoint_seq }
    }

    pub(super) fn append(&mut self, index: usize, token: Token, expected_seq: u64, batch: Bytes, done: &DurableSender) {
        let refused = self.take_refusal().or_else(|| too_large(&batch));
        let shard = &mut self.shards[index];
        let admitted = shard.head.check(token, expected_seq).and_then(|seq| {
            let Some(reason) = refused else {
                return Ok(seq);
            };
            shard.head.refuse(reason.clone());
            Err(reason)
        });
        match admitted {
            Ok(seq) => self.queue(index, seq, batch, done.clone()),
            Err(error) => {
                let (shard, seq) = (shard.id, expected_seq.wrapping_add(1));
                let result = Err(error);
                self.ends.push((done.clone(), Durable { shard, seq, result }));
            }
        }
    }

    fn take_refusal(&mut self) -> Option<StoreError> {
        let (left, reason) = self.refusing.as_mut()?;
        let reason = reason.clone();
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.refusing = None;
        }
        Some(reason)
    }

    fn queue(&mut self, index: usize, seq: u64, batch: Bytes, done: DurableSender) {
        self.shards[index].head.queued();
        self.held.push_back(Held { index, seq, batch, done });
        if !self.holding {
            self.let_go(usize::MAX);
        }
    }

    /// Makes the first `count` held batches durable.
    pub(super) fn let_go(&mut self, count: usize) {
        let count = count.min(self.held.len());
        for held in self.held.drain(..count) {
            let durable = self.shards[held.index].keep(held.seq, held.batch);
            self.ends.push((held.done, durable));
        }
    }

    fn let_go_of(&mut self, index: usize) {
        let (own, others) = std::mem::take(&mut self.held).into_iter().partition::<VecDeque<_>, _>(|held| held.index == index);
        self.held = own;
        self.let_go(usize::MAX);
        self.held = others;
    }

    /// The first `kept` held batches reach the disk, the others are lost; nobody hears of either. All owners are gone.
    pub(super) fn crash(&mut self, kept: usize) {
        self.let_go(kept);
        self.held.clear();
        self.ends.clear();
        self.refusing = None;
        self.interrupt_after = None;
        for shard in &mut self.shards {
            shard.head.lose_after(shard.durable_seq);
        }
    }

    pub(super) fn checkpoint(&mut self, index: usize, checkpoint: Checkpoint) -> Result<(), StoreError> {
        let shard = &self.shards[index];
        shard.head.check_owner(checkpoint.token)?;
        checkpoint.check(shard.durable_seq)?;
        let interrupted = self.interrupt_after.take();
        let applied = interrupted.unwrap_or(usize::MAX);
        for op in checkpoint.ops.into_iter().take(applied) {
            self.apply(op);
        }
        if interrupted.is_some() {
            return Err(StoreError::Failed("interrupted".to_owned()));
        }
        self.shards[index].trim(checkpoint.upto_seq);
        Ok(())
    }

    fn apply(&mut self, op: KvOp) {
        match op {
            KvOp::Put { table, key, value } => {
                self.tables[table.index()].insert(key, value);
            }
            KvOp::Delete { table, key } => {
                self.tables[table.index()].remove(&key);
            }
        }
    }

    pub(super) fn get(&self, table: Table, key: &[u8]) -> Option<Bytes> {
        self.tables[table.index()].get(key).cloned()
    }

    pub(super) fn scan(&self, table: Table, range: KeyRange, limit: usize, reverse: bool) -> Vec<(Bytes, Bytes)> {
        if is_empty_range(&range) {
            return Vec::new();
        }
        let entries = self.tables[table.index()].range(range);
        let entry = |(key, value): (&Vec<u8>, &Bytes)| (Bytes::copy_from_slice(key), value.clone());
        match reverse {
            false => entries.take(limit).map(entry).collect(),
            true => entries.rev().take(limit).map(entry).collect(),
        }
    }
}

fn too_large(batch: &Bytes) -> Option<StoreError> {
    let (len, max) = (batch.len(), BATCH_BYTES_MAX);
    (len > max).then_some(StoreError::TooLarge { len, max })
}

impl Shard {
    fn new(id: ShardId) -> Self {
        Self { id, head: Head::new(id, 0, 0), log: VecDeque::new(), durable_seq: 0, checkpoint_seq: 0, leased_until: Duration::ZERO }
    }

    fn keep(&mut self, seq: u64, batch: Bytes) -> Durable {
        assert_eq!(seq, self.durable_seq + 1, "held batches of a shard are in order");
        self.log.push_back(batch);
        self.durable_seq = seq;
        Durable { shard: self.id, seq, result: Ok(()) }
    }

    pub(super) fn durable_seq(&self) -> u64 {
        self.durable_seq
    }

    pub(super) fn batches_after(&self, after_seq: u64) -> Vec<Result<(u64, Bytes), StoreError>> {
        let before_first = self.durable_seq - self.log.len() as u64;
        (before_first + 1..).zip(&self.log).filter(|(seq, _)| *seq > after_seq).map(|(seq, batch)| Ok((seq, batch.clone()))).collect()
    }

    fn trim(&mut self, upto_seq: u64) {
        self.checkpoint_seq = self.checkpoint_seq.max(upto_seq);
        let kept = self.durable_seq - self.checkpoint_seq;
        let covered = self.log.len().saturating_sub(kept as usize);
        self.log.drain(..covered);
    }
}
