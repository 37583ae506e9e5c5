//! One Map Run's orders, in order.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use baton_engine::{Failure, ItemPosition};
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt};
use tokio::sync::{Mutex, mpsc};
use tokio::task::{JoinError, JoinSet};

use super::child::Child;
use super::reads::Reads;
use super::standing::{RETRY_AFTER, Standing};
use super::{Cluster, MapRunIo};
use crate::cluster::figures::HostGauges;
use crate::shard::{MapRunContext, MapRunMessage, MapRunOrderKind};
use crate::store::Token;

/// Children that are started, redriven or stopped at once.
const AT_ONCE: usize = 256;
/// Bytes of the log that wait for their checkpoints while a run starts more children.
const UNSAVED_BYTES_MAX: usize = 64 * 1024 * 1024;
/// And so long at most.
const KEEP_UP_MAX: Duration = Duration::from_secs(2);
/// Without an order for so long the source is closed, and opened again when it is needed.
const IDLE: Duration = Duration::from_secs(60);

/// Why reading or writing has failed when it has met a defect.
const DEFECT: &str = "A defect of the server was met; its log has the place.";

pub(super) struct Run {
    standing: Standing,
    io: Arc<dyn MapRunIo>,
    run: Arc<MapRunContext>,
    reads: Arc<Mutex<Reads>>,
    /// Readings under way: of what a store does not answer, nothing else waits.
    reading: JoinSet<()>,
    /// Children on their way into the world.
    beginning: JoinSet<()>,
}

impl Run {
    pub(super) fn new(cluster: Cluster, io: Arc<dyn MapRunIo>, run: Arc<MapRunContext>, token: Token) -> Self {
        let standing = Standing { shard: cluster.shard_of(run.id), cluster, token };
        Self { standing, io, run, reads: Arc::new(Mutex::new(Reads::new())), reading: JoinSet::new(), beginning: JoinSet::new() }
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
            while let Some(begun) = self.beginning.try_join_next() {
                self.look_at(begun);
            }
            while self.reading.try_join_next().is_some() {}
        }
    }

    fn look_at(&self, begun: Result<(), JoinError>) {
        if let Err(error) = begun {
            let map_run = &*self.run.spec.map_run_arn;
            tracing::error!(map_run, %error, "a defect kept children from being started; they are when the shard comes to an owner again");
        }
    }

    async fn obey(&mut self, order: MapRunOrderKind) {
        match order {
            MapRunOrderKind::Read(order) => self.read(order.position, order.items, None),
            MapRunOrderKind::ReadAgain(chunk) => self.read(chunk.position, u64::from(chunk.items), Some(chunk.first)),
            MapRunOrderKind::Start { first, starts } => {
                let (standing, id) = (self.standing.clone(), self.run.id);
                self.beginning.spawn(async move {
                    checkpoints_keep_up(&standing.cluster).await;
                    for_each(starts, |start| standing.begin(start)).await;
                    if let Some(first) = first {
                        standing.cluster.send_to_map_run(id, MapRunMessage::ChildrenSent { first });
                    }
                });
            }
            MapRunOrderKind::Redrive { indices, unsent, redrive } => {
                let (standing, run) = (self.standing.clone(), self.run.clone());
                self.beginning.spawn(async move {
                    let child = |index| Child { standing: &standing, run: &run, index, redrive };
                    for_each(indices.clone(), |index| child(index).begin_again(unsent.contains(&index))).await;
                    standing.cluster.send_to_map_run(run.id, MapRunMessage::RedrivesSent { indices, redrive });
                });
            }
            MapRunOrderKind::Stop { children, redrive } => {
                self.reading.abort_all();
                while let Some(begun) = self.beginning.join_next().await {
                    self.look_at(begun);
                }
                let child = |index| Child { standing: &self.standing, run: &self.run, index, redrive };
                for_each(children, |(index, items)| child(index).stop(items)).await;
            }
            MapRunOrderKind::Write { record } => {
                let written = self.io.write(&self.standing.cluster, &self.run, &record);
                let result = or_defect("States.ResultWriterFailed", written).await;
                self.standing.cluster.send_to_map_run(self.run.id, MapRunMessage::Written { result });
            }
            MapRunOrderKind::Ended => unreachable!("the order that ends a run is looked for before it is obeyed"),
        }
    }

    fn read(&mut self, position: ItemPosition, items: u64, again: Option<u64>) {
        let (cluster, io, run, reads) = (self.standing.cluster.clone(), self.io.clone(), self.run.clone(), self.reads.clone());
        self.reading.spawn(async move {
            let read = async { reads.lock().await.read(&*io, &run, &position, items).await };
            let result = or_defect("States.ItemReaderFailed", read).await;
            let message = MapRunMessage::ItemsRead { parent: run.parent, position, again, result };
            cluster.send_to_map_run(run.id, message);
        });
    }
}

/// A run that is not answered would stand still for ever.
async fn or_defect<T>(error: &str, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| Err(Failure::new(error, DEFECT)))
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
