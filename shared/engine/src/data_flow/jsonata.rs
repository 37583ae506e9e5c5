//! `Arguments` → work → `Output`.

use baton_asl::{Assign, JsonataData};
use baton_query::{PayloadTemplate, Scope};

use super::{Assigned, assigned};
use crate::{Payload, error_handling::Fault, evaluator::Evaluator};

pub(super) fn work_input(at: &Evaluator<'_>, data: &JsonataData) -> Result<Payload, Fault> {
    let input = match &data.arguments {
        None => at.input().clone(),
        Some(arguments) => render(at, arguments, "Arguments", None, None)?,
    };
    at.inspect(|seen| seen.after_arguments = Some(input.clone()));
    Ok(input)
}

/// The output of a state with a result, which is the result unless `Output` says otherwise, and what it assigns.
pub(super) fn finish(at: &Evaluator<'_>, data: &JsonataData, result: Option<&Payload>) -> Result<(Payload, Assigned), Fault> {
    let default = result.unwrap_or(at.input());
    output_and_assigned(at, data.output.as_ref(), at.state.assign.as_ref(), result, default)
}

/// The output of a state without a result, which is its input unless `Output` says otherwise, and what it assigns.
pub(super) fn pass_on(at: &Evaluator<'_>, output: Option<&PayloadTemplate>, assign: Option<&Assign>) -> Result<(Payload, Assigned), Fault> {
    output_and_assigned(at, output, assign, None, at.input())
}

fn output_and_assigned(
    at: &Evaluator<'_>,
    output: Option<&PayloadTemplate>,
    assign: Option<&Assign>,
    result: Option<&Payload>,
    default: &Payload,
) -> Result<(Payload, Assigned), Fault> {
    let output = match output {
        None => default.clone(),
        Some(output) => render(at, output, "Output", result, None)?,
    };
    let assigned = match assign {
        None => Vec::new(),
        Some(assign) => {
            let scope = Scope { result: result.map(Payload::value), ..at.scope(at.input().value()) };
            assigned(at, assign, &scope)?
        }
    };
    Ok((output, assigned))
}

/// What a template gives. One that is only a name of a whole payload gives that payload, untouched.
pub(super) fn render(
    at: &Evaluator<'_>,
    template: &PayloadTemplate,
    field: &str,
    result: Option<&Payload>,
    error_output: Option<&Payload>,
) -> Result<Payload, Fault> {
    let named = match template.as_expression().map(|expression| expression.text().trim()) {
        Some("$states.input") => Some(at.input()),
        Some("$states.result") => result,
        Some("$states.errorOutput") => error_output,
        _ => None,
    };
    if let Some(payload) = named {
        return Ok(payload.clone());
    }
    if template.is_static() {
        return at.render(template, at.input(), field);
    }
    let scope =
        Scope { result: result.map(Payload::value), error_output: error_output.map(Payload::value), ..at.scope(at.input().value()) };
    at.made(template.render(&scope, field))
}
