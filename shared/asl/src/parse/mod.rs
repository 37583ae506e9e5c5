//! From the tree to the model: one file per state type and per family of fields. Each function reads one value, reports what is
//! wrong with it and gives what the model holds; nothing stops at the first problem.

mod assign;
mod choice;
mod cursor;
mod data_flow;
mod error_handling;
mod fail;
mod fields;
mod flow;
mod integration;
mod item_batcher;
mod item_reader;
mod map;
mod operator;
mod outline;
mod parallel;
mod parameters;
mod pass;
mod path;
mod resource;
mod result_writer;
mod scalar;
mod state;
mod task;
mod template;
mod timestamp;
mod wait;

pub(crate) use cursor::Cursor;
pub(crate) use outline::Outline;

use crate::MachineType;
use crate::diagnostic::{Code, Diagnostic, Severity, Span};
use crate::message;
use crate::model::{Flow, FlowId, QueryLanguage, State, StateId, StateMachine};
use crate::syntax::{Node, Range};

/// Diagnostics of one severity beyond this many are dropped: whoever has so many starts with the first ones.
pub(crate) const MAX_DIAGNOSTICS: usize = 1000;

/// Looking for what was meant compares with every state; the first ones get that help.
const MAX_SUGGESTIONS: usize = 20;

/// The value is no good, and that has been reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reported;

pub(crate) type Parsed<T> = Result<T, Reported>;

/// Reads one definition.
pub(crate) struct Parser<'t> {
    pub(crate) outline: Outline<'t>,
    /// Problems of single values, in the order of the text.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Transitions that lead nowhere.
    pub(crate) dangling: Vec<Diagnostic>,
    /// Whether each flow has one.
    pub(crate) has_dangling: Vec<bool>,
    /// Transitions that lead somewhere, from and to.
    pub(crate) edges: Vec<(StateId, StateId)>,
    /// Where each flow starts, if that is a state of it.
    pub(crate) starts: Vec<Option<StateId>>,
    /// Whether each flow says where it starts.
    pub(crate) starts_known: Vec<bool>,
    /// Whether a state of the top level can end the execution; `None` when there are no states to look at.
    pub(crate) has_terminal_state: Option<bool>,
    /// Variables that `Assign` fields name.
    pub(crate) assignments: Vec<Assignment>,
    /// `Label` fields.
    pub(crate) labels: Vec<Label>,
    /// Item processors that are machines of their own, in which outer variables are not visible.
    pub(crate) separate_flows: Vec<FlowId>,
    /// Type of the machine, or of the child workflows of a distributed Map while those are read.
    kind: MachineType,
    /// Distributed Maps that are being read.
    separate_depth: usize,
    /// `QueryLanguage` of the machine.
    language: QueryLanguage,
    states: Vec<Option<State>>,
    flows: Vec<Option<Flow>>,
    warn: bool,
    errors_reported: usize,
    warnings_reported: usize,
}

/// One variable named by an `Assign`.
#[derive(Debug)]
pub(crate) struct Assignment {
    pub(crate) flow: FlowId,
    pub(crate) name: String,
    pub(crate) location: String,
    pub(crate) range: Range,
}

/// One `Label`.
#[derive(Debug)]
pub(crate) struct Label {
    pub(crate) text: String,
    pub(crate) location: String,
    pub(crate) range: Range,
}

/// What is known of the state that a field belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    pub(crate) state: StateId,
    pub(crate) flow: FlowId,
    /// The language of the state's fields.
    pub(crate) language: QueryLanguage,
}

impl<'t> Parser<'t> {
    /// `warn`: whether to look for warnings, too.
    pub(crate) fn new(definition: &'t Node, kind: MachineType, warn: bool) -> Self {
        let outline = Outline::new(definition);
        let states = outline.states.iter().map(|_| None).collect();
        let flows = outline.flows.iter().map(|_| None).collect();
        let flow_count = outline.flows.len();
        Self {
            outline,
            diagnostics: Vec::new(),
            dangling: Vec::new(),
            has_dangling: vec![false; flow_count],
            edges: Vec::new(),
            starts: vec![None; flow_count],
            starts_known: vec![false; flow_count],
            has_terminal_state: None,
            assignments: Vec::new(),
            labels: Vec::new(),
            separate_flows: Vec::new(),
            kind,
            separate_depth: 0,
            language: QueryLanguage::JsonPath,
            states,
            flows,
            warn,
            errors_reported: 0,
            warnings_reported: 0,
        }
    }

