//! The server: store, catalog, shards, API, gateway and health on one port, put together and taken apart in order.

mod activity;
mod config;
mod connections;
mod executions;
mod file_size;
mod follow;
mod form;
mod health;
mod metrics;
mod outlets;
mod serve;
mod storage;
mod tls;
mod waiting;

pub use crate::api::ApiLimits;
pub use crate::cluster::ExpressLimits;
pub use crate::gateway::WorkerTokens;
pub use crate::store::redis::{Durability, MemberSeen, RedisOptions, RedisStore, UnknownDurability};
pub use baton_engine::Limits;
pub use baton_map_items::StoresConfig;
pub use baton_task_queue::{AddressError, BrokerFacts, Fact, PolicyState, RabbitMqSettings, inspect as inspect_broker, shipped_policies};
pub use config::{LogDestination, MemberIdentity, ServerConfig, StatusEventDestination, Storage};
pub use outlets::OutletError;
pub use tls::{TlsError, TlsFiles};

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpSocket};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::{self, Api};
use crate::catalog::{self, Catalog};
use crate::cluster::{self, Cluster, ClusterConfig, MemberConfig};
use crate::delivery::{Delivery, LambdaEndpoint};
use crate::dispatch::{PeerSecret, TokenKey, TokenKeyError};
use crate::gateway::Gateway;
use crate::map_items::MapItems;
use crate::mock_config::MockConfig;
use crate::peers::{PeerService, Peers};
use crate::store::redis::RedisOpenError;
use crate::store::{self, Membership, ShardStore};
use crate::telemetry;
use baton_task_queue::{RabbitMqQueue, TaskQueue};
use connections::ConnectionLimits;
use form::Form;
use health::Health;
use outlets::Outlets;
use storage::Storages;

/// File of the key that seals task tokens, in the data folder.
const TOKEN_KEY_FILE: &str = "token.key";
/// Where gRPC puts the calls of the worker contract.
const WORKER_ROUTE: &str = "/baton.worker.v1.Worker/{call}";
/// Where it puts what other members ask.
const PEER_ROUTE: &str = "/baton.peer.v1.Peer/{call}";
/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1_024;
/// How long connections may take to end when nothing is under way on them any more.
const CONNECTIONS_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the end waits for those who still use the store, and how often it looks.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);
const RELEASE_INTERVAL: Duration = Duration::from_millis(5);

/// A running server.
pub struct Server {
    address: SocketAddr,
    is_secured: bool,
    api: Api,
    catalog: Catalog,
    cluster: Cluster,
    gateway: Gateway,
    accepting: CancellationToken,
    connections: TaskTracker,
    outlets: Outlets,
    drain_timeout: Duration,
    /// Held by everything that uses the store, but not from here.
    store: Weak<dyn ShardStore>,
}

/// A store that this process shares with the other members of its cluster.
pub struct SharedStorage {
    /// The store.
    pub store: Arc<dyn ShardStore>,
    /// Says to the others that this process lives, and hears who does.
    pub membership: Arc<dyn Membership>,
    /// The key of task tokens that all members have.
    pub token_key: TokenKey,
    /// For people, and the same after a restart.
    pub name: String,
    /// Where other members reach this one, `http://host:port`; by default where it listens.
    pub address: Option<String>,
    /// Its share of the shards, relative to others'.
    pub weight: u32,
}

/// What a server is built over.
struct Opened {
    store: Arc<dyn ShardStore>,
    token_key: TokenKey,
    catalog: Catalog,
    member: Option<Joining>,
}

/// What makes it one of several.
struct Joining {
    member: MemberConfig,
    peers: Arc<Peers>,
    listener: TcpListener,
    address: SocketAddr,
}

