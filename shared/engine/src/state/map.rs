//! Map states: inline here, distributed in a module of its own.

pub(crate) mod batcher;
pub(crate) mod distributed;
pub(crate) mod item_reader;
pub(crate) mod tolerance;

use baton_asl::{IntegerField, Items as ItemsField, Map, MapMode};
use baton_query::{PayloadTemplate, Value};
use serde_json::json;

use super::{Answer, Items};
use crate::{
    EventKind, Payload, data_flow,
    error_handling::{Fault, size},
    evaluator::Evaluator,
    strand::{Activity, Iterations},
};

/// Finds the items and how many may run at once.
pub(super) fn enter(at: &Evaluator<'_>, map: &Map) -> Result<Answer, Fault> {
    if let MapMode::Distributed { express } = map.mode {
        return distributed::enter(at, map, express).map(|distribution| Answer::Distribute(Box::new(distribution)));
    }
    let input = data_flow::effective_input(at)?;
    let items = items(at, &map.items, &input)?;
    let concurrency = concurrency(at, map.max_concurrency.as_ref(), &input)?;
    Ok(Answer::Iterate { input, items, concurrency })
}

/// Begins the next iteration when there is room for it, or puts the result together when all are through.
pub(super) fn advance(at: &Evaluator<'_>, map: &Map) -> Result<Answer, Fault> {
    let iterations = match &at.visit.activity {
        Activity::Iterating(iterations) => iterations,
        Activity::Mapping(mapping) => {
            return Ok(Answer::RedriveMapRun { map_run_arn: mapping.map_run_arn.clone(), redrive_count: mapping.redrives + 1 });
        }
        _ => unreachable!("a Map state that wants a turn runs iterations, or is redriven"),
    };
    if iterations.is_done() {
        let result = size::array(at, &iterations.outputs)?;
        return Ok(Answer::Join { succeeded: EventKind::MapStateSucceeded { state: at.state.id }, result });
    }
    let index = iterations.next;
    let input = iteration_input(at, map.item_selector.as_ref(), iterations, index)?;
    // One after the other they form a chain; side by side each chains to the common start.
    let previous = if iterations.concurrency == 1 { iterations.last_inner } else { iterations.started };
    Ok(Answer::StartIteration { index, input, previous })
}

/// What the iteration begins with: its item, or what the ItemSelector makes of it.
pub(crate) fn iteration_input(
    at: &Evaluator<'_>,
    selector: Option<&PayloadTemplate>,
    iterations: &Iterations,
    index: u64,
) -> Result<Payload, Fault> {
    let input = match selector {
        None => Payload::from_value(iterations.items.value()[index as usize].clone()),
        Some(selector) => at.for_item(index).render(selector, &iterations.input, "ItemSelector")?,
    };
    size::checked(at, input)
}

/// The items that the state's own field names.
pub(crate) fn items(at: &Evaluator<'_>, field: &ItemsField, input: &Payload) -> Result<Items, Fault> {
    match field {
        ItemsField::Input => whole_input(at, input),
        ItemsField::Path(path) => {
            let value = path.eval(&at.scope(input.value())).map_err(|error| at.query(error))?;
            match value {
                Value::Array(_) => {
                    at.inspect(|seen| seen.after_items_path = Some(value.clone()));
                    Ok(of_array(Payload::from_value(value)))
                }
                // AWS names a path into the Context Object by what is left without its first `$`.
                _ => Err(not_an_array(at, path.text().strip_prefix('$').filter(|rest| rest.starts_with('$')).unwrap_or(path.text()))),
            }
        }
        ItemsField::Literal(template) => {
            let value = template.render(&at.scope(input.value()), "Items").map_err(|error| at.query(error))?;
            match value {
                Value::Array(_) => Ok(of_array(Payload::from_value(value))),
                Value::Object(members) => Ok(of_object(members)),
                _ => Err(not_iterable(at, Some("Items"), &value)),
            }
        }
        ItemsField::Expression(expression) => {
            let value = expression.eval(&at.scope(input.value()), "Items").map_err(|error| at.query(error))?;
            match value {
                Value::Array(_) => Ok(of_array(Payload::from_value(value))),
                // Documented since 2025 as iterable, recorded from AWS as refused: objects.
                _ => Err(at.unexpected_type(expression, "Items", "array", &value)),
            }
        }
    }
}

fn whole_input(at: &Evaluator<'_>, input: &Payload) -> Result<Items, Fault> {
    match (input.value(), at.state.query_language) {
        (value @ Value::Array(_), language) => {
            if language == baton_asl::QueryLanguage::JsonPath {
                at.inspect(|seen| seen.after_items_path = Some(value.clone()));
            }
            Ok(of_array(input.clone()))
        }
        (_, baton_asl::QueryLanguage::JsonPath) => Err(not_an_array(at, "$")),
        (value, baton_asl::QueryLanguage::Jsonata) => Err(not_iterable(at, None, value)),
    }
}

fn not_iterable(at: &Evaluator<'_>, field: Option<&str>, value: &Value) -> Fault {
    at.evaluation(field, format!("Map state input must be an array but was: {value}"))
}

fn not_an_array(at: &Evaluator<'_>, path: &str) -> Fault {
    at.runtime(format!("Reference path \"{path}\" must point to array."))
}

pub(super) fn of_array(array: Payload) -> Items {
    let length = array.value().as_array().map_or(0, Vec::len) as u64;
    Items { array, length, keyed: false }
}

pub(super) fn of_object(members: serde_json::Map<String, Value>) -> Items {
    let entries: Vec<Value> = members.into_iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    Items { length: entries.len() as u64, array: Payload::from_value(Value::Array(entries)), keyed: true }
}

/// 0 and absence mean as many as an inline Map may have; more are not to be had.
pub(crate) fn concurrency(at: &Evaluator<'_>, field: Option<&IntegerField>, input: &Payload) -> Result<u32, Fault> {
    let most = u32::try_from(at.env.limits.inline_map_concurrency_max).unwrap_or(u32::MAX).max(1);
    let wanted = field.map_or(Ok(0), |field| data_flow::integer(at, field, "MaxConcurrency", input))?;
    at.inspect(|seen| seen.max_concurrency = Some(wanted));
    match wanted {
        0 => Ok(most),
        wanted @ 1.. => Ok(u32::try_from(wanted).unwrap_or(u32::MAX).min(most)),
        _ => {
            let field = field.expect("only a field gives a negative number");
            Err(data_flow::unusable(at, field, "MaxConcurrency", "MaxConcurrency cannot be negative."))
        }
    }
}
