//! The first look at a definition: which flows there are, which states they have, and which id each gets. Transitions may lead
//! forward, so ids have to be known before any state is read.

use std::collections::{BTreeMap, BTreeSet};

use super::cursor::Cursor;
use crate::model::{FlowId, StateId};
use crate::syntax::{Node, Range};

/// Parallel and Map states within each other.
pub(crate) const MAX_FLOW_DEPTH: usize = 32;

/// Flows and states in the order of the text.
#[derive(Debug, Default)]
pub(crate) struct Outline<'t> {
    pub(crate) flows: Vec<FlowOutline<'t>>,
    pub(crate) states: Vec<StateOutline<'t>>,
    /// By the address of the flow's object in the tree, which outlives this.
    flow_ids: BTreeMap<*const Node, FlowId>,
}

#[derive(Debug)]
pub(crate) struct FlowOutline<'t> {
    pub(crate) parent: Option<StateId>,
    /// Place of `States` in the definition.
    pub(crate) states_location: String,
    pub(crate) names: BTreeMap<&'t str, StateId>,
}

#[derive(Debug)]
pub(crate) struct StateOutline<'t> {
    pub(crate) name: &'t str,
    pub(crate) flow: FlowId,
    /// Where its name stands.
    pub(crate) name_range: Range,
    /// Whether the same object has the name more than once.
    pub(crate) is_repeated: bool,
}

impl<'t> Outline<'t> {
    pub(crate) fn new(definition: &'t Node) -> Self {
        let mut outline = Self::default();
        outline.flow(definition, Cursor::root(definition), None, 0);
        outline
    }

    /// The flow of this object; `None` when it is nested too deeply to be one.
    pub(crate) fn flow_id(&self, object: &Node) -> Option<FlowId> {
        self.flow_ids.get(&std::ptr::from_ref(object)).copied()
    }

    pub(crate) fn flow_of(&self, id: FlowId) -> &FlowOutline<'t> {
        &self.flows[id.0 as usize]
    }

    /// Place of a state in the definition.
    pub(crate) fn location(&self, id: StateId) -> String {
        let state = &self.states[id.0 as usize];
        format!("{}/{}", self.flow_of(state.flow).states_location, state.name)
    }

    fn flow(&mut self, node: &'t Node, place: Cursor<'_>, parent: Option<StateId>, depth: usize) {
        let id = FlowId(index(self.flows.len()));
        self.flow_ids.insert(node, id);
        let prefix = if parent.is_some() { place.location() } else { String::new() };
        self.flows.push(FlowOutline { parent, states_location: format!("{prefix}/States"), names: BTreeMap::new() });
        let (Some(states), Some(states_place)) = (node.get("States").and_then(Node::object), place.get("States")) else { return };
        let repeated: BTreeSet<&str> = states.duplicates.iter().map(|duplicate| duplicate.key.as_str()).collect();
        for (member, (_, _, state_place)) in states.members.iter().zip(states_place.members()) {
            let state = StateId(index(self.states.len()));
            let is_repeated = repeated.contains(member.key.as_str());
            self.states.push(StateOutline { name: &member.key, flow: id, name_range: member.key_range, is_repeated });
            self.flows[id.0 as usize].names.insert(&member.key, state);
            if depth < MAX_FLOW_DEPTH {
                self.sub_flows(&member.value, &state_place, state, depth + 1);
            }
        }
    }

    /// Branches of a Parallel state, the processor of a Map state.
    fn sub_flows(&mut self, state: &'t Node, place: &Cursor<'_>, id: StateId, depth: usize) {
        match state.get("Type").and_then(Node::text) {
            Some("Parallel") => {
                let branches = state.get("Branches").and_then(Node::array).unwrap_or_default();
                let Some(branches_place) = place.get("Branches") else { return };
                for (branch, branch_place) in branches.iter().zip(branches_place.items()) {
                    if branch.object().is_some() {
                        self.flow(branch, branch_place, Some(id), depth);
                    }
                }
            }
            Some("Map") => {
                let field = processor_field(state);
                let (Some(processor), Some(processor_place)) = (state.get(field), place.get(field)) else { return };
                if processor.object().is_some() {
                    self.flow(processor, processor_place, Some(id), depth);
                }
            }
            Some(_) | None => {}
        }
    }
}

/// `ItemProcessor`, or the legacy `Iterator`.
pub(crate) fn processor_field(state: &Node) -> &'static str {
    if state.get("ItemProcessor").is_none() && state.get("Iterator").is_some() { "Iterator" } else { "ItemProcessor" }
}

fn index(length: usize) -> u32 {
    u32::try_from(length).expect("a definition of limited size has few states and flows")
}
