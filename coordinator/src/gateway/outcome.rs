//! What workers report, read into what happens to executions.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use baton_engine::{Input, Payload, TaskRef};
use baton_proto::worker::v1::outcome::Result as Reported;
use baton_proto::worker::v1::{Code, Failure, Outcome};
use bytes::Bytes;

use crate::clock;
use crate::cluster::{Cluster, ExecutionId, report_code};
use crate::dispatch::{InvokeResult, Random, Shape, TaskToken, TokenKey, compacted, payload_of};
use crate::lambda_error;

/// AWS's limits of error and cause, characters.
const ERROR_CHARS_MAX: usize = 256;
const CAUSE_CHARS_MAX: usize = 32_768;
/// Bytes of a log's tail.
const LOG_TAIL_MAX: usize = 4_096;
/// The version of a function whose worker knows none.
const LATEST: &str = "$LATEST";

/// Of a report that names nothing we know.
pub(super) const NOBODY: (ExecutionId, TaskRef) = (ExecutionId(0), TaskRef { entry: 0, attempt: 0 });

/// An outcome, understood.
pub(super) struct Report {
    /// What it is for, with the claim that it is reported under.
    pub(super) token: TaskToken,
    /// What happens to the execution.
    pub(super) input: Input,
}

/// The token with the claim that is named beside it; `None` if we did not make it.
pub(super) fn claimed(key: &TokenKey, token: &[u8], claim_id: u64) -> Option<TaskToken> {
    key.open(token).map(|token| TaskToken { claim_id, ..token })
}

/// Understands a report that comes without a session. An error is what the worker is told: nothing is known by the token, or it is not
/// known now.
pub(super) async fn read_alone(cluster: &Cluster, outcome: Outcome) -> Result<Report, Code> {
    let token = claimed(cluster.token_key(), &outcome.token, outcome.claim_id).ok_or(Code::UnknownTask)?;
    let token = resolved(cluster, token).await?;
    read(token, outcome, &mut Random::from_system()).ok_or(Code::UnknownTask)
}

/// The token of a task whose shape was not known when it was offered, with its shape. As long as the task cannot be looked up, its report is
/// to come again: a worker forgets an outcome that is answered in any other way.
pub(super) async fn resolved(cluster: &Cluster, token: TaskToken) -> Result<TaskToken, Code> {
    if token.shape != Shape::Offered {
        return Ok(token);
    }
    match cluster.open_task(token.execution, token.task).await {
        Ok(Some(grant)) => Ok(TaskToken { shape: Shape::of(&grant), ..token }),
        Ok(None) => Err(Code::UnknownTask),
        Err(error) => Err(report_code(Err(error))),
    }
}

/// Understands a report; `None` if nothing is reported, or the task has another way of being completed.
pub(super) fn read(token: TaskToken, outcome: Outcome, random: &mut Random) -> Option<Report> {
    let task = token.task;
    let log_tail = outcome.log_tail;
    let version = Some(outcome.executed_version).filter(|version| !version.is_empty()).unwrap_or_else(|| LATEST.to_owned());
    let input = match (token.shape, outcome.result?) {
        // Nobody waits for what it gives.
        (Shape::InvokeEvent, _) => Input::TaskSucceeded { task, output: event_accepted(random) },
        (Shape::Callback | Shape::Offered, _) => return None,
        (shape, Reported::Failure(failure)) => failed(task, shape, failure),
        (shape, Reported::Output(output)) => match payload_of(output) {
            Ok(output) => succeeded(task, shape, output, version, &log_tail, random),
            Err(error) => not_json(task, shape, &error.to_string()),
        },
    };
    Some(Report { token, input })
}

fn succeeded(task: TaskRef, shape: Shape, output: Payload, version: String, log_tail: &Bytes, random: &mut Random) -> Input {
    match shape {
        Shape::Function | Shape::Activity | Shape::Callback | Shape::InvokeEvent | Shape::Offered => Input::TaskSucceeded { task, output },
        Shape::Invoke => Input::TaskSucceeded { task, output: invoked(output, version, log_tail, random) },
        Shape::InvokeCallback => Input::TaskSubmitted { task, output: invoked(output, version, log_tail, random) },
    }
}

fn invoked(output: Payload, version: String, log_tail: &Bytes, random: &mut Random) -> Payload {
    let log_result = (!log_tail.is_empty()).then(|| STANDARD.encode(&log_tail[log_tail.len().saturating_sub(LOG_TAIL_MAX)..]));
    InvokeResult::of_worker(200, Some(output), Some(version), log_result, clock::now(), random).into_payload()
}

fn event_accepted(random: &mut Random) -> Payload {
    InvokeResult::of_worker(202, None, None, None, clock::now(), random).into_payload()
}

