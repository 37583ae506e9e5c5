//! Between the queues of this process and a message broker: offers go out ([`publisher`]), and come in for workers that speak gRPC alone
//! ([`consumers`]). What cannot go through the broker goes between members ([`borrowing`]).
//!
//! A broker that is away holds nothing up: tasks wait in their queues, where free slots of this process find them.

mod borrowing;
mod claiming;
mod consumer;
mod consumers;
mod figures;
mod in_hand;
mod publisher;

use super::Cluster;

/// Publishes and consumes until the cluster closes, if it has a broker, and takes from other members what they cannot publish.
pub(super) fn start(cluster: &Cluster) {
    if !cluster.is_alone() {
        let closing = cluster.inner.closing.clone();
        tokio::spawn(closing.run_until_cancelled_owned(borrowing::run(cluster.clone())));
    }
    let Some(broker) = cluster.inner.broker.clone() else { return };
    super::figures::show_claims();
    let publisher = publisher::Publisher::new(broker.clone(), cluster.inner.queues.clone(), cluster.inner.key.clone());
    let closing = cluster.inner.closing.clone();
    tokio::spawn(closing.clone().run_until_cancelled_owned(publisher.run()));
    tokio::spawn(closing.run_until_cancelled_owned(consumers::run(cluster.clone(), broker)));
}
