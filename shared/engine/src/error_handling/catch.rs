//! Catchers: which one takes a fault, and what leaves the state then.

use std::sync::Arc;

use baton_asl::Catcher;
use baton_query::Value;

use super::{Fault, fault::TIMEOUT, matching::matches};
use crate::{Failure, Payload, Then, data_flow, evaluator::Evaluator, state::Exit};

/// The exit by the first catcher that names the fault. A fault of the catcher's own fields is nobody's to catch.
pub(crate) fn exit(at: &Evaluator<'_>, fault: &Fault) -> Result<Option<Exit>, Fault> {
    let Some((_, catcher)) = naming(at, fault) else { return Ok(None) };
    let error_output = error_output(&fault.failure);
    let output = data_flow::caught_output(at, catcher, &error_output)?;
    let assigned = data_flow::caught_assign(at, catcher, &error_output)?;
    Ok(Some(Exit { output, assigned, then: Then::Next(catcher.next) }))
}

/// The first catcher that names the fault, and its position.
pub(crate) fn naming<'a>(at: &Evaluator<'a>, fault: &Fault) -> Option<(usize, &'a Catcher)> {
    at.state.catch.iter().enumerate().find(|(_, catcher)| matches(&catcher.error_equals, fault))
}

/// `{"Error", "Cause"}`, as recorded from AWS: what is absent is null, but the cause of a timeout is an empty text.
fn error_output(failure: &Failure) -> Payload {
    let text = |text: &Option<Arc<str>>| text.as_deref().map_or(Value::Null, Value::from);
    let cause = match (&failure.cause, failure.error.as_deref()) {
        (None, Some(TIMEOUT)) => Value::from(""),
        (cause, _) => text(cause),
    };
    let members = [("Error".to_owned(), text(&failure.error)), ("Cause".to_owned(), cause)];
    Payload::from_value(Value::Object(members.into_iter().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_is_null_but_the_cause_of_a_timeout_is_empty() {
        let output = |error: Option<&str>, cause: Option<&str>| {
            error_output(&Failure { error: error.map(Into::into), cause: cause.map(Into::into) }).text().to_owned()
        };
        assert_eq!(output(Some("E"), Some("c")), r#"{"Error":"E","Cause":"c"}"#);
        assert_eq!(output(None, None), r#"{"Error":null,"Cause":null}"#);
        assert_eq!(output(Some("States.Timeout"), None), r#"{"Error":"States.Timeout","Cause":""}"#);
        assert_eq!(output(Some("E"), None), r#"{"Error":"E","Cause":null}"#);
    }
}
