//! Questions that are put to other members, by kind. Handles are made with the first question of a kind.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use metrics::Counter;
use parking_lot::RwLock;

use crate::telemetry::{Histogram, names};

/// How a question was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cluster) enum Outcome {
    /// With what was asked for.
    Answered,
    /// The shard is another's.
    Moved,
    /// Not at all.
    Unreachable,
}

struct OfKind {
    answered: Counter,
    moved: Counter,
    unreachable: Counter,
    retries: Counter,
    duration: Arc<Histogram>,
}

impl OfKind {
    fn new(kind: &'static str) -> Self {
        let outcome = |outcome| names::PEER_REQUESTS.counter([kind, outcome]);
        Self {
            answered: outcome("answered"),
            moved: outcome("moved"),
            unreachable: outcome("unreachable"),
            retries: names::PEER_RETRIES.counter([kind]),
            duration: names::PEER_REQUEST_SECONDS.histogram([kind]),
        }
    }

    fn count(&self, outcome: Outcome, is_repeated: bool, took: Duration) {
        match outcome {
            Outcome::Answered => self.answered.increment(1),
            Outcome::Moved => self.moved.increment(1),
            Outcome::Unreachable => self.unreachable.increment(1),
        }
        self.retries.increment(u64::from(is_repeated));
        self.duration.observe(took);
    }
}

/// A question of this kind is over.
pub(in crate::cluster) fn count_question(kind: &'static str, outcome: Outcome, is_repeated: bool, took: Duration) {
    static KINDS: LazyLock<RwLock<BTreeMap<&str, OfKind>>> = LazyLock::new(RwLock::default);
    if let Some(of_kind) = KINDS.read().get(kind) {
        return of_kind.count(outcome, is_repeated, took);
    }
    KINDS.write().entry(kind).or_insert_with(|| OfKind::new(kind)).count(outcome, is_repeated, took);
}
