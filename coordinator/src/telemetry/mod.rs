//! The figures that `/metrics` shows: what each is called, means and is labelled with, and how it is counted.
//!
//! [`names`] is the one home of every metric. Whoever counts takes a handle from a family there, once, and keeps it; a handle costs an addition.
//! Labels are bounded ([`bounded`]); an execution's name or ARN is never one. `docs/metrics.md` is made from the same table.

mod bounded;
mod error_class;
mod family;
mod histogram;
pub mod names;
mod process;
pub mod request;
pub mod trace;

pub use bounded::{LABEL_VALUES_MAX, OTHER, bounded};
pub use error_class::error_class;
pub use family::{CounterFamily, Description, GaugeFamily, HistogramFamily, Kind};
pub use histogram::{Histogram, LocalHistogram, micros};

use std::fmt::Write;
use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// The process's recorder. It is installed once; every server of the process shows the same figures.
///
/// `None` when somebody else has installed another one.
pub fn recorder() -> Option<&'static PrometheusHandle> {
    static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    let install = || {
        let installed = PrometheusBuilder::new().install_recorder();
        let recorder = installed.inspect_err(|error| tracing::warn!(%error, "there are no metrics")).ok()?;
        names::ALL.iter().for_each(|family| family.describe());
        // So that the first of them is seen as a rise.
        ["inbox", "express"].iter().for_each(|bucket| names::THROTTLE.counter([bucket]).increment(0));
        names::BUILD_INFO.gauge([env!("CARGO_PKG_VERSION")]).set(1.0);
        names::TLS_CERTIFICATE_EXPIRES.gauge([]).set(0.0);
        Some(recorder)
    };
    RECORDER.get_or_init(install).as_ref()
}

/// Everything as it stands, in Prometheus' text format.
pub fn render() -> String {
    let mut text = recorder().map(PrometheusHandle::render).unwrap_or_default();
    histogram::render(&mut text);
    process::render(&mut text);
    text
}

/// `docs/metrics.md`.
pub fn page() -> String {
    let mut page = String::from(PAGE_HEAD);
    for section in names::SECTIONS {
        let _ = write!(page, "\n## {}\n\n| metric | type | labels | what it says | CloudWatch |\n|---|---|---|---|---|\n", section.title);
        section.families.iter().for_each(|family| page.push_str(&family.row()));
    }
    page
}

const PAGE_HEAD: &str = "# Metrics

`GET /metrics` on baton's port, in Prometheus' text format. This page is made from the table that the program itself uses
(`coordinator/src/telemetry/names.rs`); a test compares the two.

Every label has a bounded set of values: the first 500 of each kind get their own, all others share the value `other`. No label is ever an
execution's name. Durations are in seconds, sizes in bytes. The last column names the metric of CloudWatch's namespace `AWS/States` that says
the same; `deploy/prometheus/cloudwatch.rules.yaml` records them under these names, in CloudWatch's units, for dashboards that are carried over.
Alerts are in `deploy/prometheus/alerts.rules.yaml` and what to do about each in [runbooks.md](runbooks.md).
";

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// `UPDATE_DOCS=1` writes the page anew.
    #[test]
    fn the_page_of_metrics_is_the_table() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&file, super::page()).expect("the page can be written");
        }
        let page = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(page == super::page(), "docs/metrics.md is not what the table says; UPDATE_DOCS=1 writes it");
    }
}
