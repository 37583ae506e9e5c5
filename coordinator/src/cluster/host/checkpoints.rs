//! Checkpoints of a host's shards, written some at a time, and the end of what is kept.

use std::time::Duration;

use baton_engine::Timestamp;
use bytes::Bytes;
use futures_util::FutureExt;
use hashbrown::HashSet;

use super::{Host, HostMessage, Owned};
use crate::shard::{ExecutionId, ShardInput, Stored, StoredRetention, decode_value};
use crate::store::keys::{ExecutionIndexKey, ExecutionKey, HistoryKey, RetentionKey};
use crate::store::{Checkpoint, KvOp, ShardId, ShardStore, StoreError, Table, Token};

/// Shards whose checkpoints are on their way at once.
const UNDER_WAY_MAX: usize = 16;
/// A refused checkpoint comes again after this time.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// How long a host waits after a shard that had nothing to forget, milliseconds.
const SWEEP_INTERVAL_MS: i64 = 5_000;
/// Groups of executions that one sweep forgets. A shard that has more is swept again at once.
const SWEEP_MAX: usize = 64;
/// History segments that are looked up at once.
const PAGE: usize = 1_000;

/// What is on its way.
#[derive(Default)]
pub(super) struct Checkpoints {
    /// Asked for, to be written with the next call.
    pub(super) asked: Vec<Checkpoint>,
    /// A call is under way.
    is_writing: bool,
    /// Where to look next, so that all shards get their turn.
    cursor: usize,
    sweep_cursor: usize,
    is_sweeping: bool,
    next_sweep: Timestamp,
}

impl Host {
    /// Begins the checkpoints that are due, and writes those that are ready.
    pub(super) fn begin_checkpoints(&mut self, now: Timestamp) {
        let count = self.shards.len();
        let oldest = self.shared.store.oldest_shard();
        let has_begun = |owned: &&Owned| owned.shard.lost().is_none() && owned.shard.has_checkpoint_under_way();
        let mut under_way = self.shards.iter().flatten().filter(has_begun).count();
        for step in 0..count {
            if under_way >= UNDER_WAY_MAX {
                break;
            }
            let index = (self.checkpoints.cursor + step) % count;
            let Some(Owned { shard, leaving, .. }) = &mut self.shards[index] else { continue };
            let is_asked_for = oldest == Some(shard.id()) || self.close_by.is_some() || leaving.is_some();
            let is_wanted = shard.wants_checkpoint(now) || (is_asked_for && shard.is_dirty());
            if !is_wanted || !shard.can_checkpoint() {
                continue;
            }
            shard.begin_checkpoint(&mut self.asked);
            under_way += usize::from(shard.has_checkpoint_under_way());
            self.do_asked(index);
        }
        self.checkpoints.cursor = (self.checkpoints.cursor + 1) % count.max(1);
        self.write_checkpoints();
    }

    /// Writes what has been asked for, unless a call is under way.
    pub(super) fn write_checkpoints(&mut self) {
        if self.checkpoints.is_writing || self.checkpoints.asked.is_empty() {
            return;
        }
        self.checkpoints.is_writing = true;
        let asked = std::mem::take(&mut self.checkpoints.asked);
        let store = self.shared.store.clone();
        self.background.push(async move { HostMessage::Checkpointed(write(&*store, asked).await) }.boxed());
    }

    /// A call has ended.
    pub(super) fn checkpointed(&mut self, now: Timestamp, results: Vec<(ShardId, Token, Result<(), StoreError>)>) {
        self.checkpoints.is_writing = false;
        for (shard, token, result) in results {
            self.step_own(now, shard, token, ShardInput::Checkpointed { result });
        }
        self.begin_checkpoints(now);
    }

