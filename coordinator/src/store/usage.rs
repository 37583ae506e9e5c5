//! How much a store holds.

/// What a store takes, and what it may still take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Bytes that it holds.
    pub bytes: u64,
    /// Bytes that it may still grow by before it refuses new work.
    pub free_bytes: u64,
}
