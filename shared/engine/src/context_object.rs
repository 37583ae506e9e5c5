//! The Context Object: `$$` in JSONPath, `$states.context` in JSONata. Built when it is first read.

use baton_asl::StateKind;
use baton_query::Value;
use serde_json::{Map, json};

use crate::{
    ReadItem,
    evaluator::{Evaluator, ItemAt},
    strand::{Activity, Strand, Visit},
    timestamp,
};

/// The Context Object as the visit's fields see it, keys in AWS's order.
pub(crate) fn build(at: &Evaluator<'_>) -> Value {
    let given = at.probe.and_then(|probe| probe.context.as_ref()).and_then(Value::as_object);
    let mut context = given.map_or_else(|| own(at), Map::clone);
    if let Some(found) = at.item.or_else(|| enclosing_item(at)) {
        let item = match found {
            ItemAt::Iteration(map, index) => item(map, index),
            ItemAt::Read(index, read) => read_item(index, read),
        };
        context.insert("Map".to_owned(), json!({ "Item": item }));
    }
    Value::Object(context)
}

fn own(at: &Evaluator<'_>) -> Map<String, Value> {
    let mut context = Map::new();
    context.insert("Execution".to_owned(), execution(at));
    context.insert("StateMachine".to_owned(), state_machine(at));
    context.insert("State".to_owned(), state(at));
    if at.has_task_token() {
        let token = at.env.services.task_token(&at.execution.start, at.task());
        context.insert("Task".to_owned(), json!({ "Token": token }));
    }
    context
}

fn execution(at: &Evaluator<'_>) -> Value {
    let start = &at.execution.start;
    let redrives = at.execution.redrive_count();
    let mut execution = json!({
        "Id": &*start.execution_arn,
        "Input": start.input.value(),
        "StartTime": timestamp::format(start.at),
        "Name": &*start.name,
        "RoleArn": &*start.role_arn,
    });
    if at.probe.is_some() {
        return tested(execution, &start.role_arn);
    }
    execution["RedriveCount"] = Value::from(redrives.count);
    if let Some(redriven) = redrives.at {
        execution["RedriveTime"] = Value::from(timestamp::format(redriven));
    }
    execution
}

/// A state that is tested by itself is never redriven, and need not have a role.
fn tested(mut execution: Value, role_arn: &str) -> Value {
    if let Some(members) = execution.as_object_mut().filter(|_| role_arn.is_empty()) {
        members.remove("RoleArn");
    }
    execution
}

fn state_machine(at: &Evaluator<'_>) -> Value {
    let start = &at.execution.start;
    json!({ "Id": &*start.state_machine_arn, "Name": &*start.state_machine_name })
}

/// Only states that can be retried have a RetryCount.
fn state(at: &Evaluator<'_>) -> Value {
    let mut state = Map::new();
    state.insert("Name".to_owned(), Value::from(&*at.state.name));
    state.insert("EnteredTime".to_owned(), Value::from(timestamp::format(at.visit.entered_at)));
    match at.state.kind {
        StateKind::Task(_) | StateKind::Parallel(_) | StateKind::Map(_) => {
            state.insert("RetryCount".to_owned(), Value::from(at.visit.retry_count()));
        }
        StateKind::Pass(_) | StateKind::Choice(_) | StateKind::Wait(_) | StateKind::Succeed | StateKind::Fail(_) => {}
    }
    Value::Object(state)
}

/// The innermost Map around the strand, and the index of the iteration that the strand is part of.
fn enclosing_item<'a>(at: &Evaluator<'a>) -> Option<ItemAt<'a>> {
    let strands = &at.execution.strands;
    let outwards = std::iter::successors(strands.get(at.thread), |strand| strands.get(strand.parent?));
    outwards.into_iter().find_map(|strand| {
        let visit = strands.get(strand.parent?).and_then(Strand::visit)?;
        matches!(visit.activity, Activity::Iterating(_)).then_some(ItemAt::Iteration(visit, strand.index))
    })
}

fn read_item(index: u64, item: &ReadItem) -> Value {
    match &item.key {
        Some(key) => json!({ "Index": index, "Key": &**key, "Value": item.value.value()["Value"], "Source": &*item.source }),
        None => json!({ "Index": index, "Value": item.value.value(), "Source": &*item.source }),
    }
}

fn item(map: &Visit, index: u64) -> Value {
    let Activity::Iterating(iterations) = &map.activity else {
        unreachable!("an item belongs to a Map state that iterates");
    };
    let item = &iterations.items.value()[index as usize];
    if iterations.is_keyed {
        json!({ "Index": index, "Key": item["Key"], "Value": item["Value"], "Source": "STATE_DATA" })
    } else {
        json!({ "Index": index, "Value": item, "Source": "STATE_DATA" })
    }
}
