//! Which records a checkpoint writes, and their keys.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::codec;
use super::event::CatalogEvent;
use super::state::State;
use crate::store::keys::{CatalogKey, CatalogKind};
use crate::store::{KvOp, Table};

/// One record of the key-value side.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RecordKey {
    /// A machine that there is, by ARN.
    StateMachine(Arc<str>),
    /// A machine that was deleted and whose executions are to be aborted, by ARN.
    Deletion(Arc<str>),
    /// A revision, by digest.
    Revision(u128),
    /// An activity, by ARN.
    Activity(Arc<str>),
    /// A function, by name.
    Function(Arc<str>),
}

impl RecordKey {
    /// A machine and the deletion of its namesake have the same name, so that a number tells them apart.
    const DELETION: u64 = 1;

    pub(super) fn encode(&self) -> Vec<u8> {
        match self {
            RecordKey::StateMachine(arn) => CatalogKey::of(CatalogKind::StateMachine, arn).encode(),
            RecordKey::Deletion(arn) => CatalogKey { kind: CatalogKind::StateMachine, name: arn, number: Self::DELETION }.encode(),
            RecordKey::Revision(digest) => CatalogKey::of(CatalogKind::Revision, &format!("{digest:032x}")).encode(),
            RecordKey::Activity(arn) => CatalogKey::of(CatalogKind::Activity, arn).encode(),
            RecordKey::Function(name) => CatalogKey::of(CatalogKind::Function, name).encode(),
        }
    }

    /// The inverse of [`encode`](Self::encode); `None` for keys that it does not make.
    pub(super) fn decode(key: &[u8]) -> Option<Self> {
        let key = CatalogKey::decode(key)?;
        match (key.kind, key.number) {
            (CatalogKind::StateMachine, 0) => Some(RecordKey::StateMachine(key.name.into())),
            (CatalogKind::StateMachine, Self::DELETION) => Some(RecordKey::Deletion(key.name.into())),
            (CatalogKind::Revision, 0) => u128::from_str_radix(key.name, 16).ok().map(RecordKey::Revision),
            (CatalogKind::Activity, 0) => Some(RecordKey::Activity(key.name.into())),
            (CatalogKind::Function, 0) => Some(RecordKey::Function(key.name.into())),
            (CatalogKind::StateMachine | CatalogKind::Revision | CatalogKind::Activity | CatalogKind::Function, _) => None,
            // Versions, aliases and tags are part of their resource's record.
            (CatalogKind::Version | CatalogKind::Alias | CatalogKind::Tags, _) => None,
        }
    }

    /// Bytes of the record as it stands, `None` when it is to go.
    fn value(&self, state: &State) -> Option<Vec<u8>> {
        match self {
            RecordKey::StateMachine(arn) => state.machines.get(arn).map(|machine| codec::encode(&machine.record())),
            RecordKey::Deletion(arn) => state.deleting.get(arn).map(codec::encode),
            RecordKey::Revision(digest) => state.revisions.get(digest).map(|revision| codec::encode(&revision.record)),
            RecordKey::Activity(arn) => state.activities.get(arn).map(|activity| codec::encode(&**activity)),
            RecordKey::Function(name) => state.functions.contains(name).then(|| codec::encode(&())),
        }
    }
}

/// What has changed since the last checkpoint.
#[derive(Debug, Default)]
pub(super) struct Dirty(BTreeSet<RecordKey>);

impl Dirty {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Notes what `event` changes.
    pub(super) fn mark(&mut self, event: &CatalogEvent) {
        match event {
            CatalogEvent::StateMachineCreated { revision, .. } | CatalogEvent::StateMachineUpdated { revision } => {
                self.0.insert(RecordKey::Revision(revision.record.digest));
                self.0.insert(RecordKey::StateMachine(revision.record.state_machine_arn.clone()));
            }
            CatalogEvent::StateMachineDeleted { arn, .. } => {
                self.0.insert(RecordKey::StateMachine(arn.clone()));
                self.0.insert(RecordKey::Deletion(arn.clone()));
            }
            CatalogEvent::DeletionFinished { arn } => drop(self.0.insert(RecordKey::Deletion(arn.clone()))),
            CatalogEvent::VersionPublished { arn, .. }
            | CatalogEvent::VersionDeleted { arn, .. }
            | CatalogEvent::AliasSet { arn, .. }
            | CatalogEvent::AliasDeleted { arn, .. } => drop(self.0.insert(RecordKey::StateMachine(arn.clone()))),
            CatalogEvent::ActivityCreated { activity } => drop(self.0.insert(RecordKey::Activity(activity.arn.clone()))),
            CatalogEvent::ActivityDeleted { arn } => drop(self.0.insert(RecordKey::Activity(arn.clone()))),
            CatalogEvent::TagsSet { arn, .. } => {
                self.0.insert(RecordKey::StateMachine(arn.clone()));
                self.0.insert(RecordKey::Activity(arn.clone()));
            }
            CatalogEvent::FunctionRegistered { name } => drop(self.0.insert(RecordKey::Function(name.clone()))),
        }
    }

    /// The operations that bring the key-value side to `state`.
    pub(super) fn ops(&self, state: &State) -> Vec<KvOp> {
        let op = |key: &RecordKey| match key.value(state) {
            Some(value) => KvOp::put(Table::Catalog, key.encode(), value),
            None => KvOp::delete(Table::Catalog, key.encode()),
        };
        self.0.iter().map(op).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back() {
        let arn: Arc<str> = "arn:aws:states:us-east-1:123456789012:stateMachine:m".into();
        let keys = [
            RecordKey::StateMachine(arn.clone()),
            RecordKey::Deletion(arn.clone()),
            RecordKey::Revision(u128::MAX / 3),
            RecordKey::Activity(arn.clone()),
            RecordKey::Function("f".into()),
        ];
        for key in keys {
            assert_eq!(RecordKey::decode(&key.encode()), Some(key));
        }
        let version = CatalogKey { kind: CatalogKind::Version, name: &arn, number: 1 };
        assert_eq!(RecordKey::decode(&version.encode()), None);
    }
}
