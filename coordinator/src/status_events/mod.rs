//! Status-change events: what EventBridge gets from Step Functions whenever the status of a Standard execution changes. They go to an
//! EventBridge endpoint, to a webhook and to a file.
//!
//! An event leaves after the change is durable, and best effort, as AWS does: when a destination does not keep up, events are dropped
//! and counted; when the process is killed, those that have not left are not sent again.

mod change;
mod envelope;
mod eventbridge;
mod outlet;
mod webhook;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use baton_asl::MachineType;
use baton_engine::Limits;

use crate::aws::EndpointError;
use crate::cluster::{ExecutionListener, StepEvents, Tell};
pub use crate::sink::Rotation;
use crate::sink::{Account, Losses, WorkThread};
use crate::telemetry::names;
use change::StatusChange;
use outlet::Outlet;

/// Bytes of events that wait, at each place on their way.
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Where status-change events go. What is `None` gets nothing.
#[derive(Clone, Debug, Default)]
pub struct StatusEventsConfig {
    /// Address of an EventBridge endpoint; its bus `default` gets them.
    pub eventbridge_endpoint: Option<String>,
    /// Address that gets each event as a POST.
    pub webhook: Option<String>,
    /// A file of JSON lines.
    pub file: Option<PathBuf>,
    /// When the file begins anew.
    pub rotation: Rotation,
    /// Region of calls for executions without one.
    pub region: String,
    /// Limits of executions, which say what can be redriven.
    pub limits: Limits,
}

/// Why status-change events cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum StatusEventsError {
    /// The EventBridge endpoint or the webhook cannot be used.
    #[error("status-change events cannot be sent: {0}")]
    Endpoint(#[from] EndpointError),
    /// The system gives no thread.
    #[error("status-change events need a thread: {0}")]
    Thread(std::io::Error),
}

/// Takes the status changes of Standard executions.
pub struct StatusEvents {
    thread: WorkThread<Vec<StatusChange>>,
    refused: Arc<Losses>,
    limits: Limits,
    remote: Vec<Arc<Account>>,
}

impl StatusEvents {
    /// Begins to take changes; `None` if nobody is to hear of them. Within a runtime.
    pub fn start(config: StatusEventsConfig) -> Result<Option<Self>, StatusEventsError> {
        let limits = config.limits.clone();
        let Some(outlet) = Outlet::start(config)? else { return Ok(None) };
        let remote = outlet.accounts();
        let thread = WorkThread::start("status-events", WAITING_BYTES_MAX, outlet).map_err(StatusEventsError::Thread)?;
        Ok(Some(Self { thread, refused: Arc::new(losses("any")), limits, remote }))
    }

    /// Hands on what is there. What cannot be handed on within `timeout` is dropped.
    pub async fn close(&self, timeout: Duration) {
        let end = tokio::time::Instant::now() + timeout;
        if !self.thread.close(timeout).await {
            tracing::warn!("status-change events were not written in time");
        }
        for account in &self.remote {
            account.close(end).await;
        }
    }
}

impl ExecutionListener for StatusEvents {
    fn hear(&self, step: &StepEvents<'_>) -> Option<Tell> {
        match step.revision.machine_type {
            MachineType::Standard => {}
            MachineType::Express => return None,
        }
        let changes = StatusChange::all_of(step, &self.limits);
        if changes.is_empty() {
            return None;
        }
        let (thread, refused) = (self.thread.clone(), self.refused.clone());
        Some(Box::new(move || {
            let (count, bytes) = (changes.len() as u64, changes.iter().map(StatusChange::weight).sum());
            if let Err(not_taken) = thread.push(changes, bytes) {
                let (reason, why) = not_taken.reason();
                refused.lost(count, reason, why);
            }
        }))
    }
}

/// The account of one destination.
fn losses(destination: &'static str) -> Losses {
    Losses::new("status-change events", destination, &names::STATUS_EVENTS, &names::STATUS_EVENTS_DROPPED)
}
