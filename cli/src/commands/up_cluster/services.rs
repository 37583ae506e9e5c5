//! The Redis and the RabbitMQ of a cluster that is tried.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use baton_coordinator::server::shipped_policies;
use baton_local_services::{Folder, RabbitMq, RabbitMqOptions, Redis, ServiceError};
use tokio::task::spawn_blocking;

use crate::config::Secret;
use crate::exit::{CliError, CliResult, Exit};

/// What the policy `fsync` asks for.
const REDIS_OPTIONS: [&str; 2] = ["--appendfsync", "always"];

/// How often both are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// One of both.
#[derive(Clone, Copy, Debug)]
pub(super) enum Service {
    Redis,
    RabbitMq,
}

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

    /// Waits until one of both has ended, and says which.
    pub(super) async fn ended(&mut self) -> Service {
        loop {
            if !self.redis.as_mut().is_some_and(Redis::is_running) {
                return Service::Redis;
            }
            if !self.broker.as_mut().is_some_and(RabbitMq::is_running) {
                return Service::RabbitMq;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Starts one of both again, with what it has kept; ready when this returns.
    pub(super) async fn start_again(&mut self, service: Service) -> CliResult {
        let started = match service {
            Service::Redis => again(&mut self.redis, Redis::restart).await,
            Service::RabbitMq => again(&mut self.broker, RabbitMq::restart).await,
        };
        started.map_err(|error| not_started(&error))
    }

    /// As it is told to people: name, process and address.
    pub(super) fn line_of(&self, service: Service) -> String {
        let shown = |url: &str| url.parse::<Secret>().map_or_else(|never| match never {}, |url| url.to_string());
        let (pid, url) = match service {
            Service::Redis => (self.redis.as_ref().and_then(Redis::pid), &self.store),
            Service::RabbitMq => (self.broker.as_ref().and_then(RabbitMq::pid), &self.queue),
        };
        format!("{service} (process {})  {}", pid.unwrap_or_default(), shown(url))
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
        writeln!(f, "{}", self.line_of(Service::Redis))?;
        write!(f, "{}", self.line_of(Service::RabbitMq))
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Service::Redis => "Redis",
            Service::RabbitMq => "RabbitMQ",
        })
    }
}

/// Starts and waits where that keeps nobody waiting.
async fn again<S: Send + 'static>(service: &mut Option<S>, restart: fn(&mut S) -> Result<(), ServiceError>) -> Result<(), ServiceError> {
    let mut taken = service.take().expect("a service is there until all is to end");
    let started = spawn_blocking(move || {
        let result = restart(&mut taken);
        (taken, result)
    });
    let (taken, result) = started.await.expect("starting a server does not panic");
    *service = Some(taken);
    result
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
