//! The executions of a state machine, in [`Table::ExecutionIndex`](crate::store::Table::ExecutionIndex).

use std::ops::Bound;

use super::codec::{Parts, ordered, prefix_end, prefix_range, unordered};
use crate::store::KeyRange;

/// One execution in the list of its state machine: the latest start first, as ListExecutions answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExecutionIndexKey {
    /// Hash of the state machine's ARN.
    pub state_machine: u128,
    /// When the execution started, milliseconds since 1970.
    pub start_ms: i64,
    /// Id of the execution.
    pub execution: u128,
}

impl ExecutionIndexKey {
    /// Bytes of the key.
    pub fn encode(self) -> Vec<u8> {
        let mut key = Vec::with_capacity(40);
        key.extend_from_slice(&self.state_machine.to_be_bytes());
        // Inverted: the scan from the front meets the latest first.
        key.extend_from_slice(&(!ordered(self.start_ms)).to_be_bytes());
        key.extend_from_slice(&self.execution.to_be_bytes());
        key
    }

    /// The inverse of [`encode`](Self::encode).
    pub fn decode(key: &[u8]) -> Option<Self> {
        let mut parts = Parts(key);
        let decoded = Self { state_machine: parts.u128()?, start_ms: unordered(!parts.u64()?), execution: parts.u128()? };
        parts.end()?;
        Some(decoded)
    }

    /// All executions of a state machine.
    pub fn of_state_machine(state_machine: u128) -> KeyRange {
        prefix_range(&state_machine.to_be_bytes())
    }

    /// Those that come after this one in its state machine's list.
    pub fn after(self) -> KeyRange {
        (Bound::Excluded(self.encode()), prefix_end(&self.state_machine.to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cmp::Reverse;
    use std::ops::RangeBounds;

    proptest! {
        #[test]
        fn the_latest_comes_first(a: (u128, i64, u128), b: (u128, i64, u128)) {
            let key = |(state_machine, start_ms, execution)| {
                ExecutionIndexKey { state_machine, start_ms, execution }
            };
            let order = |(machine, start, execution): (u128, i64, u128)| (machine, Reverse(start), execution);
            prop_assert_eq!(order(a).cmp(&order(b)), key(a).encode().cmp(&key(b).encode()));
            prop_assert_eq!(ExecutionIndexKey::decode(&key(a).encode()), Some(key(a)));
        }

        #[test]
        fn a_page_begins_behind_its_cursor(machine: u128, a: (i64, u128), b: (i64, u128)) {
            let key = |(start_ms, execution)| {
                ExecutionIndexKey { state_machine: machine, start_ms, execution }
            };
            let later = key(a).encode() < key(b).encode();
            prop_assert_eq!(key(a).after().contains(&key(b).encode()), later);
        }
    }
}
