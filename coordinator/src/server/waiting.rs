//! What the open states of an execution wait for, for people and for programs.

use baton_asl::StateMachine;
use baton_engine::Timestamp;
use serde::Serialize;

use crate::cluster::{ExecutionRecord, Waiting, WaitingFor};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    execution_arn: &'a str,
    /// Oldest first.
    waiting: Vec<Item<'a>>,
    /// Why the execution stands still for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    quarantined: Option<&'a str>,
}

/// Times are Unix milliseconds.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item<'a> {
    state: &'a str,
    /// `WORKER`, `RESULT`, `CALLBACK`, `TIME` or `RETRY`.
    kind: &'static str,
    /// For people.
    reason: String,
    since: Timestamp,
    /// When the state goes on or times out by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker_name: Option<&'a str>,
    /// The attempt that will run.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    /// What failed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// JSON of what the execution waits for.
pub(super) fn answer(record: &ExecutionRecord, machine: &StateMachine) -> Vec<u8> {
    let answer = Answer {
        execution_arn: &record.start.execution_arn,
        waiting: record.waiting.iter().map(|waiting| item(waiting, machine)).collect(),
        quarantined: record.quarantined.as_deref(),
    };
    serde_json::to_vec(&answer).expect("answers have text keys and finite numbers")
}

fn item<'a>(waiting: &'a Waiting, machine: &'a StateMachine) -> Item<'a> {
    let resource = resource(machine, &waiting.state_name);
    let of = |kind, reason, until| Item {
        state: &waiting.state_name,
        kind,
        reason,
        since: waiting.since,
        until,
        resource,
        worker_name: None,
        attempt: None,
        error: None,
    };
    match &waiting.reason {
        WaitingFor::Worker { deadline } => {
            of("WORKER", format!("waits for somebody to take {}", resource.unwrap_or("the task")), *deadline)
        }
        WaitingFor::Result { claim, deadline } => {
            let worker_name = claim.worker_name.as_deref();
            let reason = worker_name.map_or_else(|| "runs".to_owned(), |worker| format!("runs on {worker}"));
            Item { worker_name, ..of("RESULT", reason, *deadline) }
        }
        WaitingFor::Callback { deadline } => of("CALLBACK", "waits for SendTaskSuccess or SendTaskFailure".to_owned(), *deadline),
        WaitingFor::MapRun { map_run_arn } => of("MAP_RUN", format!("waits for {map_run_arn}"), None),
        WaitingFor::Time { until } => of("TIME", format!("waits until {}", time(*until)), Some(*until)),
        WaitingFor::Retry { at, attempts, error } => {
            let attempt = attempts.saturating_add(1);
            let after = error.as_deref().map(|error| format!(" after {error}")).unwrap_or_default();
            let reason = format!("attempt {attempt}{after} comes at {}", time(*at));
            Item { attempt: Some(attempt), error: error.as_deref(), ..of("RETRY", reason, Some(*at)) }
        }
    }
}

fn resource<'a>(machine: &'a StateMachine, state_name: &str) -> Option<&'a str> {
    machine.state_named(state_name)?.kind.resource().map(|resource| &**resource.arn())
}

/// RFC 3339 in UTC.
fn time(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at).map_or_else(|_| at.to_string(), |time| time.to_string())
}
