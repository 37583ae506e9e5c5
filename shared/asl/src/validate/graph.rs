//! Where transitions lead: nowhere, to an end, to every state.

use crate::diagnostic::{Code, Diagnostic};
use crate::message;
use crate::model::StateId;
use crate::parse::{Parser, diagnostic};
use crate::syntax::Range;

/// A definition without an end is not asked in addition which states are reachable; AWS does the same.
pub(crate) fn check(parser: &Parser<'_>) -> Vec<Diagnostic> {
    let mut diagnostics = parser.dangling.clone();
    match parser.has_terminal_state {
        Some(false) => {
            diagnostics.push(diagnostic(Code::MissingEndState, message::NO_TERMINAL_STATE, None, Range::default(), None));
            diagnostics.extend(unreachable(parser, Scope::Nested));
        }
        Some(true) | None => diagnostics.extend(unreachable(parser, Scope::All)),
    }
    diagnostics
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    All,
    Nested,
}

/// States that no transition leads to, in the order of the text. A flow whose `StartAt` is missing says nothing about its states;
/// one that starts at a state that does not exist reaches none.
fn unreachable<'p>(parser: &'p Parser<'_>, scope: Scope) -> impl Iterator<Item = Diagnostic> + use<'p> {
    let reached = reached(parser);
    let outline = &parser.outline;
    let states = outline.states.iter().zip(reached).enumerate();
    let unreached = states.filter(move |(_, (state, reached))| {
        let is_in_scope = scope == Scope::All || outline.flow_of(state.flow).parent.is_some();
        !reached && is_in_scope && parser.starts_known[state.flow.0 as usize]
    });
    unreached.map(|(index, (state, _))| {
        let id = StateId(u32::try_from(index).expect("ids are 32 bits"));
        let location = Some(parser.outline.location(id));
        let text = message::unreachable_state(state.name);
        let is_consequence = parser.has_dangling[state.flow.0 as usize];
        Diagnostic { is_consequence, ..diagnostic(Code::MissingTransitionTarget, text, location, state.name_range, None) }
    })
}

fn reached(parser: &Parser<'_>) -> Vec<bool> {
    let mut targets = vec![Vec::new(); parser.outline.states.len()];
    for (from, to) in &parser.edges {
        targets[from.0 as usize].push(*to);
    }
    let mut reached = vec![false; targets.len()];
    let mut waiting: Vec<StateId> = parser.starts.iter().copied().flatten().collect();
    while let Some(state) = waiting.pop() {
        let index = state.0 as usize;
        if !std::mem::replace(&mut reached[index], true) {
            waiting.extend(&targets[index]);
        }
    }
    reached
}
