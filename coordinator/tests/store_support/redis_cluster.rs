//! A Redis Cluster of a test's own.

use std::time::Duration;

use baton_coordinator::store::redis::{RedisOptions, RedisStore};
use baton_local_services::free_port;
use redis::{Cmd, cmd};

use super::redis_server::{RedisServer, options};

const SLOTS: usize = 16384;

/// Its nodes; each of the first has a part of the slots.
pub(crate) struct Nodes(pub(crate) Vec<RedisServer>);

fn command(words: &[&str]) -> Cmd {
    let mut command = cmd("CLUSTER");
    command.arg(words);
    command
}

impl Nodes {
    /// So many nodes that share the slots evenly.
    pub(crate) async fn start(count: usize) -> Self {
        let mut nodes = Self(Vec::new());
        for _ in 0..count {
            nodes.add();
        }
        for (place, node) in nodes.0.iter().enumerate() {
            let (first, last) = (place * SLOTS / count, (place + 1) * SLOTS / count - 1);
            let _: String = node.ask(&command(&["ADDSLOTSRANGE", &first.to_string(), &last.to_string()]));
        }
        nodes.settled().await;
        nodes
    }

    /// One more, without slots.
    pub(crate) fn add(&mut self) {
        let bus = free_port().to_string();
        let place = self.0.len() + 1;
        let options =
            ["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-node-timeout", "1000", "--repl-diskless-sync-delay", "0"];
        let node = RedisServer::start_with(&options);
        let _: String = node.ask(&command(&["SET-CONFIG-EPOCH", &place.to_string()]));
        if let Some(first) = self.0.first() {
            let bus = said_number(first, "cluster-port");
            let _: String = node.ask(&command(&["MEET", "127.0.0.1", &first.port.to_string(), &bus]));
        }
        self.0.push(node);
    }

    /// Until each node knows all others, and takes commands.
    pub(crate) async fn settled(&self) {
        self.wait_until("the nodes know each other and take commands", |node| {
            let known = said(node, "NODES");
            known.lines().count() == self.0.len() && !known.contains("handshake") && is_ok(node)
        })
        .await;
    }

    /// Lets the last node follow the node at `place`.
    pub(crate) async fn follow(&self, place: usize) {
        let (primary, replica) = (&self.0[place], self.0.last().expect("there are nodes"));
        let id: String = primary.ask(&command(&["MYID"]));
        self.settled().await;
        let _: String = replica.ask(&command(&["REPLICATE", &id]));
        replica.has_caught_up_with(primary).await;
        // The others have to know whom they may promote.
        self.wait_until("the replica is a replica", |node| said(node, "NODES").contains("slave")).await;
    }

    pub(crate) fn each(&self, act: impl Fn(&RedisServer)) {
        self.0.iter().for_each(act);
    }

    /// kill -9 of all, and all again.
    pub(crate) async fn restart(&mut self) {
        self.0.iter_mut().for_each(RedisServer::kill);
        self.0.iter_mut().for_each(RedisServer::start_again);
        self.settled().await;
    }

    /// The place of the node that has the slot of this key.
    pub(crate) fn place_of(&self, key: &str) -> usize {
        let slot: usize = self.0[0].ask(&command(&["KEYSLOT", key]));
        let has_it = |node: &RedisServer| node.ask::<String>(&command(&["NODES"])).lines().any(|line| is_own(line, slot));
        self.0.iter().position(has_it).expect("each slot is somewhere")
    }

    /// Moves the slot of this key, with everything in it, as operators do.
    pub(crate) async fn move_slot(&self, key: &str, from: usize, to: usize) {
        let (from, to) = (&self.0[from], &self.0[to]);
        let id = |node: &RedisServer| node.ask::<String>(&command(&["MYID"]));
        let slot = from.ask::<usize>(&command(&["KEYSLOT", key])).to_string();
        let _: String = to.ask(&command(&["SETSLOT", &slot, "IMPORTING", &id(from)]));
        let _: String = from.ask(&command(&["SETSLOT", &slot, "MIGRATING", &id(to)]));
        loop {
            let keys: Vec<String> = from.ask(&command(&["GETKEYSINSLOT", &slot, "10"]));
            if keys.is_empty() {
                break;
            }
            let mut migrate = cmd("MIGRATE");
            migrate.arg("127.0.0.1").arg(to.port).arg("").arg(0).arg(5000).arg("KEYS").arg(keys);
            let _: String = from.ask(&migrate);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        for node in [to, from] {
            let _: String = node.ask(&command(&["SETSLOT", &slot, "NODE", &id(to)]));
        }
    }

    /// Any of them tells where the others are.
    pub(crate) fn options(&self) -> RedisOptions {
        let hosts: Vec<_> = self.0.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        RedisOptions { url: format!("redis://{}", hosts.join(",")), ..options(self.0[0].port) }
    }

    pub(crate) async fn open(&self) -> RedisStore {
        RedisStore::connect(self.options()).await.unwrap_or_else(|error| panic!("a store can be opened: {error}"))
    }

    async fn wait_until(&self, what: &str, holds: impl Fn(&RedisServer) -> bool) {
        for _ in 0..1500 {
            if self.0.iter().all(&holds) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("not within 30 s: {what}");
    }
}

fn said(node: &RedisServer, what: &str) -> String {
    node.ask(&command(&[what]))
}

fn said_number(node: &RedisServer, setting: &str) -> String {
    let pair: Vec<String> = node.ask(cmd("CONFIG").arg("GET").arg(setting));
    pair[1].clone()
}

fn is_ok(node: &RedisServer) -> bool {
    said(node, "INFO").contains("cluster_state:ok")
}

/// Whether this line of `CLUSTER NODES` is the node's own and has the slot.
fn is_own(line: &str, slot: usize) -> bool {
    let words: Vec<_> = line.split(' ').collect();
    let has = |range: &&str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        first.parse::<usize>().is_ok_and(|first| first <= slot) && last.parse::<usize>().is_ok_and(|last| slot <= last)
    };
    words[2].contains("myself") && words.iter().skip(8).any(has)
}
