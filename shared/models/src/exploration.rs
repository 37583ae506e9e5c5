//! Runs the checker and says what it has seen.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::hash::Hash;
use std::time::{Duration, Instant};

use stateright::{Checker, HasDiscoveries, Model};

/// States that a search generates at the most, so that one that grew by accident ends.
const STATES_MAX: usize = 500_000_000;

/// What a search has come to.
pub(crate) struct Explored {
    /// Names of the properties that do not hold.
    pub(crate) violated: BTreeSet<&'static str>,
    /// Whether every state that can be reached was visited.
    pub(crate) is_exhausted: bool,
    /// The steps of the shortest way to a violation, and where it leads.
    pub(crate) trace: Option<String>,
}

/// Visits all states, breadth first, or those up to a violation of the property if that is enough.
pub(crate) fn explore<M>(name: &str, model: M, until: Option<&'static str>) -> Explored
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq + Send + 'static,
{
    let begin = Instant::now();
    let until = until.map_or(HasDiscoveries::All, |property| HasDiscoveries::AnyOf(BTreeSet::from([property])));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let checker = model.checker().threads(threads).target_state_count(STATES_MAX).timeout(Duration::from_secs(3600)).finish_when(until);
    let checker = checker.spawn_bfs().join();
    let discoveries = checker.discoveries();
    let violated: BTreeSet<_> = discoveries.keys().copied().collect();
    let shortest = discoveries.into_values().min_by_key(|path| path.clone().into_actions().len());
    let trace = shortest.map(|path| format!("{:?}\nleads to {:?}", path.clone().into_actions(), path.last_state()));
    let is_exhausted = violated.is_empty() && checker.state_count() < STATES_MAX;
    println!(
        "{name}: {} states, {} of them different, depth {}, {}, {:.1} s, violated: {violated:?}",
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth(),
        if is_exhausted { "all visited" } else { "not all visited" },
        begin.elapsed().as_secs_f64(),
    );
    Explored { violated, is_exhausted, trace }
}

/// The design: every state visited, nothing violated.
pub(crate) fn holds<M>(name: &str, model: M)
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq + Send + 'static,
{
    let explored = explore(name, model, None);
    assert!(explored.violated.is_empty(), "{name} violates {:?}:\n{}", explored.violated, explored.trace.unwrap_or_default());
    assert!(explored.is_exhausted, "{name}: the search has to come to an end");
}

/// A broken variant: the search finds that `property` does not hold.
pub(crate) fn breaks<M>(name: &str, model: M, property: &'static str)
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq + Send + 'static,
{
    let explored = explore(name, model, Some(property));
    assert!(explored.violated.contains(property), "{name}: found {:?} instead of '{property}'", explored.violated);
}
