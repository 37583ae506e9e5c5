//! What the ownership of shards costs and how often it changes, for `/metrics`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use metrics::Counter;

use crate::store::ShardId;
use crate::telemetry::{Histogram, names};

/// See the module.
pub(super) struct LeaseFigures {
    taken_free: Counter,
    taken_over: Counter,
    given: Counter,
    fenced: Counter,
    pub(super) beat: Arc<Histogram>,
    take_over: Arc<Histogram>,
    hand_over: Arc<Histogram>,
    /// Shards that another member's lease still keeps from this one, and since when that is known.
    awaited: BTreeMap<ShardId, Instant>,
    /// Shards on their way out, and since when.
    leaving: BTreeMap<ShardId, Instant>,
}

impl LeaseFigures {
    pub(super) fn new() -> Self {
        Self {
            taken_free: names::LEASES_TAKEN.counter(["free"]),
            taken_over: names::LEASES_TAKEN.counter(["take_over"]),
            given: names::LEASES_LOST.counter(["given"]),
            fenced: names::LEASES_LOST.counter(["fenced"]),
            beat: names::MEMBER_BEAT_SECONDS.histogram([]),
            take_over: names::TAKE_OVER_SECONDS.histogram([]),
            hand_over: names::HAND_OVER_SECONDS.histogram([]),
            awaited: BTreeMap::new(),
            leaving: BTreeMap::new(),
        }
    }

    /// So many members live, this one included, and so many shards are its own.
    pub(super) fn stands(&self, members: usize, owned: usize) {
        names::MEMBERS.gauge([]).set(members as f64);
        names::LEASES_OWNED.gauge([]).set(owned as f64);
    }

    /// Somebody else's lease has not ended yet.
    pub(super) fn awaits(&mut self, shard: ShardId) {
        self.awaited.entry(shard).or_insert_with(Instant::now);
    }

    /// The lease is this member's.
    pub(super) fn acquired(&mut self, shard: ShardId) {
        let counter = if self.awaited.contains_key(&shard) { &self.taken_over } else { &self.taken_free };
        counter.increment(1);
    }

    /// The shard runs here.
    pub(super) fn runs(&mut self, shard: ShardId) {
        if let Some(since) = self.awaited.remove(&shard) {
            self.take_over.observe(since.elapsed());
        }
    }

    /// The shard is to go to another member.
    pub(super) fn leaves(&mut self, shard: ShardId) {
        self.leaving.entry(shard).or_insert_with(Instant::now);
    }

    /// It has been given up.
    pub(super) fn gave(&mut self, shard: ShardId) {
        self.given.increment(1);
        if let Some(since) = self.leaving.remove(&shard) {
            self.hand_over.observe(since.elapsed());
        }
    }

    /// Another member has it without having been given it.
    pub(super) fn lost(&mut self, shard: ShardId) {
        self.leaving.remove(&shard);
        self.fenced.increment(1);
    }
}
