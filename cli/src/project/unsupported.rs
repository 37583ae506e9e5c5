//! What AWS accepts and this release cannot run yet. It is said when a definition is loaded, not first when an execution fails.

use baton_asl::{Resource, StateKind, StateMachine};

/// One sentence for each state that would fail.
pub(super) fn of(machine: &StateMachine) -> Vec<String> {
    machine
        .states
        .iter()
        .filter_map(|state| {
            let (what, unless) = asks_for(&state.kind)?;
            Some(format!("state {} asks for {what}, which is not there yet: it will fail{unless}", state.name))
        })
        .collect()
}

/// What it asks for, and what helps until it is there.
fn asks_for(kind: &StateKind) -> Option<(String, &'static str)> {
    match kind.resource()? {
        Resource::Function { .. } | Resource::Activity { .. } => None,
        Resource::Integration(integration) => {
            (!integration.is_lambda_invoke()).then(|| (integration.arn.to_string(), " unless a test case mocks it"))
        }
    }
}
