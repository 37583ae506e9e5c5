//! What a shard writes to the key-value side.

use bytes::Bytes;

use super::{ShardId, StoreError, Table, Token};

/// Largest key, bytes.
pub const KEY_BYTES_MAX: usize = 4096;

/// Largest value, bytes.
pub const VALUE_BYTES_MAX: usize = 64 << 20;

/// One change of the key-value side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KvOp {
    /// Sets the value, whatever was there.
    Put {
        /// In this table.
        table: Table,
        /// Under this key, see [`keys`](super::keys).
        key: Vec<u8>,
        /// To this.
        value: Bytes,
    },
    /// Removes the entry, if there is one.
    Delete {
        /// From this table.
        table: Table,
        /// Under this key.
        key: Vec<u8>,
    },
}

impl KvOp {
    /// [`KvOp::Put`].
    pub fn put(table: Table, key: impl Into<Vec<u8>>, value: impl Into<Bytes>) -> KvOp {
        KvOp::Put { table, key: key.into(), value: value.into() }
    }

    /// [`KvOp::Delete`].
    pub fn delete(table: Table, key: impl Into<Vec<u8>>) -> KvOp {
        KvOp::Delete { table, key: key.into() }
    }

    fn check(&self) -> Result<(), StoreError> {
        let (key, value_len) = match self {
            KvOp::Put { key, value, .. } => (key, value.len()),
            KvOp::Delete { key, .. } => (key, 0),
        };
        assert!(!key.is_empty(), "every key has at least its kind");
        let at_most = |len, max| match len <= max {
            true => Ok(()),
            false => Err(StoreError::TooLarge { len, max }),
        };
        at_most(key.len(), KEY_BYTES_MAX)?;
        at_most(value_len, VALUE_BYTES_MAX)
    }

    /// Bytes of key and value.
    pub fn len_bytes(&self) -> usize {
        match self {
            KvOp::Put { key, value, .. } => key.len() + value.len(),
            KvOp::Delete { key, .. } => key.len(),
        }
    }
}

/// One shard's part of [`checkpoint_many`](super::ShardStore::checkpoint_many).
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// Of this shard.
    pub shard: ShardId,
    /// By this owner.
    pub token: Token,
    /// Everything up to this batch is in the key-value side once `ops` are.
    pub upto_seq: u64,
    /// In the order in which they are applied.
    pub ops: Vec<KvOp>,
}

impl Checkpoint {
    /// Whether this may be applied to a shard whose log is durable up to `durable_seq`.
    pub(crate) fn check(&self, durable_seq: u64) -> Result<(), StoreError> {
        if self.upto_seq > durable_seq {
            return Err(StoreError::SeqConflict { shard: self.shard, expected: self.upto_seq, last: durable_seq });
        }
        self.ops.iter().try_for_each(KvOp::check)
    }
}
