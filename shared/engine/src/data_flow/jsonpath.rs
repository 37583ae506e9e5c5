//! `InputPath` → `Parameters` → work → `ResultSelector` → `ResultPath` → `OutputPath`.

use std::sync::LazyLock;

use baton_asl::{Assign, JsonPathData, PathField, ResultPath};
use baton_query::Value;

use super::{Assigned, assigned};
use crate::{Payload, error_handling::Fault, evaluator::Evaluator};

static EMPTY_OBJECT: LazyLock<Payload> = LazyLock::new(|| Payload::from_value(Value::Object(Default::default())));

pub(super) fn effective_input(at: &Evaluator<'_>, data: &JsonPathData) -> Result<Payload, Fault> {
    let input = match &data.input_path {
        PathField::Whole => at.input().clone(),
        path @ (PathField::Discard | PathField::Path(_)) => at.effective_input(|| select(at, path, at.input()))?,
    };
    at.inspect(|seen| seen.after_input_path = Some(input.clone()));
    Ok(input)
}

pub(super) fn work_input(at: &Evaluator<'_>, data: &JsonPathData) -> Result<Payload, Fault> {
    let input = effective_input(at, data)?;
    let input = match &data.parameters {
        None => input,
        Some(parameters) => at.render(parameters, &input, "Parameters")?,
    };
    at.inspect(|seen| seen.after_parameters = Some(input.clone()));
    Ok(input)
}

/// The state's output, and what it assigns: `$` is the result itself there, whatever the ResultSelector makes of it.
pub(super) fn finish(at: &Evaluator<'_>, data: &JsonPathData, result: &Payload) -> Result<(Payload, Assigned), Fault> {
    let selected = match &data.result_selector {
        None => result.clone(),
        Some(selector) => at.render(selector, result, "ResultSelector")?,
    };
    at.inspect(|seen| seen.after_result_selector = Some(selected.clone()));
    let assigned = assign(at, at.state.assign.as_ref(), result)?;
    let whole = put(at, &data.result_path, &selected)?;
    at.inspect(|seen| seen.after_result_path = Some(whole.clone()));
    Ok((select(at, &data.output_path, &whole)?, assigned))
}

/// The output of a state without a result: its effective input after OutputPath.
pub(super) fn pass_on(at: &Evaluator<'_>, data: &JsonPathData, assign_field: Option<&Assign>) -> Result<(Payload, Assigned), Fault> {
    let input = effective_input(at, data)?;
    let assigned = assign(at, assign_field, &input)?;
    Ok((select(at, &data.output_path, &input)?, assigned))
}

/// The raw input with the result put where the ResultPath says.
pub(super) fn put(at: &Evaluator<'_>, result_path: &ResultPath, result: &Payload) -> Result<Payload, Fault> {
    match result_path {
        ResultPath::Replace => Ok(result.clone()),
        ResultPath::Discard => Ok(at.input().clone()),
        ResultPath::Path(path) => at.made(path.set(at.input().value().clone(), result.value().clone())),
    }
}

fn assign(at: &Evaluator<'_>, field: Option<&Assign>, dollar: &Payload) -> Result<Assigned, Fault> {
    field.map_or(Ok(Vec::new()), |field| assigned(at, field, &at.scope(dollar.value())))
}

fn select(at: &Evaluator<'_>, field: &PathField, whole: &Payload) -> Result<Payload, Fault> {
    match field {
        PathField::Whole => Ok(whole.clone()),
        PathField::Discard => Ok(EMPTY_OBJECT.clone()),
        PathField::Path(path) => at.made(path.eval(&at.scope(whole.value()))),
    }
}
