//! Opening the system: every shard is acquired and read back, then the hosts run.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use baton_engine::{Limits, Timestamp};
use baton_proto::names::{ACCOUNT_DEFAULT, REGION_DEFAULT};
use baton_task_queue::TaskQueue;
use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::apart::WithApart;
use super::broker;
use super::figures::HostGauges;
use super::host::{HORIZON_MS, Host, HostMessage, Shared};
use super::inbox::Inbox;
use super::map_runs::{self, MapRunIo, MapRunOrders, MapRunSink, NoMapRunIo};
use super::members::MemberConfig;
use super::ownership::{self, DriverParts, LocalHolding, Membered};
use super::recover::{acquire_and_find, replay};
use super::remote::NoRemote;
use super::sessions::UnderWay;
use super::world::{HostWorld, WorldParts};
use super::{ClaimName, Cluster, Directory, ExpressLimits, ExpressPool, Grant, Inner, Listeners, Notice, OpenError, Remote, Revisions};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::dispatch::{Queues, Random, Router, Sessions, TaskServices, TokenKey, new_claim_id};
use crate::shard::{Activities, Functions, HeldClaim, ShardInput};
use crate::store::{ShardId, ShardStore, Token};

/// Shards of a host that are read ahead while another is replayed.
const READ_AHEAD: usize = 8;
/// How often what is lost is looked for.
const LOST_INTERVAL: Duration = Duration::from_secs(1);
/// Being woken so much later than asked means that the whole process has stood still.
const PAUSE_MIN: Duration = Duration::from_secs(2);

/// What a system is made of.
pub struct ClusterConfig {
    /// Where shards keep what must not be lost.
    pub store: Arc<dyn ShardStore>,
    /// The catalog's.
    pub revisions: Arc<dyn Revisions>,
    /// The catalog's.
    pub functions: Arc<dyn Functions>,
    /// The catalog's.
    pub activities: Arc<dyn Activities>,
    /// Limits of one execution.
    pub limits: Limits,
    /// Limits of Express executions.
    pub express: ExpressLimits,
    /// Seals task tokens.
    pub token_key: Arc<TokenKey>,
    /// Region of short names.
    pub region: String,
    /// Account of short names.
    pub account: String,
    /// Takes tasks of functions that no worker serves, when there is an endpoint for them.
    pub deliver: Option<Arc<dyn Fn(Box<Grant>) + Send + Sync>>,
    /// Those who hear of what executions do.
    pub listeners: Listeners,
    /// How long ended executions are kept; AWS's 90 days by default.
    pub retention: Duration,
    /// Tasks that run shards; as many as there are cores by default.
    pub host_count: usize,
    /// Inputs that may wait at one host before new work is refused.
    pub inbox_len_max: usize,
    /// Who this process is among those that share its store; `None` if it has the store to itself.
    pub member: Option<MemberConfig>,
    /// Ways to the other members.
    pub remote: Arc<dyn Remote>,
    /// The broker through which tasks are offered that find no slot here; `None` to hand out all tasks over sessions of this process.
    pub queue: Option<Arc<dyn TaskQueue>>,
    /// Reads items and writes results for Map Runs.
    pub map_run_io: Arc<dyn MapRunIo>,
    /// Who owns which shard, where nothing finds it out: by default all shards are this process's, unless it is a `member`.
    pub directory: Option<Arc<Directory>>,
}

impl ClusterConfig {
    /// The usual system over these.
    pub fn new(
        store: Arc<dyn ShardStore>,
        revisions: Arc<dyn Revisions>,
        functions: Arc<dyn Functions>,
        activities: Arc<dyn Activities>,
    ) -> Self {
        Self {
            store,
            revisions,
            functions,
            activities,
            limits: Limits::default(),
            express: ExpressLimits::default(),
            token_key: Arc::new(TokenKey::ephemeral()),
            region: REGION_DEFAULT.to_owned(),
            account: ACCOUNT_DEFAULT.to_owned(),
            deliver: None,
            listeners: Listeners::default(),
            retention: Duration::from_secs(90 * 24 * 60 * 60),
            host_count: std::thread::available_parallelism().map_or(1, usize::from),
            inbox_len_max: 16_384,
            member: None,
            remote: Arc::new(NoRemote),
            queue: None,
            map_run_io: Arc::new(NoMapRunIo),
            directory: None,
        }
    }
}

impl Cluster {
    /// Reads all shards back and lets them run. Answers when everything that was there is there again. A process that shares its store with
    /// others begins with nothing: its shards come, and go, as the members decide.
    pub async fn open(config: ClusterConfig) -> Result<Cluster, OpenError> {
        if let Some(member) = config.member.clone() {
            return Ok(Self::join(&config, member));
        }
        let mut parts = Parts::new(&config);
        let horizon = clock::now() + HORIZON_MS;
        let hosts = (0..parts.shared.host_count).map(|number| recover_host(&parts, &config, number, horizon));
        let hosts = try_join_all(hosts).await?;
        let cluster = Cluster { inner: Arc::new(parts.inner(&config, None)) };
        let now = Instant::now();
        for (host, held) in hosts {
            parts.shared.sessions.expect(held, now);
            tokio::spawn(host.run());
        }
        tokio::spawn(look_after_lost(Arc::downgrade(&cluster.inner)));
        broker::start(&cluster);
        map_runs::start(&cluster, parts.take_orders(), config.map_run_io.clone());
        Ok(cluster)
    }

