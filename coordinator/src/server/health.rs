//! `/livez`, `/readyz`, `/health`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::store::ShardStore;

/// What the answers are made from.
#[derive(Clone)]
pub(super) struct Health {
    pub(super) store: Arc<dyn ShardStore>,
    pub(super) closing: CancellationToken,
}

/// The routes.
pub(super) fn routes(health: Health) -> Router {
    Router::new().route("/livez", get(async || "ok")).route("/readyz", get(ready)).route("/health", get(details)).with_state(health)
}

/// Ready from the moment it answers until it goes away. A full disk refuses new work with errors of its own; taking the server out
/// of a load balancer would only hide them.
async fn ready(State(health): State<Health>) -> (StatusCode, &'static str) {
    if health.closing.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "going away");
    }
    (StatusCode::OK, "ok")
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    status: &'static str,
    version: &'static str,
    store_id: String,
    shards: u16,
    accepts_new_work: bool,
}

async fn details(State(health): State<Health>) -> Json<Details> {
    let accepts_new_work = health.store.accepts_intake();
    let status = match (health.closing.is_cancelled(), accepts_new_work) {
        (true, _) => "going away",
        (false, false) => "the disk is full",
        (false, true) => "ok",
    };
    Json(Details {
        status,
        version: env!("CARGO_PKG_VERSION"),
        store_id: health.store.store_id().to_string(),
        shards: health.store.shard_count(),
        accepts_new_work,
    })
}
