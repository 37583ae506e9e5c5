//! Batches that replicas have to confirm.

use std::time::Duration;

use baton_coordinator::store::redis::{Durability, Fault, RedisOpenError, RedisOptions, RedisStore};
use baton_coordinator::store::{ShardStore, StoreError};

use crate::store_support::redis_server::RedisServer;
use crate::store_support::{Owner, batch, log};
use crate::{ONE, run};

fn options(server: &RedisServer) -> RedisOptions {
    let durability = Durability::Replicated { replicas: 1 };
    RedisOptions { durability, lease: Duration::from_secs(20), patience: Duration::from_millis(1500), ..server.options() }
}

/// A server and one that follows it.
async fn pair() -> (RedisServer, RedisServer) {
    let primary = RedisServer::start();
    let replica = RedisServer::start_with(&["--replicaof", "127.0.0.1", &primary.port.to_string(), "--repl-diskless-sync-delay", "0"]);
    primary.set("repl-diskless-sync-delay", "0");
    for _ in 0..500 {
        let state: String = primary.ask(redis::cmd("INFO").arg("replication"));
        if state.contains("state=online") {
            return (primary, replica);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the replica does not follow");
}

#[test]
fn a_batch_is_durable_when_the_replica_has_it() {
    run(async {
        let (primary, replica) = pair().await;
        let store = RedisStore::connect(options(&primary)).await.unwrap();
        let mut owner = Owner::of(&store, ONE).await;
        for seq in 1..=20 {
            owner.append(batch(ONE, seq, 100));
        }
        for seq in 1..=20 {
            assert_eq!((owner.end().await.seq, seq), (seq, seq));
        }
        let there: u64 = replica.ask(redis::cmd("XLEN").arg("baton:{s:1}:log"));
        assert_eq!(there, 20);

        // Without it nothing is acknowledged, and nothing is lost.
        replica.pause();
        owner.append(batch(ONE, 21, 100));
        assert!(matches!(owner.end().await.result, Err(StoreError::Failed(_))));
        assert!(matches!(store.acquire(crate::ShardId(2)).await, Err(StoreError::Failed(_))));
        replica.resume();
        owner.next = 20;
        loop {
            owner.append(batch(ONE, 21, 100));
            match owner.end().await.result {
                Ok(()) => break,
                Err(error) => assert!(error.is_retryable(), "{error}"),
            }
            owner.next = 20;
        }
        let expected: Vec<_> = (1..=21).map(|seq| (seq, batch(ONE, seq, 100))).collect();
        assert_eq!(log(&store, ONE, 0).await, expected);
    });
}

#[test]
fn a_checkpoint_is_done_when_the_replica_has_it() {
    run(async {
        let (primary, replica) = pair().await;
        let store = RedisStore::connect(options(&primary)).await.unwrap();
        let mut owner = Owner::of(&store, ONE).await;
        owner.commit(batch(ONE, 1, 100)).await;
        replica.pause();
        let refused = owner.checkpoint(1).await;
        assert!(matches!(refused, Err(StoreError::Failed(_))), "what a promoted replica would not have may not be let go of: {refused:?}");
        replica.resume();
        while let Err(error) = owner.checkpoint(1).await {
            assert!(error.is_retryable(), "{error}");
        }
        assert_eq!(replica.ask::<u64>(redis::cmd("HGET").arg("baton:{s:1}:record").arg("checkpoint")), 1);
        assert_eq!(replica.ask::<u64>(redis::cmd("XLEN").arg("baton:{s:1}:log")), 0);
    });
}

#[test]
fn without_the_replicas_no_new_work_is_taken() {
    run(async {
        let (primary, mut replica) = pair().await;
        let store = RedisStore::connect(options(&primary)).await.unwrap();
        assert!(store.is_reachable() && store.intake_refusal().is_none());
        replica.kill();
        let mut intake = store.intake();
        tokio::time::timeout(Duration::from_secs(20), intake.wait_for(|accepts| !accepts)).await.expect("it is noticed").unwrap();
        assert!(store.intake_refusal().is_some_and(|why| why.contains("fewer replicas")) && !store.is_reachable());
        replica.start_again();
        tokio::time::timeout(Duration::from_secs(20), intake.wait_for(|accepts| *accepts)).await.expect("it is noticed").unwrap();
        assert!(store.is_reachable());
    });
}

#[test]
fn a_replica_is_no_store() {
    run(async {
        let (primary, replica) = pair().await;
        let error = RedisStore::connect(replica.options()).await.err().expect("the replica is refused");
        let RedisOpenError::Unfit { faults, .. } = error else { panic!("{error}") };
        assert_eq!(faults, [Fault::Replica { primary: format!(", 127.0.0.1:{}", primary.port) }]);
    });
}
