//! What Map Runs ask for, done: items are read, children started, stopped and redriven, results written, and the ends of children told to their
//! runs. Each run has a task here at the member that owns its shard, and none where the shard has left; every order is repeated after a restart, so
//! that nothing here is kept.

mod child;
mod ends;
mod io;
mod reads;
mod run;
mod standing;

pub use io::{MapRunIo, NoMapRunIo, OpenItems};

use std::sync::Arc;

use hashbrown::HashMap;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::Cluster;
use crate::shard::{ChildReport, ExecutionId, MapRunMessage, MapRunOrder, MapRunOrderKind, ShardInput};
use crate::store::{ShardId, Token};

/// Where hosts hand in what Map Runs ask for.
#[derive(Clone)]
pub(crate) struct MapRunSink {
    orders: mpsc::UnboundedSender<Told>,
    ends: mpsc::UnboundedSender<Box<ChildReport>>,
}

/// The other end of a [`MapRunSink`]. As many orders wait here as runs have asked for and not been answered.
pub(crate) struct MapRunOrders {
    orders: mpsc::UnboundedReceiver<Told>,
    ends: mpsc::UnboundedReceiver<Box<ChildReport>>,
}

/// What hosts tell of their shards' runs.
enum Told {
    /// A run of a shard that is held under this token asks for something.
    Order(Box<MapRunOrder>, Token),
    /// The shard has left; its next owner does what its runs have asked for.
    Left(ShardId),
}

impl MapRunSink {
    pub(crate) fn new() -> (Self, MapRunOrders) {
        let (orders, orders_out) = mpsc::unbounded_channel();
        let (ends, ends_out) = mpsc::unbounded_channel();
        (Self { orders, ends }, MapRunOrders { orders: orders_out, ends: ends_out })
    }

    /// After the end of the process's work nobody hears it, and the next start asks again.
    pub(crate) fn order(&self, order: Box<MapRunOrder>, token: Token) {
        let _ = self.orders.send(Told::Order(order, token));
    }

    /// As [`order`](Self::order).
    pub(crate) fn left(&self, shard: ShardId) {
        let _ = self.orders.send(Told::Left(shard));
    }

    /// As [`order`](Self::order).
    pub(crate) fn child_ended(&self, report: Box<ChildReport>) {
        let _ = self.ends.send(report);
    }
}

/// Does what is ordered, until the cluster closes.
pub(super) fn start(cluster: &Cluster, orders: MapRunOrders, io: Arc<dyn MapRunIo>) {
    let MapRunOrders { orders, ends } = orders;
    tokio::spawn(until_closed(cluster.clone(), |cluster| hand_out(cluster, orders, io)));
    tokio::spawn(until_closed(cluster.clone(), |cluster| ends::tell(cluster, ends)));
}

async fn until_closed<F: Future<Output = ()>>(cluster: Cluster, work: impl FnOnce(Cluster) -> F) {
    let working = work(cluster.clone());
    tokio::select! {
        () = working => {}
        () = cluster.closed() => {}
    }
}

/// The task of a run.
struct RunTask {
    kinds: mpsc::UnboundedSender<MapRunOrderKind>,
    work: AbortHandle,
}

async fn hand_out(cluster: Cluster, mut told: mpsc::UnboundedReceiver<Told>, io: Arc<dyn MapRunIo>) {
    let mut tasks: HashMap<ExecutionId, RunTask> = HashMap::new();
    while let Some(told) = told.recv().await {
        match told {
            Told::Order(order, token) => hand_over(&cluster, &io, &mut tasks, *order, token),
            Told::Left(shard) => {
                tasks.extract_if(|id, _| cluster.shard_of(*id) == shard).for_each(|(_, task)| task.work.abort());
            }
        }
    }
}

/// Each run's orders go to its own task, in order.
fn hand_over(cluster: &Cluster, io: &Arc<dyn MapRunIo>, tasks: &mut HashMap<ExecutionId, RunTask>, order: MapRunOrder, token: Token) {
    let MapRunOrder { run, kind } = order;
    let id = run.id;
    let is_last = matches!(kind, MapRunOrderKind::Ended);
    let unsent = match tasks.get(&id) {
        Some(task) => task.kinds.send(kind).err().map(|unsent| unsent.0),
        None => Some(kind),
    };
    if let Some(kind) = unsent.filter(|_| !is_last) {
        let (kinds, kinds_out) = mpsc::unbounded_channel();
        let _ = kinds.send(kind);
        let io = io.clone();
        let work = until_closed(cluster.clone(), move |cluster| run::Run::new(cluster, io, run, token).follow(kinds_out));
        tasks.insert(id, RunTask { kinds, work: tokio::spawn(work).abort_handle() });
    }
    if is_last {
        // It returns at this order, and what it still does is dropped with it.
        tasks.remove(&id);
    }
}

impl Cluster {
    /// Tells a Map Run of a shard that is here; one that has left is told by nobody, and its next owner asks again.
    fn send_to_map_run(&self, id: ExecutionId, message: MapRunMessage) {
        self.push(self.shard_of(id), ShardInput::MapRun { id, message, reply: None });
    }
}
