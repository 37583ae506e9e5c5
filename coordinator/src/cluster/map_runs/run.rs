//! One Map Run's orders, in order.

use std::sync::Arc;
use std::time::Duration;

use baton_engine::{ChildEnd, ChildOutcome, Input, ItemPosition, MapChild, Rejected, Start, redrive_token};
use futures_util::stream::{self, StreamExt};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use super::reads::Reads;
use super::{Cluster, MapRunIo};
use crate::cluster::figures::HostGauges;
use crate::cluster::{ExecutionId, NotRedrivable, RedriveError, SendError, StartError};
use crate::shard::{MapRunContext, MapRunMessage, MapRunOrderKind, MapRunQuestion, child_arn};

/// Children that are started, redriven or stopped at once.
const AT_ONCE: usize = 256;
/// What cannot be done now is tried again after this time, and after twice as much each time, up to a second.
const RETRY_AFTER: Duration = Duration::from_millis(20);
const RETRY_AFTER_MAX: Duration = Duration::from_secs(1);
/// Bytes of the log that wait for their checkpoints while a run starts more children.
const UNSAVED_BYTES_MAX: usize = 64 * 1024 * 1024;
/// And so long at most.
const KEEP_UP_MAX: Duration = Duration::from_secs(2);
/// Without an order for so long the source is closed, and opened again when it is needed.
const IDLE: Duration = Duration::from_secs(60);

pub(super) struct Run {
    cluster: Cluster,
    io: Arc<dyn MapRunIo>,
    run: Arc<MapRunContext>,
    reads: Arc<Mutex<Reads>>,
    /// Readings under way: of what a store does not answer, nothing else waits.
    reading: JoinSet<()>,
    /// Children on their way into the world.
    beginning: JoinSet<()>,
}

impl Run {
    pub(super) fn new(cluster: Cluster, io: Arc<dyn MapRunIo>, run: Arc<MapRunContext>) -> Self {
        Self { cluster, io, run, reads: Arc::new(Mutex::new(Reads::new())), reading: JoinSet::new(), beginning: JoinSet::new() }
    }

    /// Until the run has ended, or nobody orders anything any more.
    pub(super) async fn follow(mut self, mut orders: mpsc::UnboundedReceiver<MapRunOrderKind>) {
        loop {
            let order = match tokio::time::timeout(IDLE, orders.recv()).await {
                Ok(Some(MapRunOrderKind::Ended) | None) => return,
                Ok(Some(order)) => order,
                Err(_) => {
                    self.reads = Arc::new(Mutex::new(Reads::new()));
                    continue;
                }
            };
            self.obey(order).await;
            while self.beginning.try_join_next().is_some() {}
            while self.reading.try_join_next().is_some() {}
        }
    }

    async fn obey(&mut self, order: MapRunOrderKind) {
        match order {
            MapRunOrderKind::Read(order) => self.read(order.position, order.items, None),
            MapRunOrderKind::ReadAgain(chunk) => self.read(chunk.position, u64::from(chunk.items), Some(chunk.first)),
            MapRunOrderKind::Start { first, starts } => {
                let (cluster, id) = (self.cluster.clone(), self.run.id);
                self.beginning.spawn(async move {
                    checkpoints_keep_up(&cluster).await;
                    for_each(starts, |start| begin(&cluster, start)).await;
                    if let Some(first) = first {
                        cluster.send_to_map_run(id, MapRunMessage::ChildrenSent { first });
                    }
                });
            }
            MapRunOrderKind::Redrive { indices, unsent, redrive } => {
                let (cluster, run) = (self.cluster.clone(), self.run.clone());
                self.beginning.spawn(async move {
                    let child = |index| Child { cluster: &cluster, run: &run, index, redrive };
                    for_each(indices.clone(), |index| child(index).begin_again(unsent.contains(&index))).await;
                    cluster.send_to_map_run(run.id, MapRunMessage::RedrivesSent { indices });
                });
            }
            MapRunOrderKind::Stop { children, redrive } => {
                self.reading.abort_all();
                while self.beginning.join_next().await.is_some() {}
                let child = |index| Child { cluster: &self.cluster, run: &self.run, index, redrive };
                for_each(children, |(index, items)| child(index).stop(items)).await;
            }
            MapRunOrderKind::Write { record } => {
                let result = self.io.write(&self.cluster, &self.run, &record).await;
                self.cluster.send_to_map_run(self.run.id, MapRunMessage::Written { result });
            }
            MapRunOrderKind::Ended => {}
        }
    }

