//! How data moves through a state, in either query language. What is whole is passed on as it is: no parsing, no copying.

mod jsonata;
mod jsonpath;

use std::sync::Arc;

use baton_asl::{Assign, Catcher, DataFlow, IntegerField, NumberField};
use baton_query::{Expression, PayloadTemplate, Scope, Value};

use crate::{
    Payload, Then,
    error_handling::{Fault, fault::DATA_LIMIT_EXCEEDED, size},
    evaluator::Evaluator,
    state::Exit,
};

/// What the state's own fields read: its input after InputPath.
pub(crate) fn effective_input(at: &Evaluator<'_>) -> Result<Payload, Fault> {
    match &at.state.data {
        DataFlow::JsonPath(data) => jsonpath::effective_input(at, data),
        DataFlow::Jsonata(_) => Ok(at.input().clone()),
    }
}

/// What the state's work begins with: the effective input after Parameters, or Arguments.
pub(crate) fn work_input(at: &Evaluator<'_>) -> Result<Payload, Fault> {
    match &at.state.data {
        DataFlow::JsonPath(data) => jsonpath::work_input(at, data),
        DataFlow::Jsonata(data) => jsonata::work_input(at, data),
    }
}

/// Leaves a state whose work has given a result.
pub(crate) fn finish(at: &Evaluator<'_>, result: &Payload, then: Then) -> Result<Exit, Fault> {
    let (output, assigned) = match &at.state.data {
        DataFlow::JsonPath(data) => jsonpath::finish(at, data, result)?,
        DataFlow::Jsonata(data) => jsonata::finish(at, data, Some(result))?,
    };
    leave(at, output, assigned, then)
}

/// Leaves a state that has no result of its own.
pub(crate) fn pass_on(at: &Evaluator<'_>, then: Then) -> Result<Exit, Fault> {
    pass_on_with(at, own_output(at), at.state.assign.as_ref(), then)
}

/// As [`pass_on`], with `Output` and `Assign` of the caller's choice: a Choice state's rule has its own.
pub(crate) fn pass_on_with(
    at: &Evaluator<'_>,
    output: Option<&PayloadTemplate>,
    assign: Option<&Assign>,
    then: Then,
) -> Result<Exit, Fault> {
    let (output, assigned) = match &at.state.data {
        DataFlow::JsonPath(data) => jsonpath::pass_on(at, data, assign)?,
        DataFlow::Jsonata(_) => jsonata::pass_on(at, output, assign)?,
    };
    leave(at, output, assigned, then)
}

/// The state's own `Output`.
pub(crate) fn own_output<'a>(at: &Evaluator<'a>) -> Option<&'a PayloadTemplate> {
    match &at.state.data {
        DataFlow::JsonPath(_) => None,
        DataFlow::Jsonata(data) => data.output.as_ref(),
    }
}

/// What leaves by a catcher. OutputPath does not apply to it.
pub(crate) fn caught_output(at: &Evaluator<'_>, catcher: &Catcher, error_output: &Payload) -> Result<Payload, Fault> {
    let output = match &at.state.data {
        DataFlow::JsonPath(_) => jsonpath::put(at, &catcher.result_path, error_output)?,
        DataFlow::Jsonata(_) => match &catcher.output {
            None => error_output.clone(),
            Some(output) => jsonata::render(at, output, "Output", None, Some(error_output))?,
        },
    };
    size::checked(at, output)
}

/// What a catcher assigns; the state's own `Assign` does not count then.
pub(crate) fn caught_assign(at: &Evaluator<'_>, catcher: &Catcher, error_output: &Payload) -> Result<Assigned, Fault> {
    let Some(assign) = &catcher.assign else { return Ok(Vec::new()) };
    let scope = match &at.state.data {
        DataFlow::JsonPath(_) => at.scope(error_output.value()),
        DataFlow::Jsonata(_) => Scope { error_output: Some(error_output.value()), ..at.scope(at.input().value()) },
    };
    assigned(at, assign, &scope)
}

/// Variables by name, and what they get.
pub(crate) type Assigned = Vec<(Arc<str>, Payload)>;

fn leave(at: &Evaluator<'_>, output: Payload, assigned: Assigned, then: Then) -> Result<Exit, Fault> {
    Ok(Exit { output: size::checked(at, output)?, assigned, then })
}

