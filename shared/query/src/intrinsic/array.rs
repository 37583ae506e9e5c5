//! The functions of arrays. AWS cuts the fractions of numeric arguments off before it looks at them.

use serde_json::Value;

use super::{Arguments, Outcome, truncated};

/// The most items that `States.ArrayRange` makes.
const RANGE_ITEMS_MAX: usize = 1000;

/// `States.Array(a, b)`: the arguments as an array.
pub(super) fn of(arguments: &Arguments<'_>) -> Value {
    Value::Array(arguments.0.iter().map(|argument| argument.clone().into_owned()).collect())
}

/// `States.ArrayPartition(array, size)`: the array in pieces of `size` items, the last one perhaps shorter.
pub(super) fn partition(arguments: &Arguments<'_>) -> Outcome {
    let (items, size) = arguments.two()?;
    let size = usize::try_from(truncated(size)?).ok().filter(|size| *size > 0)?;
    let pieces = items.as_array()?.chunks(size).map(|piece| Value::Array(piece.to_vec()));
    Some(Value::Array(pieces.collect()))
}

/// `States.ArrayContains(array, value)`, by deep equality.
pub(super) fn contains(arguments: &Arguments<'_>) -> Outcome {
    let (items, wanted) = arguments.two()?;
    Some(Value::Bool(items.as_array()?.contains(wanted)))
}

/// `States.ArrayRange(first, last, step)`: whole numbers from `first` up or down to `last`, which is included.
pub(super) fn range(arguments: &Arguments<'_>) -> Outcome {
    let (first, last, step) = arguments.three()?;
    let (first, last, step) = (truncated(first)?, truncated(last)?, truncated(step)?);
    if step == 0 {
        return None;
    }
    let mut items = Vec::new();
    let mut next = first;
    while if step > 0 { next <= last } else { next >= last } {
        if items.len() == RANGE_ITEMS_MAX {
            return None;
        }
        items.push(Value::from(next));
        next = next.checked_add(step)?;
    }
    Some(Value::Array(items))
}

/// `States.ArrayGetItem(array, index)`, counted from 0.
pub(super) fn get_item(arguments: &Arguments<'_>) -> Outcome {
    let (items, index) = arguments.two()?;
    let items = items.as_array()?;
    let index = usize::try_from(truncated(index)?).ok()?;
    // AWS answers null for any index of an empty array, and refuses one outside of any other.
    if items.is_empty() { Some(Value::Null) } else { items.get(index).cloned() }
}

/// `States.ArrayLength(array)`.
pub(super) fn length(arguments: &Arguments<'_>) -> Outcome {
    Some(Value::from(arguments.one()?.as_array()?.len()))
}

/// `States.ArrayUnique(array)`: the first of each set of equal items, by deep equality.
pub(super) fn unique(arguments: &Arguments<'_>) -> Outcome {
    let items = arguments.one()?.as_array()?;
    let mut order: Vec<usize> = (0..items.len()).collect();
    // Equal items are brought together by their canonical text, so that the cost stays below quadratic.
    let texts: Vec<String> = items.iter().map(canonical).collect();
    order.sort_by(|a, b| texts[*a].cmp(&texts[*b]).then(a.cmp(b)));
    order.dedup_by(|later, earlier| texts[*later] == texts[*earlier]);
    order.sort_unstable();
    Some(Value::Array(order.into_iter().map(|index| items[index].clone()).collect()))
}

/// A text that two values share exactly when they are equal: the members of objects sorted by name.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            let members = members.into_iter().map(|(name, value)| format!("{}:{}", Value::String(name.clone()), canonical(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}
