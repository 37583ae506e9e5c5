//! Execution logs to a CloudWatch Logs endpoint: one task for each log group, which gathers lines and puts them into the streams of its
//! state machines.

mod batch;
mod destination;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use baton_engine::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::log_group::LogGroup;
use super::losses;
use crate::aws::{Endpoint, EndpointError, JsonClient, Service};
use crate::sink::{Budget, Held, Losses};
use destination::Destination;

const SERVICE: Service = Service { signing_name: "logs", target_prefix: "Logs_20140328" };
/// Bytes of lines that wait for the endpoint, all log groups together.
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Log groups that are written to at once.
const LOG_GROUPS_MAX: usize = 1_000;

/// The thread's end. See the module.
pub(super) struct CloudWatch {
    /// By ARN.
    groups: HashMap<Arc<str>, mpsc::UnboundedSender<Line>>,
    shared: Arc<Shared>,
    runtime: Handle,
    tasks: TaskTracker,
}

/// What all destinations share.
struct Shared {
    client: JsonClient,
    losses: Losses,
    budget: Budget,
    /// Lines that are neither sent nor lost yet.
    waiting: AtomicU64,
    closing: CancellationToken,
}

/// One line on its way.
struct Line {
    state_machine_name: Arc<str>,
    at: Timestamp,
    text: String,
    _held: Held,
}

impl CloudWatch {
    /// To the endpoint at this address. Within a runtime.
    pub(super) fn new(url: &str, region: &str) -> Result<Self, EndpointError> {
        let shared = Shared {
            client: JsonClient::new(Endpoint::new(url, region)?, SERVICE),
            losses: losses("cloudwatch"),
            budget: Budget::new(WAITING_BYTES_MAX),
            waiting: AtomicU64::new(0),
            closing: CancellationToken::new(),
        };
        Ok(Self { groups: HashMap::new(), shared: Arc::new(shared), runtime: Handle::current(), tasks: TaskTracker::new() })
    }

    /// What waits for the deliveries at the end.
    pub(super) fn deliveries(&self) -> Deliveries {
        Deliveries { tasks: self.tasks.clone(), shared: self.shared.clone() }
    }

    /// Hands a line on.
    pub(super) fn line(&mut self, log_group_arn: &Arc<str>, state_machine_name: &Arc<str>, at: Timestamp, text: String) {
        let losses = &self.shared.losses;
        let Some(held) = self.shared.budget.hold(text.len()) else {
            return losses.lost(1, "queue_full", "they come faster than CloudWatch Logs takes them");
        };
        let line = Line { state_machine_name: state_machine_name.clone(), at, text, _held: held };
        if let Some(group) = self.groups.get(log_group_arn) {
            return self.shared.hand_over(group, line);
        }
        let Some(group) = LogGroup::parse(log_group_arn) else {
            return losses.lost(1, "no_log_group", format_args!("'{log_group_arn}' is not the ARN of a log group"));
        };
        if self.groups.len() >= LOG_GROUPS_MAX {
            return losses.lost(1, "queue_full", format_args!("there are more than {LOG_GROUPS_MAX} log groups"));
        }
        let (sender, lines) = mpsc::unbounded_channel();
        self.tasks.spawn_on(Destination::new(self.shared.clone(), group, lines).run(), &self.runtime);
        self.shared.hand_over(&sender, line);
        self.groups.insert(log_group_arn.clone(), sender);
    }
}

impl Shared {
    fn hand_over(&self, group: &mpsc::UnboundedSender<Line>, line: Line) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        if group.send(line).is_err() {
            self.lost(1, "shutdown", "the server ends");
        }
    }

    fn sent(&self, count: u64) {
        self.waiting.fetch_sub(count, Ordering::Relaxed);
        self.losses.sent(count);
    }

    fn lost(&self, count: u64, reason: &'static str, why: impl std::fmt::Display) {
        self.waiting.fetch_sub(count, Ordering::Relaxed);
        self.losses.lost(count, reason, why);
    }
}

/// The deliveries that are under way, for the end.
pub(super) struct Deliveries {
    tasks: TaskTracker,
    shared: Arc<Shared>,
}

impl Deliveries {
    /// Waits until everything is delivered, but not beyond `end`. The [`CloudWatch`] is gone by then.
    pub(super) async fn close(&self, end: tokio::time::Instant) {
        self.shared.closing.cancel();
        self.tasks.close();
        if tokio::time::timeout_at(end, self.tasks.wait()).await.is_err() {
            let count = self.shared.waiting.swap(0, Ordering::Relaxed);
            self.shared.losses.lost(count, "shutdown", "CloudWatch Logs did not take them before the server's end");
        }
    }
}
