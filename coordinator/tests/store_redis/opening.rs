//! Which servers and which data are taken, and what is said about others.

use baton_coordinator::store::ShardStore;
use baton_coordinator::store::redis::{Durability, Fault, RedisOpenError, RedisOptions, RedisStore};

use crate::run;
use crate::store_support::Owner;
use crate::store_support::redis_server::RedisServer;

async fn refused(options: RedisOptions) -> RedisOpenError {
    RedisStore::connect(options).await.err().expect("the store is refused")
}

async fn faults(options: RedisOptions) -> Vec<Fault> {
    match refused(options).await {
        RedisOpenError::Unfit { faults, .. } => faults,
        other => panic!("refused for another reason: {other}"),
    }
}

#[test]
fn members_that_come_first_at_the_same_time_agree() {
    run(async {
        let server = RedisServer::start();
        let opened = futures_util::future::join_all((0..8).map(|_| server.open())).await;
        for store in &opened {
            assert_eq!(store.store_id(), opened[0].store_id());
            assert_eq!(store.token_key(), opened[0].token_key());
            assert_eq!(store.shard_count(), 8);
        }
        assert_ne!(opened[0].token_key(), [0; 32]);
        let other = RedisServer::start();
        let other = other.open().await;
        assert_ne!(other.token_key(), opened[0].token_key());
        assert_ne!(other.store_id(), opened[0].store_id());
    });
}

#[test]
fn the_number_of_shards_is_settled_by_the_first() {
    run(async {
        let server = RedisServer::start();
        assert_eq!(server.open().await.shard_count(), 8);
        let any = RedisOptions { shard_count: None, ..server.options() };
        assert_eq!(RedisStore::connect(any).await.unwrap().shard_count(), 8);
        let other = refused(RedisOptions { shard_count: Some(16), ..server.options() }).await;
        assert_eq!(other, RedisOpenError::OtherShardCount { address: format!("127.0.0.1:{}", server.port), found: 8, asked: 16 });
    });
}

#[test]
fn another_clusters_store_is_refused() {
    run(async {
        let server = RedisServer::start();
        let store = server.open().await;
        let error = refused(RedisOptions { cluster: "other".to_owned(), ..server.options() }).await;
        assert!(matches!(&error, RedisOpenError::OtherCluster { found, asked, .. } if found == "default" && asked == "other"));
        assert!(error.to_string().contains("two databases"), "{error}");
        // In another database, or under another prefix, it has a store of its own.
        let database = RedisOptions { url: format!("{}/1", server.url()), cluster: "other".to_owned(), ..server.options() };
        let prefix = RedisOptions { prefix: "other".to_owned(), cluster: "other".to_owned(), ..server.options() };
        for options in [database, prefix] {
            let other = RedisStore::connect(options).await.unwrap();
            assert_ne!(other.store_id(), store.store_id());
        }
    });
}

#[test]
fn another_versions_store_is_refused() {
    run(async {
        let server = RedisServer::start();
        drop(server.open().await);
        let _: i64 = server.ask(redis::cmd("HSET").arg("baton:{cluster}:settings").arg("format").arg("3"));
        let error = refused(server.options()).await;
        assert!(matches!(&error, RedisOpenError::OtherFormat { found, ours: 2, .. } if found == "3"), "{error}");
    });
}

#[test]
fn other_peoples_data_are_refused_and_left_alone() {
    run(async {
        let server = RedisServer::start();
        for key in ["baton:{cluster}:settings", "baton:{s:3}:record", "baton:{s:c}:log", "baton:{cluster}:heard"] {
            let _: String = server.ask(redis::cmd("SET").arg(key).arg("mine"));
            let error = refused(server.options()).await;
            assert_eq!(error, RedisOpenError::Foreign { address: format!("127.0.0.1:{}", server.port), key: key.to_owned() });
            let there: String = server.ask(redis::cmd("GET").arg(key));
            assert_eq!(there, "mine");
            let keys: i64 = server.ask(&redis::cmd("DBSIZE"));
            assert_eq!(keys, 1);
            let _: i64 = server.ask(redis::cmd("DEL").arg(key));
        }
        let _: i64 = server.ask(redis::cmd("HSET").arg("baton:{cluster}:settings").arg("colour").arg("blue"));
        assert!(matches!(refused(server.options()).await, RedisOpenError::Foreign { .. }));
    });
}

#[test]
fn shards_without_settings_are_not_made_new() {
    run(async {
        let server = RedisServer::start();
        let store = server.open().await;
        Owner::of(&store, crate::ONE).await.commit("batch").await;
        drop(store);
        let _: i64 = server.ask(redis::cmd("DEL").arg("baton:{cluster}:settings"));
        let error = refused(server.options()).await;
        assert!(matches!(error, RedisOpenError::SettingsLost { .. }), "{error}");
    });
}

