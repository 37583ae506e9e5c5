//! The one door to executions: every input of the outside reaches a shard through [`Cluster`]. It knows which
//! shard an execution lives in and nothing of what an execution does.
//!
//! Behind the door, `host` runs the shards over the store, `open` reads them back at the start, and `read` answers from the key-value side
//! what shards do not have in memory.

mod apart;
mod broker;
mod catalog;
mod directory;
mod error;
mod everywhere;
mod express;
mod figures;
pub mod holders;
mod host;
mod inbox;
mod listener;
mod map_run_questions;
mod map_runs;
mod members;
mod open;
pub mod ownership;
mod read;
mod recover;
mod remote;
mod route;
mod serve;
mod sessions;
mod tasks;
mod unread;
mod watch;
mod world;

pub use crate::shard::{
    Activities, Cursor, ExecutionId, ExecutionRecord, ExecutionSummary, ExpressEnd, ExpressLimits, ExpressPool, Functions, Grant,
    ItemsRead, ListQuery, LogLevel, Logging, MapRunChanges, MapRunContext, MapRunRecord, ReadError, RedriveError, Revision, Revisions,
    SendError, StartError, Started, StepEvents, WrittenResults,
};
pub use baton_engine::{MapRunCounts, MapRunLimits, MapRunStatus, NotRedrivable, Rejected, Status, Verdict, Waiting, WaitingFor};
pub use directory::{Directory, Owner};
pub use error::*;
pub use listener::{Announcement, ExecutionListener, Listeners, Tell};
pub use map_runs::{MapRunIo, NoMapRunIo, OpenItems};
pub use members::{CatalogShard, Holding, MemberConfig};
pub use open::ClusterConfig;
pub use remote::{ClaimName, Listed, Notice, PeerAnswer, Question, Remote, RemoteWatch, TaskName, Unreachable};
pub use tasks::{ActivityTask, TaskOutcome};
pub use watch::Watch;

pub(crate) use crate::shard::{child_arn, labelled_machine_arn};
pub(crate) use apart::check_parameters;
pub(crate) use catalog::NOT_THE_OWNER;
pub(crate) use figures::{ClaimOutcome, count_claim};
pub(crate) use host::report_code;
pub(crate) use sessions::SessionReport;
use world::ReplyTo;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use baton_engine::{Input, Limits, Start, Timestamp};
use baton_task_queue::TaskQueue;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::dispatch::{QueueStatus, Queues, Router, Sessions, TokenKey};
use crate::shard::{Answer, ShardInput};
use crate::store::{ShardId, ShardSet, ShardStore, StoreError};
use host::{HostMessage, LostShards, SetAside};
use inbox::Inbox;
use ownership::Membered;
use route::NotAsked;
use sessions::UnderWay;

/// The server is going away.
const CLOSING: &str = "The server is going away.";
/// The shard is on its way from one member to another, or whoever has it does not answer.
const MOVING: &str = "The server that has the execution is being found; try again.";
/// The running system of shards. Clones are cheap and all speak to the same shards.
#[derive(Clone)]
pub struct Cluster {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn ShardStore>,
    revisions: Arc<apart::WithApart>,
    shard_bits: u32,
    hosts: Vec<Arc<Inbox<HostMessage>>>,
    queues: Arc<Queues>,
    sessions: Arc<Sessions>,
    lost: Arc<LostShards>,
    set_aside: Arc<SetAside>,
    gauges: Arc<[figures::HostGauges]>,
    router: Arc<Router>,
    express: Arc<ExpressPool>,
    key: Arc<TokenKey>,
    limits: Limits,
    /// Which shards are this process's, and whose the others are.
    directory: Arc<Directory>,
    /// Ways to the other members.
    remote: Arc<dyn Remote>,
    /// Claims that were asked for and are not answered.
    under_way: UnderWay,
    /// Through which tasks are offered, if there is one.
    broker: Option<Arc<dyn TaskQueue>>,
    /// The next seed of an execution.
    seed: AtomicU64,
    closing: CancellationToken,
    /// This process among those that share its store.
    member: Option<Membered>,
}