    fn read(&mut self, position: ItemPosition, items: u64, again: Option<u64>) {
        let (cluster, io, run, reads) = (self.cluster.clone(), self.io.clone(), self.run.clone(), self.reads.clone());
        self.reading.spawn(async move {
            let result = reads.lock().await.read(&*io, &run, &position, items).await;
            let message = MapRunMessage::ItemsRead { parent: run.parent, position, again, result };
            cluster.send_to_map_run(run.id, message);
        });
    }
}

/// Children can be started faster than what becomes of them is written to the key-value side. A run waits for that long before it keeps others
/// waiting, and so takes no more memory at its end than at its beginning.
///
/// Where a shard's checkpoints have stopped for good, what it has not saved stays so, and a run goes on slowly.
async fn checkpoints_keep_up(cluster: &Cluster) {
    let begun = tokio::time::Instant::now();
    while HostGauges::unsaved_bytes(&cluster.inner.gauges) > UNSAVED_BYTES_MAX && begun.elapsed() < KEEP_UP_MAX {
        tokio::time::sleep(RETRY_AFTER).await;
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

/// One child, in one redrive of its run.
#[derive(Clone, Copy)]
struct Child<'a> {
    cluster: &'a Cluster,
    run: &'a MapRunContext,
    index: u64,
    redrive: u32,
}

impl Child<'_> {
    /// A Standard child is redriven; an Express one begins anew, with the input that it had. `is_unsent`: one that is not there is being started.
    async fn begin_again(self, is_unsent: bool) {
        let is_begun = if self.run.spec.is_express { self.begin_express_again().await } else { self.begin_standard_again().await };
        if !is_begun && !is_unsent {
            self.end_for(ChildOutcome::Failed, 1).await;
        }
    }

    /// False if there is nothing to go on with.
    async fn begin_standard_again(self) -> bool {
        let (id, token) = (self.id(), redrive_token(self.redrive));
        let attempt = || async {
            match self.cluster.redrive(id, Some(token.clone())).await {
                Ok(_) => Some(true),
                Err(RedriveError::NotRedrivable(NotRedrivable::Running)) => self.is_of_this_redrive().await,
                Err(RedriveError::Throttled | RedriveError::Unavailable(_)) => None,
                Err(RedriveError::NotRedrivable(_) | RedriveError::NoSuchExecution) => Some(false),
            }
        };
        until_done(attempt).await
    }

    /// One that runs may have been started this moment. If it was started so late that its run had given it up, it ends first.
    async fn is_of_this_redrive(self) -> Option<bool> {
        let record = self.cluster.describe(self.id()).await.ok()??;
        if record.map_run_redrive == self.redrive {
            return Some(true);
        }
        // Whatever it answers, the next attempt sees what has become of it.
        let _ = self.cluster.send(self.id(), Input::StopChild { redrive: record.map_run_redrive }).await;
        None
    }

    /// As [`begin_standard_again`](Self::begin_standard_again).
    async fn begin_express_again(self) -> bool {
        for redrive in (0..=self.redrive).rev() {
            let id = Self { redrive, ..self }.id();
            match until_done(|| async { self.cluster.describe(id).await.ok() }).await {
                Some(_) if redrive == self.redrive => return true,
                Some(record) => {
                    begin(self.cluster, self.start_like(&record.start)).await;
                    return true;
                }
                None => {}
            }
        }
        false
    }

    fn start_like(self, before: &Start) -> Start {
        let (arn, name) = child_arn(&self.run.spec.map_run_arn, self.index, true, self.redrive);
        let map_child = before.map_child.as_deref().map(|child| Arc::new(MapChild { redrive: self.redrive, ..child.clone() }));
        Start { execution_arn: arn.into(), name: name.into(), deadline: None, map_child, ..before.clone() }
    }

    /// `items` has it if it never began.
    async fn stop(self, items: u32) {
        let attempt = || async {
            match self.cluster.send(self.id(), Input::StopChild { redrive: self.redrive }).await {
                Ok(_) | Err(SendError::Rejected(Rejected::Ended | Rejected::Cancelled)) => Some(true),
                Err(SendError::NoSuchExecution) => Some(false),
                Err(SendError::Rejected(_) | SendError::Throttled | SendError::Unavailable(_)) => None,
            }
        };
        if !until_done(attempt).await {
            self.end_for(ChildOutcome::Aborted, items).await;
        }
    }

    /// Says the end of a child that cannot say it by itself.
    async fn end_for(self, outcome: ChildOutcome, items: u32) {
        let end = ChildEnd { index: self.index, redrive: self.redrive, outcome, items, output: None, failure: None };
        let told = || async { self.cluster.ask_map_run(self.run.id, MapRunQuestion::ChildrenEnded(vec![end.clone()])).await.ok() };
        until_done(told).await;
    }

    fn id(self) -> ExecutionId {
        self.run.child(self.index, self.redrive)
    }
}
