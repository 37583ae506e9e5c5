//! Which shard a key of the key-value side belongs to: it follows from the key.

use std::ops::{Bound, RangeInclusive};

use crate::store::{KeyRange, ShardId, Table};

/// The shard that wrote `key`, of `shard_count`. `None` for a key that no encoder made.
pub(super) fn shard_of(table: Table, key: &[u8], shard_count: u16) -> Option<ShardId> {
    match table {
        Table::Meta | Table::Timers | Table::Retention => {
            let shard = ShardId(u16::from_be_bytes(*key.first_chunk()?));
            shard.index(shard_count).map(|_| shard)
        }
        Table::Executions | Table::History => Some(of_execution(u16::from_be_bytes(*key.first_chunk()?), shard_count)),
        // The execution's id comes last.
        Table::ExecutionIndex => {
            let id: &[u8; 16] = key.last_chunk()?;
            Some(of_execution(u16::from_be_bytes([id[0], id[1]]), shard_count))
        }
        Table::Catalog => Some(ShardId::CATALOG),
    }
}

/// The shard of an execution whose id has these top bits.
fn of_execution(top: u16, shard_count: u16) -> ShardId {
    // In 32 bits: a store of one shard takes none of the 16.
    ShardId(((u32::from(top) * u32::from(shard_count)) >> 16) as u16)
}

/// The shards that have keys of `range`, in ascending order of their numbers.
pub(super) fn shards_of(table: Table, range: &KeyRange, shard_count: u16) -> Vec<ShardId> {
    let all = || (0..shard_count).map(ShardId);
    match table {
        Table::Meta | Table::Timers | Table::Retention => {
            let tops = top_bits(range);
            all().chain([ShardId::CATALOG]).filter(|shard| tops.contains(&shard.0)).collect()
        }
        Table::Executions | Table::History => {
            let tops = top_bits(range);
            let shards = of_execution(*tops.start(), shard_count)..=of_execution(*tops.end(), shard_count);
            all().filter(|shard| shards.contains(shard)).collect()
        }
        Table::ExecutionIndex => all().collect(),
        Table::Catalog => vec![ShardId::CATALOG],
    }
}

/// The first two bytes of the keys of `range`, from the smallest to the largest.
fn top_bits(range: &KeyRange) -> RangeInclusive<u16> {
    let first = match &range.0 {
        Bound::Included(key) | Bound::Excluded(key) => padded(key),
        Bound::Unbounded => 0,
    };
    let last = match &range.1 {
        Bound::Included(key) => padded(key),
        // Keys below one of up to two bytes differ from it in those.
        Bound::Excluded(key) if key.len() <= 2 => padded(key).saturating_sub(1),
        Bound::Excluded(key) => padded(key),
        Bound::Unbounded => u16::MAX,
    };
    first..=last
}

fn padded(key: &[u8]) -> u16 {
    let byte = |at: usize| key.get(at).copied().unwrap_or(0);
    u16::from_be_bytes([byte(0), byte(1)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::keys::{ExecutionIndexKey, ExecutionKey, HistoryKey, MetaKey, RetentionKey, TimerKey, prefix_range};
    use proptest::prelude::*;
    use std::ops::RangeBounds;

    fn count_of(bits: u32) -> u16 {
        1 << bits
    }

    proptest! {
        #[test]
        fn an_execution_is_where_the_top_bits_of_its_id_say(execution: u128, bits in 0..13_u32, state_machine: u128) {
            let count = count_of(bits);
            let shard = ShardId((execution >> 1 >> (127 - bits)) as u16);
            let keys = [
                (Table::Executions, ExecutionKey { execution }.encode()),
                (Table::History, HistoryKey { execution, first_event: 3 }.encode()),
                (Table::ExecutionIndex, ExecutionIndexKey { state_machine, start_ms: 5, execution }.encode()),
            ];
            for (table, key) in keys {
                prop_assert_eq!(shard_of(table, &key, count), Some(shard));
            }
            prop_assert!(shards_of(Table::History, &HistoryKey::of_execution(execution), count).contains(&shard));
        }

        #[test]
        fn a_range_names_every_shard_that_has_a_key_of_it(from: Vec<u8>, to: Vec<u8>, key in proptest::collection::vec(any::<u8>(), 16..30), bits in 0..9_u32) {
            let count = count_of(bits);
            for range in [(Bound::Included(from.clone()), Bound::Excluded(to.clone())), (Bound::Excluded(from), Bound::Included(to)), prefix_range(&key[..2])] {
                for table in Table::ALL {
                    let Some(shard) = shard_of(table, &key, count) else { continue };
                    if range.contains(&key) {
                        prop_assert!(shards_of(table, &range, count).contains(&shard));
                    }
                }
            }
        }
    }

    #[test]
    fn the_usual_ranges_ask_one_shard() {
        let one = |table, range| shards_of(table, &range, 256);
        for shard in [ShardId(0), ShardId(7), ShardId(255), ShardId::CATALOG] {
            assert_eq!(one(Table::Meta, MetaKey::of_shard(shard)), [shard]);
            assert_eq!(one(Table::Timers, TimerKey::due(shard, 0, 99)), [shard]);
            assert_eq!(one(Table::Retention, RetentionKey::stopped_before(shard, 99)), [shard]);
        }
        assert_eq!(one(Table::History, HistoryKey::of_execution(3 << 120)), [ShardId(3)]);
        assert_eq!(one(Table::ExecutionIndex, ExecutionIndexKey::of_state_machine(3)).len(), 256);
    }

    #[test]
    fn a_shard_that_does_not_exist_has_no_keys() {
        assert_eq!(shard_of(Table::Meta, &[0, 8, 1], 8), None);
        assert_eq!(shard_of(Table::Meta, &[0], 8), None);
        assert_eq!(shard_of(Table::ExecutionIndex, &[0; 15], 8), None);
    }
}
