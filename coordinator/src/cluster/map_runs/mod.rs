//! What Map Runs ask for, done: items are read, children started, stopped and redriven, results written, and the ends of children told to their
//! runs. Each run has a task here at the member that owns its shard; every order is repeated after a restart, so that nothing here is kept.

mod ends;
mod io;
mod reads;
mod run;

pub use io::{MapRunIo, NoMapRunIo, OpenItems};

use std::sync::Arc;

use hashbrown::HashMap;
use tokio::sync::mpsc;

use super::Cluster;
use crate::shard::{ChildReport, ExecutionId, MapRunMessage, MapRunOrder, MapRunOrderKind, ShardInput};

/// Where hosts hand in what Map Runs ask for.
#[derive(Clone)]
pub(crate) struct MapRunSink {
    orders: mpsc::UnboundedSender<Box<MapRunOrder>>,
    ends: mpsc::UnboundedSender<Box<ChildReport>>,
}

/// The other end of a [`MapRunSink`]. As many orders wait here as runs have asked for and not been answered.
pub(crate) struct MapRunOrders {
    orders: mpsc::UnboundedReceiver<Box<MapRunOrder>>,
    ends: mpsc::UnboundedReceiver<Box<ChildReport>>,
}

impl MapRunSink {
    pub(crate) fn new() -> (Self, MapRunOrders) {
        let (orders, orders_out) = mpsc::unbounded_channel();
        let (ends, ends_out) = mpsc::unbounded_channel();
        (Self { orders, ends }, MapRunOrders { orders: orders_out, ends: ends_out })
    }

    /// After the end of the process's work nobody hears it, and the next start asks again.
    pub(crate) fn order(&self, order: Box<MapRunOrder>) {
        let _ = self.orders.send(order);
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

/// Each run's orders go to its own task, in order.
async fn hand_out(cluster: Cluster, mut orders: mpsc::UnboundedReceiver<Box<MapRunOrder>>, io: Arc<dyn MapRunIo>) {
    let mut tasks: HashMap<ExecutionId, mpsc::UnboundedSender<MapRunOrderKind>> = HashMap::new();
    while let Some(order) = orders.recv().await {
        let MapRunOrder { run, kind } = *order;
        let id = run.id;
        let is_last = matches!(kind, MapRunOrderKind::Ended);
        let unsent = match tasks.get(&id) {
            Some(task) => task.send(kind).err().map(|unsent| unsent.0),
            None => Some(kind),
        };
        if let Some(kind) = unsent.filter(|_| !is_last) {
            let (task, kinds) = mpsc::unbounded_channel();
            let _ = task.send(kind);
            let (cluster, io) = (cluster.clone(), io.clone());
            tokio::spawn(until_closed(cluster, move |cluster| run::Run::new(cluster, io, run).follow(kinds)));
            tasks.insert(id, task);
        }
        if is_last {
            tasks.remove(&id);
        }
    }
}

impl Cluster {
    /// Tells a Map Run of a shard that is here; one that has left is told by nobody, and its next owner asks again.
    fn send_to_map_run(&self, id: ExecutionId, message: MapRunMessage) {
        self.push(self.shard_of(id), ShardInput::MapRun { id, message, reply: None });
    }
}
