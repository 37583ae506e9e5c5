//! Whether the server's settings keep what a durability promises.

use std::collections::HashMap;

use redis::Value;
use redis::aio::MultiplexedConnection;

use super::connection::ask;
use super::error::RedisOpenError;
use super::node::Node;
use super::options::Durability;
use super::replication::Replication;
use super::reply;
use super::server::Server;

/// A setting that breaks the promise, and what mends it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// Too old.
    #[error("it is Redis {found}, and functions need Redis 7.0 or Valkey 7.2: install a newer one")]
    Version {
        /// Its version.
        found: String,
    },
    /// It follows another server.
    #[error("it is a replica: name the address of its primary{primary}, or make it one with `redis-cli REPLICAOF NO ONE`")]
    Replica {
        /// Where that is, if it says so.
        primary: String,
    },
    /// It would delete what was acknowledged.
    #[error("maxmemory-policy is {found}, so a full server deletes acknowledged work: `redis-cli CONFIG SET maxmemory-policy noeviction`")]
    Eviction {
        /// The policy.
        found: String,
    },
    /// It does not write to its disk.
    #[error("appendonly is {found}, so a restart loses everything: `redis-cli CONFIG SET appendonly yes`")]
    NoAppendOnly {
        /// The setting.
        found: String,
    },
    /// It acknowledges before it has written.
    #[error("appendfsync is {found}, so a loss of power loses acknowledged work: `redis-cli CONFIG SET appendfsync {wanted}`")]
    Fsync {
        /// The setting.
        found: String,
        /// What keeps the promise.
        wanted: &'static str,
    },
    /// It acknowledges before it has written, at times.
    #[error(
        "no-appendfsync-on-rewrite is yes, so a loss of power while the file is rewritten loses acknowledged work: `redis-cli CONFIG SET \
         no-appendfsync-on-rewrite no`"
    )]
    NoFsyncOnRewrite,
    /// Fewer replicas than are asked for.
    #[error(
        "connected_slaves is {found}, and {wanted} replicas have to confirm: attach them with `redis-cli -h REPLICA REPLICAOF {address}`, at a Redis \
         Cluster with `redis-cli --cluster add-node … --cluster-slave`"
    )]
    Replicas {
        /// How many there are.
        found: u32,
        /// How many are asked for.
        wanted: u32,
        /// Of this server, as the command takes it.
        address: String,
    },
    /// Another server may take its place that has less.
    #[error(
        "a failover may promote one of {found} replicas, and {confirmed} of them confirm what is acknowledged: choose `--store-policy replicated:{found}`, \
         or `relaxed` where a failover may take the last moments' work"
    )]
    Promotable {
        /// Replicas that may be promoted.
        found: u32,
        /// Replicas that confirm every batch.
        confirmed: u32,
    },
    /// It does not tell.
    #[error(
        "it does not tell its settings ({detail}), so nothing can be promised: allow `CONFIG GET` to this user, or choose the durability `managed` where the provider promises it"
    )]
    Hidden {
        /// Its words.
        detail: String,
    },
}

/// What a server is, and where it breaks the promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings {
    /// `Redis 7.0.15`, `Valkey 8.1.0`.
    pub server: String,
    /// Host and port of the server with faults, or of all if there is none.
    pub address: String,
    /// Nothing is wrong if there are none.
    pub faults: Vec<Fault>,
}

/// What was found, and how writes are confirmed under these settings.
pub(super) struct Checked {
    pub(super) findings: Findings,
    pub(super) replication: Replication,
}

