//! The servers of a store, and what every connection to one of them begins with.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use redis::Value;
use redis::aio::MultiplexedConnection;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use super::address::Address;
use super::connection::ask;
use super::error::RedisOpenError;
use super::functions::Library;
use super::lane::Calls;
use super::layout::{Layout, Told};
use super::names::{ClusterNames, ShardNames};
use super::node::{CONNECT_TIMEOUT, Node};
use super::options::RedisOptions;
use super::reply;
use crate::store::StoreId;

/// A cluster is not asked for its slots more often.
const LOOK_PAUSE: Duration = Duration::from_millis(100);

/// See the module.
pub(super) struct Server {
    address: Address,
    pub(super) library: Library,
    pub(super) names: ClusterNames,
    /// What the store was opened as.
    opened: OnceLock<Opened>,
    layout: watch::Sender<Arc<Layout>>,
    /// Somebody has found that the layout is not right any more.
    doubted: Notify,
}

/// Known once the store was opened: a server that has another store by now is none of ours.
struct Opened {
    store_id: StoreId,
    shards: Arc<[ShardNames]>,
}

impl Server {
    pub(super) fn new(options: &RedisOptions) -> Result<Self, RedisOpenError> {
        let address = Address::read(options)?;
        let unreadable = |error: redis::RedisError| RedisOpenError::Address { url: address.hosts().join(","), detail: error.to_string() };
        let node = match address.sentinel_name() {
            Some(name) => Node::named(name, address.sentinels().map_err(unreadable)?),
            None => Node::at(address.client(&address.hosts()[0]).map_err(unreadable)?),
        };
        Ok(Self {
            layout: watch::Sender::new(Arc::new(Layout::one(Arc::new(node)))),
            address,
            library: Library::new(),
            names: ClusterNames::new(&options.prefix),
            opened: OnceLock::new(),
            doubted: Notify::new(),
        })
    }

    /// Host and port, of each server that takes writes.
    pub(super) fn address(&self) -> String {
        let layout = self.layout.borrow();
        let addresses: Vec<_> = layout.nodes().iter().map(|node| node.address()).collect();
        addresses.join(",")
    }

    /// Which server has what.
    pub(super) fn layout(&self) -> Arc<Layout> {
        self.layout.borrow().clone()
    }

    /// The same, and whenever it changes.
    pub(super) fn layouts(&self) -> watch::Receiver<Arc<Layout>> {
        self.layout.subscribe()
    }

    /// From here on connections are refused to servers that have another store.
    pub(super) fn opened(&self, store_id: StoreId, shards: Arc<[ShardNames]>) {
        assert!(self.opened.set(Opened { store_id, shards }).is_ok(), "a store is opened once");
    }

    /// The first connection: finds out what there is at the address.
    pub(super) async fn reach(&self) -> Result<(), RedisOpenError> {
        let unreachable = |address: String, detail: String| RedisOpenError::Unreachable { address, detail };
        let mut failed = String::new();
        for node in self.seeds() {
            let mut connection = match node.connect().await {
                Ok(connection) => connection,
                Err(error) => {
                    failed = error.to_string();
                    continue;
                }
            };
            let info = ask(&mut connection, &redis::cmd("INFO")).await;
            let info = info.map_err(|detail| RedisOpenError::Refused { address: node.address(), detail })?;
            let info = reply::info(&info);
            if info.get("redis_mode").is_some_and(|mode| mode == "sentinel") {
                return Err(RedisOpenError::Sentinel { address: node.address() });
            }
            return match info.get("cluster_enabled").is_some_and(|enabled| enabled == "1") {
                true => self.look().await.map_err(|detail| unreachable(node.address(), detail)),
                false => self.refuse_several(&node),
            };
        }
        Err(unreachable(self.address.hosts().join(","), failed))
    }

    /// Several servers that are no cluster have a store each.
    fn refuse_several(&self, node: &Node) -> Result<(), RedisOpenError> {
        if self.address.hosts().len() > 1 && !node.is_named() {
            let detail = format!("several servers are named, and the one at {} is no node of a Redis Cluster", node.address());
            return Err(RedisOpenError::Address { url: self.address.hosts().join(","), detail });
        }
        Ok(())
    }

    /// Where to begin: each server that the address names.
    fn seeds(&self) -> Vec<Arc<Node>> {
        let layout = self.layout();
        let mut nodes = layout.nodes().to_vec();
        if self.address.sentinel_name().is_none() {
            nodes.extend(
                self.address.hosts().iter().filter_map(|host| self.address.client(host).ok()).map(|client| Arc::new(Node::at(client))),
            );
        }
        let mut seen = Vec::new();
        nodes.retain(|node| {
            let address = node.address();
            let is_new = !seen.contains(&address);
            seen.push(address);
            is_new
        });
        nodes
    }

    /// The layout may be another by now: it is looked at soon.
    pub(super) fn doubt(&self) {
        self.doubted.notify_one();
    }

    /// Looks at the layout whenever it is doubted, for as long as somebody has the store.
    pub(super) async fn watch(server: Weak<Server>) {
        loop {
            let Some(strong) = server.upgrade() else { return };
            if !strong.layout.borrow().is_cluster() {
                return;
            }
            // A store that nobody has any more is noticed at the end of this.
            let doubted = timeout(Duration::from_secs(5), strong.doubted.notified()).await.is_ok();
            if doubted && let Err(error) = strong.look().await {
                tracing::warn!("the Redis Cluster does not tell who has its slots: {error}");
            }
            drop(strong);
            sleep(LOOK_PAUSE).await;
        }
    }

