//! Tests a value against a filter.

use std::borrow::Cow;

use regex::Regex;
use serde_json::Value;

use super::super::eval::{Context, Missing, read_from};
use super::super::failure::Failure;
use super::{Filter, FilterPath, Operand, compare};

/// What an operand stands for.
pub(super) enum Node<'v> {
    Value(Cow<'v, Value>),
    Pattern(&'v Regex),
    /// A path that finds nothing; equal to nothing.
    Undefined,
}

impl Filter {
    /// Whether `item` passes.
    pub(crate) fn accepts(&self, item: &Value, context: &Context<'_>) -> Result<bool, Failure> {
        match self {
            Filter::Or(operands) => any(operands, |operand| operand.accepts(item, context)),
            Filter::And(operands) => Ok(!any(operands, |operand| operand.accepts(item, context).map(|passes| !passes))?),
            Filter::Not(operand) => operand.accepts(item, context).map(|passes| !passes),
            Filter::Exists { path, expected } => Ok(path.exists(item, context)? == *expected),
            Filter::Compare { left, operator, right } => {
                let left = left.evaluate(item, context)?;
                let right = right.evaluate(item, context)?;
                context.spend(compare::cost(*operator, &left, &right))?;
                Ok(compare::compare(*operator, &left, &right))
            }
        }
    }
}

/// Whether `test` holds for one of `operands`, those behind it left out.
fn any(operands: &[Filter], test: impl Fn(&Filter) -> Result<bool, Failure>) -> Result<bool, Failure> {
    for operand in operands {
        if test(operand)? {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Operand {
    fn evaluate<'v>(&'v self, item: &'v Value, context: &Context<'v>) -> Result<Node<'v>, Failure> {
        match self {
            Operand::Literal(value) => Ok(Node::Value(Cow::Borrowed(value))),
            Operand::Pattern(pattern) => Ok(Node::Pattern(pattern)),
            Operand::Path(path) => match path.read(item, context, Missing::Skipped) {
                Ok(value) => Ok(Node::Value(value)),
                Err(failure) if failure.is_not_found() => Ok(Node::Undefined),
                Err(failure) => Err(failure),
            },
        }
    }
}

impl FilterPath {
    fn exists(&self, item: &Value, context: &Context<'_>) -> Result<bool, Failure> {
        match self.read(item, context, Missing::Fails) {
            Ok(_) => Ok(true),
            Err(failure) if failure.is_not_found() => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    fn read<'v>(&self, item: &'v Value, context: &Context<'v>, missing: Missing) -> Result<Cow<'v, Value>, Failure> {
        let start = if self.from_root { context.root } else { item };
        read_from(&self.steps, start, context, missing)
    }
}