/// Asks each server that takes writes. What is found is the first one's that has faults, if there is one.
pub(super) async fn check(server: &Server, durability: Durability) -> Result<Checked, RedisOpenError> {
    let layout = server.layout();
    let mut all: Option<Checked> = None;
    for node in layout.nodes() {
        let address = node.address();
        let unreachable = |detail: String| RedisOpenError::Unreachable { address: address.clone(), detail };
        let mut connection = node.connect().await.map_err(|error| unreachable(error.to_string()))?;
        let place = Place { address: node.address(), fails_over: fails_over(node, layout.is_cluster()) };
        let checked = check_one(&mut connection, durability, &place).await;
        let checked = checked.map_err(|detail| RedisOpenError::Refused { address: place.address, detail })?;
        if !checked.findings.faults.is_empty() {
            return Ok(checked);
        }
        all = Some(match all {
            None => checked,
            Some(before) => Checked { replication: before.replication.weaker(checked.replication), ..checked },
        });
    }
    let mut all = all.expect("a layout has a server");
    all.findings.address = server.address();
    Ok(all)
}

/// Where a server is, and what may become of it.
struct Place {
    address: String,
    fails_over: Failover,
}

/// Who may make a replica the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failover {
    /// Whoever runs it, by hand.
    Nobody,
    /// The nodes of its cluster, if it has a replica.
    Cluster,
    /// Sentinels: to have one promoted is what they are for.
    Sentinels,
}

fn fails_over(node: &Node, is_cluster: bool) -> Failover {
    match (node.is_named(), is_cluster) {
        (true, _) => Failover::Sentinels,
        (false, true) => Failover::Cluster,
        (false, false) => Failover::Nobody,
    }
}

/// Asks the server and judges what it says. An error is the server's refusal to answer at all.
async fn check_one(connection: &mut MultiplexedConnection, durability: Durability, place: &Place) -> Result<Checked, String> {
    let info = reply::info(&ask(connection, &redis::cmd("INFO")).await?);
    let mut get = redis::cmd("CONFIG");
    get.arg("GET").arg("append*").arg("no-appendfsync-on-rewrite");
    let config = ask(connection, &get).await;
    Ok(judge(&info, &config, durability, place))
}

fn judge(info: &HashMap<String, String>, config: &Result<Value, String>, durability: Durability, place: &Place) -> Checked {
    let mut faults = of_server(info);
    let settings = match config {
        Ok(config) => reply::config(config),
        Err(_) => HashMap::new(),
    };
    let setting = |name: &str| settings.get(name).map_or("unknown", String::as_str);
    match (durability, config) {
        // What the provider promises does not stand in these settings.
        (Durability::Managed, _) => {}
        (Durability::Fsync | Durability::Relaxed | Durability::Replicated { .. }, Err(detail)) => {
            faults.push(Fault::Hidden { detail: detail.clone() });
        }
        (Durability::Fsync | Durability::Relaxed | Durability::Replicated { .. }, Ok(_)) => {
            faults.extend(of_disk(durability, setting));
            faults.extend(of_replicas(durability, info, place));
        }
    }
    let replication = match durability {
        Durability::Fsync | Durability::Relaxed | Durability::Managed => Replication::None,
        // A disk that is written every second would let each batch wait for so long.
        Durability::Replicated { replicas } if version(info) >= (7, 2) && setting("appendfsync") == "always" => {
            Replication::Disk { replicas }
        }
        Durability::Replicated { replicas } => Replication::Memory { replicas },
    };
    Checked { findings: Findings { server: server_name(info), address: place.address.clone(), faults }, replication }
}

/// What no durability can do with.
fn of_server(info: &HashMap<String, String>) -> Vec<Fault> {
    let text = |name: &str| info.get(name).map_or("", String::as_str);
    let mut faults = Vec::new();
    if version(info) < (7, 0) {
        faults.push(Fault::Version { found: text("redis_version").to_owned() });
    }
    if text("role") != "master" {
        let primary = match (text("master_host"), text("master_port")) {
            ("", _) => String::new(),
            (host, port) => format!(", {host}:{port}"),
        };
        faults.push(Fault::Replica { primary });
    }
    if text("maxmemory_policy") != "noeviction" {
        faults.push(Fault::Eviction { found: text("maxmemory_policy").to_owned() });
    }
    faults
}

