//! What a shard writes to the key-value side.

use bytes::Bytes;

use super::{ShardId, Table, Token};

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
        KvOp::Put {
            table,
            key: key.into(),
            value: value.into(),
        }
    }

    /// [`KvOp::Delete`].
    pub fn delete(table: Table, key: impl Into<Vec<u8>>) -> KvOp {
        KvOp::Delete {
            table,
            key: key.into(),
        }
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
