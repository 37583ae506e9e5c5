//! One log group: its streams, and the calls that fill them one after another.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use baton_engine::Timestamp;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::batch::{Gatherer, put_log_events};
use super::{Line, LogGroup, Shared};
use crate::aws::CallError;
use crate::sink::Backoff;

/// How long lines wait for others before they are put.
const LINGER: Duration = Duration::from_millis(100);
/// A log group that is not there is not asked for again for this long.
const ABSENT_FOR: Duration = Duration::from_secs(5);
/// State machines of one log group whose streams are remembered.
const STREAMS_MAX: usize = 1_000;
/// AWS makes this stream when a log group is first named in a logging configuration; it comes before all others in a list.
const VALIDATION_STREAM: &str = "log_stream_created_by_aws_to_validate_log_delivery_subscriptions";
/// Code of errors that say that the group or the stream is not there.
const NOT_FOUND: &str = "ResourceNotFoundException";

/// See the module.
pub(super) struct Destination {
    shared: Arc<Shared>,
    region: String,
    log_group_name: String,
    lines: Gatherer,
    is_validated: bool,
    /// Streams by name of the state machine.
    streams: HashMap<Arc<str>, String>,
    absent_until: Option<Instant>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CreateLogStream<'a> {
    log_group_name: &'a str,
    log_stream_name: &'a str,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PutLogEventsResponse {
    rejected_log_events_info: Option<RejectedLogEventsInfo>,
}

/// Where the lines begin or end that were too new or too old.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RejectedLogEventsInfo {
    too_new_log_event_start_index: Option<u64>,
    too_old_log_event_end_index: Option<u64>,
    expired_log_event_end_index: Option<u64>,
}

impl RejectedLogEventsInfo {
    /// How many of `count` lines were not taken.
    fn rejected(&self, count: u64) -> u64 {
        let old = self.too_old_log_event_end_index.max(self.expired_log_event_end_index).unwrap_or(0).min(count);
        let new = self.too_new_log_event_start_index.map_or(0, |start| count.saturating_sub(start));
        (old + new).min(count)
    }
}

impl Destination {
    pub(super) fn new(shared: Arc<Shared>, group: LogGroup<'_>, lines: mpsc::UnboundedReceiver<Line>) -> Self {
        Self {
            shared,
            region: group.region.to_owned(),
            log_group_name: group.name.to_owned(),
            lines: Gatherer::new(lines),
            is_validated: false,
            streams: HashMap::new(),
            absent_until: None,
        }
    }

    /// Puts lines until no more will come.
    pub(super) async fn run(mut self) {
        while let Some(first) = self.lines.first().await {
            tokio::select! {
                () = tokio::time::sleep(LINGER) => {}
                () = self.shared.account.closing() => {}
            }
            for (state_machine_name, lines) in by_state_machine(self.lines.batch(first)) {
                self.send(&state_machine_name, lines).await;
            }
        }
    }

    async fn send(&mut self, state_machine_name: &Arc<str>, mut lines: Vec<Line>) {
        let count = lines.len() as u64;
        if self.absent_until.is_some_and(|until| Instant::now() < until) {
            return self.shared.account.lost(count, "no_log_group", format_args!("there is no log group '{}'", self.log_group_name));
        }
        // Steps of several executions may have overtaken each other on their way here.
        lines.sort_by_key(|line| line.at);
        match self.put(state_machine_name, &lines).await {
            Ok(0) => self.shared.account.sent(count),
            Ok(rejected) => {
                self.shared.account.sent(count - rejected);
                self.shared.account.lost(rejected, "rejected", "CloudWatch Logs finds them too old or too new");
            }
            Err(error) if error.is(NOT_FOUND) => {
                self.absent_until = Some(Instant::now() + ABSENT_FOR);
                self.is_validated = false;
                self.shared.account.lost(count, "no_log_group", format_args!("'{}': {error}", self.log_group_name));
            }
            Err(error) => self.shared.account.lost(count, "not_taken", format_args!("{}: {error}", self.shared.client.url())),
        }
    }