fn of_disk<'a>(durability: Durability, setting: impl Fn(&str) -> &'a str) -> Vec<Fault> {
    let mut faults = Vec::new();
    let fsync = setting("appendfsync");
    if setting("appendonly") != "yes" {
        faults.push(Fault::NoAppendOnly { found: setting("appendonly").to_owned() });
    }
    match durability {
        Durability::Fsync => {
            if fsync != "always" {
                faults.push(Fault::Fsync { found: fsync.to_owned(), wanted: "always" });
            }
            if setting("no-appendfsync-on-rewrite") != "no" {
                faults.push(Fault::NoFsyncOnRewrite);
            }
        }
        Durability::Relaxed | Durability::Replicated { .. } => {
            if !matches!(fsync, "always" | "everysec") {
                faults.push(Fault::Fsync { found: fsync.to_owned(), wanted: "everysec" });
            }
        }
        Durability::Managed => {}
    }
    faults
}

fn of_replicas(durability: Durability, info: &HashMap<String, String>, place: &Place) -> Option<Fault> {
    let found = info.get("connected_slaves").and_then(|count| count.parse().ok()).unwrap_or(0);
    // One that is away at the moment comes back.
    let promotable = match place.fails_over {
        Failover::Nobody => 0,
        Failover::Cluster => found,
        Failover::Sentinels => found.max(1),
    };
    match durability {
        Durability::Replicated { replicas } if found < replicas => {
            Some(Fault::Replicas { found, wanted: replicas, address: place.address.replace(':', " ") })
        }
        Durability::Replicated { replicas } if replicas < promotable => Some(Fault::Promotable { found: promotable, confirmed: replicas }),
        Durability::Fsync if promotable > 0 => Some(Fault::Promotable { found: promotable, confirmed: 0 }),
        Durability::Replicated { .. } | Durability::Fsync | Durability::Relaxed | Durability::Managed => None,
    }
}