    /// Forgets executions whose retention is over, one shard at a time.
    pub(super) fn sweep_retention(&mut self, now: Timestamp) {
        let checkpoints = &mut self.checkpoints;
        if checkpoints.is_sweeping || now < checkpoints.next_sweep || self.close_by.is_some() {
            return;
        }
        let count = self.shards.len();
        let in_turn = (0..count).map(|step| (checkpoints.sweep_cursor + step) % count);
        let Some(index) = in_turn.into_iter().find(|index| self.shards[*index].as_ref().is_some_and(|owned| owned.leaving.is_none()))
        else {
            return;
        };
        let Some(owned) = &mut self.shards[index] else { return };
        (checkpoints.is_sweeping, checkpoints.sweep_cursor) = (true, index);
        let (store, shard, token) = (self.shared.store.clone(), owned.shard.id(), owned.token);
        let before = now - self.shared.retention_ms;
        let kept = owned.shard.begin_forgetting(before);
        let sweep = async move {
            let groups = forget_before(&*store, shard, token, before, &kept).await.unwrap_or_else(|error| {
                tracing::warn!(%shard, %error, "executions whose retention is over were not forgotten; they will be at the next sweep");
                0
            });
            HostMessage::Swept { groups }
        };
        self.background.push(sweep.boxed());
    }

    /// A sweep has ended: it goes on with the same shard while that has more, with the next one at once while there is work at all.
    pub(super) fn swept(&mut self, now: Timestamp, groups: usize) {
        self.checkpoints.is_sweeping = false;
        if groups < SWEEP_MAX {
            self.checkpoints.sweep_cursor = (self.checkpoints.sweep_cursor + 1) % self.shards.len();
        }
        self.checkpoints.next_sweep = if groups == 0 { now + SWEEP_INTERVAL_MS } else { now };
    }
}

/// Writes the checkpoints, again and again as long as the store says that it may take them later.
async fn write(store: &dyn ShardStore, mut asked: Vec<Checkpoint>) -> Vec<(ShardId, Token, Result<(), StoreError>)> {
    let mut results = Vec::with_capacity(asked.len());
    loop {
        let answers = store.checkpoint_many(asked.clone()).await;
        let mut again = Vec::new();
        for (checkpoint, answer) in asked.into_iter().zip(answers) {
            match answer {
                Err(error) if error.is_retryable() => again.push(checkpoint),
                other => results.push((checkpoint.shard, checkpoint.token, other)),
            }
        }
        if again.is_empty() {
            return results;
        }
        asked = again;
        tokio::time::sleep(RETRY_AFTER).await;
    }
}

/// Forgets the first groups of executions that ended before that time, except those that were redriven since; answers how many groups there were, at most [`SWEEP_MAX`].
async fn forget_before(
    store: &dyn ShardStore,
    shard: ShardId,
    token: Token,
    before: Timestamp,
    kept: &HashSet<ExecutionId>,
) -> Result<usize, StoreError> {
    let groups = store.scan(Table::Retention, RetentionKey::stopped_before(shard, before), SWEEP_MAX, false).await?;
    let count = groups.len();
    for (key, value) in groups {
        let StoredRetention(retained) = decode_value(&value).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let mut ops = Vec::with_capacity(3 * retained.len() + 1);
        for execution in retained {
            let id = execution.execution;
            if kept.contains(&ExecutionId(id)) || !is_over(store, id, before).await? {
                continue;
            }
            forget_history(store, shard, token, id, &mut ops).await?;
            ops.push(KvOp::delete(Table::Executions, ExecutionKey { execution: id }.encode()));
            let index = ExecutionIndexKey { state_machine: execution.state_machine, start_ms: execution.start_at, execution: id };
            ops.push(KvOp::delete(Table::ExecutionIndex, index.encode()));
            tokio::task::yield_now().await;
        }
        ops.push(delete(Table::Retention, key));
        store.checkpoint(shard, token, 0, ops).await?;
    }
    Ok(count)
}

/// Whether the execution's last end was before that time. One that was redriven has another end, which its own group tells of, or none.
async fn is_over(store: &dyn ShardStore, execution: u128, before: Timestamp) -> Result<bool, StoreError> {
    let Some(value) = store.get(Table::Executions, &ExecutionKey { execution }.encode()).await? else { return Ok(true) };
    match Stored::decode(&value).map_err(|error| StoreError::Corrupt(error.to_string()))? {
        Stored::Live(_) => Ok(false),
        Stored::Ended(ended) => Ok(ended.stop_at < before),
        Stored::MapRun(stored) => Ok(stored.0.stopped_at().is_some_and(|stopped| stopped < before)),
    }
}

