//! Whether everything survived: each order's end, each history, and the ledger against both.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;
use tokio::time::Duration;

use super::ledger::{self, Entry, Ledger};
use super::orders::Order;
use crate::api::{Api, ApiError, Execution, HistoryEvent};
use crate::backoff::Backoff;
use crate::check::check_history;
use crate::http::Endpoint;

/// Retries with their backoff and the loss of a worker's session have all come to an end after this long.
const END_PATIENCE: Duration = Duration::from_secs(120);
const WAIT_SECONDS: u32 = 30;
/// Attempts that the definition's retrier for Lambda's transient errors allows: the first and three more.
const TRANSIENT_ATTEMPTS: usize = 4;
/// What an attempt fails with whose worker is gone.
const WORKER_LOST: &str = "Lambda.ServiceException";

/// What was found.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Findings {
    pub(crate) executions: usize,
    pub(crate) as_expected: usize,
    /// Executions in one of whose states every attempt that the definition allows was killed. Failing then is what the definition says.
    pub(crate) retries_used_up_by_kills: usize,
    pub(crate) histories_sound: usize,
    pub(crate) attempts_in_ledger: usize,
    pub(crate) attempts_lost_with_a_worker: usize,
    pub(crate) problems: Vec<String>,
}

/// When what happened, in seconds since 1970, as the histories tell.
#[derive(Clone, Debug, Default)]
pub(super) struct Timeline {
    /// Of each attempt that was started: when it was scheduled, and when it was started.
    pub(super) starts: Vec<(f64, f64)>,
    /// When attempts were lost with their worker.
    pub(super) losses: Vec<f64>,
}

impl Findings {
    pub(crate) fn is_sound(&self) -> bool {
        self.problems.is_empty()
            && self.executions > 0
            && self.as_expected + self.retries_used_up_by_kills == self.executions
            && self.histories_sound == self.executions
            && self.attempts_in_ledger > 0
    }

    /// For people.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        let told = [
            format!(
                "{} of {} orders ended as expected, {} used up their retries in kills",
                self.as_expected, self.executions, self.retries_used_up_by_kills
            ),
            format!("{} histories whole", self.histories_sound),
            format!("{} attempts in the ledger, {} lost with a worker", self.attempts_in_ledger, self.attempts_lost_with_a_worker),
        ];
        told.into_iter().chain(self.problems.iter().map(|problem| format!("PROBLEM {problem}")))
    }
}

/// Waits for every order's end and checks everything, at each of the servers in turn.
pub(super) async fn reach(
    endpoints: &[Endpoint],
    orders: &[Order],
    accepted: &BTreeSet<String>,
    ledger_folder: &Path,
) -> anyhow::Result<(Findings, Timeline)> {
    let mut verdict = Verdict::new(endpoints, accepted.len());
    let orders: BTreeMap<&str, &Order> = orders.iter().map(|order| (order.name.as_str(), order)).collect();
    for arn in accepted {
        let name = arn.rsplit(':').next().unwrap_or_default();
        let order = orders.get(name).expect("only planned orders are started");
        verdict.apis.rotate_left(1);
        if let Err(problem) = verdict.judge(arn, order).await {
            verdict.findings.problems.push(format!("{name}: {problem}"));
        }
    }
    verdict.judge_ledger(&ledger::read(ledger_folder)?);
    Ok((verdict.findings, verdict.timeline))
}

struct Verdict {
    apis: Vec<Api>,
    /// Attempts by execution and state, as the histories tell.
    attempts: BTreeMap<(String, String), StateAttempts>,
    timeline: Timeline,
    findings: Findings,
}

/// What a history tells of one state's attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct StateAttempts {
    scheduled: usize,
    started: usize,
    succeeded: usize,
    lost: usize,
}

impl Verdict {
    fn new(endpoints: &[Endpoint], executions: usize) -> Self {
        let findings = Findings { executions, ..Findings::default() };
        Self { apis: endpoints.iter().map(Api::new).collect(), attempts: BTreeMap::new(), timeline: Timeline::default(), findings }
    }

