//! One state: what all types have in common, and which file reads the rest.

use super::cursor::Cursor;
use super::data_flow::DataFields;
use super::fields::{self, FieldRule};
use super::flow::declared_language;
use super::{Context, Parsed, Parser, Reported};
use crate::diagnostic::Code;
use crate::message;
use crate::model::{FlowId, QueryLanguage, State, StateId, StateKind, Transition};
use crate::suggest::{did_you_mean, hint};

/// The state types, in AWS's order.
const TYPES: [(&str, StateType); 8] = [
    ("Task", StateType::Task),
    ("Wait", StateType::Wait),
    ("Pass", StateType::Pass),
    ("Succeed", StateType::Succeed),
    ("Fail", StateType::Fail),
    ("Choice", StateType::Choice),
    ("Parallel", StateType::Parallel),
    ("Map", StateType::Map),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StateType {
    Task,
    Wait,
    Pass,
    Succeed,
    Fail,
    Choice,
    Parallel,
    Map,
}

/// What a state type consists of.
struct Shape {
    fields: &'static [&'static [FieldRule]],
    data: DataFields,
    goes_on: bool,
    assigns: bool,
    handles_errors: bool,
}

impl StateType {
    fn shape(self) -> Shape {
        use fields::{ASSIGN, CHOICE, FAIL, IN_AND_OUT, MAP, PARALLEL, PASS, STATE, TASK, TRANSITION, WAIT, WORK};
        let plain = Shape { fields: &[], data: DataFields::PLAIN, goes_on: true, assigns: true, handles_errors: false };
        let work = Shape { fields: &[], data: DataFields::WORK, goes_on: true, assigns: true, handles_errors: true };
        match self {
            Self::Task => Shape { fields: &[STATE, TRANSITION, IN_AND_OUT, ASSIGN, WORK, TASK], ..work },
            Self::Parallel => Shape { fields: &[STATE, TRANSITION, IN_AND_OUT, ASSIGN, WORK, PARALLEL], ..work },
            Self::Map => Shape { fields: &[STATE, TRANSITION, IN_AND_OUT, ASSIGN, WORK, MAP], data: DataFields::MAP, ..work },
            Self::Pass => Shape { fields: &[STATE, TRANSITION, IN_AND_OUT, ASSIGN, PASS], data: DataFields::PASS, ..plain },
            Self::Wait => Shape { fields: &[STATE, TRANSITION, IN_AND_OUT, ASSIGN, WAIT], ..plain },
            Self::Choice => Shape { fields: &[STATE, IN_AND_OUT, ASSIGN, CHOICE], goes_on: false, ..plain },
            Self::Succeed => Shape { fields: &[STATE, IN_AND_OUT], goes_on: false, assigns: false, ..plain },
            Self::Fail => Shape { fields: &[STATE, FAIL], goes_on: false, assigns: false, ..plain },
        }
    }
}

