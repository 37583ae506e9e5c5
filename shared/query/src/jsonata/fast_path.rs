//! Plain paths without an evaluation: `$states.input`, `$order.total`.
//!
//! The value is taken as it is, so that the digits of numbers stay what they were; JSONata knows doubles only. Where
//! JSONata would do more than follow names (map over an array, unwrap a sequence) or would find nothing, the shortcut
//! is not taken.

use std::borrow::Cow;

use jlens_core::{Node, NodeKind};
use serde_json::{Map, Value};

use super::documents::states_fields;
use crate::Scope;

/// A variable and the names behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FastPath {
    variable: String,
    names: Vec<String>,
}

impl FastPath {
    /// The plain path that an expression is, if it is one.
    pub(super) fn of(root: &Node) -> Option<FastPath> {
        let steps = match &root.kind {
            NodeKind::Path { steps, keep_singleton_array: false } if is_bare(root) => &steps[..],
            NodeKind::Variable { .. } => std::slice::from_ref(root),
            _ => return None,
        };
        let (first, rest) = steps.split_first()?;
        let variable = match &first.kind {
            NodeKind::Variable { name } if is_bare(first) => name.clone(),
            _ => return None,
        };
        let names = rest.iter().map(bare_name).collect::<Option<Vec<String>>>()?;
        Some(FastPath { variable, names })
    }

    /// The value; `None` when JSONata has to look itself.
    pub(super) fn value<'s>(&self, scope: &Scope<'s>) -> Option<Cow<'s, Value>> {
        if self.variable != "states" {
            return follow(scope.variables.get(&self.variable)?, &self.names).map(Cow::Borrowed);
        }
        match self.names.split_first() {
            None => Some(Cow::Owned(whole_states(scope))),
            Some((field, names)) => {
                let (_, value) = states_fields(scope).find(|(name, _)| name == field)?;
                follow(value(), names).map(Cow::Borrowed)
            }
        }
    }
}

/// Follows names through objects. An array at the end is a value like any other; one on the way is not followed.
fn follow<'v>(start: &'v Value, names: &[String]) -> Option<&'v Value> {
    names.iter().try_fold(start, |value, name| value.as_object()?.get(name))
}

/// `$states` itself.
pub(super) fn whole_states(scope: &Scope<'_>) -> Value {
    let fields = states_fields(scope).map(|(name, value)| (name.to_owned(), value().clone()));
    Value::Object(fields.collect::<Map<String, Value>>())
}

fn bare_name(step: &Node) -> Option<String> {
    match &step.kind {
        NodeKind::Name { name } if is_bare(step) => Some(name.clone()),
        _ => None,
    }
}

/// Whether nothing is attached to the node: no predicate, grouping, binding or `[]`.
fn is_bare(node: &Node) -> bool {
    let attrs = &node.attrs;
    !attrs.keep_array
        && !attrs.cons_array
        && !attrs.tuple
        && attrs.focus.is_none()
        && attrs.index.is_none()
        && attrs.stages.is_empty()
        && attrs.predicate.is_empty()
        && attrs.group.is_none()
}
