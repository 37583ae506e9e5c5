//! What can be chosen about a store in Redis.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How a [`RedisStore`](super::RedisStore) is opened.
#[derive(Clone)]
pub struct RedisOptions {
    /// Where the server is: `redis://[user:password@]host:port[/database]`, `rediss://` for TLS; several nodes of a Redis Cluster with commas
    /// between; `redis+sentinel://host:port,…/name[/database]` for the server that sentinels name.
    pub url: String,
    /// Who may vouch for the server of a `rediss://` address: certificates in PEM. Those whom the system trusts if `None`.
    pub tls_roots: Option<Vec<u8>>,
    /// What an acknowledgement is worth. The server's settings are checked against it.
    pub durability: Durability,
    /// The cluster that the store belongs to. One that was made for another is refused.
    pub cluster: String,
    /// Beginning of the names of all keys.
    pub prefix: String,
    /// Shards of a store that is made, a power of two from 2 to 4,096. If given, an existing store must have as many.
    pub shard_count: Option<u16>,
    /// How long a shard stays its owner's after the last word of it.
    pub lease: Duration,
    /// How long a member counts as living after the last word of it.
    pub member_lifetime: Duration,
    /// How long the outcome of an append may be unknown before it is answered with [`StoreError::Failed`](crate::store::StoreError::Failed).
    pub patience: Duration,
}

impl RedisOptions {
    /// Shards of a store that is made without saying how many.
    pub const SHARD_COUNT: u16 = 256;

    /// The usual, at this address.
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            tls_roots: None,
            durability: Durability::Fsync,
            cluster: "default".to_owned(),
            prefix: "baton".to_owned(),
            shard_count: None,
            lease: Duration::from_millis(1500),
            member_lifetime: Duration::from_millis(1500),
            patience: Duration::from_secs(3),
        }
    }

    /// What only a defect of the caller can get wrong.
    pub(super) fn check(&self) {
        let is_count = |count: u16| count.is_power_of_two() && (2..=4096).contains(&count);
        assert!(self.shard_count.is_none_or(is_count), "the number of shards is a power of two from 2 to 4,096");
        assert!(self.lease >= Duration::from_millis(100), "a lease is longer than the way to the server and back");
        assert!(!self.prefix.is_empty() && !self.prefix.contains(['{', '}']), "a prefix is no hash tag");
    }

    /// How long before its lease ends an owner stops to speak for a shard.
    pub(super) fn lease_margin(&self) -> Duration {
        Duration::from_millis(200).min(self.lease / 4)
    }
}

/// Without the address, which may have a password.
impl fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { durability, cluster, prefix, .. } = self;
        write!(f, "RedisOptions {{ durability: {durability}, cluster: {cluster}, prefix: {prefix}, .. }}")
    }
}

/// What an acknowledgement is worth: which failures an acknowledged batch survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Written to the server's disk before it is acknowledged (`appendfsync always`). Survives the end of the process, the machine and its power;
    /// not the loss of the disk, and not the promotion of a replica.
    #[default]
    Fsync,
    /// Written to the server's disk within about a second (`appendfsync everysec`). Survives the end of the process; a loss of power takes up to two seconds.
    Relaxed,
    /// Acknowledged by so many replicas, which must be all that may ever be promoted. Survives the loss of the server and its disk.
    Replicated {
        /// How many.
        replicas: u32,
    },
    /// The provider promises that what is acknowledged is durable: MemoryDB, ElastiCache with synchronous writes.
    Managed,
}

impl Durability {
    /// Its name, as options, `/health` and `baton doctor` have it.
    pub fn name(self) -> &'static str {
        match self {
            Durability::Fsync => "fsync",
            Durability::Relaxed => "relaxed",
            Durability::Replicated { .. } => "replicated",
            Durability::Managed => "managed",
        }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Durability::Replicated { replicas } => write!(f, "replicated:{replicas}"),
            Durability::Fsync | Durability::Relaxed | Durability::Managed => f.write_str(self.name()),
        }
    }
}

/// A text that names no durability.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no durability: choose fsync, relaxed, replicated:N (N replicas, all that may be promoted) or managed")]
pub struct UnknownDurability(String);

impl FromStr for Durability {
    type Err = UnknownDurability;

    fn from_str(text: &str) -> Result<Self, UnknownDurability> {
        let unknown = || UnknownDurability(text.to_owned());
        match text {
            "fsync" => Ok(Durability::Fsync),
            "relaxed" => Ok(Durability::Relaxed),
            "managed" => Ok(Durability::Managed),
            other => {
                let replicas =
                    other.strip_prefix("replicated:").and_then(|count| count.parse().ok()).filter(|count| (1..=16).contains(count));
                replicas.map(|replicas| Durability::Replicated { replicas }).ok_or_else(unknown)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durabilities_are_read_as_they_are_shown() {
        for durability in [Durability::Fsync, Durability::Relaxed, Durability::Replicated { replicas: 2 }, Durability::Managed] {
            assert_eq!(durability.to_string().parse(), Ok(durability));
        }
        for unknown in ["", "always", "replicated", "replicated:0", "replicated:17", "replicated:x"] {
            assert!(unknown.parse::<Durability>().is_err(), "{unknown}");
        }
    }
}
