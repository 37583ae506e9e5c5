//! Wait states.

use baton_asl::Wait;
use baton_query::{Expression, ReferencePath, Value};

use super::{Answer, then};
use crate::{Timestamp, data_flow, error_handling::Fault, evaluator::Evaluator, timestamp};

/// The longest delay that AWS takes: its seconds must fit a Java int.
const DELAY_SECONDS_MAX: i64 = i32::MAX as i64;

/// Waits, or goes on at once when there is nothing to wait for.
pub(super) fn enter(at: &Evaluator<'_>, wait: &Wait) -> Result<Answer, Fault> {
    let until = until(at, wait)?;
    if until <= at.now {
        return leave(at);
    }
    if until > at.now.saturating_add(DELAY_SECONDS_MAX * 1_000) {
        return Err(at.runtime("Wait state delay is too long."));
    }
    Ok(Answer::Wait(until))
}

/// Goes on with the effective input.
pub(super) fn leave(at: &Evaluator<'_>) -> Result<Answer, Fault> {
    data_flow::pass_on(at, then(at)).map(Answer::GoTo)
}

fn until(at: &Evaluator<'_>, wait: &Wait) -> Result<Timestamp, Fault> {
    match wait {
        Wait::Seconds(seconds) => Ok(after(at, i64::try_from(*seconds).unwrap_or(i64::MAX))),
        Wait::SecondsPath(path) => seconds_path(at, path).map(|seconds| after(at, seconds)),
        Wait::SecondsExpression(expression) => seconds_expression(at, expression).map(|seconds| after(at, seconds)),
        Wait::Timestamp(until) => Ok(*until),
        Wait::TimestampPath(path) => timestamp_path(at, path),
        Wait::TimestampExpression(expression) => timestamp_expression(at, expression),
    }
}

fn after(at: &Evaluator<'_>, seconds: i64) -> Timestamp {
    at.now.saturating_add(seconds.saturating_mul(1_000))
}

fn seconds_path(at: &Evaluator<'_>, path: &ReferencePath) -> Result<i64, Fault> {
    let text = path_text(at, path, "SecondsPath")?;
    let seconds: i64 = text
        .parse()
        .map_err(|_| at.runtime(format!("The SecondsPath parameter cannot be parsed as a long value: {} == {text}", path.text())))?;
    if seconds < 0 {
        return Err(at.runtime(format!("The SecondsPath parameter references a negative value: {} == {text}", path.text())));
    }
    Ok(seconds)
}

fn timestamp_path(at: &Evaluator<'_>, path: &ReferencePath) -> Result<Timestamp, Fault> {
    let text = path_text(at, path, "TimestampPath")?;
    timestamp::parse(&text).map(timestamp::milliseconds).ok_or_else(|| {
        let expected = "does not reference a valid ISO-8601 extended offset date-time format string";
        at.runtime(format!("The TimestampPath parameter {expected}: {} == {text}", path.text()))
    })
}

/// A text as it is, anything else as JSON.
fn path_text(at: &Evaluator<'_>, path: &ReferencePath, name: &str) -> Result<String, Fault> {
    let input = data_flow::effective_input(at)?;
    let scope = at.scope(input.value());
    let absent = |_| at.runtime(format!("The {name} parameter does not reference an input value: {}", path.text()));
    path.get(&scope).map(data_flow::plain_text).map_err(absent)
}

fn seconds_expression(at: &Evaluator<'_>, expression: &Expression) -> Result<i64, Fault> {
    let value = data_flow::evaluate(at, expression, "Seconds")?;
    let seconds = data_flow::whole_number(&value).ok_or_else(|| at.unexpected_type(expression, "Seconds", "number", &value))?;
    if seconds < 0 {
        return Err(at.evaluation(Some("Seconds"), format!("The Seconds field references a negative value: {seconds}")));
    }
    Ok(seconds)
}

fn timestamp_expression(at: &Evaluator<'_>, expression: &Expression) -> Result<Timestamp, Fault> {
    let value = data_flow::evaluate(at, expression, "Timestamp")?;
    let Value::String(text) = &value else {
        return Err(at.unexpected_type(expression, "Timestamp", "string", &value));
    };
    timestamp::parse(text).map(timestamp::milliseconds).ok_or_else(|| {
        let text = format!("The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: {text}");
        at.evaluation(Some("Timestamp"), text)
    })
}
