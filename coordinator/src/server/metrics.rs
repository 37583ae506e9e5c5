//! `/metrics`, in Prometheus' text format.

use std::sync::OnceLock;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use metrics::gauge;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use super::health::Health;

/// Queues that have figures of their own.
const QUEUES_MAX: usize = 1_000;

/// The process's recorder. It is installed once; every server of the process shows the same figures.
///
/// `None` when somebody else has installed another one.
pub(super) fn recorder() -> Option<&'static PrometheusHandle> {
    static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    let install = || PrometheusBuilder::new().install_recorder().inspect_err(|error| tracing::warn!(%error, "there are no metrics")).ok();
    RECORDER.get_or_init(install).as_ref()
}

/// The route.
pub(super) fn routes(health: Health) -> Router {
    Router::new().route("/metrics", get(render)).with_state(health)
}

/// The figures as they stand. Those of queues are taken when they are asked for.
async fn render(State(health): State<Health>) -> String {
    gauge!("baton_shards_lost").set(health.lost().len() as f64);
    gauge!("baton_shards_checkpoints_stopped").set(health.cluster.stopped_checkpoints().len() as f64);
    gauge!("baton_executions_set_aside").set(health.cluster.set_aside_executions() as f64);
    for queue in health.cluster.queues().into_iter().take(QUEUES_MAX) {
        let name = queue.name.to_string();
        gauge!("baton_queue_waiting", "queue" => name.clone()).set(queue.waiting as f64);
        gauge!("baton_queue_served_by", "queue" => name.clone()).set(queue.served_by as f64);
        gauge!("baton_queue_free_slots", "queue" => name).set(queue.credits as f64);
    }
    gauge!("baton_express_open").set(health.cluster.express().open() as f64);
    gauge!("baton_express_bytes").set(health.cluster.express().bytes() as f64);
    recorder().map(PrometheusHandle::render).unwrap_or_default()
}
