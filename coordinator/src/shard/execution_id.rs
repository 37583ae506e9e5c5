//! The short name of an execution inside the system.

use xxhash_rust::xxh3::xxh3_128;

/// Hash of the execution's ARN. Its top bits are the shard, so that an ARN needs no lookup table and a repeated StartExecution
/// meets its twin. Its last bit says whether it belongs to a Map Run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, bincode::Encode, bincode::Decode)]
pub struct ExecutionId(pub u128);

impl ExecutionId {
    /// The id of the execution with this ARN.
    pub fn of_arn(execution_arn: &str) -> Self {
        // Of all ARNs only those of a Map Run and its children have a slash, before their label.
        Self(xxh3_128(execution_arn.as_bytes()) & !1 | u128::from(execution_arn.contains('/')))
    }

    /// Whether it is a Map Run, or a child of one.
    pub fn is_of_map_run(self) -> bool {
        self.0 & 1 == 1
    }

    /// The shard that it lives in, of `2^shard_bits` shards.
    pub fn shard(self, shard_bits: u32) -> u16 {
        debug_assert!(shard_bits <= 15, "a system has up to 32,768 shards");
        // In two steps: a system of one shard has no bits, and a shift by all 128 is none.
        (self.0 >> 1 >> (127 - shard_bits)) as u16
    }
}

impl std::fmt::Display for ExecutionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}
