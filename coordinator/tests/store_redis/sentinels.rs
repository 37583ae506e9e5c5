//! A store at whichever server sentinels name.

use std::time::Duration;

use baton_coordinator::store::redis::{Durability, Fault, RedisOpenError, RedisOptions, RedisStore};
use baton_local_services::RedisSentinel;

use crate::store_support::redis_server::RedisServer;
use crate::store_support::{Owner, batch, log};
use crate::{ONE, run};

const NAME: &str = "main";

/// A server, one that follows it, and three sentinels that watch them.
struct Watched {
    primary: RedisServer,
    replica: RedisServer,
    sentinels: Vec<RedisSentinel>,
}

impl Watched {
    async fn start() -> Self {
        let primary = RedisServer::start();
        primary.set("repl-diskless-sync-delay", "0");
        let replica = RedisServer::start_with(&["--replicaof", "127.0.0.1", &primary.port.to_string()]);
        let sentinel = |_| RedisSentinel::start(NAME, primary.port, 2, Duration::from_millis(800)).unwrap();
        let sentinels: Vec<_> = (0..3).map(sentinel).collect();
        let watched = Self { primary, replica, sentinels };
        watched.wait_until_known().await;
        watched
    }

    /// Each sentinel knows the two others and the replica.
    async fn wait_until_known(&self) {
        for _ in 0..1500 {
            let knows = |sentinel: &RedisSentinel| {
                let client = redis::Client::open(format!("redis://127.0.0.1:{}", sentinel.port())).unwrap();
                let mut connection = client.get_connection().unwrap();
                let said: Vec<String> = redis::cmd("SENTINEL").arg("MASTER").arg(NAME).query(&mut connection).unwrap();
                let value = |name: &str| said.chunks(2).find(|pair| pair[0] == name).map(|pair| pair[1].clone());
                value("num-slaves").as_deref() == Some("1") && value("num-other-sentinels").as_deref() == Some("2")
            };
            if self.sentinels.iter().all(knows) {
                return self.replica.has_caught_up_with(&self.primary).await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the sentinels do not know of everybody");
    }

    fn options(&self, durability: Durability) -> RedisOptions {
        let hosts: Vec<_> = self.sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port())).collect();
        let url = format!("redis+sentinel://{}/{NAME}", hosts.join(","));
        RedisOptions { url, durability, lease: Duration::from_secs(60), patience: Duration::from_secs(2), ..self.primary.options() }
    }
}

#[test]
fn a_promoted_server_has_all_that_was_acknowledged() {
    run(async {
        let mut watched = Watched::start().await;
        let store = RedisStore::connect(watched.options(Durability::Replicated { replicas: 1 })).await.unwrap();
        assert_eq!(store.address(), format!("127.0.0.1:{}", watched.primary.port));
        let mut owner = Owner::of(&store, ONE).await;
        for seq in 1..=50 {
            assert_eq!(owner.commit(batch(ONE, seq, 100)).await, seq);
        }
        watched.primary.kill();
        while !watched.replica.ask::<String>(redis::cmd("INFO").arg("replication")).contains("role:master") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // The promoted server has no replica: nothing is acknowledged until the other is back as one.
        watched.primary.start_again();
        let begun = std::time::Instant::now();
        while owner.next < 60 {
            let seq = owner.next + 1;
            owner.append(batch(ONE, seq, 100));
            if let Err(error) = owner.end().await.result {
                assert!(error.is_retryable() && begun.elapsed() < Duration::from_secs(60), "batch {seq}: {error}");
                owner.next = seq - 1;
            }
        }
        // Sentinels that are short of time may fail over once more; whoever it is now, nobody else is.
        let is_primary = |server: &RedisServer| server.ask::<String>(redis::cmd("INFO").arg("replication")).contains("role:master");
        let primaries: Vec<_> = [&watched.primary, &watched.replica].into_iter().filter(|server| is_primary(server)).collect();
        assert_eq!(primaries.len(), 1);
        assert_eq!(store.address(), format!("127.0.0.1:{}", primaries[0].port));
        let expected: Vec<_> = (1..=60).map(|seq| (seq, batch(ONE, seq, 100))).collect();
        assert_eq!(log(&store, ONE, 0).await, expected);
    });
}

#[test]
fn what_a_failover_would_lose_is_not_promised() {
    run(async {
        let watched = Watched::start().await;
        let error = RedisStore::connect(watched.options(Durability::Fsync)).await.err().expect("the settings are refused");
        assert!(
            matches!(&error, RedisOpenError::Unfit { faults, .. } if *faults == [Fault::Promotable { found: 1, confirmed: 0 }]),
            "{error}"
        );
        assert!(RedisStore::connect(watched.options(Durability::Relaxed)).await.is_ok());
    });
}

#[test]
fn sentinels_that_do_not_know_the_name_are_told_of() {
    run(async {
        let watched = Watched::start().await;
        let options = watched.options(Durability::Relaxed);
        let other = RedisOptions { url: options.url.replace(NAME, "other"), ..options };
        let error = RedisStore::connect(other).await.err().expect("nobody has that name");
        assert!(matches!(error, RedisOpenError::Unreachable { .. }), "{error}");
        let address = format!("127.0.0.1:{}", watched.sentinels[0].port());
        let plain = RedisOptions { url: format!("redis://{address}"), ..watched.primary.options() };
        assert_eq!(RedisStore::connect(plain).await.err(), Some(RedisOpenError::Sentinel { address }));
    });
}
