//! What is counted about offers.

use std::time::Duration;

use metrics::{Counter, Gauge};

use crate::dispatch::Repeated;
use crate::telemetry::{bounded, names};

/// Of the publishing side.
pub(super) struct PublisherFigures {
    pub(super) published: Counter,
    pub(super) refused: Counter,
    pub(super) unconfirmed: Counter,
    pub(super) stalled: Gauge,
    again_refused: Counter,
    again_link: Counter,
    again_audit: Counter,
    again_handed_back: Counter,
}

impl PublisherFigures {
    pub(super) fn new() -> Self {
        let repeated = |reason| names::OFFERS_REPEATED.counter([reason]);
        Self {
            published: names::OFFERS_PUBLISHED.counter([]),
            refused: names::OFFERS_REFUSED.counter(["nack"]),
            unconfirmed: names::OFFERS_REFUSED.counter(["unconfirmed"]),
            stalled: names::DISPATCH_STALLED.gauge([]),
            again_refused: repeated("nack"),
            again_link: repeated("link"),
            again_audit: repeated("audit"),
            again_handed_back: repeated("handed_back"),
        }
    }

    /// How the offers of a queue stand.
    pub(super) fn queue(&self, name: &str, unclaimed: usize, oldest: Duration, repeated: Repeated) {
        let label = bounded("queue", name);
        names::OFFERS_UNCLAIMED.gauge([label]).set(unclaimed as f64);
        names::OFFERS_OLDEST_AGE.gauge([label]).set(oldest.as_secs_f64());
        self.again_refused.increment(repeated.refused);
        self.again_link.increment(repeated.link_lost);
        self.again_audit.increment(repeated.audit);
        self.again_handed_back.increment(repeated.handed_back);
    }
}

/// Of claims.
pub(super) struct ClaimFigures {
    pub(super) granted: Counter,
    pub(super) denied: Counter,
    pub(super) handed_back: Counter,
}

impl ClaimFigures {
    pub(super) fn new() -> Self {
        let answered = |outcome| names::OFFERS_ANSWERED.counter([outcome]);
        Self { granted: answered("granted"), denied: answered("denied"), handed_back: answered("handed_back") }
    }
}