/// Adds what forgets an execution's history to `ops`. A long history goes page by page, with everything that was to be forgotten before it:
/// whatever a failure leaves of it is found again, since the group that names it goes last.
async fn forget_history(
    store: &dyn ShardStore,
    shard: ShardId,
    token: Token,
    execution: u128,
    ops: &mut Vec<KvOp>,
) -> Result<(), StoreError> {
    loop {
        let segments = store.scan(Table::History, HistoryKey::of_execution(execution), PAGE, false).await?;
        let is_last = segments.len() < PAGE;
        ops.extend(segments.into_iter().map(|(key, _)| delete(Table::History, key)));
        if is_last {
            return Ok(());
        }
        // The next page begins where this one has been.
        store.checkpoint(shard, token, 0, std::mem::take(ops)).await?;
    }
}

fn delete(table: Table, key: Bytes) -> KvOp {
    KvOp::delete(table, Vec::from(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::{Retained, StoredEnded, encode_value};
    use crate::store::memory::MemoryStore;
    use baton_engine::RedriveCount;

    #[tokio::test]
    async fn a_history_of_any_length_is_forgotten_with_its_execution() {
        let store = MemoryStore::new(1);
        let (shard, key) = (ShardId(0), RetentionKey { shard: ShardId(0), stop_ms: 10, tie_breaker: 1 });
        let token = store.acquire(shard).await.expect("the shard is free").token;
        let segments = 2 * PAGE as u64 + 5;
        let segment = |first_event| KvOp::put(Table::History, HistoryKey { execution: 7, first_event }.encode(), Bytes::from_static(b"x"));
        let mut ops: Vec<_> = (0..segments).map(segment).collect();
        ops.push(KvOp::put(Table::History, HistoryKey { execution: 8, first_event: 0 }.encode(), Bytes::from_static(b"x")));
        let retained = StoredRetention(vec![Retained { execution: 7, state_machine: 3, start_at: 1 }]);
        ops.push(KvOp::put(Table::Retention, key.encode(), encode_value(&retained)));
        store.checkpoint(shard, token, 0, ops).await.expect("it is written");

        let sweep = async |before| forget_before(&store, shard, token, before, &HashSet::new()).await.expect("a sweep");
        assert_eq!(sweep(10).await, 0, "its time is not over yet");
        assert_eq!(sweep(11).await, 1);
        let left =
            async |execution| store.scan(Table::History, HistoryKey::of_execution(execution), PAGE, false).await.expect("a scan").len();
        assert_eq!((left(7).await, left(8).await), (0, 1));
        assert_eq!(sweep(11).await, 0);
    }

    #[tokio::test]
    async fn the_retention_of_a_redriven_execution_begins_anew() {
        let store = MemoryStore::new(1);
        let shard = ShardId(0);
        let token = store.acquire(shard).await.expect("the shard is free").token;
        let ended = |stop_at| {
            Stored::Ended(StoredEnded { position: 3, events: 3, stop_at, has_succeeded: false, redrives: RedriveCount::default() })
        };
        let stored = [(1, ended(10)), (2, ended(50)), (3, ended(10))];
        let mut ops: Vec<_> = stored
            .iter()
            .map(|(execution, stored)| KvOp::put(Table::Executions, ExecutionKey { execution: *execution }.encode(), stored.encode()))
            .collect();
        let retained = StoredRetention((1..=3).map(|execution| Retained { execution, state_machine: 3, start_at: 1 }).collect());
        let group = RetentionKey { shard, stop_ms: 10, tie_breaker: 1 };
        ops.push(KvOp::put(Table::Retention, group.encode(), encode_value(&retained)));
        store.checkpoint(shard, token, 0, ops).await.expect("it is written");

        let kept = HashSet::from([ExecutionId(3)]);
        assert_eq!(forget_before(&store, shard, token, 11, &kept).await.expect("a sweep"), 1);
        let mut left = Vec::new();
        for execution in 1..=3 {
            left.push(store.get(Table::Executions, &ExecutionKey { execution }.encode()).await.expect("a look").is_some());
        }
        assert_eq!(left, [false, true, true], "the second has ended again, the third is redriven in memory");
    }
}
