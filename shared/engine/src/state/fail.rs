//! Fail states.

use std::sync::Arc;

use baton_asl::{Fail, TextField};
use baton_query::Value;

use crate::{Failure, error_handling::Fault, evaluator::Evaluator};

/// The fault that the state is there to raise, or the one of its own fields. What is absent stays absent.
pub(super) fn enter(at: &Evaluator<'_>, fail: &Fail) -> Fault {
    at.inspect(|seen| seen.after_input_path = Some(at.input().clone()));
    let failure = || {
        let error = text(at, &fail.error, "Error")?;
        let cause = text(at, &fail.cause, "Cause")?;
        Ok(Fault::of_data(Failure { error, cause }.cut()))
    };
    failure().unwrap_or_else(|fault| fault)
}

fn text(at: &Evaluator<'_>, field: &TextField, name: &str) -> Result<Option<Arc<str>>, Fault> {
    match field {
        TextField::Absent => Ok(None),
        TextField::Literal(text) => Ok(Some(text.clone())),
        TextField::Path(path) => {
            let field = format!("{name}Path");
            let value = path.eval(&at.scope(at.input().value()), &field).map_err(|error| at.query(error))?;
            let not_text = || at.runtime(format!("The {field} field refers to a value that is not a string: {}", path.text()));
            as_text(&value).map(Some).ok_or_else(not_text)
        }
        TextField::Expression(expression) => {
            let value = expression.eval(&at.scope(at.input().value()), name).map_err(|error| at.query(error))?;
            as_text(&value).map(Some).ok_or_else(|| at.unexpected_type(expression, name, "string", &value))
        }
    }
}

fn as_text(value: &Value) -> Option<Arc<str>> {
    value.as_str().map(Arc::from)
}
