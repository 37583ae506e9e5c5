//! `/livez`, `/readyz`, `/health`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::catalog::Catalog;
use crate::cluster::Cluster;
use crate::store::{ShardId, ShardStore, StoreError};

/// What the answers are made from.
#[derive(Clone)]
pub(super) struct Health {
    pub(super) store: Arc<dyn ShardStore>,
    pub(super) cluster: Cluster,
    pub(super) catalog: Catalog,
    pub(super) closing: CancellationToken,
}

/// The routes.
pub(super) fn routes(health: Health) -> Router {
    Router::new().route("/livez", get(async || "ok")).route("/readyz", get(ready)).route("/health", get(details)).with_state(health)
}

impl Health {
    /// What the store has taken from this process: shards of executions, or the catalog.
    pub(super) fn lost(&self) -> Vec<(ShardId, StoreError)> {
        let mut lost = self.cluster.lost_shards();
        lost.extend(self.catalog.lost().map(|error| (ShardId::CATALOG, error.clone())));
        lost
    }
}

/// Ready from the moment it answers until it goes away or loses what it serves. A full disk refuses new work with errors of its own; taking the
/// server out of a load balancer would only hide them.
async fn ready(State(health): State<Health>) -> (StatusCode, &'static str) {
    if health.closing.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "going away");
    }
    if !health.lost().is_empty() {
        return (StatusCode::SERVICE_UNAVAILABLE, LOST);
    }
    (StatusCode::OK, "ok")
}

/// With the next step.
const LOST: &str = "shards are lost: end whatever else uses the same store, then restart this server";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    status: &'static str,
    version: &'static str,
    store_id: String,
    shards: u16,
    accepts_new_work: bool,
    /// Their executions stand still here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lost_shards: Vec<LostShard>,
}

#[derive(Serialize)]
struct LostShard {
    shard: String,
    reason: String,
}

async fn details(State(health): State<Health>) -> (StatusCode, Json<Details>) {
    let accepts_new_work = health.store.accepts_intake();
    let lost = health.lost();
    let (code, status) = match (health.closing.is_cancelled(), lost.is_empty(), accepts_new_work) {
        (true, _, _) => (StatusCode::OK, "going away"),
        (false, false, _) => (StatusCode::SERVICE_UNAVAILABLE, LOST),
        (false, true, false) => (StatusCode::OK, "the disk is full"),
        (false, true, true) => (StatusCode::OK, "ok"),
    };
    let details = Details {
        status,
        version: env!("CARGO_PKG_VERSION"),
        store_id: health.store.store_id().to_string(),
        shards: health.store.shard_count(),
        accepts_new_work,
        lost_shards: lost.into_iter().map(|(shard, error)| LostShard { shard: shard.to_string(), reason: error.to_string() }).collect(),
    };
    (code, Json(details))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cluster::ClusterConfig;
    use crate::store::memory::MemoryStore;

    async fn health(store: &Arc<MemoryStore>) -> Health {
        let catalog = Catalog::open(store.clone()).await.expect("the store is empty");
        let knows = Arc::new(catalog.clone());
        let config = ClusterConfig::new(store.clone(), knows.clone(), knows.clone(), knows);
        let cluster = Cluster::open(config).await.expect("the store is empty");
        Health { store: store.clone(), cluster, catalog, closing: CancellationToken::new() }
    }

    async fn answers(health: &Health) -> (StatusCode, StatusCode, usize) {
        let (code, Json(details)) = details(State(health.clone())).await;
        (ready(State(health.clone())).await.0, code, details.lost_shards.len())
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_another_process_has_taken_shows_though_nothing_is_written() {
        let store = Arc::new(MemoryStore::new(4));
        let health = health(&store).await;
        assert_eq!(answers(&health).await, (StatusCode::OK, StatusCode::OK, 0));
        store.acquire(ShardId(2)).await.expect("a shard may be taken from its owner");
        store.acquire(ShardId::CATALOG).await.expect("so may the catalog");
        let noticed = async {
            while health.lost().len() < 2 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), noticed).await.expect("the store is asked from time to time");
        assert_eq!(answers(&health).await, (StatusCode::SERVICE_UNAVAILABLE, StatusCode::SERVICE_UNAVAILABLE, 2));
    }
}
