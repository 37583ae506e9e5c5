//! Filters: `[?(@.price < 10 && @.tags contains 'new')]`.

mod compare;
mod eval;
mod parse;

pub(crate) use parse::parse;

use regex::Regex;
use serde_json::Value;

use super::token::Steps;

/// A predicate on one value.
#[derive(Debug, Clone)]
pub(crate) enum Filter {
    Or(Vec<Filter>),
    And(Vec<Filter>),
    Not(Box<Filter>),
    /// `@.key`, or `!@.key` when something else than existence is expected.
    Exists {
        path: FilterPath,
        expected: bool,
    },
    Compare {
        left: Operand,
        operator: Operator,
        right: Operand,
    },
}

/// A path inside a filter.
#[derive(Debug, Clone)]
pub(crate) struct FilterPath {
    /// `$` rather than `@`.
    pub(crate) from_root: bool,
    pub(crate) steps: Steps,
}

/// One side of a comparison.
#[derive(Debug, Clone)]
pub(crate) enum Operand {
    Path(FilterPath),
    Literal(Value),
    /// `/pattern/flags`; matches a whole text.
    Pattern(Regex),
}

/// The operators of comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    /// `==`, which takes `42` and `"42"` for equal.
    Equal,
    NotEqual,
    /// `===`, which also compares types.
    SameTypeEqual,
    SameTypeNotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// `=~`
    Matches,
    In,
    NotIn,
    Contains,
    All,
    Size,
    Empty,
    SubsetOf,
    AnyOf,
    NoneOf,
}

impl Operator {
    /// The operator written `symbol`; words in any case.
    fn from_symbol(symbol: &str) -> Option<Operator> {
        Some(match symbol.to_ascii_uppercase().as_str() {
            "==" => Operator::Equal,
            "!=" => Operator::NotEqual,
            "===" => Operator::SameTypeEqual,
            "!==" => Operator::SameTypeNotEqual,
            "<" => Operator::Less,
            "<=" => Operator::LessOrEqual,
            ">" => Operator::Greater,
            ">=" => Operator::GreaterOrEqual,
            "=~" => Operator::Matches,
            "IN" => Operator::In,
            "NIN" => Operator::NotIn,
            "CONTAINS" => Operator::Contains,
            "ALL" => Operator::All,
            "SIZE" => Operator::Size,
            "EMPTY" => Operator::Empty,
            "SUBSETOF" => Operator::SubsetOf,
            "ANYOF" => Operator::AnyOf,
            "NONEOF" => Operator::NoneOf,
            _ => return None,
        })
    }
}
