//! The short name of an execution inside the system.

use xxhash_rust::xxh3::xxh3_128;

/// Hash of the execution's ARN. Its top bits are the shard, so that an ARN needs no lookup table and a repeated StartExecution
/// meets its twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, bincode::Encode, bincode::Decode)]
pub struct ExecutionId(pub u128);

impl ExecutionId {
    /// The id of the execution with this ARN.
    pub fn of_arn(execution_arn: &str) -> Self {
        Self(xxh3_128(execution_arn.as_bytes()))
    }

    /// The shard that it lives in, of `2^shard_bits` shards.
    pub fn shard(self, shard_bits: u32) -> u16 {
        debug_assert!((1..=12).contains(&shard_bits), "a system has 2 to 4,096 shards");
        (self.0 >> (128 - shard_bits)) as u16
    }
}

impl std::fmt::Display for ExecutionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}
