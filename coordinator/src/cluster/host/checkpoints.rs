//! Checkpoints of a host's shards, written some at a time, and the end of what is kept.

use std::time::Duration;

use baton_engine::Timestamp;
use bytes::Bytes;
use futures_util::FutureExt;

use super::{Host, HostMessage};
use crate::shard::{ShardInput, StoredRetention, decode_value};
use crate::store::keys::{ExecutionIndexKey, ExecutionKey, HistoryKey, RetentionKey};
use crate::store::{Checkpoint, KvOp, ShardId, ShardStore, StoreError, Table, Token};

/// Shards whose checkpoints are on their way at once.
const UNDER_WAY_MAX: usize = 16;
/// A refused checkpoint comes again after this time.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// How often one of a host's shards is swept, milliseconds.
const SWEEP_INTERVAL_MS: i64 = 5_000;
/// Groups of executions that one sweep forgets.
const SWEEP_MAX: usize = 16;
/// History segments that are looked up at once.
const PAGE: usize = 1_000;

/// What is on its way.
#[derive(Default)]
pub(super) struct Checkpoints {
    /// Asked for, to be written with the next call.
    pub(super) asked: Vec<Checkpoint>,
    /// Shards that have begun one.
    under_way: usize,
    /// A call is under way.
    is_writing: bool,
    /// Where to look next, so that all shards get their turn.
    cursor: usize,
    sweep_cursor: usize,
    next_sweep: Timestamp,
}

impl Host {
    /// Begins the checkpoints that are due, and writes those that are ready.
    pub(super) fn begin_checkpoints(&mut self, now: Timestamp) {
        let count = self.shards.len();
        let oldest = self.shared.store.oldest_shard();
        for step in 0..count {
            if self.checkpoints.under_way >= UNDER_WAY_MAX {
                break;
            }
            let index = (self.checkpoints.cursor + step) % count;
            let shard = &mut self.shards[index].shard;
            let is_asked_for = oldest == Some(shard.id()) || self.closing.is_some();
            let is_wanted = shard.wants_checkpoint(now) || (is_asked_for && shard.is_dirty());
            if !is_wanted || !shard.can_checkpoint() {
                continue;
            }
            shard.begin_checkpoint(&mut self.asked);
            if shard.has_checkpoint_under_way() {
                self.checkpoints.under_way += 1;
            }
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
    pub(super) fn checkpointed(&mut self, now: Timestamp, results: Vec<(ShardId, Result<(), StoreError>)>) {
        self.checkpoints.is_writing = false;
        self.checkpoints.under_way = self.checkpoints.under_way.saturating_sub(results.len());
        for (shard, result) in results {
            self.step(now, self.index(shard), ShardInput::Checkpointed { result });
        }
        self.begin_checkpoints(now);
    }

    /// Forgets executions whose retention is over, one shard at a time.
    pub(super) fn sweep_retention(&mut self, now: Timestamp) {
        if now < self.checkpoints.next_sweep || self.shards.is_empty() || self.closing.is_some() {
            return;
        }
        self.checkpoints.next_sweep = now + SWEEP_INTERVAL_MS;
        let index = self.checkpoints.sweep_cursor % self.shards.len();
        self.checkpoints.sweep_cursor = index + 1;
        let owned = &self.shards[index];
        let (store, shard, token) = (self.shared.store.clone(), owned.shard.id(), owned.token);
        let before = now - self.shared.retention_ms;
        let sweep = async move {
            if let Err(error) = forget_before(&*store, shard, token, before).await {
                tracing::warn!(%shard, %error, "executions whose retention is over were not forgotten; they will be at the next sweep");
            }
            HostMessage::Done
        };
        self.background.push(sweep.boxed());
    }
}

/// Writes the checkpoints, again and again as long as the store says that it may take them later.
async fn write(store: &dyn ShardStore, mut asked: Vec<Checkpoint>) -> Vec<(ShardId, Result<(), StoreError>)> {
    let mut results = Vec::with_capacity(asked.len());
    loop {
        let answers = store.checkpoint_many(asked.clone()).await;
        let mut again = Vec::new();
        for (checkpoint, answer) in asked.into_iter().zip(answers) {
            match answer {
                Err(error) if error.is_retryable() => again.push(checkpoint),
                other => results.push((checkpoint.shard, other)),
            }
        }
        if again.is_empty() {
            return results;
        }
        asked = again;
        tokio::time::sleep(RETRY_AFTER).await;
    }
}

async fn forget_before(store: &dyn ShardStore, shard: ShardId, token: Token, before: Timestamp) -> Result<(), StoreError> {
    let groups = store.scan(Table::Retention, RetentionKey::stopped_before(shard, before), SWEEP_MAX, false).await?;
    for (key, value) in groups {
        let StoredRetention(retained) = decode_value(&value).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let mut ops = Vec::with_capacity(3 * retained.len() + 1);
        for execution in retained {
            let id = execution.execution;
            let segments = store.scan(Table::History, HistoryKey::of_execution(id), PAGE, false).await?;
            ops.extend(segments.into_iter().map(|(key, _)| delete(Table::History, key)));
            ops.push(KvOp::delete(Table::Executions, ExecutionKey { execution: id }.encode()));
            let index = ExecutionIndexKey { state_machine: execution.state_machine, start_ms: execution.start_at, execution: id };
            ops.push(KvOp::delete(Table::ExecutionIndex, index.encode()));
            tokio::task::yield_now().await;
        }
        ops.push(delete(Table::Retention, key));
        store.checkpoint(shard, token, 0, ops).await?;
    }
    Ok(())
}

fn delete(table: Table, key: Bytes) -> KvOp {
    KvOp::delete(table, Vec::from(key))
}
