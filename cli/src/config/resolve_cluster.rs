//! What a coordinator and a worker are told of the store and the broker that they share with others.

use std::path::Path;

use baton_coordinator::server::{Durability, RabbitMqSettings, RedisOptions, ServerConfig, Storage};

use super::{Config, QueueSettings, Secret, StoreSettings};
use crate::exit::{CliError, CliResult, Exit};

/// Names of clusters and namespaces where none is given.
const NAME_DEFAULT: &str = "default";

impl Config {
    /// What a coordinator is started with.
    pub(crate) fn coordinator_config(&self) -> CliResult<ServerConfig> {
        let storage = Storage::Redis(self.store.options()?);
        let name = self.member.name.as_deref().unwrap_or("baton");
        Ok(ServerConfig {
            data_dir: self.server.data_dir.clone(),
            member: self.member.identity(self.server.listens())?,
            tls: self.member.tls()?,
            queue: self.queue.settings(name)?,
            ..self.server_config(storage, self.server.mock_config.clone(), None)?
        })
    }
}

impl StoreSettings {
    /// Where the store is, and what it must be.
    pub(crate) fn options(&self) -> CliResult<RedisOptions> {
        let Some(url) = self.url.as_ref().map(Secret::reveal).filter(|url| !url.is_empty()) else {
            return Err(usage("no store is named that the coordinators share".to_owned())
                .next("name it with --store redis://HOST:PORT, or use `baton up`, which keeps its data itself"));
        };
        let defaults = RedisOptions::at(url);
        let durability = self.policy.as_deref().map(str::parse::<Durability>).transpose().map_err(|error| usage(error.to_string()))?;
        if let Some(count) = self.shards.filter(|count| !count.is_power_of_two() || !(2..=4096).contains(count)) {
            return Err(
                usage(format!("{count} is no number of shards")).next("choose a power of two from 2 to 4096; 256 is right for most")
            );
        }
        Ok(RedisOptions {
            durability: durability.unwrap_or(defaults.durability),
            cluster: self.cluster.clone().unwrap_or_else(|| NAME_DEFAULT.to_owned()),
            shard_count: self.shards,
            tls_roots: self.ca_file.as_deref().map(pem).transpose()?.map(String::into_bytes),
            ..defaults
        })
    }
}

impl QueueSettings {
    /// Where the broker is, if there is one. `name` is what the broker's lists of connections show.
    pub(crate) fn settings(&self, name: &str) -> CliResult<Option<RabbitMqSettings>> {
        let Some(url) = self.url.as_ref().map(Secret::reveal).filter(|url| !url.is_empty()) else { return Ok(None) };
        let namespace = self.namespace.as_deref().unwrap_or(NAME_DEFAULT);
        let settings = RabbitMqSettings::new(url, namespace).map_err(|error| {
            usage(error.to_string()).next("write --queue amqp://USER:PASSWORD@HOST:5672/%2f, with what is special in a password as %XX")
        })?;
        let certificates = self.ca_file.as_deref().map(pem).transpose()?;
        Ok(Some(RabbitMqSettings { connection_name: format!("baton {name}"), certificates, ..settings }))
    }
}

/// The text of a file with certificates.
pub(crate) fn pem(file: &Path) -> CliResult<String> {
    std::fs::read_to_string(file)
        .map_err(|error| usage(format!("{} cannot be read: {error}", file.display())).next("name a file with certificates in PEM"))
}

fn usage(message: String) -> CliError {
    CliError::new(Exit::Usage, message)
}
