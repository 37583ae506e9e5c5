//! What became of offers at this coordinator, whichever way they came to it: over a worker's session, or from the broker for a session.

use std::sync::LazyLock;

use metrics::Counter;

use crate::telemetry::names;

/// What became of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClaimOutcome {
    /// It was claimed, and the task granted.
    Granted,
    /// It was claimed, and the claim denied.
    Denied,
    /// It was not claimed.
    HandedBack,
}

struct Claims {
    granted: Counter,
    denied: Counter,
    handed_back: Counter,
}

static CLAIMS: LazyLock<Claims> = LazyLock::new(|| {
    let answered = |outcome| names::OFFERS_ANSWERED.counter([outcome]);
    Claims { granted: answered("granted"), denied: answered("denied"), handed_back: answered("handed_back") }
});

/// An offer is answered.
pub(crate) fn count_claim(outcome: ClaimOutcome) {
    let counter = match outcome {
        ClaimOutcome::Granted => &CLAIMS.granted,
        ClaimOutcome::Denied => &CLAIMS.denied,
        ClaimOutcome::HandedBack => &CLAIMS.handed_back,
    };
    counter.increment(1);
}

/// They are shown from now on, so that the first of them is seen as a rise.
pub(in crate::cluster) fn show_claims() {
    LazyLock::force(&CLAIMS);
}
