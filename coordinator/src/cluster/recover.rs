//! Reading a shard back: what the key-value side has of it, then its log.

use std::sync::Arc;

use baton_engine::Timestamp;
use bytes::Bytes;
use futures_util::stream::TryStreamExt;

use super::OpenError;
use super::host::{read_history, read_rows};
use super::world::HostWorld;
use crate::clock;
use crate::shard::{ExecutionId, Recovering};
use crate::store::keys::{ExecutionKey, MetaKey};
use crate::store::{Acquired, ShardId, ShardStore, StoreError, Table};

/// Records of a shard that are read at once.
const PAGE: usize = 1_000;

/// What the store has of a shard, the log apart.
pub(super) struct Found {
    pub(super) shard: ShardId,
    pub(super) acquired: Acquired,
    records: Vec<(Bytes, Bytes)>,
    /// Those that are due before `horizon`.
    pub(super) timers: Vec<(Timestamp, ExecutionId)>,
    pub(super) horizon: Timestamp,
}

/// Takes the shard and reads what the store has of it.
pub(super) async fn acquire_and_find(store: &Arc<dyn ShardStore>, shard: ShardId, horizon: Timestamp) -> Result<Found, OpenError> {
    let acquired = store.acquire(shard).await.map_err(|source| OpenError::Store { shard, source })?;
    find(store, shard, acquired, horizon).await
}

/// Reads what the store has of a shard that has been acquired.
pub(super) async fn find(store: &Arc<dyn ShardStore>, shard: ShardId, acquired: Acquired, horizon: Timestamp) -> Result<Found, OpenError> {
    let failed = |source: StoreError| OpenError::Store { shard, source };
    let mut records: Vec<(Bytes, Bytes)> = Vec::new();
    let (mut start, end) = MetaKey::of_shard(shard);
    loop {
        let page = store.scan(Table::Meta, (start, end.clone()), PAGE, false).await.map_err(failed)?;
        let is_last = page.len() < PAGE;
        records.extend(page);
        match records.last() {
            Some((key, _)) if !is_last => start = std::ops::Bound::Excluded(key.to_vec()),
            Some(_) | None => break,
        }
    }
    let timers = read_rows(store.clone(), shard, Timestamp::MIN, horizon).await.map_err(failed)?;
    Ok(Found { shard, acquired, records, timers, horizon })
}

/// Replays the shard's log on top of that.
pub(super) async fn replay(store: &Arc<dyn ShardStore>, found: &Found, world: &mut HostWorld) -> Result<Recovering<HostWorld>, OpenError> {
    let shard = found.shard;
    let failed = |source: StoreError| OpenError::Store { shard, source };
    let mut recovering = Recovering::new(shard, found.acquired.seq, clock::now(), found.horizon);
    found.records.iter().try_for_each(|(key, value)| recovering.record(key, value))?;
    if found.acquired.seq > found.acquired.checkpoint_seq {
        let mut log = store.read_log(shard, found.acquired.checkpoint_seq);
        while let Some((seq, batch)) = log.try_next().await.map_err(failed)? {
            for id in recovering.missing(&batch)? {
                let key = ExecutionKey { execution: id.0 }.encode();
                if let Some(value) = store.get(Table::Executions, &key).await.map_err(failed)? {
                    recovering.snapshot(id, &value, world)?;
                }
            }
            for id in recovering.redriven(&batch)? {
                let segments = read_history(&**store, id).await.map_err(failed)?;
                recovering.history(id, &segments, world)?;
            }
            recovering.replay(seq, &batch, world)?;
        }
    }
    Ok(recovering)
}
