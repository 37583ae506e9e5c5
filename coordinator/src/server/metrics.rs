//! `/metrics`, in Prometheus' text format.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// The process's recorder. It is installed once; every server of the process shows the same figures.
///
/// `None` when somebody else has installed another one.
pub(super) fn recorder() -> Option<&'static PrometheusHandle> {
    static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    let install = || PrometheusBuilder::new().install_recorder().inspect_err(|error| tracing::warn!(%error, "there are no metrics")).ok();
    RECORDER.get_or_init(install).as_ref()
}

/// The figures as they stand.
pub(super) fn render() -> String {
    recorder().map(PrometheusHandle::render).unwrap_or_default()
}
