//! `[store]`: the Redis or Valkey that coordinators share.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Secret, first_of, seen_from};

/// See the module.
#[derive(Clone, Debug, Default, clap::Args, Deserialize)]
#[serde(default)]
pub(crate) struct StoreSettings {
    /// The store that the coordinators share: redis://[USER:PASSWORD@]HOST:PORT[/DB], with rediss:// over TLS; several nodes of a Redis Cluster
    /// with commas between; redis+sentinel://HOST:PORT,…/NAME for the server that sentinels name.
    #[arg(id = "store_url", long = "store", env = "BATON_STORE", value_name = "URL", hide_env_values = true)]
    pub(crate) url: Option<Secret>,
    /// What an acknowledgement of the store must mean, and what its settings are checked for: fsync, relaxed, replicated:N or managed; fsync
    /// by default.
    #[arg(id = "store_policy", long = "store-policy", env = "BATON_STORE_POLICY", value_name = "POLICY")]
    pub(crate) policy: Option<String>,
    /// Name of the cluster; a store that another one has made is refused. `default` by default.
    #[arg(id = "store_cluster", long = "store-cluster", env = "BATON_STORE_CLUSTER", value_name = "NAME")]
    pub(crate) cluster: Option<String>,
    /// Certificates that the store's may be signed with, in PEM; the system's by default.
    #[arg(id = "store_ca_file", long = "store-ca-file", env = "BATON_STORE_CA_FILE", value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Shards of a store that is empty yet, a power of two; 256 by default. Of one that is not, it has its own number.
    #[arg(id = "store_shards", long = "store-shards", env = "BATON_STORE_SHARDS", value_name = "COUNT")]
    pub(crate) shards: Option<u16>,
}

impl StoreSettings {
    pub(crate) fn or(self, file: Self) -> Self {
        first_of!(self, file; url, policy, cluster, ca_file, shards)
    }

    pub(super) fn seen_from(&mut self, folder: &Path) {
        seen_from(folder, &mut self.ca_file);
    }
}