    /// Answers how many of the lines CloudWatch Logs did not want.
    async fn put(&mut self, state_machine_name: &Arc<str>, lines: &[Line]) -> Result<u64, CallError> {
        let stream = self.stream(state_machine_name, lines[0].at).await?;
        let answer = match self.put_into(&stream, lines).await {
            Err(error) if error.is(NOT_FOUND) => {
                // Somebody has deleted the stream, or the log group and made it again.
                self.streams.clear();
                self.is_validated = false;
                let stream = self.stream(state_machine_name, lines[0].at).await?;
                self.put_into(&stream, lines).await?
            }
            other => other?,
        };
        let response: PutLogEventsResponse = serde_json::from_slice(&answer).unwrap_or_default();
        Ok(response.rejected_log_events_info.map_or(0, |info| info.rejected(lines.len() as u64)))
    }

    async fn put_into(&self, stream: &str, lines: &[Line]) -> Result<Bytes, CallError> {
        self.call("PutLogEvents", put_log_events(&self.log_group_name, stream, lines)).await
    }

    /// The stream of this state machine, made if it is not there.
    async fn stream(&mut self, state_machine_name: &Arc<str>, at: Timestamp) -> Result<String, CallError> {
        if let Some(stream) = self.streams.get(state_machine_name) {
            return Ok(stream.clone());
        }
        if !self.is_validated {
            self.create_stream(VALIDATION_STREAM).await?;
            self.is_validated = true;
        }
        let stream = stream_name(state_machine_name, at);
        self.create_stream(&stream).await?;
        if self.streams.len() >= STREAMS_MAX {
            self.streams.clear();
        }
        self.streams.insert(state_machine_name.clone(), stream.clone());
        Ok(stream)
    }

    async fn create_stream(&self, log_stream_name: &str) -> Result<(), CallError> {
        let request = CreateLogStream { log_group_name: &self.log_group_name, log_stream_name };
        let body = Bytes::from(serde_json::to_vec(&request).expect("the request has text keys"));
        match self.call("CreateLogStream", body).await {
            Err(error) if error.is("ResourceAlreadyExistsException") => Ok(()),
            result => result.map(drop),
        }
    }

    async fn call(&self, operation: &str, body: Bytes) -> Result<Bytes, CallError> {
        let mut backoff = Backoff::usual();
        loop {
            match self.shared.client.call(operation, &self.region, body.clone()).await {
                Err(error) if error.is_passing() => {
                    if !backoff.again().await {
                        return Err(error);
                    }
                }
                result => return result,
            }
        }
    }
}

/// A batch by state machine, each in order.
fn by_state_machine(batch: Vec<Line>) -> Vec<(Arc<str>, Vec<Line>)> {
    let mut groups: Vec<(Arc<str>, Vec<Line>)> = Vec::new();
    for line in batch {
        match groups.iter_mut().find(|(name, _)| *name == line.state_machine_name) {
            Some((_, lines)) => lines.push(line),
            None => groups.push((line.state_machine_name.clone(), vec![line])),
        }
    }
    groups
}

/// `states/<state machine>/<year-month-day-hour-minute>/<hash>`, as AWS names them.
fn stream_name(state_machine_name: &str, at: Timestamp) -> String {
    let at = jiff::Timestamp::from_millisecond(at).unwrap_or_default();
    let random = getrandom::u32().expect("the operating system gives random numbers");
    format!("states/{state_machine_name}/{}/{random:08x}", at.strftime("%Y-%m-%d-%H-%M"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_named_as_aws_names_them() {
        let name = stream_name("Orders", 1_719_400_000_000);
        let (front, hash) = name.rsplit_once('/').expect("a slash");
        assert_eq!(front, "states/Orders/2024-06-26-11-06");
        assert!(hash.len() == 8 && u32::from_str_radix(hash, 16).is_ok());
    }

    #[test]
    fn rejected_lines_are_counted_at_both_ends() {
        let info = |text: &str| serde_json::from_str::<PutLogEventsResponse>(text).expect("an answer").rejected_log_events_info;
        assert!(info("{}").is_none());
        let old = r#"{"rejectedLogEventsInfo": {"tooOldLogEventEndIndex": 2, "expiredLogEventEndIndex": 1}}"#;
        assert_eq!(info(old).map(|info| info.rejected(10)), Some(2));
        let new = r#"{"rejectedLogEventsInfo": {"tooNewLogEventStartIndex": 7}}"#;
        assert_eq!(info(new).map(|info| info.rejected(10)), Some(3));
    }
}
