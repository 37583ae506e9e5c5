//! Traces: what executions, their states and their tasks' attempts have taken, as spans that a collector of OpenTelemetry gets over OTLP.
//!
//! A span leaves when what it tells of is over and durable; best effort, as execution logs do. An execution has one root span from its start to
//! its end, and one more for each redrive, linked to the one before. Without `OTEL_EXPORTER_OTLP_ENDPOINT` nothing of this exists.

mod exporter;
mod otlp;
mod spans;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::mpsc;

use crate::aws::{Endpoint, EndpointError};
use crate::cluster::{ExecutionListener, StepEvents, Tell};
use crate::sink::{Account, Losses};
use crate::telemetry::names;
use crate::telemetry::trace::{Sampler, begin_tracing};
use exporter::{Exporter, Queued};
use otlp::KeyValue;

/// Bytes of spans that wait.
const WAITING_BYTES_MAX: usize = 32 * 1024 * 1024;
/// What a span takes, roughly.
const SPAN_BYTES: usize = 512;

/// Where spans go: OpenTelemetry's variables.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TracesConfig {
    /// The address of the collector's traces; without one there are none.
    pub endpoint: Option<String>,
    /// `OTEL_EXPORTER_OTLP_HEADERS`: `key=value`, comma separated.
    pub headers: String,
    /// `OTEL_SERVICE_NAME`.
    pub service_name: String,
    /// `OTEL_RESOURCE_ATTRIBUTES`: `key=value`, comma separated.
    pub resource_attributes: String,
    /// `OTEL_TRACES_SAMPLER`.
    pub sampler: Option<String>,
    /// `OTEL_TRACES_SAMPLER_ARG`.
    pub sampler_argument: Option<String>,
}

/// Why there can be no traces.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// The collector cannot be called.
    #[error("traces cannot be sent: {0}")]
    Endpoint(#[from] EndpointError),
    /// `OTEL_TRACES_SAMPLER` and its argument.
    #[error(
        "'{0}' is no sampler: OTEL_TRACES_SAMPLER is always_on, always_off, traceidratio with a ratio from 0 to 1 in OTEL_TRACES_SAMPLER_ARG, or one of these with parentbased_ before it"
    )]
    Sampler(String),
}

impl TracesConfig {
    /// As the environment has it.
    pub fn from_environment() -> Self {
        Self::read(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let below = |base: String| format!("{}/v1/traces", base.trim_end_matches('/'));
        let endpoint = variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").or_else(|| variable("OTEL_EXPORTER_OTLP_ENDPOINT").map(below));
        let is_off = variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
            || variable("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none");
        Self {
            endpoint: endpoint.filter(|_| !is_off),
            headers: variable("OTEL_EXPORTER_OTLP_HEADERS").unwrap_or_default(),
            service_name: variable("OTEL_SERVICE_NAME").unwrap_or_else(|| "baton".to_owned()),
            resource_attributes: variable("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default(),
            sampler: variable("OTEL_TRACES_SAMPLER"),
            sampler_argument: variable("OTEL_TRACES_SAMPLER_ARG"),
        }
    }

    fn sampler(&self) -> Result<Sampler, TracesError> {
        let (name, argument) = (self.sampler.as_deref(), self.sampler_argument.as_deref());
        let wrong = || TracesError::Sampler([name, argument].into_iter().flatten().collect::<Vec<_>>().join(" "));
        Sampler::parse(name, argument).ok_or_else(wrong)
    }

    fn resource(&self) -> Vec<KeyValue> {
        let named = [("service.name", self.service_name.as_str()), ("service.version", env!("CARGO_PKG_VERSION"))];
        named.into_iter().chain(pairs(&self.resource_attributes)).map(|(key, value)| KeyValue::text(key, value)).collect()
    }

    fn headers(&self) -> HeaderMap {
        let header = |(name, value)| Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?));
        pairs(&self.headers).filter_map(header).collect()
    }
}

/// `key=value`, comma separated.
fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split(',').filter_map(|pair| pair.split_once('=')).map(|(key, value)| (key.trim(), value.trim()))
}

/// Takes the spans of traced executions.
pub struct Traces {
    queue: mpsc::UnboundedSender<Queued>,
    account: Arc<Account>,
}

impl Traces {
    /// Begins to take spans; `None` if nobody is to get them. Within a runtime.
    pub fn start(config: &TracesConfig) -> Result<Option<Self>, TracesError> {
        let Some(url) = &config.endpoint else { return Ok(None) };
        let (endpoint, sampler) = (Endpoint::new(url, "")?, config.sampler()?);
        let exporter = Exporter { endpoint, path: String::new(), headers: config.headers(), resource: config.resource() };
        let losses = Losses::new("spans of steps", "otlp", &names::TRACED_STEPS, &names::TRACED_STEPS_DROPPED);
        let account = Account::new(losses, WAITING_BYTES_MAX);
        let (queue, queued) = mpsc::unbounded_channel();
        account.tasks().spawn(exporter.run(queued, account.clone()));
        begin_tracing(sampler);
        Ok(Some(Self { queue, account }))
    }

    /// Hands on what is there. What cannot be handed on within `timeout` is dropped.
    pub async fn close(&self, timeout: Duration) {
        self.account.close(tokio::time::Instant::now() + timeout).await;
    }
}

impl ExecutionListener for Traces {
    fn hear(&self, step: &StepEvents<'_>) -> Option<Tell> {
        let spans = spans::of_step(step);
        if spans.is_empty() {
            return None;
        }
        let (queue, account) = (self.queue.clone(), self.account.clone());
        Some(Box::new(move || {
            let Some(held) = account.admit(spans.len() * SPAN_BYTES) else { return };
            if queue.send(Queued { spans, _held: held }).is_err() {
                account.lost(1, "shutdown", "the server ends");
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> TracesConfig {
        TracesConfig::read(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn the_environment_says_where_spans_go() {
        assert_eq!(config(&[]).endpoint, None);
        let of = |variables: &[(&str, &str)]| config(variables).endpoint;
        let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/");
        assert_eq!(of(&[base]).as_deref(), Some("http://collector:4318/v1/traces"));
        assert_eq!(of(&[base, ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://other/x")]).as_deref(), Some("http://other/x"));
        assert_eq!(of(&[base, ("OTEL_SDK_DISABLED", "true")]), None);
        assert_eq!(of(&[base, ("OTEL_TRACES_EXPORTER", "none")]), None);
    }

    #[test]
    fn headers_and_attributes_are_pairs() {
        let config =
            config(&[("OTEL_EXPORTER_OTLP_HEADERS", "x-key = 1,bad"), ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")]);
        assert_eq!(config.headers().get("x-key").map(HeaderValue::as_bytes), Some(&b"1"[..]));
        assert_eq!(config.headers().len(), 1);
        assert!(config.resource().contains(&KeyValue::text("deployment.environment", "test")));
        assert!(config.resource().contains(&KeyValue::text("service.name", "baton")));
    }

    #[test]
    fn a_sampler_that_does_not_exist_is_an_error_with_those_that_do() {
        let error = config(&[("OTEL_TRACES_SAMPLER", "jaeger_remote")]).sampler().expect_err("there is no such sampler");
        assert!(error.to_string().contains("'jaeger_remote' is no sampler") && error.to_string().contains("traceidratio"), "{error}");
    }
}
