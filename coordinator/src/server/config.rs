//! What a server is started with.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use baton_proto::names::{ACCOUNT_DEFAULT, REGION_DEFAULT};

use super::tls::TlsFiles;
use crate::api::{ApiLimits, Defaults};
use crate::cluster::ExpressLimits;
use crate::gateway::WorkerTokens;
use crate::store::redis::RedisOptions;
use baton_map_items::StoresConfig;
use baton_task_queue::RabbitMqSettings;

/// Port of Step Functions Local, and ours.
const PORT: u16 = 8083;

/// For which AWS keeps ended executions.
const RETENTION: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// What a server is started with.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Where it listens; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Where it keeps its data.
    pub storage: Storage,
    /// Where files of logs and events go; by default into the folder of the storage, if it has one.
    pub data_dir: Option<PathBuf>,
    /// Who it is among those that share its store.
    pub member: MemberIdentity,
    /// The broker that takes offers of tasks to workers; without one, tasks go to workers directly.
    pub queue: Option<RabbitMqSettings>,
    /// Account of callers whose access key is not one; twelve digits.
    pub account: String,
    /// Region of callers who do not say theirs.
    pub region: String,
    /// Sizes that the API takes.
    pub api_limits: ApiLimits,
    /// Limits of executions.
    pub limits: baton_engine::Limits,
    /// Limits of Express executions.
    pub express: ExpressLimits,
    /// How long ended executions are kept.
    pub retention: Duration,
    /// What workers must show; without any, every worker is let in.
    pub worker_tokens: WorkerTokens,
    /// Everything is served over TLS with these, if they are there.
    pub tls: Option<TlsFiles>,
    /// Where functions that no worker serves are invoked.
    pub lambda_endpoint: Option<String>,
    /// Where Distributed Maps read items and write results.
    pub items: StoresConfig,
    /// Mock configuration in Step Functions Local's format.
    pub mock_config: Option<PathBuf>,
    /// Where execution logs go. By default to files, if there is a data folder, and to CloudWatch Logs, if there is an endpoint.
    pub execution_logs: Option<Vec<LogDestination>>,
    /// Where CloudWatch Logs is.
    pub cloudwatch_logs_endpoint: Option<String>,
    /// Where status-change events go. By default to EventBridge, if there is an endpoint.
    pub status_events: Option<Vec<StatusEventDestination>>,
    /// Where EventBridge is.
    pub eventbridge_endpoint: Option<String>,
    /// How long requests that are under way may take at the end, and after that what has to leave: execution logs, status changes.
    pub drain_timeout: Duration,
}

/// Where a server keeps its data.
#[derive(Clone, Debug)]
pub enum Storage {
    /// Nowhere: it is gone at the end.
    Memory,
    /// In this folder, which is made if it is not there.
    Local(PathBuf),
    /// In a Redis or Valkey that it may share with others.
    Redis(RedisOptions),
}

/// A coordinator among others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberIdentity {
    /// Its own among all, and the same after a restart; by default the host's name and the port.
    pub name: Option<String>,
    /// Where others reach it, `http://host:port`; by default where it listens.
    pub advertise: Option<String>,
}

/// Where execution logs can go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogDestination {
    /// A file for each log group, in the data folder.
    File,
    /// Standard output.
    Stdout,
    /// The CloudWatch Logs endpoint.
    CloudWatch,
}

/// Where status-change events can go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatusEventDestination {
    /// The EventBridge endpoint.
    EventBridge,
    /// A file in the data folder.
    File,
    /// A POST to this address.
    Webhook(String),
}

impl MemberIdentity {
    /// The name, for a process that is to listen there.
    pub(super) fn name_at(&self, listen: SocketAddr) -> String {
        let host = || rustix::system::uname().nodename().to_string_lossy().into_owned();
        // A port that is picked is another one each time, and so is the process.
        let number = if listen.port() == 0 { std::process::id() } else { u32::from(listen.port()) };
        self.name.clone().unwrap_or_else(|| format!("{}-{number}", host()))
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], PORT)),
            storage: Storage::Memory,
            data_dir: None,
            member: MemberIdentity::default(),
            queue: None,
            account: ACCOUNT_DEFAULT.to_owned(),
            region: REGION_DEFAULT.to_owned(),
            api_limits: ApiLimits::default(),
            limits: baton_engine::Limits::default(),
            express: ExpressLimits::default(),
            retention: RETENTION,
            worker_tokens: WorkerTokens::default(),
            tls: None,
            lambda_endpoint: None,
            items: StoresConfig::default(),
            mock_config: None,
            execution_logs: None,
            cloudwatch_logs_endpoint: None,
            status_events: None,
            eventbridge_endpoint: None,
            drain_timeout: Duration::from_secs(10),
        }
    }
}

impl ServerConfig {
    pub(super) fn defaults(&self) -> Defaults {
        Defaults { account: self.account.clone(), region: self.region.clone() }
    }
}
