//! What the fields of one state visit are evaluated with. State types and data flow see the world through it and change nothing.

use std::cell::OnceCell;

use baton_asl::{Resource, State, StateKind};
use baton_query::{ContextObject, Expression, PayloadTemplate, QueryError, Random, Scope, Value};

use crate::{
    Env, Execution, Failure, Payload, ReadItem, TaskRef, ThreadId, Timestamp, context_object,
    decide::Turn,
    error_handling::{Fault, fault, size},
    probe::{Inspection, Probe},
    strand::{Activity, Strand, Visit},
    variables::VisibleVariables,
};

/// Where an item is to be found.
#[derive(Clone, Copy)]
pub(crate) enum ItemAt<'a> {
    /// In the visit of a Map state that iterates, with this index.
    Iteration(&'a Visit, u64),
    /// It was read, and has this index.
    Read(u64, &'a ReadItem),
}

/// The visit of a strand's state, ready to evaluate.
pub(crate) struct Evaluator<'a> {
    pub(crate) env: Env<'a>,
    pub(crate) execution: &'a Execution,
    pub(crate) thread: ThreadId,
    pub(crate) visit: &'a Visit,
    pub(crate) state: &'a State,
    pub(crate) now: Timestamp,
    variables: VisibleVariables<'a>,
    random: Random,
    context: OnceCell<Value>,
    effective_input: OnceCell<Payload>,
    /// The item that an ItemSelector is evaluated for.
    pub(crate) item: Option<ItemAt<'a>>,
    /// Who looks on, when the state is tested by itself.
    pub(crate) probe: Option<&'a Probe>,
}

impl<'a> Evaluator<'a> {
    pub(crate) fn new(turn: &'a Turn<'_>, thread: ThreadId) -> Self {
        Self::of(turn.env, turn.execution, thread, turn.now)
    }

    pub(crate) fn of(env: Env<'a>, execution: &'a Execution, thread: ThreadId, now: Timestamp) -> Self {
        let visit = execution.strands.get(thread).and_then(Strand::visit).expect("a strand that acts is in a state");
        Self {
            env,
            execution,
            thread,
            visit,
            state: env.machine.state(visit.state),
            now,
            variables: VisibleVariables { strands: &execution.strands, thread },
            random: Random::new(execution.start.seed, execution.next_event_id),
            context: OnceCell::new(),
            effective_input: OnceCell::new(),
            item: None,
            probe: None,
        }
    }

    /// Notes an intermediate value, if anybody looks on.
    pub(crate) fn inspect(&self, note: impl FnOnce(&mut Inspection)) {
        if let Some(probe) = self.probe {
            probe.note(note);
        }
    }

    /// As `self`, in the eyes of the ItemSelector for the item with this index.
    pub(crate) fn for_item(&self, index: u64) -> Self {
        self.with_item(ItemAt::Iteration(self.visit, index))
    }

    /// As `self`, in the eyes of the ItemSelector for an item that was read.
    pub(crate) fn for_read_item(&self, index: u64, item: &'a ReadItem) -> Self {
        self.with_item(ItemAt::Read(index, item))
    }

    fn with_item(&self, item: ItemAt<'a>) -> Self {
        Self {
            variables: VisibleVariables { strands: &self.execution.strands, thread: self.thread },
            random: Random::new(self.execution.start.seed, self.execution.next_event_id),
            context: OnceCell::new(),
            effective_input: OnceCell::new(),
            item: Some(item),
            ..*self
        }
    }

    /// What an expression over `input` may read.
    pub(crate) fn scope<'s>(&'s self, input: &'s Value) -> Scope<'s> {
        Scope { input, context: self, variables: &self.variables, result: None, error_output: None, random: &self.random, now_ms: self.now }
    }

    /// The attempt that the state's task is in: the one about to begin, or the one that has ended just now.
    pub(crate) fn task(&self) -> TaskRef {
        let attempt = match self.visit.activity {
            Activity::BackingOff { .. } | Activity::Redriven => self.visit.attempts + 1,
            _ => self.visit.attempts.max(1),
        };
        TaskRef { entry: self.visit.entry, attempt }
    }

    /// Whether the state's task can be ended by a token.
    pub(crate) fn has_task_token(&self) -> bool {
        let StateKind::Task(task) = &self.state.kind else { return false };
        match &task.resource {
            Resource::Activity { .. } => true,
            Resource::Function { .. } => false,
            Resource::Integration(integration) => integration.pattern != baton_asl::Pattern::RequestResponse,
        }
    }

    /// A States.Runtime of this state.
    pub(crate) fn runtime(&self, text: impl std::fmt::Display) -> Fault {
        self.fault(fault::RUNTIME, text)
    }

    /// A fault of this state's data.
    pub(crate) fn fault(&self, error: &str, text: impl std::fmt::Display) -> Fault {
        Fault::of_data(Failure::new(error, self.cause(text)))
    }

    /// A JSONata field that evaluates well and gives what the state cannot use.
    pub(crate) fn evaluation(&self, location: Option<&str>, text: impl std::fmt::Display) -> Fault {
        let failure = Failure::new(fault::QUERY_EVALUATION_ERROR, self.cause(text));
        Fault::of_evaluation(failure, location.map(Into::into))
    }

    /// What a template makes of an input. One that computes nothing leaves the input unread.
    pub(crate) fn render(&self, template: &PayloadTemplate, input: &Payload, field: &str) -> Result<Payload, Fault> {
        let input = if template.is_static() { &Value::Null } else { input.value() };
        self.made(template.render(&self.scope(input), field))
    }

    /// What the state's fields read, found once: see [`crate::data_flow::effective_input`].
    pub(crate) fn effective_input(&self, find: impl FnOnce() -> Result<Payload, Fault>) -> Result<Payload, Fault> {
        if let Some(found) = self.effective_input.get() {
            return Ok(found.clone());
        }
        let found = find()?;
        Ok(self.effective_input.get_or_init(|| found).clone())
    }

    /// What an evaluation has made, as a payload.
    pub(crate) fn made<E: Into<QueryError>>(&self, result: Result<Value, E>) -> Result<Payload, Fault> {
        size::payload(self, result.map_err(|error| self.query(error))?)
    }

    /// The fault of a failed query.
    pub(crate) fn query(&self, error: impl Into<QueryError>) -> Fault {
        let error = error.into();
        let failure = Failure::new(error.error_name(), self.cause(&error));
        match error.location() {
            Some(location) => Fault::of_evaluation(failure, Some(location.into())),
            None => Fault::of_data(failure),
        }
    }

    /// The fault of an expression whose result has the wrong type.
    pub(crate) fn unexpected_type(&self, expression: &Expression, field: &str, expected: &str, value: &Value) -> Fault {
        self.query(QueryError::unexpected_type(expression, field, expected, value))
    }

    /// TestState says what is wrong without saying where, as recorded from AWS.
    fn cause(&self, text: impl std::fmt::Display) -> String {
        if self.probe.is_some() {
            return text.to_string();
        }
        let (name, entry) = (&self.state.name, self.visit.entry);
        format!("An error occurred while executing the state '{name}' (entered at the event id #{entry}). {text}")
    }

    /// The raw input of the state.
    pub(crate) fn input(&self) -> &Payload {
        &self.visit.input
    }
}

impl ContextObject for Evaluator<'_> {
    fn value(&self) -> &Value {
        self.context.get_or_init(|| context_object::build(self))
    }
}
