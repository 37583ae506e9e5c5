//! Two members of a cluster over one store, of which each has half of the shards.

mod lost_answers;
mod owners;
mod partial_store;
mod through_the_other;
mod workers;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use baton_coordinator::cluster::{Cluster, Directory, ExecutionId, Notice, PeerAnswer, Question, Remote, RemoteWatch, Unreachable};
use baton_coordinator::dispatch::{PeerSecret, TokenKey};
use baton_coordinator::peers::Peers;
use baton_coordinator::store::memory::MemoryStore;
use baton_coordinator::store::{Member, ShardId, ShardSet, ShardStore};
use baton_task_queue::TaskQueue;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::Value;

use crate::support::*;
use partial_store::PartialStore;

/// Of the stores of these tests.
const SHARD_BITS: u32 = 3;

/// The halves.
fn shards(first: u16) -> ShardSet {
    (first..first + 4).map(ShardId).collect()
}

/// A name of an execution whose shard the second member has.
pub(crate) fn name_of_second(word: &str) -> String {
    let names = (0..).map(|number| format!("{word}-{number}"));
    names.into_iter().find(|name| shards(4).contains(shard_of(name))).expect("every second name will do")
}

fn shard_of(name: &str) -> ShardId {
    ShardId(id(name).shard(SHARD_BITS))
}

fn member(name: &str, address: &str, owned: ShardSet) -> Arc<Member> {
    Arc::new(Member {
        name: name.into(),
        incarnation: u64::from(name.as_bytes()[0]),
        address: address.into(),
        weight: 1,
        level: 1,
        is_leaving: false,
        owned,
        sessions: Arc::new([]),
    })
}

/// One of the two.
pub(crate) struct One {
    pub(crate) system: System,
    directory: Arc<Directory>,
}

impl std::ops::Deref for One {
    type Target = System;

    fn deref(&self) -> &System {
        &self.system
    }
}

async fn open(store: &Arc<MemoryStore>, mine: ShardSet, definition: &Value, remote: Arc<dyn Remote>) -> One {
    open_with(store, mine, definition, remote, None).await
}

async fn open_with(
    store: &Arc<MemoryStore>,
    mine: ShardSet,
    definition: &Value,
    remote: Arc<dyn Remote>,
    queue: Option<Arc<dyn TaskQueue>>,
) -> One {
    let directory = Arc::new(Directory::shared());
    directory.set_mine(mine.clone());
    let store: Arc<dyn ShardStore> = Arc::new(PartialStore::new(store.clone(), mine));
    let given = directory.clone();
    let system = System::with(store, definition, |config| {
        config.remote = remote;
        config.directory = Some(given);
        config.queue = queue;
    });
    One { system: system.await, directory }
}

/// Both, which speak to each other over connections.
async fn connected(definition: &Value) -> (One, One) {
    connected_over(definition, || None).await
}

/// As [`connected`], each with a connection of its own to a broker.
pub(crate) async fn connected_over(definition: &Value, queue: impl Fn() -> Option<Arc<dyn TaskQueue>>) -> (One, One) {
    let store = Arc::new(MemoryStore::new(1 << SHARD_BITS));
    let peers = || Arc::new(Peers::new(PeerSecret::of(&TokenKey::new([3; 32])), None));
    let one = open_with(&store, shards(0), definition, peers(), queue()).await;
    let other = open_with(&store, shards(4), definition, peers(), queue()).await;
    one.directory.set_others(vec![member("b", &other.url, shards(4))]);
    other.directory.set_others(vec![member("a", &one.url, shards(0))]);
    (one, other)
}

/// Both, of which the first speaks to the second through what the test holds in its hands.
async fn beside(definition: &Value) -> (One, One, Arc<Direct>) {
    let store = Arc::new(MemoryStore::new(1 << SHARD_BITS));
    let direct = Arc::new(Direct::default());
    let one = open(&store, shards(0), definition, direct.clone()).await;
    let other = open(&store, shards(4), definition, Arc::new(Direct::default())).await;
    *direct.to.lock() = Some(other.cluster.clone());
    one.directory.set_others(vec![member("b", "here", shards(4))]);
    (one, other, direct)
}

/// A way to one other member, which loses what it is told to lose.
#[derive(Default)]
struct Direct {
    to: Mutex<Option<Cluster>>,
    /// So many answers are lost. What was asked has been done.
    answers_lost: AtomicUsize,
    /// Done after an answer was lost and before it is known to be.
    meanwhile: Mutex<Option<BoxFuture<'static, ()>>>,
    asked: AtomicUsize,
    /// The member takes what it is asked, and neither does nor answers anything.
    is_stuck: AtomicBool,
}

impl Direct {
    fn lose_an_answer(&self, meanwhile: impl Future<Output = ()> + Send + 'static) {
        self.answers_lost.fetch_add(1, Ordering::SeqCst);
        *self.meanwhile.lock() = Some(Box::pin(meanwhile));
    }

    fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::SeqCst)
    }

    fn cluster(&self) -> Result<Cluster, Unreachable> {
        self.to.lock().clone().ok_or_else(broken)
    }
}

fn broken() -> Unreachable {
    Unreachable("the link is broken".into())
}

impl Remote for Direct {
    fn ask<'a>(&'a self, _: &'a Arc<Member>, question: Question) -> BoxFuture<'a, Result<PeerAnswer, Unreachable>> {
        Box::pin(async move {
            if matches!(question, Question::Borrow { .. }) {
                // It is asked from time to time, whatever else is.
                return Ok(self.cluster()?.answer(question).await);
            }
            self.asked.fetch_add(1, Ordering::SeqCst);
            if self.is_stuck.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            let answer = self.cluster()?.answer(question).await;
            let is_lost = self.answers_lost.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
            if !is_lost {
                return Ok(answer);
            }
            let meanwhile = self.meanwhile.lock().take();
            if let Some(meanwhile) = meanwhile {
                meanwhile.await;
            }
            Err(broken())
        })
    }

    fn tell(&self, _: &Arc<Member>, notice: Notice) {
        if let Ok(cluster) = self.cluster() {
            cluster.hear(notice);
        }
    }

    fn watch<'a>(&'a self, _: &'a Arc<Member>, id: ExecutionId) -> BoxFuture<'a, Result<Option<RemoteWatch>, Unreachable>> {
        Box::pin(async move { Ok(self.cluster()?.watch_here(id).await) })
    }

    fn forward<'a>(&'a self, _: &'a Arc<Member>, _: http::Request<Bytes>) -> BoxFuture<'a, Result<http::Response<Bytes>, Unreachable>> {
        Box::pin(async { Err(broken()) })
    }
}