/// Evaluates an `Assign`; all of it reads what was there before.
fn assigned(at: &Evaluator<'_>, assign: &Assign, scope: &Scope<'_>) -> Result<Assigned, Fault> {
    let Value::Object(members) = assign.template.render(scope, "Assign").map_err(|error| at.query(error))? else {
        unreachable!("an Assign is an object");
    };
    let payloads = members.into_iter().map(|(name, value)| Ok((name.into(), size::payload(at, value)?)));
    let assigned: Assigned = payloads.collect::<Result<_, Fault>>()?;
    let bytes: usize = assigned.iter().map(|(_, value)| value.len()).sum();
    if bytes > at.env.limits.payload_bytes_max {
        return Err(at.fault(DATA_LIMIT_EXCEEDED, "The size of the variables in 'Assign' exceeds the limit for one state."));
    }
    if at.execution.variables_bytes + bytes > at.env.limits.variables_bytes_max {
        return Err(at.fault(DATA_LIMIT_EXCEEDED, "The size of all variables exceeds the limit for one execution."));
    }
    Ok(assigned)
}

/// Evaluates an expression that stands for the field `name`, over the state's input.
pub(crate) fn evaluate(at: &Evaluator<'_>, expression: &Expression, name: &str) -> Result<Value, Fault> {
    expression.eval(&at.scope(at.input().value()), name).map_err(|error| at.query(error))
}

/// A whole number that is literal, at a path, or computed. A path may lead to its text as well, as recorded from AWS.
pub(crate) fn integer(at: &Evaluator<'_>, field: &IntegerField, name: &str, input: &Payload) -> Result<i64, Fault> {
    match field {
        IntegerField::Literal(number) => Ok(*number),
        IntegerField::Path(path) => {
            let scope = at.scope(input.value());
            let text = path.get(&scope).map(plain_text).map_err(|error| at.query(error))?;
            text.parse().map_err(|_| {
                at.runtime(format!("The {name}Path field refers to value \"{text}\" which is not a valid integer: {}", path.text()))
            })
        }
        IntegerField::Expression(expression) => {
            let value = expression.eval(&at.scope(input.value()), name).map_err(|error| at.query(error))?;
            whole_number(&value).ok_or_else(|| at.unexpected_type(expression, name, "number", &value))
        }
    }
}

/// A [whole number](integer) that the field wants to be positive.
pub(crate) fn positive(at: &Evaluator<'_>, field: &IntegerField, name: &str, number: i64) -> Result<u64, Fault> {
    match u64::try_from(number) {
        Ok(number @ 1..) => Ok(number),
        Ok(0) | Err(_) => Err(unusable(at, field, name, format!("{name} must be a positive integer."))),
    }
}

/// A number that is literal, at a path, or computed. A path may lead to its text as well.
pub(crate) fn number(at: &Evaluator<'_>, field: &NumberField, name: &str, input: &Payload) -> Result<f64, Fault> {
    match field {
        NumberField::Literal(number) => Ok(*number),
        NumberField::Path(path) => {
            let scope = at.scope(input.value());
            let text = path.get(&scope).map(plain_text).map_err(|error| at.query(error))?;
            let number = text.parse().ok().filter(|number: &f64| number.is_finite());
            number.ok_or_else(|| {
                at.runtime(format!("The {name}Path field refers to value \"{text}\" which is not a valid float: {}", path.text()))
            })
        }
        NumberField::Expression(expression) => {
            let value = expression.eval(&at.scope(input.value()), name).map_err(|error| at.query(error))?;
            value.as_f64().ok_or_else(|| at.unexpected_type(expression, name, "number", &value))
        }
    }
}

/// The fault of a number that the field cannot use.
pub(crate) fn unusable(at: &Evaluator<'_>, field: &IntegerField, name: &str, text: impl std::fmt::Display) -> Fault {
    match field {
        IntegerField::Literal(_) | IntegerField::Path(_) => at.runtime(text),
        IntegerField::Expression(_) => at.evaluation(Some(name), text),
    }
}

/// As [`unusable`], of a number that need not be whole.
pub(crate) fn unusable_number(at: &Evaluator<'_>, field: &NumberField, name: &str, text: impl std::fmt::Display) -> Fault {
    match field {
        NumberField::Literal(_) | NumberField::Path(_) => at.runtime(text),
        NumberField::Expression(_) => at.evaluation(Some(name), text),
    }
}

/// A text as it is, anything else as JSON.
pub(crate) fn plain_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The value as a whole number, `2.0` included.
pub(crate) fn whole_number(value: &Value) -> Option<i64> {
    let float = || value.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 9.0e18).map(|number| number as i64);
    value.as_i64().or_else(float)
}