fn failed(task: TaskRef, shape: Shape, failure: Failure) -> Input {
    let Failure { error, cause, function_error } = failure;
    let cause = match shape {
        // Through lambda:invoke the function's error document is shown without space between its tokens; by its ARN, as it wrote it.
        Shape::Invoke | Shape::InvokeCallback if function_error => compacted(&cause).unwrap_or(cause),
        _ => cause,
    };
    let error = match shape {
        Shape::Activity => Some(error).filter(|error| !error.is_empty()),
        _ if error.is_empty() => Some(lambda_error::UNKNOWN.to_owned()),
        _ => Some(error),
    };
    let error = error.map(|error| cut(error, ERROR_CHARS_MAX).into());
    let cause = Some(cut(cause, CAUSE_CHARS_MAX)).filter(|cause| !cause.is_empty()).map(Into::into);
    Input::TaskFailed { task, error, cause }
}

fn not_json(task: TaskRef, shape: Shape, problem: &str) -> Input {
    let error = match shape {
        Shape::Activity => "States.TaskFailed",
        Shape::Function | Shape::Invoke | Shape::InvokeCallback | Shape::InvokeEvent | Shape::Callback | Shape::Offered => {
            lambda_error::UNKNOWN
        }
    };
    let cause = cut(format!("The worker's answer is not JSON: {problem}"), CAUSE_CHARS_MAX);
    Input::TaskFailed { task, error: Some(error.into()), cause: Some(cause.into()) }
}

fn cut(mut text: String, chars_max: usize) -> String {
    if text.len() > chars_max
        && let Some((end, _)) = text.char_indices().nth(chars_max)
    {
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_as(shape: Shape, result: Reported) -> Input {
        let key = TokenKey::new([1; 32]);
        let token = TaskToken { execution: ExecutionId(5), task: TaskRef { entry: 2, attempt: 1 }, shape, claim_id: 0 };
        let outcome = Outcome { token: key.seal(&token), claim_id: 9, result: Some(result), ..Outcome::default() };
        let named = claimed(&key, &outcome.token, outcome.claim_id).expect("the token is ours");
        let report = read(named, outcome, &mut Random::from_seed(1)).expect("the report is understood");
        assert_eq!(report.token, TaskToken { claim_id: 9, ..token });
        report.input
    }

    fn output(text: &'static str) -> Reported {
        Reported::Output(Bytes::from_static(text.as_bytes()))
    }

    fn failure(error: &str, cause: &str) -> Reported {
        Reported::Failure(Failure { error: error.to_owned(), cause: cause.to_owned(), function_error: true })
    }

    fn failed_as(shape: Shape, result: Reported) -> (Option<String>, Option<String>) {
        match read_as(shape, result) {
            Input::TaskFailed { error, cause, .. } => (error.map(|text| text.to_string()), cause.map(|text| text.to_string())),
            other => panic!("not a failure: {other:?}"),
        }
    }

    #[test]
    fn outputs_lose_their_space_and_invocations_get_their_shape() {
        let Input::TaskSucceeded { output: direct, .. } = read_as(Shape::Function, output("{\"a\": 1.0}")) else { panic!("a result") };
        assert_eq!(direct.text(), "{\"a\":1.0}");
        let Input::TaskSucceeded { output: invoked, .. } = read_as(Shape::Invoke, output("[1, 2]")) else { panic!("a result") };
        assert_eq!((invoked.value()["Payload"].to_string(), &invoked.value()["ExecutedVersion"]), ("[1,2]".to_owned(), &LATEST.into()));
        assert!(matches!(read_as(Shape::InvokeCallback, output("1")), Input::TaskSubmitted { .. }));
    }

    #[test]
    fn causes_are_compact_through_invoke_only() {
        let cause = "{\"errorMessage\": \"x\", \"errorType\": \"E\"}";
        assert_eq!(failed_as(Shape::Function, failure("E", cause)), (Some("E".to_owned()), Some(cause.to_owned())));
        let compact = "{\"errorMessage\":\"x\",\"errorType\":\"E\"}";
        assert_eq!(failed_as(Shape::Invoke, failure("E", cause)), (Some("E".to_owned()), Some(compact.to_owned())));
        assert_eq!(failed_as(Shape::Function, failure("", "c")).0.as_deref(), Some("Lambda.Unknown"));
        assert_eq!(failed_as(Shape::Activity, failure("", "")), (None, None));
    }

    #[test]
    fn what_is_too_long_is_cut_at_a_character() {
        let (error, cause) = failed_as(Shape::Function, failure(&"é".repeat(300), &"é".repeat(40_000)));
        assert_eq!((error.map(|text| text.chars().count()), cause.map(|text| text.chars().count())), (Some(256), Some(32_768)));
    }

    #[test]
    fn an_answer_that_is_no_json_fails_the_attempt() {
        let (error, cause) = failed_as(Shape::Function, output("{"));
        assert_eq!(error.as_deref(), Some("Lambda.Unknown"));
        assert!(cause.is_some_and(|cause| cause.contains("not JSON")));
        assert_eq!(failed_as(Shape::Activity, Reported::Output(Bytes::from_static(b"\xff"))).0.as_deref(), Some("States.TaskFailed"));
    }
}
