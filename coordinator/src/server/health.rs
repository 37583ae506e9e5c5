//! `/livez`, `/startupz`, `/readyz`, `/health`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::form::{Form, FormDetails};
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
    pub(super) form: Form,
}

/// The routes. `/livez`: the process goes on answering. `/startupz`: everything that was there is there again; nobody listens before, so that
/// whoever asks earlier is refused. `/readyz`: requests may come.
pub(super) fn routes(health: Health) -> Router {
    let simple = Router::new().route("/livez", get(async || "ok")).route("/startupz", get(async || "ok"));
    simple.route("/readyz", get(ready)).route("/health", get(details)).with_state(health)
}

impl Health {
    /// What the store has taken from this process: shards of executions, or the catalog.
    pub(super) fn lost(&self) -> Vec<(ShardId, StoreError)> {
        let mut lost = self.cluster.lost_shards();
        lost.extend(self.catalog.loss().map(|error| (ShardId::CATALOG, error.clone())));
        lost
    }
}

/// Ready from the moment it answers until it goes away or loses what it serves. A full disk refuses new work with errors of its own; taking the
/// server out of a load balancer would only hide them. Checkpoints that have stopped hold nobody up: everything that is acknowledged is durable
/// in the log, and taking the server out would stop all other executions for the sake of one.
async fn ready(State(health): State<Health>) -> (StatusCode, &'static str) {
    if health.closing.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "going away");
    }
    if !health.lost().is_empty() {
        return (StatusCode::SERVICE_UNAVAILABLE, LOST);
    }
    if !health.store.is_reachable() {
        return (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer, or lacks replicas that have to confirm");
    }
    (StatusCode::OK, "ok")
}

/// With the next step.
const LOST: &str = "shards are lost: end whatever else uses the same store, then restart this server";
const STOPPED: &str = "checkpoints of some shards have stopped: everything goes on, but their log grows until this server is restarted";
const DAMAGED: &str =
    "ok, but part of what is stored is damaged: the log of this server says what; `baton doctor --repair DATA_DIR` says what can be kept";
const SET_ASIDE: &str = "ok, but for executions that are set aside: the log of this server names them";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    status: &'static str,
    version: &'static str,
    store_id: String,
    shards: u16,
    #[serde(flatten)]
    form: FormDetails,
    accepts_new_work: bool,
    /// Why not, told as the status.
    #[serde(skip)]
    refusal: Option<&'static str>,
    /// Their executions stand still here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lost_shards: Vec<AffectedShard>,
    /// Their log grows until a restart.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stopped_checkpoints: Vec<AffectedShard>,
    /// Whether something stored has turned out not to be what was written.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    has_met_damage: bool,
    /// Executions that stand still, each alone.
    #[serde(skip_serializing_if = "is_zero")]
    set_aside_executions: usize,
}

#[derive(Serialize)]
struct AffectedShard {
    shard: String,
    reason: String,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

fn affected<R: ToString>(shards: Vec<(ShardId, R)>) -> Vec<AffectedShard> {
    shards.into_iter().map(|(shard, reason)| AffectedShard { shard: shard.to_string(), reason: reason.to_string() }).collect()
}

async fn details(State(health): State<Health>) -> (StatusCode, Json<Details>) {
    let details = Details {
        status: "",
        version: env!("CARGO_PKG_VERSION"),
        store_id: health.store.store_id().to_string(),
        shards: health.store.shard_count(),
        form: health.form.details(&health.cluster),
        accepts_new_work: health.store.accepts_intake(),
        refusal: health.store.intake_refusal(),
        lost_shards: affected(health.lost()),
        stopped_checkpoints: affected(health.cluster.stopped_checkpoints()),
        has_met_damage: health.store.has_met_damage(),
        set_aside_executions: health.cluster.set_aside_executions(),
    };
    let (code, status) = if health.closing.is_cancelled() { (StatusCode::OK, "going away") } else { details.judged() };
    (code, Json(Details { status, ..details }))
}

impl Details {
    /// The worst first.
    fn judged(&self) -> (StatusCode, &'static str) {
        if !self.lost_shards.is_empty() {
            (StatusCode::SERVICE_UNAVAILABLE, LOST)
        } else if let Some(refusal) = self.refusal {
            (StatusCode::OK, refusal)
        } else if !self.stopped_checkpoints.is_empty() {
            (StatusCode::OK, STOPPED)
        } else if self.has_met_damage {
            (StatusCode::OK, DAMAGED)
        } else if self.set_aside_executions > 0 {
            (StatusCode::OK, SET_ASIDE)
        } else {
            (StatusCode::OK, "ok")
        }
    }
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
        Health { store: store.clone(), cluster, catalog, closing: CancellationToken::new(), form: Form::default() }
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

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_is_set_aside_shows_and_takes_nobody_out() {
        let health = health(&Arc::new(MemoryStore::new(4))).await;
        let (code, Json(fine)) = details(State(health)).await;
        assert_eq!((code, fine.status), (StatusCode::OK, "ok"));
        let json = serde_json::to_value(&fine).expect("it is JSON");
        assert!(
            json.get("stoppedCheckpoints").is_none() && json.get("setAsideExecutions").is_none() && json.get("hasMetDamage").is_none(),
            "{json}"
        );

        let one = Details { set_aside_executions: 1, ..fine };
        assert_eq!(one.judged(), (StatusCode::OK, SET_ASIDE));
        let damaged = Details { has_met_damage: true, ..one };
        assert_eq!(damaged.judged(), (StatusCode::OK, DAMAGED));
        let stopped = Details { stopped_checkpoints: affected(vec![(ShardId(3), "why")]), ..damaged };
        assert_eq!(stopped.judged(), (StatusCode::OK, STOPPED));
        let json = serde_json::to_value(&stopped).expect("it is JSON");
        assert_eq!(json["stoppedCheckpoints"], serde_json::json!([{"shard": ShardId(3).to_string(), "reason": "why"}]));
        assert_eq!(json["setAsideExecutions"], 1);
    }
}
