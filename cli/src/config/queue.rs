//! `[queue]`: the RabbitMQ that carries offers of tasks from coordinators to workers.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Secret, first_of, seen_from};

/// See the module.
#[derive(Clone, Debug, Default, clap::Args, Deserialize)]
#[serde(default)]
pub(crate) struct QueueSettings {
    /// The broker that takes tasks to workers: amqp://USER:PASSWORD@HOST:PORT/%2f, with amqps:// over TLS. Without one, tasks go to workers
    /// directly.
    #[arg(id = "queue_url", long = "queue", env = "BATON_QUEUE", value_name = "URL", hide_env_values = true)]
    pub(crate) url: Option<Secret>,
    /// Certificates that the broker's may be signed with, in PEM; the system's by default.
    #[arg(id = "queue_ca_file", long = "queue-ca-file", env = "BATON_QUEUE_CA_FILE", value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Keeps several clusters apart on one broker: part of the names of queues. `default` by default.
    #[arg(id = "queue_namespace", long = "queue-namespace", env = "BATON_QUEUE_NAMESPACE", value_name = "NAME")]
    pub(crate) namespace: Option<String>,
}

impl QueueSettings {
    pub(crate) fn or(self, file: Self) -> Self {
        first_of!(self, file; url, ca_file, namespace)
    }

    pub(super) fn seen_from(&mut self, folder: &Path) {
        seen_from(folder, &mut self.ca_file);
    }
}
