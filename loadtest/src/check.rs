//! What must hold of every execution, and of every history that is read.

use std::time::Duration;

use serde_json::Value;

use crate::api::{Execution, HistoryEvent};
use crate::scenario::Expected;

/// What an execution must look like when it is looked at.
#[derive(Clone, Debug)]
pub(crate) struct Expectation {
    pub(crate) status: String,
    /// `None` where no output may be there.
    pub(crate) output: Option<Value>,
    pub(crate) error: Option<String>,
    output_text: Option<String>,
}

/// How an execution differs from what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Difference {
    #[error("status {actual} instead of {expected}: {error} {cause}")]
    Status { expected: String, actual: String, error: String, cause: String },
    #[error("output {actual} instead of {expected}")]
    Output { expected: String, actual: String },
    #[error("error {actual} instead of {expected}")]
    Error { expected: String, actual: String },
}

impl Expectation {
    pub(crate) fn new(status: &str, output: Option<Value>, error: Option<String>) -> Self {
        let output_text = output.as_ref().map(Value::to_string);
        Self { status: status.to_owned(), output, error, output_text }
    }

    pub(crate) fn of(expected: &Expected) -> Self {
        Self::new(&expected.status, expected.output(), None)
    }

    pub(crate) fn check(&self, execution: &Execution) -> Result<(), Difference> {
        if execution.status != self.status {
            return Err(Difference::Status {
                expected: self.status.clone(),
                actual: execution.status.clone(),
                error: execution.error.clone().unwrap_or_default(),
                cause: execution.cause.clone().unwrap_or_default(),
            });
        }
        // Parsing is needed only where the texts differ, by their spacing or the order of their keys.
        if execution.output != self.output_text && parse(execution.output.as_deref()) != self.output {
            return Err(Difference::Output { expected: show(&self.output_text), actual: show(&execution.output) });
        }
        if self.error.is_some() && execution.error != self.error {
            return Err(Difference::Error { expected: show(&self.error), actual: show(&execution.error) });
        }
        Ok(())
    }
}

fn parse(text: Option<&str>) -> Option<Value> {
    serde_json::from_str(text?).ok()
}

fn show(text: &Option<String>) -> String {
    text.clone().unwrap_or_else(|| "none".to_owned())
}

/// What is wrong with a history.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HistoryFault {
    #[error("it is empty")]
    Empty,
    #[error("event {position} has the id {id}")]
    Gap { position: u64, id: u64 },
    #[error("event {id} follows event {previous}, which is not before it")]
    Order { id: u64, previous: u64 },
    #[error("it begins with {0}")]
    Beginning(String),
    #[error("event {id} ends the execution, and {after} events come after it")]
    EndedTwice { id: u64, after: u64 },
    #[error("it ends with {0}, which is no end")]
    NoEnd(String),
    #[error("it ends with {actual} where the status is {status}")]
    WrongEnd { status: String, actual: String },
    #[error("it has {actual} events instead of {expected}")]
    Length { expected: u64, actual: u64 },
}

/// Ids 1 to n without a gap, each event after the one it follows, ExecutionStarted first, and the one event that ends an
/// execution of that status last (none while it runs).
pub(crate) fn check_history(events: &[HistoryEvent], status: &str) -> Result<(), HistoryFault> {
    let (first, last) = events.first().zip(events.last()).ok_or(HistoryFault::Empty)?;
    if first.kind != "ExecutionStarted" {
        return Err(HistoryFault::Beginning(first.kind.clone()));
    }
    for (position, event) in (1..).zip(events) {
        check_place(event, position, events.len() as u64)?;
    }
    match (status, terminal_status(&last.kind)) {
        ("RUNNING", None) => Ok(()),
        (_, None) => Err(HistoryFault::NoEnd(last.kind.clone())),
        (_, Some(ended)) if ended == status => Ok(()),
        (_, Some(_)) => Err(HistoryFault::WrongEnd { status: status.to_owned(), actual: last.kind.clone() }),
    }
}

/// How long after the beginning a worker had the first task, if there is one.
pub(crate) fn first_task_after(events: &[HistoryEvent]) -> Option<Duration> {
    let is_start = |event: &&HistoryEvent| matches!(event.kind.as_str(), "LambdaFunctionStarted" | "TaskStarted" | "ActivityStarted");
    let begun = events.first()?.timestamp;
    let started = events.iter().find(is_start)?.timestamp;
    Some(Duration::from_secs_f64((started - begun).max(0.0)))
}

