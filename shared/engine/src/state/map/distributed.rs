//! Distributed Map states: a Map Run does their work, in executions of their own.

use baton_asl::{ItemBatcher, Map, ResultWriter, StateKind};
use baton_query::{PayloadTemplate, Value};

use super::{batcher, item_reader, tolerance::Tolerance};
use crate::{
    ChildInput, Env, Execution, Failure, ItemSource, MapRunLimits, MapRunSpec, Payload, ReadItem, ResultTarget, ThreadId, Timestamp,
    data_flow,
    error_handling::{Fault, size},
    evaluator::Evaluator,
    strand::Strand,
};

/// What is known of the work before the state is shown as started.
pub(crate) struct Distribution {
    input: Payload,
    source: ItemSource,
    max_concurrency: u64,
    is_express: bool,
}

impl Distribution {
    /// `length` of MapStateStarted.
    pub(crate) fn length(&self) -> u64 {
        match self.source {
            ItemSource::State { length, .. } => length,
            ItemSource::Reader { .. } => 0,
        }
    }
}

/// The items or the reader's arguments, and the concurrency. With an ItemReader an ItemsPath counts for nothing, as recorded from AWS.
pub(super) fn enter(at: &Evaluator<'_>, map: &Map, is_express: bool) -> Result<Distribution, Fault> {
    let input = data_flow::effective_input(at)?;
    let source = match &map.distributed.item_reader {
        None => {
            let super::Items { array, length, keyed } = super::items(at, &map.items, &input)?;
            ItemSource::State { items: array, length, is_keyed: keyed }
        }
        Some(reader) => ItemSource::Reader { arguments: arguments(at, reader.arguments.as_ref(), &input, "ItemReader")? },
    };
    let max_concurrency = max_concurrency(at, map, &input)?;
    Ok(Distribution { input, source, max_concurrency, is_express })
}

fn arguments(at: &Evaluator<'_>, template: Option<&PayloadTemplate>, input: &Payload, field: &str) -> Result<Payload, Fault> {
    match template {
        Some(template) => at.render(template, input, field),
        None => Ok(Payload::from_text("{}".to_owned())),
    }
}

/// 0 and absence mean as many as there may be.
fn max_concurrency(at: &Evaluator<'_>, map: &Map, input: &Payload) -> Result<u64, Fault> {
    let Some(field) = &map.max_concurrency else { return Ok(0) };
    let wanted = data_flow::integer(at, field, "MaxConcurrency", input)?;
    u64::try_from(wanted).map_err(|_| data_flow::unusable(at, field, "MaxConcurrency", "MaxConcurrency cannot be negative."))
}

/// Everything that the Map Run is told.
pub(crate) fn spec(at: &Evaluator<'_>, distribution: Distribution) -> Result<MapRunSpec, Fault> {
    let StateKind::Map(map) = &at.state.kind else { unreachable!("only Map states are distributed") };
    let Distribution { input, source, max_concurrency, is_express } = distribution;
    let fields = &map.distributed;
    let tolerance = Tolerance::of(at, fields, &input)?;
    let max_items = fields.item_reader.as_ref().map_or(Ok(None), |reader| item_reader::max_items(at, reader, &input));
    let (max_items, refused) = refusal(max_items)?;
    let batch_items = fields.item_batcher.as_ref().map(|batcher| batcher::items_max(at, batcher, &input)).transpose()?;
    let results = fields.result_writer.as_ref().map(|writer| result_target(at, writer, &input)).transpose()?;
    let start = &at.execution.start;
    let map_run_arn = at.env.services.map_run_arn(start, fields.label.as_deref(), at.visit.state, at.execution.next_event_id);
    Ok(MapRunSpec {
        map_run_arn: map_run_arn.into(),
        execution_arn: start.execution_arn.clone(),
        entry: at.visit.entry,
        state: at.visit.state,
        revision: start.revision,
        role_arn: start.role_arn.clone(),
        trace_header: start.trace_header.clone(),
        test_case: start.test_case.clone(),
        is_express,
        batch_items,
        source,
        max_items,
        limits: MapRunLimits {
            max_concurrency,
            tolerated_failure_count: tolerance.count,
            tolerated_failure_percentage: tolerance.percentage,
        },
        results,
        result_bytes_max: at.env.limits.payload_bytes_max as u64,
        refused,
    })
}

