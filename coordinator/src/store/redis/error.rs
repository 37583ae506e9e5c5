//! Why a store in Redis cannot be opened.

use super::policy::Fault;

/// What is wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedisOpenError {
    /// The text is no address.
    #[error(
        "`{url}` is no address of a Redis server ({detail}): write redis://host:port, or rediss://host:port for TLS; several nodes of a Redis Cluster as redis://a:port,b:port, a server that sentinels watch as redis+sentinel://a:port,b:port/NAME"
    )]
    Address {
        /// What was given, without its password.
        url: String,
        /// What is wrong with it.
        detail: String,
    },
    /// It knows servers and is none that has data.
    #[error("at {address} is a sentinel: write redis+sentinel://{address}/NAME, with the name by which it watches the server")]
    Sentinel {
        /// Host and port.
        address: String,
    },
    /// Nobody answers there.
    #[error("the Redis server at {address} cannot be reached: {detail}. Start it, or name another one")]
    Unreachable {
        /// Host and port.
        address: String,
        /// What was tried and how it failed.
        detail: String,
    },
    /// The server has answered with an error.
    #[error("the Redis server at {address} has refused: {detail}")]
    Refused {
        /// Host and port.
        address: String,
        /// Its words.
        detail: String,
    },
    /// The server's settings do not keep what the policy promises.
    #[error("the Redis server at {address} does not keep what the durability `{durability}` promises:{}", listed(.faults))]
    Unfit {
        /// Host and port.
        address: String,
        /// Name of the policy.
        durability: String,
        /// Each with the command that mends it.
        faults: Vec<Fault>,
    },
    /// The keys that would be used hold something else.
    #[error(
        "the key `{key}` at {address} holds something that baton did not write: choose another database (redis://host:port/1) or another server"
    )]
    Foreign {
        /// Host and port.
        address: String,
        /// The first such key.
        key: String,
    },
    /// There are shards, but nothing says what they are.
    #[error(
        "the settings of the store at {address} are gone (key `{key}`), but its shards are there: restore a complete backup, or choose another database"
    )]
    SettingsLost {
        /// Host and port.
        address: String,
        /// Where they should be.
        key: String,
    },
    /// Written by another version.
    #[error("the store at {address} has format {found}, this version of baton has format {ours}: use the version that made it")]
    OtherFormat {
        /// Host and port.
        address: String,
        /// The store's.
        found: String,
        /// This program's.
        ours: u32,
    },
    /// Another cluster's.
    #[error(
        "the store at {address} belongs to the cluster `{found}`, this one is `{asked}`: two clusters need two databases (redis://host:port/1) or two servers"
    )]
    OtherCluster {
        /// Host and port.
        address: String,
        /// Whose it is.
        found: String,
        /// Who asks.
        asked: String,
    },
    /// The number of shards is fixed when a store is made.
    #[error(
        "the store at {address} has {found} shards, and that cannot change: leave the number out, or ask for {found} instead of {asked}"
    )]
    OtherShardCount {
        /// Host and port.
        address: String,
        /// What it has.
        found: u16,
        /// What was asked for.
        asked: u16,
    },
    /// What stands there is not what any version writes.
    #[error("the settings of the store at {address} cannot be read: {detail}. Restore a backup of the key `{key}`")]
    Damaged {
        /// Host and port.
        address: String,
        /// Where they are.
        key: String,
        /// What is wrong.
        detail: String,
    },
}

fn listed(faults: &[Fault]) -> String {
    faults.iter().map(|fault| format!("\n  {fault}")).collect()
}
