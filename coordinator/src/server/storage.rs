//! Opening what a server keeps its data in.

use std::path::Path;
use std::sync::Arc;

use super::config::Storage;
use super::{StartError, token_key_file};
use crate::dispatch::TokenKey;
use crate::store::local::{LocalOptions, LocalStore};
use crate::store::memory::MemoryStore;
use crate::store::redis::{RedisOptions, RedisStore};
use crate::store::{Membership, ShardStore};

/// Shards of a store in memory.
const MEMORY_SHARDS: u16 = 16;

/// An open store, with the key of task tokens.
pub(super) enum Storages {
    /// Of this process alone.
    Own(Arc<dyn ShardStore>, TokenKey),
    /// Of all members of a cluster.
    Shared(Arc<dyn ShardStore>, Arc<dyn Membership>, TokenKey),
}

pub(super) async fn open(storage: &Storage) -> Result<Storages, StartError> {
    match storage {
        Storage::Memory => Ok(Storages::Own(Arc::new(MemoryStore::new(MEMORY_SHARDS)), TokenKey::ephemeral())),
        Storage::Local(folder) => open_folder(folder),
        Storage::Redis(options) => open_redis(options).await,
    }
}

fn open_folder(folder: &Path) -> Result<Storages, StartError> {
    let store = LocalStore::open(folder, LocalOptions::default())?;
    let token_key = TokenKey::load_or_create(&token_key_file(folder))?;
    Ok(Storages::Own(Arc::new(store), token_key))
}

async fn open_redis(options: &RedisOptions) -> Result<Storages, StartError> {
    let store = Arc::new(RedisStore::connect(options.clone()).await?);
    let token_key = TokenKey::new(store.token_key());
    tracing::info!(address = store.address(), server = store.server_name(), policy = %store.durability(), "the store is open");
    Ok(Storages::Shared(store.clone(), store, token_key))
}
