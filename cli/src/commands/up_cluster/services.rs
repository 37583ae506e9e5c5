//! The Redis and the RabbitMQ of a cluster that is tried.

use std::fmt;
use std::path::Path;

use baton_coordinator::server::shipped_policies;
use baton_local_services::{Folder, RabbitMq, RabbitMqOptions, Redis, ServiceError};
use tokio::task::spawn_blocking;

use crate::config::Secret;
use crate::exit::{CliError, CliResult, Exit};

/// What the policy `fsync` asks for.
const REDIS_OPTIONS: [&str; 2] = ["--appendfsync", "always"];

pub(super) struct Services {
    redis: Option<Redis>,
    broker: Option<RabbitMq>,
    store: String,
    queue: String,
}

impl Services {
    /// Starts both, with their data in this folder.
    pub(super) async fn start(folder: &Path) -> CliResult<Self> {
        let (redis_folder, broker_folder) = (folder.join("redis"), folder.join("rabbitmq"));
        let redis = spawn_blocking(move || Redis::start_with(Folder::kept(redis_folder)?, &REDIS_OPTIONS));
        let broker = spawn_blocking(move || start_broker(Folder::kept(broker_folder)?));
        let (redis, broker) = tokio::join!(redis, broker);
        let redis = redis.expect("starting a server does not panic").map_err(|error| not_started(&error))?;
        let broker = broker.expect("starting a server does not panic").map_err(|error| not_started(&error))?;
        Ok(Self { store: redis.url(), queue: broker.url(), redis: Some(redis), broker: Some(broker) })
    }

    /// As `--store` takes it.
    pub(super) fn store(&self) -> String {
        self.store.clone()
    }

    /// As `--queue` takes it.
    pub(super) fn queue(&self) -> String {
        self.queue.clone()
    }

    /// Lets both end in order.
    pub(super) async fn end(&mut self) {
        let (redis, broker) = (self.redis.take(), self.broker.take());
        let ended = spawn_blocking(move || {
            broker.into_iter().for_each(|mut broker| broker.stop());
            redis.into_iter().for_each(|mut redis| redis.stop());
        });
        ended.await.expect("ending a server does not panic");
    }
}

/// With the policies that its queues want.
fn start_broker(folder: Folder) -> Result<RabbitMq, ServiceError> {
    let broker = RabbitMq::start_with(folder, &RabbitMqOptions::default())?;
    for policy in shipped_policies() {
        let definition = serde_json::Value::Object(policy.definition.clone()).to_string();
        let priority = policy.priority.to_string();
        broker.ctl(&["set_policy", "--priority", &priority, "--apply-to", &policy.apply_to, &policy.name, &policy.pattern, &definition])?;
    }
    Ok(broker)
}

impl fmt::Display for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pid = |pid: Option<u32>| pid.unwrap_or_default();
        let (redis, broker) = (self.redis.as_ref().and_then(Redis::pid), self.broker.as_ref().and_then(RabbitMq::pid));
        let shown = |url: &str| url.parse::<Secret>().map_or_else(|never| match never {}, |url| url.to_string());
        writeln!(f, "Redis (process {})  {}", pid(redis), shown(&self.store))?;
        write!(f, "RabbitMQ (process {})  {}", pid(broker), shown(&self.queue))
    }
}

fn not_started(error: &ServiceError) -> CliError {
    let next_step = match error {
        ServiceError::NotInstalled { .. } => {
            "install both, without starting the system's own: sudo RUNLEVEL=1 apt-get install rabbitmq-server redis-server"
        }
        ServiceError::Ended { .. } | ServiceError::NotReady { .. } => {
            "its log says why; what was kept may be removed with the folder of the log"
        }
        ServiceError::Command { .. } | ServiceError::Io { .. } => "make sure that the folder is writable and on a disk with room",
    };
    let text = match error {
        ServiceError::NotInstalled { program } => format!("there is no {program} on this machine"),
        error => error.to_string(),
    };
    CliError::new(Exit::Failed, text).next(next_step)
}