impl Cluster {
    /// StartExecution. Idempotent as AWS: the same name with the same input, while the first is running, answers with the first.
    /// Answers only after the start is durable. `start.seed` is set here, `start.at` by the shard.
    pub async fn start(&self, mut start: Start) -> Result<Started, StartError> {
        if let Some(why) = self.inner.store.intake_refusal() {
            return Err(StartError::Unavailable(why));
        }
        start.seed = self.inner.next_seed();
        let catalog_position = self.inner.revisions.position();
        match self.ask(Question::Start { start: Box::new(start), is_repeated: false, catalog_position }).await {
            Ok(Answer::Started(result)) => result,
            Ok(_) => unreachable!("a start is answered as a start is"),
            Err(NotAsked::Throttled) => Err(StartError::Throttled),
            Err(NotAsked::Unavailable(text)) => Err(StartError::Unavailable(text)),
        }
    }

    /// RedriveExecution: answers when the redrive came, after it is durable. Idempotent by `client_token` for a quarter of an hour.
    pub async fn redrive(&self, id: ExecutionId, client_token: Option<Arc<str>>) -> Result<Timestamp, RedriveError> {
        if let Some(why) = self.inner.store.intake_refusal() {
            return Err(RedriveError::Unavailable(why));
        }
        // One that may have to be asked for twice is told from others by a token, if need be by one that nobody else knows.
        let made_up = || (!self.inner.directory.is_alone()).then(|| format!("{:016x}", self.inner.next_seed()).into());
        let client_token = client_token.or_else(made_up);
        match self.ask(Question::Redrive { id, client_token }).await {
            Ok(Answer::Redriven(result)) => result,
            Ok(_) => unreachable!("a redrive is answered as a redrive is"),
            Err(NotAsked::Throttled) => Err(RedriveError::Throttled),
            Err(NotAsked::Unavailable(text)) => Err(RedriveError::Unavailable(text)),
        }
    }

    /// Whether the execution that stands like this can be redriven now, as far as its shard will ask.
    pub fn redrivable(&self, record: &ExecutionRecord) -> Result<(), NotRedrivable> {
        record.redrive_facts().check(&self.inner.limits, clock::now())
    }

    /// Gives `input` to the execution and answers when what follows from it is durable.
    pub async fn send(&self, id: ExecutionId, input: Input) -> Result<Verdict, SendError> {
        sent(self.ask(Question::Send { id, input, claim_id: None }).await)
    }

    /// How the task queues stand.
    pub fn queues(&self) -> Vec<QueueStatus> {
        self.inner.queues.status()
    }

    /// Shards that the store has taken from this process, and why. Their executions stand still here.
    pub fn lost_shards(&self) -> Vec<(ShardId, StoreError)> {
        self.inner.lost.all()
    }

    /// Shards whose checkpoints have stopped, and why. Their executions go on, and their log grows until a restart.
    pub fn stopped_checkpoints(&self) -> Vec<(ShardId, Arc<str>)> {
        self.inner.set_aside.stopped_checkpoints()
    }

    /// How many executions are set aside: they stand still, and nobody else does.
    pub fn set_aside_executions(&self) -> usize {
        self.inner.set_aside.executions()
    }

    /// The shards that are at work in this process.
    pub fn owned_shards(&self) -> ShardSet {
        let all = || (0..self.inner.store.shard_count()).map(ShardId).collect();
        self.inner.directory.mine().unwrap_or_else(all)
    }

    /// Whether the execution's shard is at work in this process.
    pub fn is_owner_of(&self, id: ExecutionId) -> bool {
        self.inner.directory.owner(self.shard_of(id)) == Owner::Me
    }

