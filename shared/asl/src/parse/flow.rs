//! The machine itself, a branch, or an item processor: `StartAt`, `States` and what surrounds them.

use std::sync::Arc;

use super::cursor::Cursor;
use super::fields::{BRANCH, FieldRule, PROCESSOR, STATE_MACHINE};
use super::{Parsed, Parser, Reported};
use crate::diagnostic::Code;
use crate::message;
use crate::model::{Flow, FlowId, QueryLanguage, StateId, StateMachine};
use crate::syntax::Kind;

/// What a machine has beside its states.
pub(crate) struct Header {
    pub(crate) comment: Option<Arc<str>>,
    pub(crate) timeout_seconds: Option<u64>,
}

const VERSIONS: &[&str] = &["1.0"];

impl Parser<'_> {
    /// The fields of the top level other than `StartAt` and `States`.
    pub(crate) fn header(&mut self, root: &Cursor<'_>) -> Parsed<Header> {
        let fields = self.check_fields(root, QueryLanguage::JsonPath, &[STATE_MACHINE]);
        let required = self.check_required(root, &["States", "StartAt"]);
        let language = self.machine_language(root);
        let comment = self.comment(root);
        let version = root.get("Version").map(|version| self.one_of(&version, VERSIONS)).transpose();
        let timeout = root.get("TimeoutSeconds").map(|timeout| self.seconds(&timeout, 0)).transpose();
        fields?;
        required?;
        language?;
        version?;
        Ok(Header { comment: comment?, timeout_seconds: timeout? })
    }

    fn machine_language(&mut self, root: &Cursor<'_>) -> Parsed<()> {
        let Some(declared) = root.get("QueryLanguage") else { return Ok(()) };
        self.language = declared_language(&declared);
        self.query_language(&declared)
    }

    /// Reports a `QueryLanguage` that is none.
    pub(crate) fn query_language(&mut self, declared: &Cursor<'_>) -> Parsed<()> {
        self.one_of(declared, &["JSONPath", "JSONata"]).map(|_| ())
    }

    pub(crate) fn comment(&mut self, owner: &Cursor<'_>) -> Parsed<Option<Arc<str>>> {
        owner.get("Comment").map(|comment| self.text(&comment).map(Arc::from)).transpose()
    }

    /// A branch; its states are read into the machine's list.
    pub(crate) fn branch(&mut self, branch: &Cursor<'_>) -> Parsed<FlowId> {
        self.sub_flow(branch, &[BRANCH])
    }

    /// An item processor.
    pub(crate) fn processor(&mut self, processor: &Cursor<'_>) -> Parsed<FlowId> {
        self.sub_flow(processor, &[PROCESSOR])
    }

    fn sub_flow(&mut self, object: &Cursor<'_>, rules: &[&[FieldRule]]) -> Parsed<FlowId> {
        self.object(object)?;
        let Some(id) = self.outline.flow_id(object.node) else {
            return Err(self.report(Code::TooDeeplyNested, object, message::TOO_DEEPLY_NESTED));
        };
        let fields = self.check_fields(object, self.language, rules);
        let comment = self.comment(object);
        let required = self.check_required(object, &["States", "StartAt"]);
        let body = self.flow(object, id);
        fields?;
        comment?;
        required?;
        body?;
        Ok(id)
    }

    /// `StartAt` and `States`.
    pub(crate) fn flow(&mut self, object: &Cursor<'_>, id: FlowId) -> Parsed<()> {
        let start = object.get("StartAt").map(|start| self.start(&start, id));
        let states = object.get("States").map(|states| self.states(&states, id));
        let parent = self.outline.flow_of(id).parent;
        let (Some(start), Some(states)) = (start, states) else { return Err(Reported) };
        let (start_at, ()) = (start?, states?);
        self.flows[id.0 as usize] = Some(Flow { start_at, parent });
        Ok(())
    }

    fn start(&mut self, start: &Cursor<'_>, id: FlowId) -> Parsed<StateId> {
        let name = self.text(start)?;
        self.starts_known[id.0 as usize] = true;
        let state = self.resolve(start, name, id);
        self.starts[id.0 as usize] = state.ok();
        state
    }

    fn states(&mut self, states: &Cursor<'_>, id: FlowId) -> Parsed<()> {
        let object = self.object(states)?;
        if object.members.is_empty() {
            return Err(self.error(states, message::EMPTY));
        }
        let mut outcome = Ok(());
        for (name, _, state) in states.members() {
            let is_terminal = is_terminal(&state);
            if id == StateMachine::ROOT {
                self.has_terminal_state = Some(is_terminal || self.has_terminal_state == Some(true));
            }
            let state_id = self.outline.flow_of(id).names[name];
            let parsed = self.state(&state, state_id, id).map(|parsed| self.states[state_id.0 as usize] = Some(parsed));
            outcome = outcome.and(parsed);
        }
        outcome
    }
}

/// What a `QueryLanguage` field means: JSONPath when it is exactly that, JSONata for anything else, misspellings included.
pub(crate) fn declared_language(declared: &Cursor<'_>) -> QueryLanguage {
    if declared.node.text() == Some("JSONPath") { QueryLanguage::JsonPath } else { QueryLanguage::Jsonata }
}

fn is_terminal(state: &Cursor<'_>) -> bool {
    let ends = state.get("End").is_some_and(|end| end.node.is_true());
    let kind = state.get("Type").and_then(|kind| match &kind.node.kind {
        Kind::Text(text) => Some(text.clone()),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Array(_) | Kind::Object(_) => None,
    });
    ends || matches!(kind.as_deref(), Some("Succeed" | "Fail"))
}
