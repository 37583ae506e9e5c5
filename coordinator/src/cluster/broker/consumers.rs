//! Which queues are consumed here: those that sessions or pollers serve at this process.

use std::sync::Arc;

use baton_task_queue::TaskQueue;

use super::consumer;
use crate::cluster::Cluster;

/// Runs until it is dropped: a task for each queue that somebody serves here.
pub(super) async fn run(cluster: Cluster, broker: Arc<dyn TaskQueue>) {
    let mut consumers = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            queue = cluster.inner.queues.to_consume() => {
                consumers.spawn(consumer::run(cluster.clone(), broker.clone(), queue));
            }
            Some(ended) = consumers.join_next() => if let Err(error) = ended {
                tracing::error!(%error, "a queue is not consumed any more until somebody else serves it");
            }
        }
    }
}
