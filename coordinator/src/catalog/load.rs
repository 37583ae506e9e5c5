//! The catalog at the start: its records, then the rest of its log.

use std::sync::Arc;

use futures_util::TryStreamExt;

use super::checkpoint::{Dirty, RecordKey};
use super::codec;
use super::error::OpenError;
use super::event::CatalogEvent;
use super::model::StateMachineRecord;
use super::state::{State, StateMachineEntry};
use crate::store::keys::{CatalogKey, CatalogKind};
use crate::store::{Acquired, ShardId, ShardStore, Table, Token};

/// Entries read at once.
const PAGE_LEN: usize = 1_000;

/// What the writer begins with.
pub(super) struct Loaded {
    pub(super) state: State,
    pub(super) token: Token,
    /// Of the last batch in the log.
    pub(super) seq: u64,
    /// What the log says and the records do not yet.
    pub(super) dirty: Dirty,
}

/// Takes the shard and reads it.
pub(super) async fn load(store: &dyn ShardStore) -> Result<Loaded, OpenError> {
    let acquired = store.acquire(ShardId::CATALOG).await?;
    read(store, acquired).await
}

/// Reads the shard, which nobody else writes to.
pub(super) async fn read(store: &dyn ShardStore, acquired: Acquired) -> Result<Loaded, OpenError> {
    let mut state = records(store).await?;
    let mut dirty = Dirty::default();
    let mut log = store.read_log(ShardId::CATALOG, acquired.checkpoint_seq);
    while let Some((_, batch)) = log.try_next().await? {
        for event in codec::decode_batch::<CatalogEvent>(&batch)? {
            state.apply(&event);
            dirty.mark(&event);
        }
    }
    Ok(Loaded { state, token: acquired.token, seq: acquired.seq, dirty })
}

/// What the records say.
pub(super) async fn records(store: &dyn ShardStore) -> Result<State, OpenError> {
    let mut state = State::default();
    // Machines refer to revisions, so those come first.
    for kind in [CatalogKind::Revision, CatalogKind::StateMachine, CatalogKind::Activity, CatalogKind::Function] {
        let mut range = CatalogKey::of_kind(kind);
        loop {
            let entries = store.scan(Table::Catalog, range.clone(), PAGE_LEN, false).await?;
            let Some((last, _)) = entries.last() else { break };
            range.0 = std::ops::Bound::Excluded(last.to_vec());
            for (key, value) in entries {
                restore(&mut state, &key, &value)?;
            }
        }
    }
    Ok(state)
}

fn restore(state: &mut State, key: &[u8], value: &[u8]) -> Result<(), OpenError> {
    let damaged = |what: &str| codec::DecodeError::Damaged(format!("{what} in the record {}", key.escape_ascii()));
    match RecordKey::decode(key).ok_or_else(|| damaged("an unknown key"))? {
        RecordKey::Revision(digest) => drop(state.revisions.insert(digest, Arc::new(codec::decode(value)?))),
        RecordKey::StateMachine(arn) => {
            let record: StateMachineRecord = codec::decode(value)?;
            let revision = state.revisions.get(&record.revision).cloned().ok_or_else(|| damaged("a revision that is not there"))?;
            state.machines.insert(arn, Arc::new(StateMachineEntry::from_record(record, revision)));
        }
        RecordKey::Deletion(arn) => drop(state.deleting.insert(arn, codec::decode(value)?)),
        RecordKey::Activity(arn) => drop(state.activities.insert(arn, Arc::new(codec::decode(value)?))),
        RecordKey::Function(name) => drop(state.functions.insert(name)),
    }
    Ok(())
}