    fn join(config: &ClusterConfig, member: MemberConfig) -> Cluster {
        let mut parts = Parts::new(config);
        let losses = parts.losses.take().expect("whoever shares its store hears of losses");
        let horizon = clock::now() + HORIZON_MS;
        for (number, inbox) in parts.inboxes.iter().enumerate() {
            tokio::spawn(Host::new(parts.shared.clone(), inbox.clone(), HostWorld::new(parts.world.clone()), number, horizon).run());
        }
        let orders = parts.take_orders();
        let (membered, leaving) = Membered::new();
        let cluster = Cluster { inner: Arc::new(parts.inner(config, Some(membered))) };
        let parts = DriverParts {
            store: config.store.clone(),
            member,
            incarnation: parts.incarnation,
            directory: parts.directory.clone(),
            hosts: parts.inboxes.clone(),
            world: parts.world.clone(),
            sessions: parts.shared.sessions.clone(),
            losses,
            local: local_holding(Arc::downgrade(&cluster.inner)),
            remote: cluster.inner.remote.clone(),
            look: cluster.inner.member.as_ref().map(Membered::looking).unwrap_or_default(),
        };
        ownership::join(parts, leaving);
        tokio::spawn(look_after_lost(Arc::downgrade(&cluster.inner)));
        broker::start(&cluster);
        map_runs::start(&cluster, orders, config.map_run_io.clone());
        cluster
    }
}

struct Parts {
    shared: Arc<Shared>,
    inboxes: Vec<Arc<Inbox<HostMessage>>>,
    router: Arc<Router>,
    express: Arc<ExpressPool>,
    revisions: Arc<WithApart>,
    incarnation: u64,
    directory: Arc<Directory>,
    world: WorldParts,
    /// Where hosts say what they have lost, if the store is shared.
    losses: Option<mpsc::UnboundedReceiver<(ShardId, Token)>>,
    /// What Map Runs ask for.
    orders: Option<MapRunOrders>,
}

impl Parts {
    fn take_orders(&mut self) -> MapRunOrders {
        self.orders.take().expect("orders are taken once")
    }

    fn new(config: &ClusterConfig) -> Self {
        let host_count = config.host_count.clamp(1, usize::from(config.store.shard_count()));
        let queues = config.queue.as_ref().map_or_else(Queues::default, |broker| Queues::with_broker(broker.link().borrow().is_up));
        let queues = Arc::new(queues);
        let inboxes: Vec<_> = (0..host_count).map(|_| Arc::new(Inbox::new(config.inbox_len_max))).collect();
        let into: Vec<Arc<Inbox<HostMessage>>> = inboxes.clone();
        let mut random = Random::from_system();
        let incarnation = random.next_u64();
        let claims = AtomicU64::new(random.next_u64());
        queues.connect(move |task, slot| {
            let claim_id = new_claim_id(Random::from_seed(claims.fetch_add(1, std::sync::atomic::Ordering::Relaxed)).next_u64());
            let claim = slot.claim(claim_id);
            let input = ShardInput::SlotFree { id: task.execution, task: task.task, slot, claim };
            into[usize::from(task.shard.0) % into.len()].push(HostMessage::Shard(task.shard, input));
        });
        let (losses, lost) = config.member.as_ref().map(|_| mpsc::unbounded_channel()).unzip();
        let (map_runs, orders) = MapRunSink::new();
        let shared = Shared {
            map_runs,
            store: config.store.clone(),
            queues,
            sessions: Arc::new(Sessions::default()),
            deliver: config.deliver.clone(),
            lost: Arc::default(),
            set_aside: Arc::default(),
            gauges: (0..host_count).map(|_| HostGauges::default()).collect(),
            retention_ms: i64::try_from(config.retention.as_millis()).unwrap_or(i64::MAX / 2),
            host_count,
            losses,
            closing: CancellationToken::new(),
        };
        let router = Router::new(config.functions.clone(), config.deliver.is_some(), config.region.clone(), config.account.clone());
        let (router, express) = (Arc::new(router), ExpressPool::new(config.express.clone()));
        let revisions = Arc::new(WithApart::new(config.revisions.clone()));
        let world = WorldParts {
            revisions: revisions.clone(),
            services: Arc::new(TaskServices::new(config.token_key.clone(), config.activities.clone())),
            limits: config.limits.clone(),
            express_limits: limits_of_express(config),
            express_pool: express.clone(),
            queues: shared.queues.clone(),
            router: router.clone(),
            incarnation,
            is_shared: config.member.is_some(),
            listeners: config.listeners.clone(),
        };
        let directory = config.directory.clone().unwrap_or_else(|| Arc::new(of_form(config.member.is_some())));
        Self {
            shared: Arc::new(shared),
            inboxes,
            router,
            express,
            revisions,
            incarnation,
            directory,
            world,
            losses: lost,
            orders: Some(orders),
        }
    }

