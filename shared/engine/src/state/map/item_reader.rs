//! `ItemReader`: from the text of its source to the items of a distributed Map.

mod csv;

/// What a reader fails with.
pub(crate) const FAILED: &str = "States.ItemReaderFailed";

use baton_asl::ItemReader;
use baton_query::Value;

use super::{Items, of_array, of_object};
use crate::{Failure, Payload, data_flow, error_handling::Fault, evaluator::Evaluator};

/// The items in the text; `None` where the text alone does not hold them (a manifest names other files, Parquet is no text).
pub(crate) fn items(at: &Evaluator<'_>, reader: &ItemReader, source: &str, input: &Payload) -> Result<Option<Items>, Fault> {
    let config = &reader.config;
    let items = match (config.manifest_type.as_deref(), config.input_type.as_deref()) {
        (Some(_), _) | (None, Some("PARQUET" | "MANIFEST")) => return Ok(None),
        (None, Some("CSV")) => csv::records(config, source).map(|records| of_array(Payload::from_value(Value::Array(records)))),
        (None, Some("JSONL")) => json_lines(source),
        (None, _) => json(at, config.items_pointer.as_deref(), source),
    };
    let items = items.map_err(failed)?;
    match max_items(at, reader, input)? {
        Some(most) if most < items.length => Ok(Some(first(items, most))),
        Some(_) | None => Ok(Some(items)),
    }
}

fn failed(cause: String) -> Fault {
    Fault::of_work(Failure::new(FAILED, cause))
}

fn json(at: &Evaluator<'_>, pointer: Option<&str>, source: &str) -> Result<Items, String> {
    let mut document = parse(source)?;
    if let Some(pointer) = pointer {
        let found = document.pointer_mut(pointer).map(Value::take);
        document = found.ok_or_else(|| format!("The ItemsPointer '{pointer}' leads to nothing."))?;
        at.inspect(|seen| seen.after_items_pointer = Some(document.clone()));
    }
    match document {
        Value::Array(_) => Ok(of_array(Payload::from_value(document))),
        Value::Object(members) => Ok(of_object(members)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Err("Attempting to map over non-iterable node.".to_owned()),
    }
}

fn json_lines(source: &str) -> Result<Items, String> {
    let lines = source.lines().filter(|line| !line.trim().is_empty());
    let items = lines.map(parse).collect::<Result<Vec<Value>, String>>()?;
    Ok(of_array(Payload::from_value(Value::Array(items))))
}

fn parse(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("The data is not valid JSON: {error}"))
}

/// 0 means all.
pub(crate) fn max_items(at: &Evaluator<'_>, reader: &ItemReader, input: &Payload) -> Result<Option<u64>, Fault> {
    let Some(field) = &reader.config.max_items else { return Ok(None) };
    match u64::try_from(data_flow::integer(at, field, "MaxItems", input)?) {
        Ok(0) => Ok(None),
        Ok(most) => Ok(Some(most)),
        Err(_) => Err(failed("field MaxItems must be positive".to_owned())),
    }
}

fn first(items: Items, most: u64) -> Items {
    let taken = items.array.value().as_array().into_iter().flatten().take(most as usize).cloned().collect();
    Items { array: Payload::from_value(Value::Array(taken)), length: most, keyed: items.keyed }
}
