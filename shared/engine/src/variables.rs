//! Workflow variables. Each strand has a scope of its own and reads those of the strands around it: a branch or an iteration
//! sees the machine's variables, its own are gone when it ends, and siblings see nothing of each other.

use std::{collections::BTreeMap, sync::Arc};

use baton_query::{Value, Variables};

use crate::{Payload, PayloadTable, ThreadId, strand::Strands};

/// What one strand has assigned.
#[derive(Clone, Debug, Default, PartialEq, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
pub(crate) struct VariableScope(BTreeMap<Arc<str>, Payload>);

impl VariableScope {
    pub(crate) fn assign(&mut self, name: &Arc<str>, value: &Payload) {
        self.0.insert(name.clone(), value.clone());
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Payload> {
        self.0.get(name)
    }

    /// All of it as a JSON object; `None` when nothing was assigned.
    pub(crate) fn to_object(&self) -> Option<Payload> {
        let members = self.0.iter().map(|(name, value)| (name.to_string(), value.value().clone()));
        (!self.0.is_empty()).then(|| Payload::from_value(Value::Object(members.collect())))
    }

    /// Bytes of all values.
    pub(crate) fn bytes(&self) -> usize {
        self.0.values().map(Payload::len).sum()
    }
}

/// What a strand can read: its own scope, then the scopes around it.
pub(crate) struct VisibleVariables<'a> {
    pub(crate) strands: &'a Strands,
    pub(crate) thread: ThreadId,
}

impl VisibleVariables<'_> {
    fn scopes(&self) -> impl Iterator<Item = &VariableScope> {
        let innermost = self.strands.get(self.thread);
        std::iter::successors(innermost, |strand| self.strands.get(strand.parent?)).map(|strand| &strand.variables)
    }
}

impl Variables for VisibleVariables<'_> {
    fn get(&self, name: &str) -> Option<&Value> {
        self.scopes().find_map(|scope| scope.get(name)).map(Payload::value)
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.scopes().flat_map(|scope| scope.0.keys().map(|name| name.to_string())).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}
