//! The validated state machine. It never changes while it runs; everything that moves is in the engine's execution.

mod choice;
mod error_handling;
mod field;
mod map;
mod state;
mod task;

pub use choice::*;
pub use error_handling::*;
pub use field::*;
pub use map::*;
pub use state::*;
pub use task::*;

use std::sync::Arc;

/// Position of a state in [`StateMachine::states`]. Events carry it, hence the codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, bincode::Encode, bincode::Decode)]
pub struct StateId(pub u32);

/// Position of a flow in [`StateMachine::flows`]: flow 0 is the machine itself, every Parallel branch and every
/// ItemProcessor is one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId(pub u32);

/// Which language a state's fields are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum QueryLanguage {
    /// The default.
    #[default]
    JsonPath,
    /// Expressions between `{%` and `%}`.
    Jsonata,
}

/// A validated definition.
#[derive(Debug)]
pub struct StateMachine {
    /// `Comment`.
    pub comment: Option<Arc<str>>,
    /// Every state of the machine, nested ones included, in the order of the text.
    pub states: Vec<State>,
    /// The machine's own flow first, then branches and item processors.
    pub flows: Vec<Flow>,
    /// `TimeoutSeconds` of the whole execution.
    pub timeout_seconds: Option<u64>,
    /// `QueryLanguage` of the machine.
    pub query_language: QueryLanguage,
}

/// States that transitions may move between: the top level, one branch, or one item processor.
#[derive(Debug)]
pub struct Flow {
    /// `StartAt`.
    pub start_at: StateId,
    /// The Parallel or Map state that this flow is inside of; `None` for the top level.
    pub parent: Option<StateId>,
}

impl StateMachine {
    /// The top-level flow.
    pub const ROOT: FlowId = FlowId(0);

    /// The state with this id.
    pub fn state(&self, id: StateId) -> &State {
        &self.states[id.0 as usize]
    }

    /// The flow with this id.
    pub fn flow(&self, id: FlowId) -> &Flow {
        &self.flows[id.0 as usize]
    }

    /// Whether the state is part of this flow, or of one inside it.
    pub fn is_within(&self, state: &State, flow: FlowId) -> bool {
        let mut at = state.flow;
        while at != flow {
            let Some(parent) = self.flow(at).parent else { return false };
            at = self.state(parent).flow;
        }
        true
    }

    /// The state of this name; names are unique in the whole machine.
    pub fn state_named(&self, name: &str) -> Option<&State> {
        self.states.iter().find(|state| &*state.name == name)
    }
}