#[test]
fn settings_of_the_server_that_break_the_promise_are_refused_with_their_mend() {
    run(async {
        let server = RedisServer::start();
        let with = |durability| RedisOptions { durability, ..server.options() };
        assert_eq!(RedisStore::examine(&server.options()).await.unwrap().faults, []);

        server.set("appendfsync", "everysec");
        let error = refused(with(Durability::Fsync)).await;
        assert!(error.to_string().contains("redis-cli CONFIG SET appendfsync always"), "{error}");
        assert!(RedisStore::connect(with(Durability::Relaxed)).await.is_ok());
        server.set("appendfsync", "always");

        server.set("appendonly", "no");
        assert!(matches!(*faults(with(Durability::Fsync)).await, [Fault::NoAppendOnly { .. }]));
        assert!(matches!(*faults(with(Durability::Relaxed)).await, [Fault::NoAppendOnly { .. }]));
        assert!(RedisStore::connect(with(Durability::Managed)).await.is_ok());
        server.set("appendonly", "yes");

        server.set("no-appendfsync-on-rewrite", "yes");
        assert_eq!(faults(with(Durability::Fsync)).await, [Fault::NoFsyncOnRewrite]);
        server.set("no-appendfsync-on-rewrite", "no");

        server.set("maxmemory-policy", "allkeys-lru");
        for durability in [Durability::Fsync, Durability::Relaxed, Durability::Managed] {
            assert_eq!(faults(with(durability)).await, [Fault::Eviction { found: "allkeys-lru".to_owned() }]);
        }
        server.set("maxmemory-policy", "noeviction");

        let replicated = Durability::Replicated { replicas: 1 };
        assert!(matches!(*faults(with(replicated)).await, [Fault::Replicas { found: 0, wanted: 1, .. }]));
        assert!(RedisStore::connect(with(Durability::Fsync)).await.is_ok());
    });
}

#[test]
fn a_server_that_hides_its_settings_promises_nothing() {
    run(async {
        let server = RedisServer::start();
        let rules = ["baton", "on", ">secret", "~*", "&*", "+@all", "-config"];
        let _: String = server.ask(redis::cmd("ACL").arg("SETUSER").arg(&rules[..]));
        let options = RedisOptions { url: format!("redis://baton:secret@127.0.0.1:{}", server.port), ..server.options() };
        assert!(matches!(*faults(options.clone()).await, [Fault::Hidden { .. }]));
        assert!(RedisStore::connect(RedisOptions { durability: Durability::Managed, ..options.clone() }).await.is_ok());
        let wrong = RedisOptions { url: options.url.replace("secret", "wrong"), ..options };
        let error = refused(wrong).await.to_string();
        assert!(!error.contains("wrong"), "{error}");
    });
}

#[test]
fn a_server_that_is_not_there_is_named() {
    run(async {
        let mut server = RedisServer::start();
        let options = server.options();
        server.kill();
        let error = refused(options.clone()).await;
        assert!(matches!(error, RedisOpenError::Unreachable { .. }), "{error}");
        assert!(error.to_string().contains(&format!("127.0.0.1:{}", server.port)), "{error}");
        let nonsense = RedisOptions { url: "http://user:secret@host".to_owned(), ..options };
        let error = refused(nonsense).await;
        assert!(matches!(error, RedisOpenError::Address { .. }));
        assert!(!error.to_string().contains("secret"), "{error}");
    });
}

#[test]
fn a_server_is_spoken_to_over_tls_by_whoever_trusts_it() {
    run(async {
        let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let dir = crate::store_support::temp_dir();
        let (chain, key) = (dir.path().join("server.pem"), dir.path().join("server.key"));
        std::fs::write(&chain, certificate.cert.pem()).unwrap();
        std::fs::write(&key, certificate.signing_key.serialize_pem()).unwrap();
        let port = baton_local_services::free_port();
        let (chain, key, tls_port) = (chain.display().to_string(), key.display().to_string(), port.to_string());
        let tls = [
            "--tls-port",
            &tls_port,
            "--tls-cert-file",
            &chain,
            "--tls-key-file",
            &key,
            "--tls-ca-cert-file",
            &chain,
            "--tls-auth-clients",
            "no",
        ];
        let server = RedisServer::start_with(&tls);
        let trusting = RedisOptions {
            url: format!("rediss://localhost:{port}"),
            tls_roots: Some(certificate.cert.pem().into_bytes()),
            ..server.options()
        };
        let store = RedisStore::connect(trusting.clone()).await.unwrap();
        Owner::of(&store, crate::ONE).await.commit("batch").await;
        let error = refused(RedisOptions { tls_roots: None, ..trusting }).await;
        assert!(matches!(error, RedisOpenError::Unreachable { .. }), "{error}");
    });
}
