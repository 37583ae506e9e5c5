//! One Map Run's orders, in order.

use std::sync::Arc;
use std::time::Duration;

use baton_engine::{ChildEnd, ChildOutcome, Input, ItemPosition, Rejected, Start};
use futures_util::stream::{self, StreamExt};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::reads::Reads;
use super::{Cluster, MapRunIo};
use crate::cluster::{ExecutionId, NotRedrivable, RedriveError, SendError, StartError};
use crate::shard::{MapRunContext, MapRunMessage, MapRunOrderKind, MapRunQuestion, child_arn};

/// Children that are started, redriven or stopped at once.
const AT_ONCE: usize = 256;
/// What cannot be done now is tried again after this time, and after twice as much each time, up to a second.
const RETRY_AFTER: Duration = Duration::from_millis(20);
const RETRY_AFTER_MAX: Duration = Duration::from_secs(1);
/// Without an order for so long the source is closed, and opened again when it is needed.
const IDLE: Duration = Duration::from_secs(60);

pub(super) struct Run {
    cluster: Cluster,
    io: Arc<dyn MapRunIo>,
    run: Arc<MapRunContext>,
    reads: Reads,
    /// Children on their way into the world.
    beginning: JoinSet<()>,
}

impl Run {
    pub(super) fn new(cluster: Cluster, io: Arc<dyn MapRunIo>, run: Arc<MapRunContext>) -> Self {
        Self { cluster, io, run, reads: Reads::new(), beginning: JoinSet::new() }
    }

    /// Until the run has ended, or nobody orders anything any more.
    pub(super) async fn follow(mut self, mut orders: mpsc::UnboundedReceiver<MapRunOrderKind>) {
        loop {
            let order = match tokio::time::timeout(IDLE, orders.recv()).await {
                Ok(Some(MapRunOrderKind::Ended) | None) => return,
                Ok(Some(order)) => order,
                Err(_) => {
                    self.reads = Reads::new();
                    continue;
                }
            };
            self.obey(order).await;
            while self.beginning.try_join_next().is_some() {}
        }
    }

    async fn obey(&mut self, order: MapRunOrderKind) {
        match order {
            MapRunOrderKind::Read(order) => self.read(order.position, order.items, None).await,
            MapRunOrderKind::ReadAgain(chunk) => self.read(chunk.position, u64::from(chunk.items), Some(chunk.first)).await,
            MapRunOrderKind::Start { first, starts } => {
                let (cluster, id) = (self.cluster.clone(), self.run.id);
                self.beginning.spawn(async move {
                    for_each(starts, |start| begin(&cluster, start)).await;
                    cluster.tell_map_run(id, MapRunMessage::ChildrenSent { first });
                });
            }
            MapRunOrderKind::Redrive { indices, redrive } => {
                let (cluster, run) = (self.cluster.clone(), self.run.clone());
                self.beginning.spawn(async move {
                    for_each(indices.clone(), |index| begin_again(&cluster, &run, index, redrive)).await;
                    cluster.tell_map_run(run.id, MapRunMessage::RedrivesSent { indices });
                });
            }
            MapRunOrderKind::Stop { indices, redrive } => {
                while self.beginning.join_next().await.is_some() {}
                for_each(indices, |index| stop(&self.cluster, &self.run, index, redrive)).await;
            }
            MapRunOrderKind::Write { record } => {
                let result = self.io.write(&self.cluster, &self.run, &record).await;
                self.cluster.tell_map_run(self.run.id, MapRunMessage::Written { result });
            }
            MapRunOrderKind::Ended => {}
        }
    }

    async fn read(&mut self, position: ItemPosition, items: u64, again: Option<u64>) {
        let result = self.reads.read(&*self.io, &self.run, &position, items).await;
        let message = MapRunMessage::ItemsRead { parent: self.run.parent, position, again, result };
        self.cluster.tell_map_run(self.run.id, message);
    }
}

async fn for_each<T, F: Future<Output = ()>>(items: Vec<T>, act: impl Fn(T) -> F) {
    stream::iter(items).for_each_concurrent(AT_ONCE, act).await;
}

/// Tries until there is an answer. The end of the process's work ends this too.
async fn until_done<T, F: Future<Output = Option<T>>>(attempt: impl Fn() -> F) -> T {
    let mut delay = RETRY_AFTER;
    loop {
        if let Some(answer) = attempt().await {
            return answer;
        }
        tokio::time::sleep(delay).await;
        delay = (delay * 2).min(RETRY_AFTER_MAX);
    }
}

async fn begin(cluster: &Cluster, start: Start) {
    let attempt = || async {
        match cluster.start_child(start.clone()).await {
            Ok(_) | Err(StartError::AlreadyExists { .. }) => Some(()),
            Err(StartError::Throttled | StartError::Unavailable(_)) => None,
        }
    };
    until_done(attempt).await;
}

/// A Standard child is redriven; an Express one begins anew, with the input that it had.
async fn begin_again(cluster: &Cluster, run: &MapRunContext, index: u64, redrive: u32) {
    if run.spec.is_express {
        return begin_express_again(cluster, run, index, redrive).await;
    }
    let id = child_id(run, index, redrive);
    let token: Arc<str> = format!("map run {redrive}").into();
    let attempt = || async {
        match cluster.redrive(id, Some(token.clone())).await {
            Ok(_) | Err(RedriveError::NotRedrivable(NotRedrivable::Running)) => Some(true),
            Err(RedriveError::Throttled | RedriveError::Unavailable(_)) => None,
            Err(RedriveError::NotRedrivable(_) | RedriveError::NoSuchExecution) => Some(false),
        }
    };
    if !until_done(attempt).await {
        end_for(cluster, run, index, ChildOutcome::Failed).await;
    }
}

async fn begin_express_again(cluster: &Cluster, run: &MapRunContext, index: u64, redrive: u32) {
    for before in (0..redrive).rev() {
        let id = child_id(run, index, before);
        if let Some(record) = until_done(|| async { cluster.describe(id).await.ok() }).await {
            let (arn, name) = child_arn(&run.spec.map_run_arn, index, true, redrive);
            let start = Start { execution_arn: arn.into(), name: name.into(), deadline: None, ..(*record.start).clone() };
            return begin(cluster, start).await;
        }
    }
    end_for(cluster, run, index, ChildOutcome::Failed).await;
}

async fn stop(cluster: &Cluster, run: &MapRunContext, index: u64, redrive: u32) {
    let id = child_id(run, index, redrive);
    let attempt = || async {
        match cluster.send(id, Input::Stop { error: None, cause: None }).await {
            Ok(_) | Err(SendError::Rejected(Rejected::Ended | Rejected::Cancelled)) => Some(true),
            Err(SendError::NoSuchExecution) => Some(false),
            Err(SendError::Rejected(_) | SendError::Throttled | SendError::Unavailable(_)) => None,
        }
    };
    if !until_done(attempt).await {
        end_for(cluster, run, index, ChildOutcome::Aborted).await;
    }
}

/// Says the end of a child that cannot say it by itself.
async fn end_for(cluster: &Cluster, run: &MapRunContext, index: u64, outcome: ChildOutcome) {
    let end = ChildEnd { index, outcome, items: 1, output: None, failure: None };
    until_done(|| async { cluster.ask_map_run(run.id, MapRunQuestion::ChildrenEnded(vec![end.clone()])).await.ok() }).await;
}

fn child_id(run: &MapRunContext, index: u64, redrive: u32) -> ExecutionId {
    ExecutionId::of_arn(&child_arn(&run.spec.map_run_arn, index, run.spec.is_express, redrive).0)
}
