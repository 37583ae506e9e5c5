//! What leaves the server unasked: execution logs, status-change events, traces.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::config::{LogDestination, ServerConfig, StatusEventDestination, Storage};
use super::is_own_address;
use crate::cluster::{ExecutionListener, Listeners};
use crate::execution_logs::{ExecutionLogs, ExecutionLogsConfig, ExecutionLogsError};
use crate::status_events::{StatusEvents, StatusEventsConfig, StatusEventsError};
use crate::traces::{Traces, TracesConfig, TracesError};

/// Folder of execution logs, in the data folder.
const EXECUTION_LOGS_FOLDER: &str = "execution-logs";
/// File of status-change events, in the data folder.
const STATUS_EVENTS_FILE: &str = "status-events.jsonl";

/// Why what is to leave the server cannot.
#[derive(Debug, thiserror::Error)]
pub enum OutletError {
    /// Files were asked for, and nothing is kept.
    #[error("{0} cannot go to a file: there is no data folder")]
    NoDataFolder(&'static str),
    /// An endpoint was asked for that nobody names.
    #[error("{what} cannot go to {service}: set {variable} or AWS_ENDPOINT_URL")]
    NoEndpoint {
        /// What.
        what: &'static str,
        /// Which service.
        service: &'static str,
        /// The variable that would name it.
        variable: &'static str,
    },
    /// Execution logs cannot begin.
    #[error(transparent)]
    ExecutionLogs(#[from] ExecutionLogsError),
    /// Status-change events cannot begin.
    #[error(transparent)]
    StatusEvents(#[from] StatusEventsError),
    /// Traces cannot begin.
    #[error(transparent)]
    Traces(#[from] TracesError),
}

/// See the module.
pub(super) struct Outlets {
    execution_logs: Option<Arc<ExecutionLogs>>,
    status_events: Option<Arc<StatusEvents>>,
    traces: Option<Arc<Traces>>,
    descriptions: Vec<String>,
}

impl Outlets {
    /// What the configuration asks for.
    pub(super) fn start(config: &ServerConfig) -> Result<Self, OutletError> {
        let (logs, events) = (execution_logs(config)?, status_events(config)?);
        let traces = TracesConfig::from_environment();
        let descriptions = [describe_logs(&logs), describe_events(&events), describe_traces(&traces)].into_iter().flatten().collect();
        let execution_logs = ExecutionLogs::start(logs)?.map(Arc::new);
        let status_events = StatusEvents::start(events)?.map(Arc::new);
        let traces = Traces::start(&traces)?.map(Arc::new);
        Ok(Self { execution_logs, status_events, traces, descriptions })
    }

    /// Those who are to hear of executions.
    pub(super) fn listeners(&self) -> Listeners {
        let logs = self.execution_logs.clone().map(|logs| logs as Arc<dyn ExecutionListener>);
        let events = self.status_events.clone().map(|events| events as Arc<dyn ExecutionListener>);
        let traces = self.traces.clone().map(|traces| traces as Arc<dyn ExecutionListener>);
        Listeners::new(logs.into_iter().chain(events).chain(traces))
    }

    /// What goes where, a line each.
    pub(super) fn descriptions(&self) -> &[String] {
        &self.descriptions
    }

    /// Hands on what is there; what cannot be handed on within `timeout` is dropped.
    pub(super) async fn close(&self, timeout: Duration) {
        let logs = async {
            if let Some(logs) = &self.execution_logs {
                logs.close(timeout).await;
            }
        };
        let events = async {
            if let Some(events) = &self.status_events {
                events.close(timeout).await;
            }
        };
        let traces = async {
            if let Some(traces) = &self.traces {
                traces.close(timeout).await;
            }
        };
        tokio::join!(logs, events, traces);
    }
}

fn execution_logs(config: &ServerConfig) -> Result<ExecutionLogsConfig, OutletError> {
    const WHAT: &str = "execution logs";
    let folder = data_folder(config).map(|folder| folder.join(EXECUTION_LOGS_FOLDER));
    let endpoint = other_endpoint(config, config.cloudwatch_logs_endpoint.as_deref());
    let mut logs = ExecutionLogsConfig { region: config.region.clone(), ..ExecutionLogsConfig::default() };
    let Some(destinations) = &config.execution_logs else {
        logs.cloudwatch_endpoint = endpoint.filter(|url| is_usable(url, WHAT));
        logs.folder = folder;
        return Ok(logs);
    };
    for destination in destinations {
        match destination {
            LogDestination::File => logs.folder = Some(folder.clone().ok_or(OutletError::NoDataFolder(WHAT))?),
            LogDestination::Stdout => logs.stdout = true,
            LogDestination::CloudWatch => {
                let missing = OutletError::NoEndpoint { what: WHAT, service: "CloudWatch Logs", variable: "AWS_ENDPOINT_URL_LOGS" };
                logs.cloudwatch_endpoint = Some(endpoint.clone().ok_or(missing)?);
            }
        }
    }
    Ok(logs)
}

fn describe_logs(logs: &ExecutionLogsConfig) -> Option<String> {
    let folder = logs.folder.as_ref().map(|folder| format!("{}/", folder.display()));
    let stdout = logs.stdout.then(|| "standard output".to_owned());
    let cloudwatch = logs.cloudwatch_endpoint.as_ref().map(|url| format!("CloudWatch Logs at {url}"));
    let places: Vec<_> = [folder, stdout, cloudwatch].into_iter().flatten().collect();
    (!places.is_empty()).then(|| format!("execution logs of state machines with a loggingConfiguration: {}", places.join(", ")))
}

fn status_events(config: &ServerConfig) -> Result<StatusEventsConfig, OutletError> {
    const WHAT: &str = "status-change events";
    let endpoint = other_endpoint(config, config.eventbridge_endpoint.as_deref());
    let mut events = StatusEventsConfig { region: config.region.clone(), limits: config.limits.clone(), ..StatusEventsConfig::default() };
    let Some(destinations) = &config.status_events else {
        events.eventbridge_endpoint = endpoint.filter(|url| is_usable(url, WHAT));
        return Ok(events);
    };
    for destination in destinations {
        match destination {
            StatusEventDestination::EventBridge => {
                let missing = OutletError::NoEndpoint { what: WHAT, service: "EventBridge", variable: "AWS_ENDPOINT_URL_EVENTS" };
                events.eventbridge_endpoint = Some(endpoint.clone().ok_or(missing)?);
            }
            StatusEventDestination::File => {
                let folder = data_folder(config).ok_or(OutletError::NoDataFolder(WHAT))?;
                events.file = Some(folder.join(STATUS_EVENTS_FILE));
            }
            StatusEventDestination::Webhook(url) => events.webhook = Some(url.clone()),
        }
    }
    Ok(events)
}

fn describe_events(events: &StatusEventsConfig) -> Option<String> {
    let eventbridge = events.eventbridge_endpoint.as_ref().map(|url| format!("EventBridge at {url}"));
    let webhook = events.webhook.as_ref().map(|url| format!("the webhook {url}"));
    let file = events.file.as_ref().map(|file| file.display().to_string());
    let places: Vec<_> = [eventbridge, webhook, file].into_iter().flatten().collect();
    (!places.is_empty()).then(|| format!("status changes of executions: {}", places.join(", ")))
}

fn describe_traces(traces: &TracesConfig) -> Option<String> {
    traces.endpoint.as_ref().map(|url| format!("traces of executions: {url}"))
}

fn data_folder(config: &ServerConfig) -> Option<&Path> {
    config.data_dir.as_deref().or(match &config.storage {
        Storage::Memory | Storage::Redis(_) => None,
        Storage::Local(folder) => Some(folder),
    })
}

/// The endpoint, unless it is this server itself, which has none of these services.
fn other_endpoint(config: &ServerConfig, url: Option<&str>) -> Option<String> {
    url.filter(|url| !is_own_address(url, config.listen)).map(str::to_owned)
}

/// `AWS_ENDPOINT_URL` is meant for other tools too: an address that cannot be used is told and left alone.
fn is_usable(url: &str, what: &str) -> bool {
    crate::aws::check_url(url).inspect_err(|error| tracing::warn!(%error, "no endpoint is used for {what}")).is_ok()
}