    /// Asks all nodes who has which slots, and believes the one that has seen the most changes.
    async fn look(&self) -> Result<(), String> {
        let seeds = self.seeds();
        let told = join_all(seeds.iter().map(|node| told_by(node))).await;
        let mut failed = "nobody answers".to_owned();
        let mut best: Option<Told> = None;
        for told in told {
            match told {
                Ok(told) if !told.is_ok => {
                    failed = "its cluster_state is fail: `redis-cli CLUSTER INFO` and `CLUSTER NODES` say why".to_owned()
                }
                Ok(told) => {
                    if best.as_ref().is_none_or(|best| told.epoch > best.epoch) {
                        best = Some(told);
                    }
                }
                Err(error) => failed = error,
            }
        }
        let best = best.ok_or(failed)?;
        let known = |address: &str| match seeds.iter().find(|node| node.address() == address) {
            Some(node) => Ok(node.clone()),
            None => self.address.client(address).map(|client| Arc::new(Node::at(client))).map_err(|error| error.to_string()),
        };
        let layout = Layout::of_cluster(&best, known)?;
        self.layout.send_if_modified(|now| {
            let is_other = !now.is_like(&layout);
            if is_other {
                *now = Arc::new(layout);
            }
            is_other
        });
        Ok(())
    }

    /// A connection over which functions can be called, to the store that this is.
    pub(super) async fn connect(&self, node: &Node) -> Result<MultiplexedConnection, String> {
        let connect = async {
            let mut connection = node.connect().await.map_err(|error| error.to_string())?;
            self.load_functions(&mut connection).await?;
            self.recognise(node, &mut connection).await?;
            Ok(connection)
        };
        let connected = timeout(CONNECT_TIMEOUT, connect).await.unwrap_or_else(|_| Err("the server does not answer".to_owned()));
        if connected.is_err() {
            self.doubt();
        }
        connected
    }

    /// Puts the functions there if they are not.
    async fn load_functions(&self, connection: &mut MultiplexedConnection) -> Result<(), String> {
        let listed = ask(connection, &self.library.look()).await?;
        if matches!(&listed, Value::Array(libraries) if libraries.is_empty()) {
            ask(connection, &self.library.load()).await?;
        }
        Ok(())
    }

    /// Whether the server has this store. In a cluster each shard says so for itself.
    async fn recognise(&self, node: &Node, connection: &mut MultiplexedConnection) -> Result<(), String> {
        let Some(Opened { store_id, shards }) = self.opened.get() else { return Ok(()) };
        let layout = self.layout();
        let mut pipeline = redis::pipe();
        if layout.is_cluster() {
            let is_here = |shard: &&ShardNames| layout.nodes()[layout.place_of(shard.slot)].address() == node.address();
            for shard in shards.iter().filter(is_here) {
                pipeline.cmd("HGET").arg(&shard.record).arg("store");
            }
        } else {
            pipeline.cmd("HGET").arg(&self.names.settings).arg("store_id");
        }
        let len = pipeline.len();
        let found = connection.send_packed_commands(&pipeline, 0, len).await.map_err(|error| error.to_string())?;
        found.iter().try_for_each(|id| is_ours(*store_id, id))
    }

    /// Questions whose answers are the store's id, as long as the store is there: of each server, one.
    pub(super) fn signs(&self) -> Calls {
        let (layout, mut signs) = (self.layout(), Calls::default());
        let mut sign = |slot, key: &str, field: &str| {
            let mut command = redis::cmd("HGET");
            command.arg(key).arg(field);
            signs.add(slot, command);
        };
        sign(self.names.slot, &self.names.settings, "store_id");
        let mut seen = vec![layout.place_of(self.names.slot)];
        for shard in self.opened.get().into_iter().flat_map(|opened| opened.shards.iter()) {
            let place = layout.place_of(shard.slot);
            if !seen.contains(&place) {
                seen.push(place);
                sign(shard.slot, &shard.record, "store");
            }
        }
        signs
    }

    /// Whether the answer to one of [`signs`](Self::signs) says that the store is gone.
    pub(super) fn is_gone(&self, answer: &Value) -> bool {
        self.opened.get().is_some_and(|opened| is_ours(opened.store_id, answer).is_err())
    }
}

fn is_ours(ours: StoreId, found: &Value) -> Result<(), String> {
    match (reply::text(found), found) {
        (Some(id), _) if StoreId::parse(&id) == Some(ours) => Ok(()),
        (Some(id), _) => Err(format!("another store is there now, {id} instead of {ours}")),
        // A slot on its way to another node says nothing about the others.
        (None, Value::ServerError(error)) if reply::is_on_its_way(error) => Ok(()),
        (None, Value::ServerError(error)) => Err(error.to_string()),
        (None, _) => Err(format!("the store {ours} is not there any more: the server came back without its data")),
    }
}

async fn told_by(node: &Node) -> Result<Told, String> {
    let told = async {
        let mut connection = node.connect().await.map_err(|error| error.to_string())?;
        let info = ask(&mut connection, redis::cmd("CLUSTER").arg("INFO")).await?;
        let slots = ask(&mut connection, redis::cmd("CLUSTER").arg("SLOTS")).await?;
        Told::read(&info, &slots, &node.address())
    };
    timeout(CONNECT_TIMEOUT, told).await.unwrap_or_else(|_| Err("the server does not answer".to_owned()))
}