    /// How many executions are in memory. Those that only wait are not.
    pub async fn in_memory(&self) -> usize {
        let mut count = 0;
        for host in &self.inner.hosts {
            let (reply, counted) = oneshot::channel();
            host.push(HostMessage::Count { reply });
            // A host that is gone has nothing in memory.
            count += counted.await.unwrap_or(0);
        }
        count
    }

    /// Hands everything over to the other members and says goodbye to them. What comes here afterwards is answered by them. A process that has its
    /// store to itself keeps everything.
    pub async fn leave(&self) {
        if let Some(member) = &self.inner.member {
            member.leave().await;
        }
    }

    /// Ends everything in order: no new work is taken, what is decided becomes durable, all shards are checkpointed and given up. Workers'
    /// sessions are told before.
    ///
    /// One of several that share a store hands its shards over before, so that what goes on goes on there.
    pub async fn close(&self) {
        self.leave().await;
        self.inner.closing.cancel();
        let ends = self.inner.hosts.iter().map(|host| {
            let (reply, end) = oneshot::channel();
            host.push(HostMessage::Close { reply });
            end
        });
        for end in ends.collect::<Vec<_>>() {
            // A host that is gone has nothing left to write.
            let _ = end.await;
        }
    }

    /// Which shards are this process's, and whose the others are.
    pub(crate) fn directory(&self) -> &Directory {
        &self.inner.directory
    }

    /// Whether [`close`](Self::close) was called.
    pub(crate) fn is_closing(&self) -> bool {
        self.inner.closing.is_cancelled()
    }

    /// Answers when [`close`](Self::close) is called.
    pub(crate) async fn closed(&self) {
        self.inner.closing.cancelled().await;
    }

    /// The shard of an execution.
    fn shard_of(&self, id: ExecutionId) -> ShardId {
        ShardId(id.shard(self.inner.shard_bits))
    }

    fn host_of(&self, shard: ShardId) -> &Inbox<HostMessage> {
        &self.inner.hosts[usize::from(shard.0) % self.inner.hosts.len()]
    }

    /// Hands in what must not be refused: what running work brings with it.
    fn push(&self, shard: ShardId, input: ShardInput<world::HostWorld>) {
        self.host_of(shard).push(HostMessage::Shard(shard, input));
    }

    /// As [`push`](Self::push), many at once: each host is woken once.
    fn push_all(&self, inputs: Vec<(ShardId, ShardInput<world::HostWorld>)>) {
        let count = self.inner.hosts.len();
        let mut by_host: Vec<Vec<HostMessage>> = (0..count).map(|_| Vec::new()).collect();
        for (shard, input) in inputs {
            by_host[usize::from(shard.0) % count].push(HostMessage::Shard(shard, input));
        }
        for (host, messages) in self.inner.hosts.iter().zip(by_host) {
            if !messages.is_empty() {
                host.push_all(messages);
            }
        }
    }

    /// Waits until the hosts keep up.
    pub(crate) async fn has_space(&self) {
        for host in &self.inner.hosts {
            host.has_space().await;
        }
    }

    pub(crate) fn sessions(&self) -> &Sessions {
        &self.inner.sessions
    }

    pub(crate) fn task_queues(&self) -> &Queues {
        &self.inner.queues
    }

    pub(crate) fn router(&self) -> &Router {
        &self.inner.router
    }

    pub(crate) fn token_key(&self) -> &TokenKey {
        &self.inner.key
    }
}

fn sent(answer: Result<Answer, NotAsked>) -> Result<Verdict, SendError> {
    match answer {
        Ok(Answer::Sent(result)) => result,
        Ok(_) => unreachable!("an input is answered as an input is"),
        Err(NotAsked::Throttled) => Err(SendError::Throttled),
        Err(NotAsked::Unavailable(text)) => Err(SendError::Unavailable(text)),
    }
}

impl Inner {
    fn next_seed(&self) -> u64 {
        let position = self.seed.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        crate::dispatch::Random::from_seed(position).next_u64()
    }
}
