//! Execution logs to a CloudWatch Logs endpoint: one task for each log group, which gathers lines and puts them into the streams of its
//! state machines.

mod batch;
mod destination;

use std::collections::HashMap;
use std::sync::Arc;

use baton_engine::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::log_group::LogGroup;
use super::losses;
use crate::aws::{Endpoint, EndpointError, JsonClient, Service};
use crate::sink::{Account, Held};
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
}

/// What all destinations share.
struct Shared {
    client: JsonClient,
    account: Arc<Account>,
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
        let client = JsonClient::new(Endpoint::new(url, region)?, SERVICE);
        let account = Account::new(losses("cloudwatch"), WAITING_BYTES_MAX);
        Ok(Self { groups: HashMap::new(), shared: Arc::new(Shared { client, account }), runtime: Handle::current() })
    }

    /// The deliveries that are under way, for the end.
    pub(super) fn account(&self) -> Arc<Account> {
        self.shared.account.clone()
    }

    /// Hands a line on.
    pub(super) fn line(&mut self, log_group_arn: &Arc<str>, state_machine_name: &Arc<str>, at: Timestamp, text: String) {
        let Some(group) = self.group(log_group_arn) else { return };
        let Some(held) = self.shared.account.admit(text.len()) else { return };
        let line = Line { state_machine_name: state_machine_name.clone(), at, text, _held: held };
        if group.send(line).is_err() {
            self.shared.account.lost(1, "shutdown", "the server ends");
        }
    }

    /// The task of this log group, begun if need be.
    fn group(&mut self, log_group_arn: &Arc<str>) -> Option<mpsc::UnboundedSender<Line>> {
        if let Some(group) = self.groups.get(log_group_arn) {
            return Some(group.clone());
        }
        let account = &self.shared.account;
        let Some(group) = LogGroup::parse(log_group_arn) else {
            account.refuse("no_log_group", format_args!("'{log_group_arn}' is not the ARN of a log group"));
            return None;
        };
        if self.groups.len() >= LOG_GROUPS_MAX {
            account.refuse("queue_full", format_args!("there are more than {LOG_GROUPS_MAX} log groups"));
            return None;
        }
        let (sender, lines) = mpsc::unbounded_channel();
        account.tasks().spawn_on(Destination::new(self.shared.clone(), group, lines).run(), &self.runtime);
        self.groups.insert(log_group_arn.clone(), sender.clone());
        Some(sender)
    }
}