fn check_place(event: &HistoryEvent, position: u64, len: u64) -> Result<(), HistoryFault> {
    if event.id != position {
        return Err(HistoryFault::Gap { position, id: event.id });
    }
    if event.previous_event_id >= event.id {
        return Err(HistoryFault::Order { id: event.id, previous: event.previous_event_id });
    }
    if terminal_status(&event.kind).is_some() && position < len {
        return Err(HistoryFault::EndedTwice { id: event.id, after: len - position });
    }
    Ok(())
}

/// The status that an execution has after an event of this type, if the type ends executions.
fn terminal_status(kind: &str) -> Option<&'static str> {
    match kind {
        "ExecutionSucceeded" => Some("SUCCEEDED"),
        "ExecutionFailed" => Some("FAILED"),
        "ExecutionTimedOut" => Some("TIMED_OUT"),
        "ExecutionAborted" => Some("ABORTED"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn history(events: &[(u64, u64, &str)]) -> Vec<HistoryEvent> {
        let event =
            |(id, previous, kind): &(u64, u64, &str)| json!({"id": id, "previousEventId": previous, "type": kind, "timestamp": 1.5});
        events.iter().map(|spec| serde_json::from_value(event(spec)).expect("an event")).collect()
    }

    #[test]
    fn accepts_a_whole_history() {
        let whole = [(1, 0, "ExecutionStarted"), (2, 0, "PassStateEntered"), (3, 2, "PassStateExited"), (4, 3, "ExecutionSucceeded")];
        assert_eq!(check_history(&history(&whole), "SUCCEEDED"), Ok(()));
        assert_eq!(check_history(&history(&whole[..3]), "RUNNING"), Ok(()));
    }

    #[test]
    fn names_what_is_wrong() {
        use HistoryFault::*;
        let start = (1, 0, "ExecutionStarted");
        let end = "ExecutionSucceeded";
        let cases = [
            (vec![], Empty),
            (vec![(1, 0, "PassStateEntered")], Beginning("PassStateEntered".into())),
            (vec![start, (3, 1, end)], Gap { position: 2, id: 3 }),
            (vec![start, (1, 0, end)], Gap { position: 2, id: 1 }),
            (vec![start, (2, 2, end)], Order { id: 2, previous: 2 }),
            (vec![start, (2, 1, end), (3, 2, end)], EndedTwice { id: 2, after: 1 }),
            (vec![start, (2, 0, "PassStateEntered")], NoEnd("PassStateEntered".into())),
            (vec![start, (2, 1, "ExecutionFailed")], WrongEnd { status: "SUCCEEDED".into(), actual: "ExecutionFailed".into() }),
        ];
        for (events, fault) in cases {
            assert_eq!(check_history(&history(&events), "SUCCEEDED"), Err(fault));
        }
    }

    fn execution(fields: Value) -> Execution {
        let mut execution = json!({"startDate": 1.0, "executionArn": "arn"});
        execution.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        serde_json::from_value(execution).expect("DescribeExecution's shape")
    }

    #[test]
    fn outputs_are_compared_as_json() {
        let expectation = Expectation::new("SUCCEEDED", Some(json!({"a": 1, "b": [2]})), None);
        assert_eq!(expectation.check(&execution(json!({"status": "SUCCEEDED", "output": "{ \"b\": [2], \"a\": 1 }"}))), Ok(()));
        assert!(matches!(expectation.check(&execution(json!({"status": "SUCCEEDED", "output": "{}"}))), Err(Difference::Output { .. })));
        assert!(matches!(expectation.check(&execution(json!({"status": "SUCCEEDED"}))), Err(Difference::Output { .. })));
        assert!(matches!(expectation.check(&execution(json!({"status": "FAILED", "error": "E"}))), Err(Difference::Status { .. })));
    }

    #[test]
    fn errors_are_compared_where_one_is_expected() {
        let expectation = Expectation::new("FAILED", None, Some("OutOfStock".into()));
        assert_eq!(expectation.check(&execution(json!({"status": "FAILED", "error": "OutOfStock", "cause": "c"}))), Ok(()));
        assert!(matches!(expectation.check(&execution(json!({"status": "FAILED", "error": "Other"}))), Err(Difference::Error { .. })));
    }

    #[test]
    fn the_first_task_is_the_first_that_a_worker_had() {
        let mut events = history(&[(1, 0, "ExecutionStarted"), (2, 0, "TaskStateEntered"), (3, 2, "LambdaFunctionScheduled")]);
        assert_eq!(first_task_after(&events), None);
        events.extend(history(&[(4, 3, "LambdaFunctionStarted"), (5, 4, "LambdaFunctionStarted")]));
        (events[3].timestamp, events[4].timestamp) = (1.504, 1.6);
        let waited = first_task_after(&events).expect("there is a task");
        assert!((3_999..=4_001).contains(&waited.as_micros()), "{waited:?}");
    }
}
