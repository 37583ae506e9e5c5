//! What JSONata has and Step Functions does not: a context at the top level, and the operators younger than 2.0.6.
//!
//! An expression is evaluated without a context: `$`, `$$` and bare names at the top level have nothing to refer to.
//! Steps, predicates, sort terms and groupings have the value before them as context, so everything is allowed there.
//! The body of a function keeps the context of the expression around it.

use jlens_core::ast::FallbackOp;
use jlens_core::{Ast, Node, NodeKind, stack};

use crate::SyntaxError;
use crate::error::code;

/// Every use of what does not exist, in the order written, each name once.
pub(super) fn check(ast: &Ast) -> Vec<SyntaxError> {
    let mut errors = Vec::new();
    collect_young_operators(&ast.root, &mut errors);
    if errors.is_empty() {
        collect_context_reads(&ast.root, &mut errors);
    }
    errors
}

/// To 2.0.6, `a ?? b` is a conditional whose first branch starts with `?`, and `a ?: b` one that starts with `:`.
fn collect_young_operators(node: &Node, errors: &mut Vec<SyntaxError>) {
    if let NodeKind::Fallback { op, .. } = &node.kind {
        let symbol = match op {
            FallbackOp::Coalesce => "?",
            FallbackOp::Default => ":",
        };
        errors.push(SyntaxError {
            code: code::INVALID_JSONATA_EXPRESSION,
            message: format!("The symbol \"{symbol}\" cannot be used as a unary operator"),
            position: Some(node.span.start),
        });
    }
    stack::grow(|| node.for_each_child(|child| collect_young_operators(child, errors)));
}

/// Visits the nodes that are evaluated without a context.
fn collect_context_reads(node: &Node, errors: &mut Vec<SyntaxError>) {
    match &node.kind {
        NodeKind::Name { name } => push_context_read(node, &format!("'{name}' at the top level"), errors),
        NodeKind::Variable { name } if name.is_empty() => push_context_read(node, "'$' at the top level", errors),
        NodeKind::Variable { name } if name == "$" => push_context_read(node, "'$$'", errors),
        // Only the first step has no value before it.
        NodeKind::Path { steps, .. } => visit(steps.first(), errors),
        NodeKind::Lambda(definition) => visit([&definition.body], errors),
        NodeKind::Binary { .. }
        | NodeKind::Fallback { .. }
        | NodeKind::Apply { .. }
        | NodeKind::Negate { .. }
        | NodeKind::Array { .. }
        | NodeKind::Object { .. }
        | NodeKind::Condition { .. }
        | NodeKind::Block { .. }
        | NodeKind::Function { .. }
        | NodeKind::Partial { .. } => visit(operands(node), errors),
        NodeKind::Bind { rhs, .. } => visit([rhs.as_ref()], errors),
        NodeKind::Variable { .. }
        | NodeKind::String { .. }
        | NodeKind::Number { .. }
        | NodeKind::Bool { .. }
        | NodeKind::Null
        | NodeKind::Regex { .. }
        | NodeKind::Wildcard
        | NodeKind::Descendant
        | NodeKind::Parent { .. }
        | NodeKind::Placeholder
        | NodeKind::Transform(_)
        | NodeKind::Sort { .. }
        | NodeKind::Error { .. } => {}
    }
}

fn visit<'n>(nodes: impl IntoIterator<Item = &'n Node>, errors: &mut Vec<SyntaxError>) {
    for node in nodes {
        stack::grow(|| collect_context_reads(node, errors));
    }
}

/// A node's children that share its context: without predicates and groupings.
fn operands(node: &Node) -> Vec<&Node> {
    match &node.kind {
        NodeKind::Binary { lhs, rhs, .. } | NodeKind::Fallback { lhs, rhs, .. } | NodeKind::Apply { lhs, rhs } => {
            vec![lhs, rhs]
        }
        NodeKind::Negate { expr } => vec![expr],
        NodeKind::Array { items } => items.iter().collect(),
        NodeKind::Object { pairs } => pairs.iter().flat_map(|(key, value)| [key, value]).collect(),
        NodeKind::Condition { condition, then, otherwise } => [condition, then].into_iter().chain(otherwise).map(AsRef::as_ref).collect(),
        NodeKind::Block { exprs, .. } => exprs.iter().collect(),
        NodeKind::Function { procedure, args } | NodeKind::Partial { procedure, args } => {
            std::iter::once(procedure.as_ref()).chain(args).collect()
        }
        _ => unreachable!("only kinds with operands get here"),
    }
}

fn push_context_read(node: &Node, what: &str, errors: &mut Vec<SyntaxError>) {
    let message = format!("Reference to {what} is not supported.");
    if errors.iter().all(|error| error.message != message) {
        errors.push(SyntaxError { code: code::UNSUPPORTED_JSONATA_EXPRESSION, message, position: Some(node.span.start) });
    }
}