    async fn judge(&mut self, arn: &str, order: &Order) -> Result<(), String> {
        let execution = end_of(&mut self.apis[0], arn).await?;
        let events = self.apis[0].history(arn).await.map_err(|error| error.to_string())?;
        check_history(&events, &execution.status).map_err(|fault| format!("history: {fault}"))?;
        let attempts = attempts_by_state(&events);
        check_attempts(&attempts)?;
        self.timeline.add(&events);
        self.findings.histories_sound += 1;
        self.findings.attempts_lost_with_a_worker += attempts.values().map(|state| state.lost).sum::<usize>();
        let used_up = attempts.values().any(|state| state.lost >= TRANSIENT_ATTEMPTS);
        self.attempts.extend(attempts.into_iter().map(|(state, attempts)| ((arn.to_owned(), state), attempts)));
        match order.expectation.check(&execution) {
            Ok(()) => self.findings.as_expected += 1,
            Err(_) if used_up && execution.error.as_deref() == Some(WORKER_LOST) => self.findings.retries_used_up_by_kills += 1,
            Err(difference) => return Err(difference.to_string()),
        }
        Ok(())
    }

    /// No attempt twice; none that the history does not know; none missing that succeeded.
    fn judge_ledger(&mut self, ledger: &Ledger) {
        self.findings.attempts_in_ledger = ledger.len();
        let mut ran: BTreeMap<(String, String), usize> = BTreeMap::new();
        for (Entry { execution, state, attempt }, times) in ledger {
            if *times > 1 {
                self.findings.problems.push(format!("{execution}: attempt {attempt} of {state} ran {times} times"));
            }
            let key = (execution.clone(), state.clone());
            let known = self.attempts.get(&key).copied().unwrap_or_default();
            if *attempt >= known.started as u64 {
                self.findings
                    .problems
                    .push(format!("{execution}: attempt {attempt} of {state} ran, and the history has {} starts", known.started));
            }
            *ran.entry(key).or_default() += 1;
        }
        for (key, attempts) in &self.attempts {
            if attempts.succeeded > ran.get(key).copied().unwrap_or_default() {
                self.findings.problems.push(format!("{}: {} succeeded and never ran", key.0, key.1));
            }
        }
    }
}

impl Timeline {
    fn add(&mut self, events: &[HistoryEvent]) {
        let scheduled: BTreeMap<u64, f64> =
            events.iter().filter(|event| event.kind.ends_with("Scheduled")).map(|event| (event.id, event.timestamp)).collect();
        for event in events {
            match event.kind.as_str() {
                "LambdaFunctionStarted" | "TaskStarted" => {
                    self.starts.extend(scheduled.get(&event.previous_event_id).map(|since| (*since, event.timestamp)));
                }
                _ if is_loss(event) => self.losses.push(event.timestamp),
                _ => {}
            }
        }
    }
}

/// An attempt has failed because its worker is gone.
fn is_loss(event: &HistoryEvent) -> bool {
    matches!(event.kind.as_str(), "LambdaFunctionFailed" | "TaskFailed") && event.detail("error") == Some(WORKER_LOST)
}

