//! What can be chosen about a local store.

use std::sync::Arc;

use super::disk::{LogDisk, OsDisk, OsSpace, SpaceProbe};
use super::frame::BODY_MAX;
use super::segment::DATA_START;

const MIB: u64 = 1 << 20;

/// How a [`LocalStore`](super::LocalStore) is opened.
#[derive(Clone)]
pub struct LocalOptions {
    /// Shards of a store that is created, a power of two from 2 to 4,096. An existing store keeps the number it has.
    pub shard_count: u16,
    /// Size of a log segment, bytes.
    pub segment_bytes: u64,
    /// Size of the very first segment, bytes. Small, because a fresh store waits until it is filled with zeros.
    pub first_segment_bytes: u64,
    /// Finished segments kept for the next time, at most.
    pub spare_segments: usize,
    /// Room that is left on the volume, bytes: below it no intake is accepted.
    pub reserve_bytes: u64,
    /// Room that the data folder may take, bytes; as much as there is if `None`.
    pub max_bytes: Option<u64>,
    /// Cache of the key-value side, bytes.
    pub kv_cache_bytes: u64,
    /// How the log is written.
    pub disk: Arc<dyn LogDisk>,
    /// How room is measured.
    pub space: Arc<dyn SpaceProbe>,
}

impl Default for LocalOptions {
    fn default() -> Self {
        Self {
            shard_count: 256,
            segment_bytes: 64 * MIB,
            first_segment_bytes: 4 * MIB,
            spare_segments: 2,
            reserve_bytes: 64 * MIB,
            max_bytes: None,
            kv_cache_bytes: 8 * MIB,
            disk: Arc::new(OsDisk),
            space: Arc::new(OsSpace),
        }
    }
}

impl LocalOptions {
    /// Largest batch that a log with these segments takes.
    pub(super) fn batch_max(&self) -> usize {
        let half = usize::try_from(self.segment_bytes / 2).unwrap_or(usize::MAX);
        half.min(BODY_MAX)
    }

    /// What only a defect of the caller can get wrong.
    pub(super) fn check(&self) {
        assert!(
            self.shard_count.is_power_of_two() && (2..=4096).contains(&self.shard_count),
            "the number of shards is a power of two from 2 to 4,096"
        );
        for bytes in [self.segment_bytes, self.first_segment_bytes] {
            assert!(
                (4 * DATA_START..=1 << 31).contains(&bytes) && bytes.is_multiple_of(DATA_START),
                "a segment has 16 KiB to 2 GiB, in units of 4 KiB"
            );
        }
    }
}
