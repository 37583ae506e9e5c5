//! Execution logs: what CloudWatch Logs gets from Step Functions, one JSON object for each event of an execution, as the state machine's
//! `loggingConfiguration` asks for. They go to files, to standard output, and to a CloudWatch Logs endpoint.
//!
//! An event is logged after it is durable, and best effort, as AWS does: when a destination does not keep up, events are dropped and
//! counted; when the process is killed, those that have not left are not logged again.

mod cloudwatch;
mod files;
mod level;
mod log_group;
mod outlet;
mod record;
mod weight;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use baton_engine::Event;

use crate::aws::EndpointError;
use crate::cluster::{ExecutionListener, Revision, StepEvents, Tell};
pub use crate::sink::Rotation;
use crate::sink::{Account, Losses, WorkThread};
use crate::telemetry::names;
use cloudwatch::CloudWatch;
use files::Files;
use outlet::Outlet;

/// Bytes of events that wait to be written.
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Where execution logs go. What is `None` or false gets nothing.
#[derive(Clone, Debug, Default)]
pub struct ExecutionLogsConfig {
    /// A folder with a file for each log group.
    pub folder: Option<PathBuf>,
    /// When these files begin anew.
    pub rotation: Rotation,
    /// Standard output, one line for each event.
    pub stdout: bool,
    /// Address of a CloudWatch Logs endpoint.
    pub cloudwatch_endpoint: Option<String>,
    /// Region of calls whose log group names none.
    pub region: String,
}

/// Why execution logs cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ExecutionLogsError {
    /// The CloudWatch Logs endpoint cannot be used.
    #[error("execution logs cannot go to CloudWatch Logs: {0}")]
    Endpoint(#[from] EndpointError),
    /// The system gives no thread.
    #[error("execution logs need a thread: {0}")]
    Thread(std::io::Error),
}

/// Takes the events of executions whose state machines log.
pub struct ExecutionLogs {
    thread: WorkThread<LoggedEvents>,
    refused: Arc<Losses>,
    cloudwatch: Option<Arc<Account>>,
}

/// Events of one step of one execution that are to be logged.
struct LoggedEvents {
    revision: Arc<Revision>,
    execution_arn: Arc<str>,
    state_machine_name: Arc<str>,
    /// How often the execution had been redriven.
    redrive_count: u32,
    /// With their ids.
    events: Vec<(u64, Event)>,
}

impl ExecutionLogs {
    /// Begins to take events; `None` if nothing is to get them. Within a runtime.
    pub fn start(config: ExecutionLogsConfig) -> Result<Option<Self>, ExecutionLogsError> {
        let cloudwatch = config.cloudwatch_endpoint.as_deref().map(|url| CloudWatch::new(url, &config.region)).transpose()?;
        let account = cloudwatch.as_ref().map(CloudWatch::account);
        let files = config.folder.map(|folder| Files::new(folder, config.rotation));
        if cloudwatch.is_none() && files.is_none() && !config.stdout {
            return Ok(None);
        }
        let outlet = Outlet::new(files, config.stdout, cloudwatch);
        let thread = WorkThread::start("execution-logs", WAITING_BYTES_MAX, outlet).map_err(ExecutionLogsError::Thread)?;
        Ok(Some(Self { thread, refused: Arc::new(losses("any")), cloudwatch: account }))
    }

    /// Hands on what is there. What cannot be handed on within `timeout` is dropped.
    pub async fn close(&self, timeout: Duration) {
        let end = tokio::time::Instant::now() + timeout;
        if !self.thread.close(timeout).await {
            tracing::warn!("execution logs were not written in time");
        }
        if let Some(account) = &self.cloudwatch {
            account.close(end).await;
        }
    }
}

impl ExecutionListener for ExecutionLogs {
    fn hear(&self, step: &StepEvents<'_>) -> Option<Tell> {
        let (revision, logging) = (step.revision, step.revision.logging.as_ref()?);
        let is_logged = |event: &Event| level::includes(logging.level, &revision.machine, &event.kind);
        let events: Vec<_> = step.public().filter(|(_, event)| is_logged(event)).map(|(id, event)| (id, event.clone())).collect();
        if events.is_empty() {
            return None;
        }
        let start = step.execution.started();
        let logged = LoggedEvents {
            revision: revision.clone(),
            execution_arn: start.execution_arn.clone(),
            state_machine_name: start.state_machine_name.clone(),
            redrive_count: step.execution.redrive_count().count,
            events,
        };
        let (thread, refused) = (self.thread.clone(), self.refused.clone());
        Some(Box::new(move || {
            let (count, bytes) = (logged.events.len() as u64, weight::of(&logged.events));
            if let Err(not_taken) = thread.push(logged, bytes) {
                let (reason, why) = not_taken.reason();
                refused.lost(count, reason, why);
            }
        }))
    }
}

/// The account of one destination.
fn losses(destination: &'static str) -> Losses {
    Losses::new("execution log events", destination, &names::EXECUTION_LOG_EVENTS, &names::EXECUTION_LOG_EVENTS_DROPPED)
}
