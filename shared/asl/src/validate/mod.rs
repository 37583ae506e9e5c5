//! What can only be said of a definition as a whole: names that meet, states that nothing leads to, variables of other scopes.

mod graph;
mod keys;
mod names;
mod scopes;

pub use names::{LabelFault, label_fault};

use crate::diagnostic::{Diagnostic, Severity};
use crate::model::StateMachine;
use crate::parse::{MAX_DIAGNOSTICS, Parser};
use crate::syntax::Node;

/// Every diagnostic of a definition that has been read, in AWS's order as far as it is known: values, then names, then transitions
/// that lead nowhere, then the missing end, then states that nothing leads to.
pub(crate) fn diagnostics(parser: Parser<'_>, definition: &Node, machine: Option<&StateMachine>, warn: bool) -> Vec<Diagnostic> {
    let mut diagnostics = names::check(&parser);
    diagnostics.extend(graph::check(&parser));
    if warn {
        diagnostics.extend(scopes::check(&parser, machine));
        diagnostics.extend(keys::check(definition));
    }
    let mut all = parser.diagnostics;
    all.append(&mut diagnostics);
    limit(&mut all, Severity::Error);
    limit(&mut all, Severity::Warning);
    all
}

fn limit(diagnostics: &mut Vec<Diagnostic>, severity: Severity) {
    let mut left = MAX_DIAGNOSTICS;
    diagnostics.retain(|diagnostic| {
        let is_kept = diagnostic.severity != severity || left > 0;
        left -= usize::from(diagnostic.severity == severity && left > 0);
        is_kept
    });
}
