//! A single state as a definition of its own, as TestState takes it.
//!
//! It is read as the only state of a machine. The states that it leads to are nowhere: each name gets a Succeed state, so that the
//! transition has a target and keeps its name.

use crate::syntax::{Kind, Member, Node, Object};

/// The name of a state that stands alone: AWS's, as `$$.State.Name` shows it.
pub const LONE_STATE_NAME: &str = "StateName";

/// The machine around the state.
pub(crate) fn machine(state: Node) -> Node {
    let mut targets = targets(&state);
    targets.sort_unstable();
    targets.dedup();
    targets.retain(|target| target != LONE_STATE_NAME);
    let range = state.range;
    let node = |kind| Node { kind, range };
    let member = |key: &str, value| Member { key: key.to_owned(), key_range: range, value };
    let succeed = || node(Kind::Object(Object::new(vec![member("Type", node(Kind::Text("Succeed".to_owned())))])));
    let mut states = vec![member(LONE_STATE_NAME, state)];
    states.extend(targets.iter().map(|target| member(target, succeed())));
    let start_at = node(Kind::Text(LONE_STATE_NAME.to_owned()));
    node(Kind::Object(Object::new(vec![member("StartAt", start_at), member("States", node(Kind::Object(Object::new(states))))])))
}

/// The names in `Next`, `Default`, `Choices[].Next` and `Catch[].Next`.
fn targets(state: &Node) -> Vec<String> {
    let text = |node: &Node, field: &str| node.get(field).and_then(Node::text).map(str::to_owned);
    let listed = ["Choices", "Catch"].into_iter().filter_map(|field| state.get(field).and_then(Node::array)).flatten();
    let own = ["Next", "Default"].into_iter().filter_map(|field| text(state, field));
    own.chain(listed.filter_map(|item| text(item, "Next"))).collect()
}
