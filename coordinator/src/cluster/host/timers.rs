//! Timers that are near, and the rows of those that come near.
//!
//! A timer that has been asked for is not taken back: the shard finds out when it is due whether it still means anything. Only timers
//! before the horizon are here; the rows of later ones are read from the key-value side when the horizon moves on.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::{Duration, Instant};

use baton_engine::Timestamp;
use futures_util::FutureExt;

use super::mail::CaughtUp;
use super::{Host, HostMessage};
use crate::clock;
use crate::shard::ExecutionId;
use crate::store::keys::TimerKey;
use crate::store::{ShardId, ShardStore, StoreError, Table};

/// How far ahead timers are in memory, milliseconds.
pub(crate) const HORIZON_MS: i64 = 120_000;
/// The horizon moves on when it has come this near, milliseconds.
const HORIZON_MIN_MS: i64 = 60_000;
/// Rows that are read at once.
const PAGE: usize = 1_000;
/// Rows that could not be read are read again after this time.
const RETRY_AFTER: Duration = Duration::from_secs(1);

type Heap = BinaryHeap<Reverse<(Timestamp, ShardId, ExecutionId)>>;

/// See the module.
pub(super) struct Timers {
    /// Those of the first [lane](super::mail), and those of bulk.
    first: Heap,
    bulk: Heap,
    /// Shards that are to be woken: a few for each.
    wakes: BinaryHeap<Reverse<(Timestamp, ShardId)>>,
    horizon: Timestamp,
}

impl Timers {
    pub(super) fn new(horizon: Timestamp) -> Self {
        Self { first: Heap::new(), bulk: Heap::new(), wakes: BinaryHeap::new(), horizon }
    }

    pub(super) fn ask(&mut self, due: Timestamp, shard: ShardId, id: ExecutionId) {
        let heap = if id.is_of_map_run() { &mut self.bulk } else { &mut self.first };
        heap.push(Reverse((due, shard, id)));
    }

    pub(super) fn ask_to_wake(&mut self, due: Timestamp, shard: ShardId) {
        self.wakes.push(Reverse((due, shard)));
    }

    /// Shards that are to be woken now.
    pub(super) fn wakes(&mut self, now: Timestamp) -> Vec<ShardId> {
        let mut shards = Vec::new();
        while self.wakes.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            let Reverse((_, shard)) = self.wakes.pop().expect("the heap was just looked at");
            shards.push(shard);
        }
        shards
    }

    /// Takes one that is due up to the time of its lane, the earliest of the first lane or else of bulk; with the time when it was and that one.
    pub(super) fn next_due(&mut self, until: CaughtUp) -> Option<(Timestamp, ShardId, ExecutionId, Timestamp)> {
        let lanes = [(&mut self.first, until.first), (&mut self.bulk, until.bulk)];
        lanes.into_iter().find_map(|(heap, until)| {
            let (due, shard, id) = next_due(heap, until)?;
            Some((due, shard, id, until))
        })
    }

    /// How many there are, and when the earliest is due.
    pub(super) fn pending(&self) -> (usize, Option<Timestamp>) {
        (self.first.len() + self.bulk.len(), [&self.first, &self.bulk].into_iter().filter_map(earliest).min())
    }

    /// The shard is no longer here.
    pub(super) fn forget(&mut self, shard: ShardId) {
        self.first.retain(|Reverse((_, of, _))| *of != shard);
        self.bulk.retain(|Reverse((_, of, _))| *of != shard);
        self.wakes.retain(|Reverse((_, of))| *of != shard);
    }

    /// Up to when timers are in memory.
    pub(super) fn horizon(&self) -> Timestamp {
        self.horizon
    }

    /// When the earliest is due, of those of bulk only if that does not rest.
    pub(super) fn next_instant(&self, bulk_rests: bool) -> Option<Instant> {
        let wake = self.wakes.peek().map(|Reverse((due, _))| *due);
        let bulk = earliest(&self.bulk).filter(|_| !bulk_rests);
        let due = [earliest(&self.first), bulk, wake].into_iter().flatten().min()?;
        let wait = u64::try_from(due - clock::now()).unwrap_or(0);
        Some(Instant::now() + Duration::from_millis(wait))
    }
}

fn earliest(heap: &Heap) -> Option<Timestamp> {
    heap.peek().map(|Reverse((due, _, _))| *due)
}

fn next_due(heap: &mut Heap, until: Timestamp) -> Option<(Timestamp, ShardId, ExecutionId)> {
    earliest(heap).filter(|due| *due <= until)?;
    let Reverse(due) = heap.pop()?;
    // After a burst the memory of a million timers is not kept for the few that are left.
    if heap.capacity() > 4_096 && heap.len() < heap.capacity() / 8 {
        heap.shrink_to(heap.len() * 2);
    }
    Some(due)
}

impl Host {
    /// Moves the horizon on in good time. Executions in memory ask for their timers at once; the rows of the others are read.
    pub(super) fn advance_horizon(&mut self, now: Timestamp) {
        let before = self.timers.horizon;
        if before - now > HORIZON_MIN_MS {
            return;
        }
        let horizon = now + HORIZON_MS;
        self.timers.horizon = horizon;
        for index in 0..self.shards.len() {
            let Some(owned) = &mut self.shards[index] else { continue };
            owned.shard.set_horizon(horizon, &mut self.asked);
            let shard = owned.shard.id();
            self.do_asked(index);
            let rows = insist_on_rows(self.shared.store.clone(), shard, before, horizon);
            self.background.push(rows.map(move |rows| HostMessage::TimerRows { shard, rows }).boxed());
        }
    }
}

/// As [`read_rows`], again and again until it succeeds: nobody else ever asks for these rows, and what waits for them would wait for good.
/// A store that is closed has none any more.
pub(super) async fn insist_on_rows(
    store: Arc<dyn ShardStore>,
    shard: ShardId,
    from: Timestamp,
    before: Timestamp,
) -> Vec<(Timestamp, ExecutionId)> {
    loop {
        match read_rows(store.clone(), shard, from, before).await {
            Ok(rows) => return rows,
            Err(StoreError::Closed) => return Vec::new(),
            Err(error) => tracing::error!(%shard, %error, "timers cannot be read; they are read again soon"),
        }
        tokio::time::sleep(RETRY_AFTER).await;
    }
}

/// The rows of timers that are due from `from` on and before `before`.
pub(crate) async fn read_rows(
    store: Arc<dyn ShardStore>,
    shard: ShardId,
    from: Timestamp,
    before: Timestamp,
) -> Result<Vec<(Timestamp, ExecutionId)>, StoreError> {
    let mut rows = Vec::new();
    let (mut start, end) = TimerKey::due(shard, from, before);
    loop {
        let page = store.scan(Table::Timers, (start, end.clone()), PAGE, false).await?;
        rows.extend(page.iter().filter_map(|(key, _)| TimerKey::decode(key)).map(|key| (key.due_ms, ExecutionId(key.execution))));
        match page.last() {
            Some((key, _)) if page.len() == PAGE => start = Bound::Excluded(key.to_vec()),
            Some(_) | None => return Ok(rows),
        }
        tokio::task::yield_now().await;
    }
}
