//! Servers that come back with less than they had.

use std::time::Duration;

use baton_coordinator::store::redis::{RedisOptions, RedisStore};
use baton_coordinator::store::{ShardStore, StoreError};

use crate::store_support::redis_server::RedisServer;
use crate::store_support::{Owner, batch};
use crate::{ONE, run};

const KEYS: [&str; 2] = ["baton:{s:1}:record", "baton:{s:1}:log"];

fn backup(server: &RedisServer) -> Vec<Vec<u8>> {
    KEYS.iter().map(|key| server.ask(redis::cmd("DUMP").arg(key))).collect()
}

fn restore(server: &RedisServer, backup: &[Vec<u8>]) {
    for (key, bytes) in KEYS.iter().zip(backup) {
        let done: String = server.ask(redis::cmd("RESTORE").arg(key).arg(0).arg(&bytes[..]).arg("REPLACE"));
        assert_eq!(done, "OK");
    }
}

#[test]
fn a_server_that_was_set_back_is_noticed_by_the_owner() {
    run(async {
        let server = RedisServer::start();
        let store = RedisStore::connect(RedisOptions { lease: Duration::from_secs(20), ..server.options() }).await.unwrap();
        let mut owner = Owner::of(&store, ONE).await;
        for seq in 1..=3 {
            owner.commit(batch(ONE, seq, 100)).await;
        }
        let old = backup(&server);
        for seq in 4..=6 {
            owner.commit(batch(ONE, seq, 100)).await;
        }
        restore(&server, &old);
        (0..2).for_each(|after| owner.append(batch(ONE, 7 + after, 100)));
        for _ in 0..2 {
            let end = owner.end().await;
            assert_eq!(end.result, Err(StoreError::Regressed { shard: ONE, expected: 6, last: 3 }));
            assert!(!end.result.unwrap_err().is_retryable());
        }
        // Whoever takes the shard goes on from what is left.
        let mut next = Owner::of(&store, ONE).await;
        assert_eq!(next.acquired.seq, 3);
        assert_eq!(next.commit("four").await, 4);
    });
}

#[test]
fn a_batch_that_follows_nothing_is_the_owners_own_mistake() {
    run(async {
        let server = RedisServer::start();
        let store = server.open().await;
        let mut owner = Owner::of(&store, ONE).await;
        owner.commit("first").await;
        owner.append_after(5, "sixth");
        assert_eq!(owner.end().await.result, Err(StoreError::SeqConflict { shard: ONE, expected: 5, last: 1 }));
    });
}

#[test]
fn a_server_that_comes_back_empty_is_not_taken_for_the_store() {
    run(async {
        let server = RedisServer::start();
        let options = RedisOptions { patience: Duration::from_millis(700), ..server.options() };
        let store = RedisStore::connect(options).await.unwrap();
        let mut owner = Owner::of(&store, ONE).await;
        owner.commit("first").await;
        let _: String = server.ask(&redis::cmd("FLUSHALL"));
        let _: i64 = server.ask(redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal"));
        owner.append("second");
        let end = owner.end().await;
        let Err(StoreError::Failed(text)) = end.result else { panic!("{:?}", end.result) };
        assert!(text.contains("came back without its data"), "{text}");
        assert!(store.acquire(ONE).await.is_err());
        let keys: i64 = server.ask(&redis::cmd("DBSIZE"));
        assert_eq!(keys, 0, "nothing is written to what is not the store");
    });
}

#[test]
fn a_server_that_is_emptied_while_everything_runs_is_not_used_any_more() {
    run(async {
        let server = RedisServer::start();
        let store = server.open().await;
        let mut owner = Owner::of(&store, ONE).await;
        owner.commit("first").await;
        let mut intake = store.intake();
        let _: String = server.ask(&redis::cmd("FLUSHALL"));
        owner.append("second");
        assert!(matches!(owner.end().await.result, Err(StoreError::Fenced { .. })));
        for shard in [ONE, crate::ShardId(2)] {
            let refused = store.acquire(shard).await;
            assert!(matches!(&refused, Err(StoreError::Failed(why)) if why.contains("not there any more")), "{refused:?}");
        }
        tokio::time::timeout(Duration::from_secs(5), intake.wait_for(|accepts| !accepts)).await.expect("it is noticed").unwrap();
        assert!(store.intake_refusal().is_some_and(|why| why.contains("has lost its data")) && !store.is_reachable());
        assert_eq!(server.ask::<i64>(&redis::cmd("DBSIZE")), 0, "nothing is written to what is not the store");
    });
}