async fn end_of(api: &mut Api, arn: &str) -> Result<Execution, String> {
    let mut backoff = Backoff::new(END_PATIENCE);
    loop {
        match api.wait_for_execution(arn, WAIT_SECONDS).await {
            Ok(execution) if execution.status != "RUNNING" => return Ok(execution),
            Ok(_) if backoff.wait().await => {}
            Ok(_) => {
                return Err(format!("still running {} s after the last kill", END_PATIENCE.as_secs()));
            }
            Err(error) if error.is_passing() && backoff.wait().await => {}
            Err(error @ ApiError::Aws { .. }) => {
                return Err(format!("it was accepted, and now: {error}"));
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// Follows each task event back to the state that it belongs to.
fn attempts_by_state(events: &[HistoryEvent]) -> BTreeMap<String, StateAttempts> {
    let mut state_of: BTreeMap<u64, &str> = BTreeMap::new();
    let mut attempts: BTreeMap<String, StateAttempts> = BTreeMap::new();
    for event in events {
        let name = match event.kind.as_str() {
            "TaskStateEntered" => event.detail("name"),
            _ => state_of.get(&event.previous_event_id).copied(),
        };
        let Some(name) = name else { continue };
        state_of.insert(event.id, name);
        let state = attempts.entry(name.to_owned()).or_default();
        match event.kind.as_str() {
            "LambdaFunctionScheduled" | "TaskScheduled" => state.scheduled += 1,
            "LambdaFunctionStarted" | "TaskStarted" => state.started += 1,
            "LambdaFunctionSucceeded" | "TaskSucceeded" => state.succeeded += 1,
            _ if is_loss(event) => state.lost += 1,
            _ => {}
        }
    }
    attempts
}

fn check_attempts(attempts: &BTreeMap<String, StateAttempts>) -> Result<(), String> {
    for (name, state) in attempts {
        if state.started > state.scheduled || state.succeeded > 1 || state.succeeded > state.started {
            return Err(format!("history: the attempts of {name} do not add up: {state:?}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn events() -> Vec<HistoryEvent> {
        let failed = json!({"error": WORKER_LOST, "cause": "gone"});
        let events = [
            json!({"id": 1, "previousEventId": 0, "type": "ExecutionStarted"}),
            json!({"id": 2, "previousEventId": 0, "type": "TaskStateEntered", "stateEnteredEventDetails": {"name": "Pay"}}),
            json!({"id": 3, "previousEventId": 2, "type": "LambdaFunctionScheduled"}),
            json!({"id": 4, "previousEventId": 3, "type": "LambdaFunctionStarted"}),
            json!({"id": 5, "previousEventId": 4, "type": "LambdaFunctionFailed", "lambdaFunctionFailedEventDetails": failed}),
            json!({"id": 6, "previousEventId": 5, "type": "LambdaFunctionScheduled"}),
            json!({"id": 7, "previousEventId": 6, "type": "LambdaFunctionStarted"}),
            json!({"id": 8, "previousEventId": 7, "type": "LambdaFunctionSucceeded"}),
        ];
        events.into_iter().map(|event| serde_json::from_value(event).expect("an event")).collect()
    }

    fn verdict() -> Verdict {
        let attempts = attempts_by_state(&events()).into_iter().map(|(state, attempts)| (("e".to_owned(), state), attempts)).collect();
        let endpoint = "http://127.0.0.1:1".parse().expect("an endpoint");
        Verdict { attempts, ..Verdict::new(&[endpoint], 1) }
    }

    fn ledger(attempts: &[(&str, u64, u32)]) -> Ledger {
        let entry = |state: &str, attempt| Entry { execution: "e".to_owned(), state: state.to_owned(), attempt };
        attempts.iter().map(|(state, attempt, times)| (entry(state, *attempt), *times)).collect()
    }

    #[test]
    fn counts_attempts_from_a_history() {
        let attempts = attempts_by_state(&events());
        assert_eq!(attempts["Pay"], StateAttempts { scheduled: 2, started: 2, succeeded: 1, lost: 1 });
        assert_eq!(check_attempts(&attempts), Ok(()));
    }

    #[test]
    fn an_attempt_lost_before_it_began_is_no_problem() {
        for sound in [ledger(&[("Pay", 0, 1), ("Pay", 1, 1)]), ledger(&[("Pay", 1, 1)])] {
            let mut verdict = verdict();
            verdict.judge_ledger(&sound);
            assert_eq!(verdict.findings.problems, [""; 0]);
        }
    }

    #[test]
    fn finds_what_must_not_be() {
        let cases = [
            (ledger(&[("Pay", 0, 1), ("Pay", 1, 2)]), "ran 2 times"),
            (ledger(&[("Pay", 1, 1), ("Pay", 2, 1)]), "the history has 2 starts"),
            (ledger(&[("Pay", 1, 1), ("Ship", 0, 1)]), "the history has 0 starts"),
            (ledger(&[]), "never ran"),
        ];
        for (ledger, problem) in cases {
            let mut verdict = verdict();
            verdict.judge_ledger(&ledger);
            assert!(verdict.findings.problems.iter().any(|found| found.contains(problem)), "{problem}: {:?}", verdict.findings.problems);
        }
    }
}
