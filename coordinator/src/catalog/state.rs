//! The catalog as it stands: a fold over its events.

use std::collections::BTreeMap;
use std::sync::Arc;

use baton_engine::Timestamp;
use hashbrown::{HashMap, HashSet};

use super::event::CatalogEvent;
use super::model::{ActivityRecord, Alias, CreatedWith, MachineType, StateMachineRecord, Tag, Version};
use super::revision::CatalogRevision;

/// The catalog as it stands. Commands decide against it; it is read through [`Catalog`](super::Catalog).
#[derive(Clone, Debug, Default)]
pub struct State {
    /// By ARN, so that those of one owner lie together in the order of their names.
    pub(super) machines: BTreeMap<Arc<str>, Arc<StateMachineEntry>>,
    /// By digest; also those that only executions refer to.
    pub(super) revisions: HashMap<u128, Arc<CatalogRevision>>,
    /// By ARN.
    pub(super) activities: BTreeMap<Arc<str>, Arc<ActivityRecord>>,
    /// Deleted machines whose executions are still to be aborted, by ARN; with the time of the deletion.
    pub(super) deleting: BTreeMap<Arc<str>, Timestamp>,
    /// Names of functions that workers have served.
    pub(super) functions: HashSet<Arc<str>>,
}

/// A state machine.
#[derive(Clone, Debug)]
pub struct StateMachineEntry {
    /// ARN, unqualified.
    pub arn: Arc<str>,
    /// Name.
    pub name: Arc<str>,
    /// `type`
    pub machine_type: MachineType,
    /// `creationDate`
    pub created_at: Timestamp,
    /// See there.
    pub created_with: CreatedWith,
    /// The current one.
    pub revision: Arc<CatalogRevision>,
    /// Number of the latest version ever published; 0 for none.
    pub last_version: u64,
    /// By number.
    pub versions: BTreeMap<u64, Version>,
    /// In order of creation.
    pub aliases: Vec<Alias>,
    /// In order of their first setting.
    pub tags: Vec<Tag>,
}

impl StateMachineEntry {
    /// ARN of one of its versions.
    pub fn version_arn(&self, number: u64) -> String {
        format!("{}:{number}", self.arn)
    }

    /// The alias of this name.
    pub fn alias(&self, name: &str) -> Option<&Alias> {
        self.aliases.iter().find(|alias| &*alias.name == name)
    }

    /// The version that is the current revision, if that has been published.
    pub fn published(&self) -> Option<&Version> {
        let digest = self.revision.record.digest;
        self.versions.values().rev().find(|version| version.revision == digest)
    }

    /// As a checkpoint keeps it.
    pub(super) fn record(&self) -> StateMachineRecord {
        StateMachineRecord {
            arn: self.arn.clone(),
            name: self.name.clone(),
            machine_type: self.machine_type,
            created_at: self.created_at,
            created_with: self.created_with.clone(),
            revision: self.revision.record.digest,
            last_version: self.last_version,
            versions: self.versions.values().cloned().collect(),
            aliases: self.aliases.clone(),
            tags: self.tags.clone(),
        }
    }

    /// The inverse of [`record`](Self::record).
    pub(super) fn from_record(record: StateMachineRecord, revision: Arc<CatalogRevision>) -> Self {
        Self {
            arn: record.arn,
            name: record.name,
            machine_type: record.machine_type,
            created_at: record.created_at,
            created_with: record.created_with,
            revision,
            last_version: record.last_version,
            versions: record.versions.into_iter().map(|version| (version.number, version)).collect(),
            aliases: record.aliases,
            tags: record.tags,
        }
    }
}

impl State {
    /// Total: an event about something that is not there changes nothing.
    pub(super) fn apply(&mut self, event: &CatalogEvent) {
        match event {
            CatalogEvent::StateMachineCreated { revision, created_with, tags } => self.create_machine(revision, created_with, tags),
            CatalogEvent::StateMachineUpdated { revision } => {
                self.keep_revision(revision);
                self.change_machine(&revision.record.state_machine_arn, |machine| machine.revision = revision.clone());
            }
            CatalogEvent::StateMachineDeleted { arn, at } => {
                self.machines.remove(arn);
                self.deleting.insert(arn.clone(), *at);
            }
            CatalogEvent::DeletionFinished { arn } => drop(self.deleting.remove(arn)),
            CatalogEvent::VersionPublished { arn, version } => self.change_machine(arn, |machine| {
                machine.last_version = version.number;
                machine.versions.insert(version.number, version.clone());
            }),
            CatalogEvent::VersionDeleted { arn, number } => self.change_machine(arn, |machine| drop(machine.versions.remove(number))),
            CatalogEvent::AliasSet { arn, alias } => self.change_machine(arn, |machine| set_alias(&mut machine.aliases, alias)),
            CatalogEvent::AliasDeleted { arn, name } => {
                self.change_machine(arn, |machine| machine.aliases.retain(|alias| alias.name != *name));
            }
            CatalogEvent::ActivityCreated { activity } => {
                self.activities.insert(activity.arn.clone(), Arc::new(activity.clone()));
            }
            CatalogEvent::ActivityDeleted { arn } => drop(self.activities.remove(arn)),
            CatalogEvent::TagsSet { arn, tags } => self.set_tags(arn, tags),
            CatalogEvent::FunctionRegistered { name } => drop(self.functions.insert(name.clone())),
        }
    }

    fn create_machine(&mut self, revision: &Arc<CatalogRevision>, created_with: &CreatedWith, tags: &[Tag]) {
        self.keep_revision(revision);
        let record = &revision.record;
        let entry = StateMachineEntry {
            arn: record.state_machine_arn.clone(),
            name: record.name.clone(),
            machine_type: record.machine_type,
            created_at: record.at,
            created_with: created_with.clone(),
            revision: revision.clone(),
            last_version: 0,
            versions: BTreeMap::new(),
            aliases: Vec::new(),
            tags: tags.to_vec(),
        };
        self.machines.insert(entry.arn.clone(), Arc::new(entry));
    }

    fn keep_revision(&mut self, revision: &Arc<CatalogRevision>) {
        self.revisions.insert(revision.record.digest, revision.clone());
    }

    fn change_machine(&mut self, arn: &str, change: impl FnOnce(&mut StateMachineEntry)) {
        if let Some(machine) = self.machines.get_mut(arn) {
            change(Arc::make_mut(machine));
        }
    }

    fn set_tags(&mut self, arn: &str, tags: &[Tag]) {
        self.change_machine(arn, |machine| machine.tags = tags.to_vec());
        if let Some(activity) = self.activities.get_mut(arn) {
            Arc::make_mut(activity).tags = tags.to_vec();
        }
    }

    /// The tags of a machine or an activity.
    pub(super) fn tags(&self, arn: &str) -> Option<&[Tag]> {
        let of_machine = self.machines.get(arn).map(|machine| machine.tags.as_slice());
        of_machine.or_else(|| self.activities.get(arn).map(|activity| activity.tags.as_slice()))
    }
}

fn set_alias(aliases: &mut Vec<Alias>, alias: &Alias) {
    match aliases.iter_mut().find(|present| present.name == alias.name) {
        Some(present) => *present = alias.clone(),
        None => aliases.push(alias.clone()),
    }
}
