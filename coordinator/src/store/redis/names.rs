//! Names of keys at the server.
//!
//! Everything of a shard has the shard's hash tag, so that one call never leaves one slot of a sharded layout: `baton:{s:17}:log`, and
//! `baton:{s:c}:log` of the catalog. What belongs to the whole cluster has the tag `{cluster}`.

use super::layout::Slot;
use crate::store::{ShardId, Table};

/// Names of one shard's keys.
#[derive(Clone, Debug)]
pub(super) struct ShardNames {
    /// Where all of them are.
    pub(super) slot: Slot,
    /// Hash: token, lease, numbers.
    pub(super) record: String,
    /// Stream of batches.
    pub(super) log: String,
    tables: [TableNames; Table::ALL.len()],
}

/// Names of one table's keys in one shard.
#[derive(Clone, Debug)]
pub(super) struct TableNames {
    /// Hash: key to value.
    pub(super) values: String,
    /// Sorted set of the keys, all of score 0: their order is that of their bytes.
    pub(super) order: String,
}

impl ShardNames {
    fn new(prefix: &str, shard: ShardId) -> Self {
        let tag = match shard {
            ShardId::CATALOG => "s:c".to_owned(),
            ShardId(number) => format!("s:{number}"),
        };
        let slot = Slot::of_tag(&tag);
        let tag = format!("{{{tag}}}");
        let tables = Table::ALL
            .map(|table| TableNames { values: format!("{prefix}:{tag}:{table}"), order: format!("{prefix}:{tag}:{table}:order") });
        Self { slot, record: format!("{prefix}:{tag}:record"), log: format!("{prefix}:{tag}:log"), tables }
    }

    pub(super) fn table(&self, table: Table) -> &TableNames {
        &self.tables[table.index()]
    }

    /// What a checkpoint may touch, in the order in which the function counts.
    pub(super) fn of_checkpoint(&self) -> Vec<&str> {
        let tables = self.tables.iter().flat_map(|table| [table.values.as_str(), table.order.as_str()]);
        [self.record.as_str(), self.log.as_str()].into_iter().chain(tables).collect()
    }
}

/// Names of the cluster's own keys.
#[derive(Clone, Debug)]
pub(super) struct ClusterNames {
    prefix: String,
    /// Where all of them are.
    pub(super) slot: Slot,
    /// Hash of what was settled when the store was made.
    pub(super) settings: String,
    /// Hash: incarnation to what the member says.
    pub(super) members: String,
    /// Sorted set: incarnation by when it was heard of.
    pub(super) heard: String,
}

impl ClusterNames {
    pub(super) fn new(prefix: &str) -> Self {
        let name = |of: &str| format!("{prefix}:{{cluster}}:{of}");
        Self {
            prefix: prefix.to_owned(),
            slot: Slot::of_tag("cluster"),
            settings: name("settings"),
            members: name("members"),
            heard: name("heard"),
        }
    }

    pub(super) fn shard(&self, shard: ShardId) -> ShardNames {
        ShardNames::new(&self.prefix, shard)
    }
}

/// Whether a table is scanned, so that the order of its keys is kept. Snapshots are only ever looked up; there are as many as executions, and an order of them would
/// cost as much memory again.
pub(super) fn has_order(table: Table) -> bool {
    match table {
        Table::Executions => false,
        Table::Meta | Table::History | Table::ExecutionIndex | Table::Timers | Table::Retention | Table::Catalog => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_keys_of_a_shard_have_its_tag() {
        let names = ClusterNames::new("baton");
        let shard = names.shard(ShardId(17));
        let touched = shard.of_checkpoint();
        assert_eq!(touched.len(), 2 + 2 * Table::ALL.len());
        assert!(touched.iter().all(|name| name.starts_with("baton:{s:17}:")));
        assert_eq!(names.shard(ShardId::CATALOG).log, "baton:{s:c}:log");
        let mut distinct = touched.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), touched.len());
    }
}
