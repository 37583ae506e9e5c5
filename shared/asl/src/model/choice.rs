//! Choice rules.

use std::sync::Arc;

use baton_query::{Expression, Path, PayloadTemplate, ReferencePath};

use super::{Assign, StateId};

/// A Choice state.
#[derive(Debug)]
pub struct Choice {
    /// `Choices`, in order.
    pub rules: Vec<ChoiceRule>,
    /// `Default`.
    pub default: Option<StateId>,
}

/// One top-level rule.
#[derive(Debug)]
pub struct ChoiceRule {
    /// When it holds.
    pub condition: Condition,
    /// `Next`.
    pub next: StateId,
    /// `Assign` of the rule.
    pub assign: Option<Assign>,
    /// `Output` of the rule (JSONata).
    pub output: Option<PayloadTemplate>,
}

/// A condition.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a machine holds few, and most are of the large kind")]
pub enum Condition {
    /// JSONata `Condition: true` and the like.
    Constant(bool),
    /// JSONata expression.
    Expression(Expression),
    /// `And`.
    And(Vec<Condition>),
    /// `Or`.
    Or(Vec<Condition>),
    /// `Not`.
    Not(Box<Condition>),
    /// A comparison of `Variable`.
    Compare {
        /// `Variable`: `$…`, `$$…` or `$variable…`.
        variable: Path,
        /// The operator and its operand.
        operator: Operator,
    },
}

/// A comparison operator.
#[derive(Debug)]
pub enum Operator {
    /// `String…`.
    Text(Ordering, Operand<Arc<str>>),
    /// `StringMatches`.
    StringMatches(Arc<str>),
    /// `Numeric…`.
    Numeric(Ordering, Operand<f64>),
    /// `BooleanEquals`.
    Boolean(Operand<bool>),
    /// `Timestamp…`; the literal in Unix nanoseconds.
    Timestamp(Ordering, Operand<i128>),
    /// `IsNull`.
    IsNull(bool),
    /// `IsPresent`.
    IsPresent(bool),
    /// `IsNumeric`.
    IsNumeric(bool),
    /// `IsString`.
    IsString(bool),
    /// `IsBoolean`.
    IsBoolean(bool),
    /// `IsTimestamp`.
    IsTimestamp(bool),
}

/// How two values are to stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ordering {
    /// `…Equals`.
    Equals,
    /// `…LessThan`.
    LessThan,
    /// `…GreaterThan`.
    GreaterThan,
    /// `…LessThanEquals`.
    LessThanEquals,
    /// `…GreaterThanEquals`.
    GreaterThanEquals,
}

/// What a variable is compared with.
#[derive(Debug)]
pub enum Operand<T> {
    /// As written.
    Literal(T),
    /// `…Path`.
    Path(ReferencePath),
}
