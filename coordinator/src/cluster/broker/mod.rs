//! Between the queues of this process and a message broker: offers go out ([`publisher`]), and come in for workers that speak gRPC alone
//! ([`consumers`]).
//!
//! A broker that is away holds nothing up: tasks wait in their queues, where free slots of this process find them.

mod consumer;
mod consumers;
mod figures;
mod publisher;

use super::Cluster;

/// Publishes and consumes until the cluster closes, if it has a broker.
pub(super) fn start(cluster: &Cluster) {
    let Some(broker) = cluster.inner.broker.clone() else { return };
    super::figures::show_claims();
    let publisher = publisher::Publisher::new(broker.clone(), cluster.inner.queues.clone(), cluster.inner.key.clone());
    let closing = cluster.inner.closing.clone();
    tokio::spawn(closing.clone().run_until_cancelled_owned(publisher.run()));
    tokio::spawn(closing.run_until_cancelled_owned(consumers::run(cluster.clone(), broker)));
}