/// Major and minor number. Valkey names the version of Redis that it is compatible with.
fn version(info: &HashMap<String, String>) -> (u32, u32) {
    let mut numbers = info.get("redis_version").into_iter().flat_map(|text| text.split('.')).map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

fn server_name(info: &HashMap<String, String>) -> String {
    match (info.get("valkey_version"), info.get("redis_version")) {
        (Some(version), _) => format!("Valkey {version}"),
        (None, Some(version)) => format!("Redis {version}"),
        (None, None) => "a server that does not tell its version".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD_INFO: [(&str, &str); 4] =
        [("redis_version", "7.2.4"), ("role", "master"), ("maxmemory_policy", "noeviction"), ("connected_slaves", "1")];

    type Pairs<'a> = &'a [(&'a str, &'a str)];

    fn place(fails_over: Failover) -> Place {
        Place { address: "db:6379".to_owned(), fails_over }
    }

    fn checked(info: Pairs, config: Pairs, durability: Durability) -> Checked {
        checked_at(info, config, durability, Failover::Nobody)
    }

    fn checked_at(info: Pairs, config: Pairs, durability: Durability, fails_over: Failover) -> Checked {
        let info = GOOD_INFO.iter().chain(info).map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let good = [("appendonly", "yes"), ("appendfsync", "always"), ("no-appendfsync-on-rewrite", "no")];
        let bulk = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let pairs = good.iter().chain(config).flat_map(|(name, value)| [bulk(name), bulk(value)]);
        judge(&info, &Ok(Value::Array(pairs.collect())), durability, &place(fails_over))
    }

    fn faults(info: Pairs, config: Pairs, durability: Durability) -> Vec<Fault> {
        checked(info, config, durability).findings.faults
    }

    #[test]
    fn a_server_that_keeps_the_promise_has_no_faults() {
        for durability in [Durability::Fsync, Durability::Relaxed, Durability::Managed, Durability::Replicated { replicas: 1 }] {
            assert_eq!(faults(&[], &[], durability), []);
        }
        let everysec = [("appendfsync", "everysec")];
        assert_eq!(faults(&[], &everysec, Durability::Relaxed), []);
        assert_eq!(faults(&[], &[("appendonly", "no")], Durability::Managed), []);
    }

    #[test]
    fn each_setting_that_breaks_the_promise_is_named_with_its_mend() {
        let cases: [(Pairs, Pairs, Durability, &str); 9] = [
            (&[("redis_version", "6.2.7")], &[], Durability::Managed, "Redis 7.0"),
            (&[("role", "slave"), ("master_host", "a"), ("master_port", "1")], &[], Durability::Managed, "a:1"),
            (&[("maxmemory_policy", "allkeys-lru")], &[], Durability::Managed, "CONFIG SET maxmemory-policy noeviction"),
            (&[], &[("appendonly", "no")], Durability::Fsync, "CONFIG SET appendonly yes"),
            (&[], &[("appendfsync", "everysec")], Durability::Fsync, "CONFIG SET appendfsync always"),
            (&[], &[("no-appendfsync-on-rewrite", "yes")], Durability::Fsync, "CONFIG SET no-appendfsync-on-rewrite no"),
            (&[], &[("appendfsync", "no")], Durability::Relaxed, "CONFIG SET appendfsync everysec"),
            (&[], &[("appendonly", "no")], Durability::Relaxed, "CONFIG SET appendonly yes"),
            (&[], &[], Durability::Replicated { replicas: 2 }, "REPLICAOF db 6379"),
        ];
        for (info, config, durability, mend) in cases {
            let found = faults(info, config, durability);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].to_string().contains(mend), "{}", found[0]);
        }
    }

    #[test]
    fn whoever_may_be_promoted_confirms_what_is_acknowledged() {
        let found = |replicas: &str, durability, fails_over| {
            checked_at(&[("connected_slaves", replicas)], &[], durability, fails_over).findings.faults
        };
        let promotable = |found, confirmed| vec![Fault::Promotable { found, confirmed }];
        assert_eq!(found("1", Durability::Fsync, Failover::Nobody), []);
        assert_eq!(found("0", Durability::Fsync, Failover::Cluster), []);
        assert_eq!(found("1", Durability::Fsync, Failover::Cluster), promotable(1, 0));
        assert_eq!(found("0", Durability::Fsync, Failover::Sentinels), promotable(1, 0));
        assert_eq!(found("2", Durability::Replicated { replicas: 1 }, Failover::Sentinels), promotable(2, 1));
        for durability in [Durability::Relaxed, Durability::Managed, Durability::Replicated { replicas: 2 }] {
            assert_eq!(found("2", durability, Failover::Sentinels), []);
        }
    }

    #[test]
    fn settings_that_are_hidden_promise_nothing() {
        let info = GOOD_INFO.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let hidden = Err("NOPERM".to_owned());
        let found = |durability| judge(&info, &hidden, durability, &place(Failover::Nobody)).findings.faults;
        assert!(matches!(*found(Durability::Fsync), [Fault::Hidden { .. }]));
        assert_eq!(found(Durability::Managed), []);
    }

    #[test]
    fn replicas_confirm_on_disk_where_they_can() {
        let replicated = Durability::Replicated { replicas: 1 };
        let replication = |info: Pairs, config: Pairs| checked(info, config, replicated).replication;
        assert_eq!(replication(&[], &[]), Replication::Disk { replicas: 1 });
        assert_eq!(replication(&[("redis_version", "7.0.15")], &[]), Replication::Memory { replicas: 1 });
        assert_eq!(replication(&[], &[("appendfsync", "everysec")]), Replication::Memory { replicas: 1 });
        assert_eq!(checked(&[], &[], Durability::Fsync).replication, Replication::None);
    }
}
