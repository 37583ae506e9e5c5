//! Scalar fields that may be literal, a path or an expression.

use baton_query::{Expression, ReferencePath};

/// A whole number.
#[derive(Debug)]
pub enum IntegerField {
    /// As written.
    Literal(i64),
    /// `…Path`.
    Path(ReferencePath),
    /// JSONata.
    Expression(Expression),
}

/// A number.
#[derive(Debug)]
pub enum NumberField {
    /// As written.
    Literal(f64),
    /// `…Path`.
    Path(ReferencePath),
    /// JSONata.
    Expression(Expression),
}
