//! The ends of children on their way to their runs, many in one message.

use std::collections::BTreeMap;
use std::time::Duration;

use baton_engine::{ChildEnd, Payload};
use tokio::sync::mpsc;

use super::Cluster;
use crate::cluster::ExecutionId;
use crate::shard::{ChildReport, MapRunQuestion, ShardInput};
use crate::store::ShardId;

/// Ends in one message at most.
const ENDS_MAX: usize = 256;
/// Bytes of outputs and causes in one message at most, but for one that is longer by itself: they become one event.
const RESULT_BYTES_MAX: usize = 1024 * 1024;
/// The first end waits so long for others.
const LINGER: Duration = Duration::from_millis(2);
/// A run that does not answer is told again after this time.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// Tells every end until its run has heard of it.
pub(super) async fn tell(cluster: Cluster, mut ends: mpsc::UnboundedReceiver<Box<ChildReport>>) {
    let mut reports = Vec::with_capacity(ENDS_MAX);
    while ends.recv_many(&mut reports, ENDS_MAX).await > 0 {
        if reports.len() < ENDS_MAX {
            tokio::time::sleep(LINGER).await;
            while reports.len() < ENDS_MAX {
                let Ok(report) = ends.try_recv() else { break };
                reports.push(report);
            }
        }
        let mut by_run: BTreeMap<ExecutionId, (usize, Vec<ChildReport>)> = BTreeMap::new();
        for report in reports.drain(..) {
            let (run, bytes) = (report.map_run, result_bytes(&report.end));
            let (sum, message) = by_run.entry(run).or_default();
            if *sum + bytes > RESULT_BYTES_MAX && !message.is_empty() {
                tokio::spawn(tell_one(cluster.clone(), run, std::mem::take(message)));
                *sum = 0;
            }
            *sum += bytes;
            message.push(*report);
        }
        for (run, (_, reports)) in by_run {
            tokio::spawn(tell_one(cluster.clone(), run, reports));
        }
    }
}

fn result_bytes(end: &ChildEnd) -> usize {
    let cause = end.failure.as_ref().and_then(|failure| failure.cause.as_ref());
    end.output.as_ref().map_or(0, Payload::len) + cause.map_or(0, |cause| cause.len())
}

async fn tell_one(cluster: Cluster, run: ExecutionId, reports: Vec<ChildReport>) {
    let ends: Vec<_> = reports.iter().map(|report| report.end.clone()).collect();
    while cluster.ask_map_run(run, MapRunQuestion::ChildrenEnded(ends.clone())).await.is_err() {
        if cluster.is_closing() {
            return;
        }
        tokio::time::sleep(RETRY_AFTER).await;
    }
    let mut heard: BTreeMap<ShardId, Vec<(ExecutionId, u32)>> = BTreeMap::new();
    for report in reports {
        heard.entry(cluster.shard_of(report.child)).or_default().push((report.child, report.end.redrive));
    }
    let inputs = heard.into_iter().map(|(shard, children)| (shard, ShardInput::EndsHeard(children)));
    cluster.push_all(inputs.collect());
}