/// Why a server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be used.
    #[error(transparent)]
    Store(#[from] store::local::OpenError),
    /// The shared store cannot be used.
    #[error(transparent)]
    Redis(#[from] RedisOpenError),
    /// The catalog cannot be read.
    #[error(transparent)]
    Catalog(#[from] catalog::OpenError),
    /// Executions cannot be read.
    #[error(transparent)]
    Cluster(#[from] cluster::OpenError),
    /// The key that seals task tokens cannot be used.
    #[error(transparent)]
    TokenKey(#[from] TokenKeyError),
    /// Execution logs or status-change events cannot go where they are to go.
    #[error(transparent)]
    Outlet(#[from] OutletError),
    /// Nothing can be served over TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The address is taken or is not one of this machine's.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        error: std::io::Error,
    },
}

impl StartError {
    /// What to do about it.
    pub fn next_step(&self) -> String {
        let repair = |folder: &Path| {
            format!(
                "restore the data folder from a backup, or see what can be kept of it with `baton doctor --repair {}`",
                folder.display()
            )
        };
        match self {
            StartError::Store(error) => error.next_step(),
            StartError::Redis(RedisOpenError::Unreachable { detail, .. }) if detail.contains("certificate") => {
                "name with --store-ca-file a file with the certificates, in PEM, that the store's may be signed with".to_owned()
            }
            StartError::Redis(_) => "`baton doctor --store URL` shows what the store is and what is to be done".to_owned(),
            StartError::TokenKey(TokenKeyError::NotAKey { path, .. }) => format!(
                "put the file back from a backup; or let `baton doctor --repair {}` make a new key, and task tokens that are out become invalid",
                path.parent().unwrap_or(path).display()
            ),
            StartError::TokenKey(TokenKeyError::Io { path, .. }) => format!("make {} readable and writable for this user", path.display()),
            StartError::Catalog(_) | StartError::Cluster(_) => repair(Path::new("DATA_DIR")),
            StartError::Outlet(_) => "see --execution-logs and --status-events in `baton up --help`".to_owned(),
            StartError::Tls(_) => "name files in PEM that belong together with --tls-certificate and --tls-key".to_owned(),
            StartError::Listen { .. } => "choose another port with --port, or 0 for a free one".to_owned(),
        }
    }
}

/// Where a data folder has the key that seals task tokens.
pub fn token_key_file(folder: &Path) -> PathBuf {
    folder.join(TOKEN_KEY_FILE)
}

impl Server {
    /// Opens the store and everything over it, and listens. When this answers, requests are served.
    pub async fn start(config: ServerConfig) -> Result<Self, StartError> {
        telemetry::recorder();
        file_size::fail_writes_beyond_the_limit();
        match storage::open(&config.storage).await? {
            Storages::Own(store, token_key) => {
                let catalog = Catalog::open(store.clone()).await?;
                Self::over(config, Opened { store, token_key, catalog, member: None }).await
            }
            Storages::Shared(store, membership, token_key) => {
                let (name, address) = (config.member.name_at(config.listen), config.member.advertise.clone());
                let shared = SharedStorage { store, membership, token_key, name, address, weight: cores() };
                Self::start_member(config, shared).await
            }
        }
    }

    /// As [`start`](Self::start), as a member of a cluster: `config.storage` is not used. When this answers, requests are served, by other members
    /// as long as this one has no shards.
    pub async fn start_member(config: ServerConfig, shared: SharedStorage) -> Result<Self, StartError> {
        telemetry::recorder();
        file_size::fail_writes_beyond_the_limit();
        let SharedStorage { store, membership, token_key, name, address: told, weight } = shared;
        let catalog = Catalog::follow(store.clone()).await?;
        // The others are told where this one listens, so that it does before it is one of them.
        let (listener, address) = listen(config.listen)?;
        // What vouches for this member vouches for all, unless the system knows better.
        let ca_pem = config.tls.as_ref().and_then(|tls| std::fs::read_to_string(&tls.certificate).ok());
        let peers = Arc::new(Peers::new(PeerSecret::of(&token_key), ca_pem));
        let member = MemberConfig {
            membership,
            name: name.into(),
            address: told.unwrap_or_else(|| url_of(address, config.tls.is_some())).into(),
            weight,
            catalog: Some(Arc::new(catalog.clone())),
            holding: Some(peers.clone()),
        };
        Self::over(config, Opened { store, token_key, catalog, member: Some(Joining { member, peers, listener, address }) }).await
    }

    async fn over(config: ServerConfig, opened: Opened) -> Result<Self, StartError> {
        let Opened { store, token_key, catalog, member } = opened;
        let tls = config.tls.as_ref().map(tls::acceptor).transpose()?;
        let delivery = lambda_endpoint(&config).map(Delivery::new);
        let deliver = delivery.as_ref().map(Delivery::sender);
        let outlets = Outlets::start(&config)?;
        let listeners = outlets.listeners();
        let mut cluster_config = ClusterConfig { deliver, listeners, ..cluster_config(&config, store.clone(), &catalog, token_key) };
        let broker = config.queue.clone().map(|settings| Arc::new(RabbitMqQueue::start(settings)) as Arc<dyn TaskQueue>);
        cluster_config.queue = broker.clone();
        let mut form = Form { policy: form::policy_of(&config.storage), member: None, broker };
        let mut listening = None;
        if let Some(Joining { member, peers, listener, address }) = member {
            form.member = Some((member.name.clone(), member.address.clone()));
            cluster_config.member = Some(member);
            cluster_config.remote = peers;
            listening = Some((listener, address));
        }
        let cluster = Cluster::open(cluster_config).await?;
        if let Some(delivery) = delivery {
            tokio::spawn(delivery.run(cluster.clone()));
        }
        let api = Api::new(cluster.clone(), catalog.clone(), config.defaults(), config.api_limits.clone(), mock_config(&config));
        let (listener, address) = listening.map_or_else(|| listen(config.listen), Ok)?;
        let (accepting, connections) = (CancellationToken::new(), TaskTracker::new());
        let weak_store = Arc::downgrade(&store);
        let gateway = Gateway::new(cluster.clone()).with_tokens(config.worker_tokens.clone());
        let health = Health { store, cluster: cluster.clone(), catalog: catalog.clone(), closing: api.closing().clone(), form };
        let for_members = api.clone();
        let peers = PeerService::new(cluster.clone()).with_api(Arc::new(move |request| {
            let api = for_members.clone();
            Box::pin(async move { api.handle_for_member(request).await })
        }));
        let router = router(&api, &gateway, &peers, health);
        let limits = ConnectionLimits::of_process();
        tokio::spawn(serve::serve(listener, tls, router, limits, accepting.clone(), connections.clone()));
        tokio::spawn(api::finish_deletions(api.clone()));
        let (drain_timeout, is_secured) = (config.drain_timeout, config.tls.is_some());
        Ok(Self { address, is_secured, api, catalog, cluster, gateway, accepting, connections, outlets, drain_timeout, store: weak_store })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://host:port`, or `https://`.
    pub fn url(&self) -> String {
        url_of(self.address, self.is_secured)
    }

    /// The AWS API, without a socket before it.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// The executions that it runs.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Its state machines and activities.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Where execution logs and status-change events go, a line for people each.
    pub fn outlets(&self) -> &[String] {
        self.outlets.descriptions()
    }

    /// Takes no more connections, ends what waits, lets workers and requests that are under way finish for a while, and writes what
    /// is not written yet.
    pub async fn shutdown(self) {
        // As long as this process has shards, the others ask it.
        self.cluster.leave().await;
        self.api.closing().cancel();
        self.accepting.cancel();
        let (drained, answered) = tokio::join!(self.gateway.drain(self.drain_timeout), self.api.answered_all(self.drain_timeout));
        if !drained || !answered {
            tracing::warn!("not everything that was under way has ended; it goes on with the next start");
        }
        self.cluster.close().await;
        self.catalog.close().await;
        self.outlets.close(self.drain_timeout).await;
        // Workers' sessions have ended with the cluster.
        self.connections.close();
        if tokio::time::timeout(CONNECTIONS_TIMEOUT, self.connections.wait()).await.is_err() {
            tracing::debug!(connections = self.connections.len(), "some connections did not end in time");
        }
        let Self { api, catalog, cluster, gateway, store, .. } = self;
        drop((api, catalog, cluster, gateway));
        released(&store).await;
    }
}

/// Waits until nobody holds the store any more, so that whoever comes next can open the data folder.
async fn released(store: &Weak<dyn ShardStore>) {
    let gone = async {
        while store.strong_count() > 0 {
            tokio::time::sleep(RELEASE_INTERVAL).await;
        }
    };
    if tokio::time::timeout(RELEASE_TIMEOUT, gone).await.is_err() {
        tracing::warn!("the data folder is still in use");
    }
}

fn cluster_config(config: &ServerConfig, store: Arc<dyn ShardStore>, catalog: &Catalog, token_key: TokenKey) -> ClusterConfig {
    let catalog = Arc::new(catalog.clone());
    ClusterConfig {
        limits: config.limits.clone(),
        express: config.express.clone(),
        retention: config.retention,
        token_key: Arc::new(token_key),
        region: config.region.clone(),
        account: config.account.clone(),
        map_run_io: Arc::new(MapItems::new(config.items.clone())),
        ..ClusterConfig::new(store, catalog.clone(), catalog.clone(), catalog)
    }
}

/// Where functions are called that no worker serves. An address that cannot be used is told and left alone, since `AWS_ENDPOINT_URL`
/// is meant for other tools too; so is the server's own, which has no functions.
fn lambda_endpoint(config: &ServerConfig) -> Option<LambdaEndpoint> {
    let url = config.lambda_endpoint.as_deref().filter(|url| !is_own_address(url, config.listen))?;
    LambdaEndpoint::new(url, &config.region).inspect_err(|error| tracing::warn!(%error, "no Lambda endpoint is used")).ok()
}

/// Where the test cases are. What is wrong with the file now is told now; it may be mended while the server runs.
fn mock_config(config: &ServerConfig) -> Option<MockConfig> {
    let mock_config = config.mock_config.clone().map(MockConfig::new)?;
    if mock_config.file().exists() {
        mock_config.check().into_iter().for_each(|error| tracing::warn!("{error}"));
    }
    Some(mock_config)
}

fn is_own_address(url: &str, own: SocketAddr) -> bool {
    let Some((host, port)) = url.trim_start_matches("http://").trim_end_matches('/').rsplit_once(':') else { return false };
    let is_local = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|host| host.is_loopback() || host == own.ip());
    is_local && port == own.port().to_string()
}

fn url_of(address: SocketAddr, is_secured: bool) -> String {
    format!("{}://{address}", if is_secured { "https" } else { "http" })
}

/// A member's share of the shards.
fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX))
}

fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |error| StartError::Listen { address, error };
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.map_err(failed)?;
    // A port that a server has just left may be taken again.
    socket.set_reuseaddr(true).and_then(|()| socket.bind(address)).map_err(failed)?;
    let listener = socket.listen(BACKLOG).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// Everything that is served. What is nobody else's is the AWS API's: it takes any path.
fn router(api: &Api, gateway: &Gateway, peers: &PeerService, health: Health) -> Router {
    let aws = {
        let api = api.clone();
        move |request: axum::extract::Request| {
            let api = api.clone();
            async move { api.handle(request).await }
        }
    };
    Router::new()
        .merge(executions::routes(api.clone()))
        .merge(health::routes(health.clone()))
        .merge(metrics::routes(health))
        .route_service(WORKER_ROUTE, gateway.service())
        .route_service(PEER_ROUTE, peers.service())
        .method_not_allowed_fallback(aws.clone())
        .fallback(aws)
}
