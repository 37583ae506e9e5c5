//! One state: what all types have in common, and the closed list of types.

use std::sync::Arc;

use baton_query::{PathOrIntrinsic, PayloadTemplate, ReferencePath, Value};

use super::*;

/// One state.
#[derive(Debug)]
pub struct State {
    /// Its own position.
    pub id: StateId,
    /// Name, unique in the machine.
    pub name: Arc<str>,
    /// The flow that it is part of.
    pub flow: FlowId,
    /// The language of its fields.
    pub query_language: QueryLanguage,
    /// Where it goes when it is done. Choice, Succeed and Fail have [`Transition::None`].
    pub transition: Transition,
    /// Data flow in and out.
    pub data: DataFlow,
    /// `Assign` of the state (not of a rule or catcher).
    pub assign: Option<Assign>,
    /// `Retry`, in order.
    pub retry: Vec<Retrier>,
    /// `Catch`, in order.
    pub catch: Vec<Catcher>,
    /// What is particular to the type.
    pub kind: StateKind,
}

/// `Next` or `End`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// `Next`.
    Next(StateId),
    /// `End: true`.
    End,
    /// The type decides by itself (Choice, Succeed, Fail).
    None,
}

/// The eight state types.
#[derive(Debug)]
pub enum StateKind {
    /// Passes or makes data.
    Pass(Pass),
    /// Has work done.
    Task(Box<Task>),
    /// Picks the next state.
    Choice(Choice),
    /// Waits.
    Wait(Wait),
    /// Ends its flow well.
    Succeed,
    /// Ends its flow with an error.
    Fail(Fail),
    /// Runs branches side by side.
    Parallel(Parallel),
    /// Runs a flow for each item.
    Map(Box<Map>),
}

impl StateKind {
    /// What a Task state calls.
    pub fn resource(&self) -> Option<&Resource> {
        match self {
            Self::Task(task) => Some(&task.resource),
            Self::Pass(_) | Self::Choice(_) | Self::Wait(_) | Self::Succeed | Self::Fail(_) | Self::Parallel(_) | Self::Map(_) => None,
        }
    }
}

/// The fields that move data, by language. Fields that a type does not allow are absent.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a machine holds few, and most are of the large kind")]
pub enum DataFlow {
    /// `InputPath` → `Parameters` → work → `ResultSelector` → `ResultPath` → `OutputPath`.
    JsonPath(JsonPathData),
    /// `Arguments` → work → `Output`.
    Jsonata(JsonataData),
}

/// JSONPath data flow; `None` in a path field means the default `$`.
#[derive(Debug, Default)]
pub struct JsonPathData {
    /// `InputPath`.
    pub input_path: PathField,
    /// `Parameters` (for Map: the legacy spelling of ItemSelector is not here but in [`Map::item_selector`]).
    pub parameters: Option<PayloadTemplate>,
    /// `ResultSelector`.
    pub result_selector: Option<PayloadTemplate>,
    /// `ResultPath`.
    pub result_path: ResultPath,
    /// `OutputPath`.
    pub output_path: PathField,
}

/// JSONata data flow.
#[derive(Debug, Default)]
pub struct JsonataData {
    /// `Arguments`.
    pub arguments: Option<PayloadTemplate>,
    /// `Output`.
    pub output: Option<PayloadTemplate>,
}

/// `InputPath` or `OutputPath`.
#[derive(Debug, Default)]
pub enum PathField {
    /// `$`, given or by default: the value as it is.
    #[default]
    Whole,
    /// `null`: an empty object.
    Discard,
    /// Any other path, also `$$…` and `$variable…`.
    Path(baton_query::Path),
}

/// `ResultPath`.
#[derive(Debug, Default)]
pub enum ResultPath {
    /// `$`: the result replaces the input.
    #[default]
    Replace,
    /// `null`: the result is dropped, the raw input goes on.
    Discard,
    /// The result is put into the raw input here.
    Path(ReferencePath),
}

/// `Assign`: variables and what they get, all read from the same entry values.
#[derive(Debug)]
pub struct Assign {
    /// An object template whose top-level keys (without `.$`) are variable names.
    pub template: PayloadTemplate,
}

/// A Pass state.
#[derive(Debug)]
pub struct Pass {
    /// `Result`, JSONPath only.
    pub result: Option<Value>,
}

/// A Wait state.
#[derive(Debug)]
pub enum Wait {
    /// `Seconds`, literal.
    Seconds(u64),
    /// `SecondsPath`.
    SecondsPath(ReferencePath),
    /// `Seconds` as JSONata.
    SecondsExpression(baton_query::Expression),
    /// `Timestamp`, literal: RFC 3339 text as written and Unix milliseconds.
    Timestamp(i64),
    /// `TimestampPath`.
    TimestampPath(ReferencePath),
    /// `Timestamp` as JSONata.
    TimestampExpression(baton_query::Expression),
}

/// A Fail state.
#[derive(Debug)]
pub struct Fail {
    /// `Error`, `ErrorPath`.
    pub error: TextField,
    /// `Cause`, `CausePath`.
    pub cause: TextField,
}

/// A text that is absent, literal or computed.
#[derive(Debug, Default)]
pub enum TextField {
    /// Not given.
    #[default]
    Absent,
    /// As written.
    Literal(Arc<str>),
    /// `…Path`: a path, context path, variable or one of the intrinsics allowed there.
    Path(PathOrIntrinsic),
    /// JSONata.
    Expression(baton_query::Expression),
}

/// A Parallel state.
#[derive(Debug)]
pub struct Parallel {
    /// `Branches`, in order.
    pub branches: Vec<FlowId>,
}
