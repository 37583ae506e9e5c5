//! How many Standard executions of a shard are open: they have begun and not ended, whether or not they are in memory.
//!
//! The count goes to the key-value side with the checkpoints, and names the last batch that it knows of, so that a replay adds what came after.

use super::codec::{Chunk, CodecError};
use super::stored::StoredOpenCount;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct OpenCount {
    count: u64,
    /// What the key-value side has; `None` as long as it has nothing.
    stored: Option<StoredOpenCount>,
}

impl OpenCount {
    /// How many there are.
    pub(super) fn get(&self) -> u64 {
        self.count
    }

    /// One has begun, or has been redriven.
    pub(super) fn opened(&mut self) {
        self.count += 1;
    }

    /// One has ended. In a store without a count there may be more ends than beginnings.
    pub(super) fn ended(&mut self) {
        self.count = self.count.saturating_sub(1);
    }

    /// What the key-value side has.
    pub(super) fn restore(&mut self, stored: StoredOpenCount) {
        self.count = stored.count;
        self.stored = Some(stored);
    }

    /// Whether a batch that is replayed came after what the key-value side has.
    pub(super) fn is_new(&self, seq: u64) -> bool {
        self.stored.is_none_or(|stored| seq > stored.seq)
    }

    /// A replay passes over these events, since the execution has seen them; those that were not counted are counted here. Its beginning is
    /// counted with its batch.
    pub(super) fn passed_over(&mut self, chunk: Chunk<'_>) -> Result<(), CodecError> {
        for event in chunk.events()? {
            if matches!(event.kind, baton_engine::EventKind::ExecutionRedriven { .. }) {
                self.opened();
            } else if event.kind.execution_change().is_some_and(|change| change.is_end()) {
                self.ended();
            }
        }
        Ok(())
    }

    /// What a checkpoint up to this batch writes; `None` if it has that already: what came since has changed nothing.
    pub(super) fn take_unstored(&mut self, seq: u64) -> Option<StoredOpenCount> {
        let now = StoredOpenCount { seq, count: self.count };
        if self.stored.map_or(0, |stored| stored.count) == self.count {
            return None;
        }
        self.stored = Some(now);
        Some(now)
    }
}
