//! What is counted about offers and the broker.

use std::sync::Arc;
use std::time::Duration;

use metrics::{Counter, Gauge};

use crate::dispatch::QueueFigures;
use crate::telemetry::{Histogram, bounded, names};

/// Of the publishing side.
pub(super) struct PublisherFigures {
    pub(super) published: Counter,
    pub(super) refused: Counter,
    pub(super) foreign: Counter,
    pub(super) unconfirmed: Counter,
    pub(super) publish_duration: Arc<Histogram>,
    pub(super) stalled: Gauge,
    pub(super) connected: Gauge,
    pub(super) reconnects: Counter,
    direct: Counter,
    again_refused: Counter,
    again_link: Counter,
    again_audit: Counter,
    again_handed_back: Counter,
}

impl PublisherFigures {
    pub(super) fn new() -> Self {
        let refused = |reason| names::OFFERS_REFUSED.counter([reason]);
        let repeated = |reason| names::OFFERS_REPEATED.counter([reason]);
        Self {
            published: names::OFFERS_PUBLISHED.counter([]),
            refused: refused("nack"),
            foreign: refused("foreign"),
            unconfirmed: refused("unconfirmed"),
            publish_duration: names::BROKER_PUBLISH_SECONDS.histogram([]),
            stalled: names::DISPATCH_STALLED.gauge([]),
            connected: names::BROKER_CONNECTED.gauge([]),
            reconnects: names::BROKER_RECONNECTS.counter([]),
            direct: names::OFFERS_DIRECT.counter([]),
            again_refused: repeated("nack"),
            again_link: repeated("link"),
            again_audit: repeated("audit"),
            again_handed_back: repeated("handed_back"),
        }
    }

    /// How the offers of a queue stand.
    pub(super) fn queue(&self, name: &str, figures: QueueFigures) {
        let QueueFigures { unclaimed, oldest_ms, repeated, direct } = figures;
        let label = bounded("queue", name);
        names::OFFERS_UNCLAIMED.gauge([label]).set(unclaimed as f64);
        names::OFFERS_OLDEST_AGE.gauge([label]).set(Duration::from_millis(oldest_ms).as_secs_f64());
        self.again_refused.increment(repeated.refused);
        self.again_link.increment(repeated.link_lost);
        self.again_audit.increment(repeated.audit);
        self.again_handed_back.increment(repeated.handed_back);
        self.direct.increment(direct);
    }
}
