//! Keys that are given more than once. States so named are an error, which [`super::names`] reports.

use crate::diagnostic::{Code, Diagnostic};
use crate::message;
use crate::parse::{Cursor, diagnostic};
use crate::syntax::Node;

pub(crate) fn check(definition: &Node) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    collect(&Cursor::root(definition), &mut diagnostics);
    diagnostics
}

/// The tree's depth is bounded by its reader.
fn collect(cursor: &Cursor<'_>, diagnostics: &mut Vec<Diagnostic>) {
    for item in cursor.items() {
        collect(&item, diagnostics);
    }
    for (_, _, member) in cursor.members() {
        collect(&member, diagnostics);
    }
    let Some(object) = cursor.node.object() else { return };
    for duplicate in &object.duplicates {
        let text = message::duplicate_key(&duplicate.key);
        diagnostics.push(diagnostic(Code::DuplicateKey, text, Some(cursor.location()), duplicate.key_range, None));
    }
}
