//! `ItemBatcher`: several items as the input of one child workflow.

use baton_asl::{IntegerField, ItemBatcher};
use baton_query::Value;
use serde_json::Map;

use crate::{Payload, data_flow, error_handling::Fault, evaluator::Evaluator};

/// The inputs that the batcher makes of the items: `{"BatchInput", "Items"}`. The limit in bytes wins over the one in items; an item
/// that is too large for it makes a batch of its own.
pub(crate) fn batches(at: &Evaluator<'_>, batcher: &ItemBatcher, items: Vec<Value>, input: &Payload) -> Result<Vec<Value>, Fault> {
    let most_items = items_max(at, batcher, input)?;
    let most_bytes = limit(at, batcher.max_input_bytes.as_ref(), "MaxInputBytesPerBatch", input)?;
    let batch_input = batcher.batch_input.as_ref().map(|template| at.render(template, input, "BatchInput")).transpose()?;
    let frame = envelope(batch_input.as_ref(), Vec::new()).to_string().len() as u64;
    let mut groups: Vec<Vec<Value>> = Vec::new();
    let mut bytes = 0;
    for item in items {
        let size = item.to_string().len() as u64 + 1;
        let has_room = groups.last().is_some_and(|group| (group.len() as u64) < most_items && bytes + size <= most_bytes);
        if !has_room {
            groups.push(Vec::new());
            bytes = frame;
        }
        bytes += size;
        groups.last_mut().expect("a group has been made").push(item);
    }
    Ok(groups.into_iter().map(|items| envelope(batch_input.as_ref(), items)).collect())
}

/// Items of a batch at most.
pub(crate) fn items_max(at: &Evaluator<'_>, batcher: &ItemBatcher, input: &Payload) -> Result<u64, Fault> {
    limit(at, batcher.max_items.as_ref(), "MaxItemsPerBatch", input)
}

fn envelope(batch_input: Option<&Payload>, items: Vec<Value>) -> Value {
    let mut batch = Map::new();
    if let Some(batch_input) = batch_input {
        batch.insert("BatchInput".to_owned(), batch_input.value().clone());
    }
    batch.insert("Items".to_owned(), Value::Array(items));
    Value::Object(batch)
}

fn limit(at: &Evaluator<'_>, field: Option<&IntegerField>, name: &str, input: &Payload) -> Result<u64, Fault> {
    let Some(field) = field else { return Ok(u64::MAX) };
    data_flow::positive(at, field, name, data_flow::integer(at, field, name, input)?)
}