impl Parser<'_> {
    pub(crate) fn state(&mut self, state: &Cursor<'_>, id: StateId, flow: FlowId) -> Parsed<State> {
        self.object(state)?;
        let language = self.state_language(state);
        let context = Context { state: id, flow, language: language.used };
        let kind = self.state_type(state);
        let comment = self.comment(state);
        let Ok(kind) = kind else { return Err(self.follow_transitions(state, context)) };
        let shape = kind.shape();
        let fields = self.state_fields(state, context, &shape, language.is_downgrade);
        let declared = state.get("QueryLanguage").map(|declared| self.query_language(&declared)).transpose();
        let transition = if shape.goes_on { self.transition(state, context) } else { Ok(Transition::None) };
        let data = self.data_flow(state, context, shape.data);
        let reserved = shape.data.reserved;
        let assign = if shape.assigns { self.assign(state, context, reserved) } else { Ok(None) };
        let (retry, catch) =
            if shape.handles_errors { (self.retry(state, context), self.catch(state, context)) } else { (Ok(Vec::new()), Ok(Vec::new())) };
        let kind = self.kind(kind, state, context);
        comment?;
        fields?;
        declared?;
        Ok(State {
            id,
            name: self.outline.states[id.0 as usize].name.into(),
            flow,
            query_language: language.used,
            transition: transition?,
            data: data?,
            assign: assign?,
            retry: retry?,
            catch: catch?,
            kind: kind?,
        })
    }

    fn kind(&mut self, kind: StateType, state: &Cursor<'_>, context: Context) -> Parsed<StateKind> {
        match kind {
            StateType::Task => self.task(state, context).map(|task| StateKind::Task(Box::new(task))),
            StateType::Wait => self.wait(state, context).map(StateKind::Wait),
            StateType::Pass => self.pass(state, context).map(StateKind::Pass),
            StateType::Succeed => Ok(StateKind::Succeed),
            StateType::Fail => self.fail(state, context).map(StateKind::Fail),
            StateType::Choice => self.choice(state, context).map(StateKind::Choice),
            StateType::Parallel => self.parallel(state).map(StateKind::Parallel),
            StateType::Map => self.map(state, context).map(|map| StateKind::Map(Box::new(map))),
        }
    }

    fn state_type(&mut self, state: &Cursor<'_>) -> Parsed<StateType> {
        let names = TYPES.map(|(name, _)| name);
        let Some(kind) = state.get("Type") else {
            return Err(self.error(state, message::required(&["Type"])));
        };
        let text = self.text(&kind)?;
        if let Some((_, kind)) = TYPES.iter().find(|(name, _)| *name == text) {
            return Ok(*kind);
        }
        let help = did_you_mean(text, names).map(hint);
        let (text, range) = (message::one_of_types(&names), kind.node.range);
        Err(self.report_at(Code::SchemaValidationFailed, text, kind.location(), range, help))
    }

    /// A state may ask for JSONata in a JSONPath machine, but not the other way round. The processor of a distributed Map is a
    /// machine of its own, whose states may choose.
    fn state_language(&mut self, state: &Cursor<'_>) -> StateLanguage {
        let Some(declared) = state.get("QueryLanguage") else {
            return StateLanguage { used: self.language, is_downgrade: false };
        };
        let used = declared_language(&declared);
        let is_downgrade = self.language == QueryLanguage::Jsonata && used == QueryLanguage::JsonPath && self.separate_depth == 0;
        if is_downgrade {
            self.error(state, message::DOWNGRADE);
        }
        StateLanguage { used, is_downgrade }
    }

    /// In a state whose language is refused, AWS does not say in addition which fields its language would have.
    fn state_fields(&mut self, state: &Cursor<'_>, context: Context, shape: &Shape, is_downgrade: bool) -> Parsed<()> {
        if !is_downgrade {
            return self.check_fields(state, context.language, shape.fields);
        }
        for (key, range, _) in state.members() {
            let is_known = shape.fields.iter().copied().flatten().any(|rule| rule.0 == key);
            if !is_known {
                let (code, text) = (Code::SchemaValidationFailed, message::unsupported_field(key));
                self.report_at(code, text, state.location(), range, None);
            }
        }
        Err(Reported)
    }

    /// `Next` or `End`.
    fn transition(&mut self, state: &Cursor<'_>, context: Context) -> Parsed<Transition> {
        let end = state.get("End").map(|end| self.boolean(&end)).transpose();
        let next = state.get("Next").map(|next| self.target(&next, context)).transpose();
        match (next?, end?.unwrap_or(false)) {
            (Some(next), false) => Ok(Transition::Next(next)),
            (None, true) => Ok(Transition::End),
            (Some(_), true) => Err(self.error(state, message::only_one_of(&["Next", "End"]))),
            (None, false) => Err(self.error(state, message::exactly_one_of(&["Next", "End"]))),
        }
    }

    /// Of a state whose type nobody knows, at least where it leads, so that other states do not seem unreachable.
    fn follow_transitions(&mut self, state: &Cursor<'_>, context: Context) -> Reported {
        for field in ["Next", "Default"] {
            if let Some(next) = state.get(field).filter(|next| next.node.text().is_some()) {
                let _ = self.target(&next, context);
            }
        }
        for field in ["Choices", "Catch"] {
            let Some(list) = state.get(field) else { continue };
            for item in list.items() {
                if let Some(next) = item.get("Next").filter(|next| next.node.text().is_some()) {
                    let _ = self.target(&next, context);
                }
            }
        }
        Reported
    }
}

struct StateLanguage {
    used: QueryLanguage,
    is_downgrade: bool,
}
