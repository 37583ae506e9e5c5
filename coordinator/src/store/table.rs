//! The families of keys.

use std::ops::Bound;

/// From where to where a [`scan`](super::ShardStore::scan) goes.
pub type KeyRange = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// Whether no key can be in `range`. Ordered maps panic on ranges whose start is beyond their end.
pub(crate) fn is_empty_range(range: &KeyRange) -> bool {
    match range {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) => from >= to,
    }
}

/// A family of keys. Its name is the `Display` form; [`keys`](super::keys) has one module for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Small records of a shard itself.
    Meta,
    /// Snapshots of executions.
    Executions,
    /// Segments of histories.
    History,
    /// Executions of a state machine, the latest first.
    ExecutionIndex,
    /// Timers too far away for memory.
    Timers,
    /// When ended executions are forgotten.
    Retention,
    /// State machines, their versions and aliases, activities, tags, functions.
    Catalog,
}

impl Table {
    /// All of them.
    pub const ALL: [Table; 7] =
        [Table::Meta, Table::Executions, Table::History, Table::ExecutionIndex, Table::Timers, Table::Retention, Table::Catalog];

    /// Name, as on disk.
    pub fn name(self) -> &'static str {
        match self {
            Table::Meta => "meta",
            Table::Executions => "executions",
            Table::History => "history",
            Table::ExecutionIndex => "execution_index",
            Table::Timers => "timers",
            Table::Retention => "retention",
            Table::Catalog => "catalog",
        }
    }

    /// Place in [`Table::ALL`].
    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_is_the_place_in_the_list() {
        for (place, table) in Table::ALL.into_iter().enumerate() {
            assert_eq!(table.index(), place);
        }
    }
}