/// A reader that refuses its own configuration fails the run, anything else the state.
fn refusal(max_items: Result<Option<u64>, Fault>) -> Result<(Option<u64>, Option<Failure>), Fault> {
    match max_items {
        Ok(max_items) => Ok((max_items, None)),
        Err(fault) if fault.failure.error.as_deref() == Some(item_reader::FAILED) => Ok((None, Some(fault.failure))),
        Err(fault) => Err(fault),
    }
}

fn result_target(at: &Evaluator<'_>, writer: &ResultWriter, input: &Payload) -> Result<ResultTarget, Fault> {
    let exports = writer.resource.is_some();
    let arguments = exports.then(|| arguments(at, writer.arguments.as_ref(), input, "ResultWriter")).transpose()?;
    Ok(ResultTarget { arguments })
}

impl Execution {
    /// The inputs of a Map Run's next children, made of items that were read: each through the ItemSelector, several together where an
    /// ItemBatcher says so. `first` is the index of the first item. Batches that `is_last` does not close may be short of the last one, which
    /// is then left out: its items come again.
    ///
    /// # Errors
    /// What the run fails with, when an item cannot be made an input of.
    pub fn child_inputs(
        &self,
        env: &Env<'_>,
        entry: u64,
        now: Timestamp,
        first: u64,
        items: &[ReadItem],
        is_last: bool,
    ) -> Result<Vec<ChildInput>, Failure> {
        let waits = |(_, strand): &(ThreadId, &Strand)| strand.visit().is_some_and(|visit| visit.entry == entry);
        let Some((thread, _)) = self.strands.iter().find(waits) else { return Ok(Vec::new()) };
        let at = Evaluator::of(*env, self, thread, now.max(self.last_at));
        inputs(&at, first, items, is_last).map_err(|fault| fault.failure)
    }
}

fn inputs(at: &Evaluator<'_>, first: u64, items: &[ReadItem], is_last: bool) -> Result<Vec<ChildInput>, Fault> {
    let StateKind::Map(map) = &at.state.kind else { unreachable!("only Map states have a Map Run") };
    let state_input = data_flow::effective_input(at)?;
    let mut inputs = Vec::with_capacity(items.len());
    for (index, item) in (first..).zip(items) {
        inputs.push(match &map.item_selector {
            None => item.value.clone(),
            Some(selector) => at.for_read_item(index, item).render(selector, &state_input, "ItemSelector")?,
        });
    }
    match &map.distributed.item_batcher {
        None => (first..)
            .zip(inputs)
            .map(|(index, input)| Ok(ChildInput { input: size::checked_of_item(at, index, input)?, items: 1 }))
            .collect(),
        Some(batcher) => batched(at, batcher, inputs, &state_input, is_last),
    }
}

fn batched(
    at: &Evaluator<'_>,
    batcher: &ItemBatcher,
    inputs: Vec<Payload>,
    input: &Payload,
    is_last: bool,
) -> Result<Vec<ChildInput>, Fault> {
    let most = batcher::items_max(at, batcher, input)?;
    let values: Vec<Value> = inputs.iter().map(|input| input.value().clone()).collect();
    let batches = batcher::batches(at, batcher, values, input)?;
    let count = batches.len();
    let mut children = Vec::with_capacity(count);
    for (place, batch) in batches.into_iter().enumerate() {
        let items = batch["Items"].as_array().map_or(0, Vec::len) as u32;
        // More may fit into it, unless it is the only one: then what was read is as much as is read at once.
        if place + 1 == count && place > 0 && !is_last && u64::from(items) < most {
            break;
        }
        children.push(ChildInput { input: size::checked(at, Payload::from_value(batch))?, items });
    }
    Ok(children)
}
