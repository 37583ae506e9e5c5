//! Variables and their scopes. Each branch and each item processor is a scope inside the one of its state: it reads outer variables
//! but cannot set one. The child workflows of a distributed Map do not even see them.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Code, Diagnostic};
use crate::message;
use crate::model::{FlowId, StateMachine};
use crate::parse::{Parser, diagnostic};
use crate::variables::variable_references;

/// Warns of inner assignments to outer variables and, in a definition that is otherwise sound, of reads of variables that no visible
/// state assigns. Both are judged by where states stand and not by when they run, so they are warnings only.
pub(crate) fn check(parser: &Parser<'_>, machine: Option<&StateMachine>) -> Vec<Diagnostic> {
    let scopes = Scopes::new(parser);
    let mut diagnostics = scopes.shadowing();
    if let Some(machine) = machine {
        diagnostics.extend(scopes.undefined(machine));
    }
    diagnostics
}

struct Scopes<'p, 't> {
    parser: &'p Parser<'t>,
    assigned: BTreeMap<FlowId, BTreeSet<&'p str>>,
}

impl<'p, 't> Scopes<'p, 't> {
    fn new(parser: &'p Parser<'t>) -> Self {
        let mut assigned: BTreeMap<FlowId, BTreeSet<&str>> = BTreeMap::new();
        for assignment in &parser.assignments {
            assigned.entry(assignment.flow).or_default().insert(&assignment.name);
        }
        Self { parser, assigned }
    }

    fn shadowing(&self) -> Vec<Diagnostic> {
        let mut diagnostics = Vec::new();
        for assignment in &self.parser.assignments {
            if self.outer_scopes(assignment.flow).any(|flow| self.assigns(flow, &assignment.name)) {
                let (code, text) = (Code::DuplicateVariableName, message::outer_variable(&assignment.name));
                diagnostics.push(diagnostic(code, text, Some(assignment.location.clone()), assignment.range, None));
            }
        }
        diagnostics
    }

    fn undefined(&self, machine: &StateMachine) -> Vec<Diagnostic> {
        let mut diagnostics = Vec::new();
        let references = variable_references(machine);
        for state in &machine.states {
            for variable in references.get(&*state.name).into_iter().flatten() {
                let mut visible = std::iter::once(state.flow).chain(self.outer_scopes(state.flow));
                if !visible.any(|flow| self.assigns(flow, variable)) {
                    let range = self.parser.outline.states[state.id.0 as usize].name_range;
                    let location = Some(self.parser.outline.location(state.id));
                    let text = message::undefined_variable(variable);
                    diagnostics.push(diagnostic(Code::PossiblyUndefinedVariable, text, location, range, None));
                }
            }
        }
        diagnostics
    }

    fn assigns(&self, flow: FlowId, variable: &str) -> bool {
        self.assigned.get(&flow).is_some_and(|names| names.contains(variable))
    }

    /// The scopes around a flow, from the inside out.
    fn outer_scopes(&self, flow: FlowId) -> impl Iterator<Item = FlowId> + '_ {
        let outline = &self.parser.outline;
        std::iter::successors(Some(flow), move |flow| {
            if self.parser.separate_flows.contains(flow) {
                return None;
            }
            let parent = outline.flow_of(*flow).parent?;
            Some(outline.states[parent.0 as usize].flow)
        })
        .skip(1)
    }
}
