//! `/metrics`, in Prometheus' text format.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::header::CONTENT_TYPE;

use super::health::Health;
use crate::telemetry::{self, names};

/// Version of the text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The route.
pub(super) fn routes(health: Health) -> Router {
    Router::new().route("/metrics", get(render)).with_state(health)
}

/// The figures as they stand. Those of queues, hosts and the store are taken when they are asked for.
async fn render(State(health): State<Health>) -> ([(http::HeaderName, &'static str); 1], String) {
    health.cluster.show_figures();
    // Shards of executions are shown by the cluster; the catalog is one more.
    names::SHARDS_LOST.gauge([]).set(health.lost().len() as f64);
    show_store(&health).await;
    ([(CONTENT_TYPE, TEXT)], telemetry::render())
}

/// A local store looks through its folder, which may take a moment.
async fn show_store(health: &Health) {
    names::STORE_ACCEPTS_WORK.gauge([]).set(f64::from(u8::from(health.store.accepts_intake())));
    let store = health.store.clone();
    let usage = tokio::task::spawn_blocking(move || store.usage()).await;
    if let Ok(Some(usage)) = usage {
        names::STORE_BYTES.gauge([]).set(usage.bytes as f64);
        names::STORE_FREE_BYTES.gauge([]).set(usage.free_bytes as f64);
    }
}