    /// Reads the definition. A machine comes back only when nothing was wrong with any value of it.
    pub(crate) fn definition(&mut self, definition: &Node) -> Option<StateMachine> {
        let root = Cursor::root(definition);
        let header = self.header(&root);
        let body = self.flow(&root, StateMachine::ROOT);
        let (header, ()) = (header.ok()?, body.ok()?);
        let states = std::mem::take(&mut self.states).into_iter().collect::<Option<Vec<_>>>()?;
        let flows = std::mem::take(&mut self.flows).into_iter().collect::<Option<Vec<_>>>()?;
        Some(StateMachine {
            comment: header.comment,
            states,
            flows,
            timeout_seconds: header.timeout_seconds,
            query_language: self.language,
        })
    }

    /// A problem at this value.
    pub(crate) fn report(&mut self, code: Code, cursor: &Cursor<'_>, text: impl Into<String>) -> Reported {
        self.report_at(code, text, cursor.location(), cursor.node.range, None)
    }

    /// A problem at this place, with what could be done about it.
    pub(crate) fn report_at(
        &mut self,
        code: Code,
        text: impl Into<String>,
        location: String,
        range: Range,
        help: Option<String>,
    ) -> Reported {
        let reported = match code.severity() {
            Severity::Error => &mut self.errors_reported,
            Severity::Warning => &mut self.warnings_reported,
        };
        *reported += 1;
        if *reported <= MAX_DIAGNOSTICS {
            self.diagnostics.push(diagnostic(code, text, Some(location), range, help));
        }
        Reported
    }

    /// A warning at this value; `text` is made only when warnings are wanted.
    pub(crate) fn warn(&mut self, code: Code, cursor: &Cursor<'_>, text: &str, help: impl FnOnce() -> Option<String>) {
        debug_assert_eq!(code.severity(), Severity::Warning);
        if self.warn {
            self.report_at(code, text, cursor.location(), cursor.node.range, help());
        }
    }

    /// The state that a transition leads to.
    pub(crate) fn target(&mut self, cursor: &Cursor<'_>, context: Context) -> Parsed<StateId> {
        let name = self.text(cursor)?;
        let target = self.resolve(cursor, name, context.flow)?;
        self.edges.push((context.state, target));
        Ok(target)
    }

    /// The state of this name in a flow; transitions never leave their flow. A flow without states has been reported as such, and
    /// AWS says no more of it.
    pub(crate) fn resolve(&mut self, cursor: &Cursor<'_>, name: &str, flow: FlowId) -> Parsed<StateId> {
        let names = &self.outline.flow_of(flow).names;
        if let Some(&target) = names.get(name) {
            return Ok(target);
        }
        if names.is_empty() {
            return Err(Reported);
        }
        self.has_dangling[flow.0 as usize] = true;
        let help = if self.dangling.len() < MAX_SUGGESTIONS { self.meant_target(name, flow) } else { None };
        let text = message::missing_target(name);
        if self.dangling.len() < MAX_DIAGNOSTICS {
            let location = Some(cursor.location());
            self.dangling.push(diagnostic(Code::MissingTransitionTarget, text, location, cursor.node.range, help));
        }
        Err(Reported)
    }

    fn meant_target(&self, name: &str, flow: FlowId) -> Option<String> {
        if self.outline.states.iter().any(|state| state.name == name) {
            return Some("transitions cannot leave a branch or an item processor, nor lead into one".to_owned());
        }
        let names = self.outline.flow_of(flow).names.keys().copied();
        crate::suggest::did_you_mean(name, names).map(crate::suggest::hint)
    }
}

/// A diagnostic whose line and column are filled in later.
pub(crate) fn diagnostic(
    code: Code,
    message: impl Into<String>,
    location: Option<String>,
    range: Range,
    help: Option<String>,
) -> Diagnostic {
    let span = Span { start: range.start, end: range.end, ..Span::default() };
    Diagnostic { severity: code.severity(), code, message: message.into(), location, span, help, is_consequence: false }
}