    fn inner(&self, config: &ClusterConfig, member: Option<Membered>) -> Inner {
        if !self.directory.is_alone() {
            let (directory, remote) = (self.directory.clone(), config.remote.clone());
            self.shared.sessions.connect_elsewhere(Box::new(move |incarnation, execution, task, claim_id| {
                if let Some(member) = directory.member_of_session(incarnation) {
                    remote.tell(&member, Notice::Cancel { incarnation, claim: ClaimName { execution, task, claim_id } });
                }
            }));
        }
        Inner {
            store: config.store.clone(),
            revisions: self.revisions.clone(),
            shard_bits: config.store.shard_count().trailing_zeros(),
            hosts: self.inboxes.clone(),
            queues: self.shared.queues.clone(),
            sessions: self.shared.sessions.clone(),
            lost: self.shared.lost.clone(),
            set_aside: self.shared.set_aside.clone(),
            gauges: self.shared.gauges.clone(),
            router: self.router.clone(),
            express: self.express.clone(),
            key: config.token_key.clone(),
            limits: config.limits.clone(),
            remote: config.remote.clone(),
            under_way: UnderWay::default(),
            broker: config.queue.clone(),
            seed: AtomicU64::new(Random::from_system().next_u64()),
            closing: self.shared.closing.clone(),
            directory: self.directory.clone(),
            member,
        }
    }
}

/// What is known of owners at the start.
fn of_form(is_member: bool) -> Directory {
    if is_member { Directory::shared() } else { Directory::alone() }
}

/// Asks the sessions of this process. Holds nothing, so that the end need not wait for it.
fn local_holding(inner: Weak<Inner>) -> LocalHolding {
    Box::new(move |incarnation, claims| {
        let cluster = Cluster { inner: inner.upgrade()? };
        let names: Vec<_> = claims.iter().map(ClaimName::of).collect();
        let held = cluster.holding(incarnation, &names)?;
        Some(claims.iter().filter(|claim| !held.contains(&ClaimName::of(claim))).cloned().collect())
    })
}

/// An Express execution has as many events as it takes and less time.
fn limits_of_express(config: &ClusterConfig) -> Limits {
    Limits { history_events_max: u64::MAX, execution_seconds_max: config.express.execution_seconds_max, ..config.limits.clone() }
}

async fn recover_host(
    parts: &Parts,
    config: &ClusterConfig,
    number: usize,
    horizon: Timestamp,
) -> Result<(Host, Vec<HeldClaim>), OpenError> {
    let store = &config.store;
    let mut host = Host::new(parts.shared.clone(), parts.inboxes[number].clone(), HostWorld::new(parts.world.clone()), number, horizon);
    let mine = (number..usize::from(store.shard_count())).step_by(parts.shared.host_count);
    let mine = mine.map(|shard| ShardId(u16::try_from(shard).expect("there are fewer shards than that")));
    let mut found = stream::iter(mine).map(|shard| acquire_and_find(store, shard, horizon)).buffered(READ_AHEAD);
    let mut held = Vec::new();
    while let Some(found) = found.try_next().await? {
        let recovering = replay(store, &found, host.world()).await?;
        held.extend(host.adopt(recovering, found.acquired.token, found.timers));
    }
    Ok((host, held))
}

/// Fails what lost workers held, and offers again what nobody claims, until the system closes.
/// Holds nothing while it sleeps, so that the end need not wait for it.
async fn look_after_lost(inner: Weak<Inner>) {
    loop {
        let asleep = Instant::now();
        tokio::time::sleep(LOST_INTERVAL).await;
        let pause = asleep.elapsed().saturating_sub(LOST_INTERVAL);
        let Some(cluster) = inner.upgrade().map(|inner| Cluster { inner }).filter(|cluster| !cluster.is_closing()) else { return };
        if pause >= PAUSE_MIN {
            tracing::warn!(seconds = pause.as_secs(), "this process has stood still; workers that were away get as much time again");
            cluster.sessions().postpone(pause);
        }
        // A worker that has left this member may have come to another; where there are others, the owner of the task finds out.
        let lost = cluster.sessions().take_lost(Instant::now()).into_iter().filter(|_| cluster.inner.member.is_none());
        for held in lost {
            let HeldClaim { execution: id, task, claim } = held;
            tracing::warn!(worker = claim.worker_name.as_deref(), execution = %id, "a worker was lost while it held a task");
            cluster.push(cluster.shard_of(id), ShardInput::HolderLost { id, task, claim_id: claim.claim_id });
        }
        cluster.task_queues().expire_offers();
    }
}
