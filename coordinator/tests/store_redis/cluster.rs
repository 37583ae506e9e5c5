//! A store whose shards are spread over the nodes of a Redis Cluster. What every store does, this one does in `store_contract`.

use std::time::Duration;

use baton_coordinator::store::redis::{Durability, Fault, RedisOpenError, RedisOptions, RedisStore};
use baton_coordinator::store::{ShardId, ShardStore, StoreError};

use crate::store_support::redis_cluster::Nodes;
use crate::store_support::redis_server::RedisServer;
use crate::store_support::{Owner, batch, log};
use crate::{ONE, run};

const SHARDS: u16 = 8;

/// An owner keeps its shards however long a test takes.
fn patient(nodes: &Nodes) -> RedisOptions {
    RedisOptions { lease: Duration::from_secs(60), patience: Duration::from_secs(20), ..nodes.options() }
}

/// Appends until batch `upto` is durable, again and again as an owner does.
async fn append_upto(owner: &mut Owner<'_>, upto: u64) {
    let begun = std::time::Instant::now();
    while owner.next < upto {
        let seq = owner.next + 1;
        owner.append(batch(owner.shard, seq, 100));
        if let Err(error) = owner.end().await.result {
            assert!(error.is_retryable() && begun.elapsed() < Duration::from_secs(60), "batch {seq}: {error}");
            owner.next = seq - 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn expect_log(store: &RedisStore, shard: ShardId, upto: u64) {
    let expected: Vec<_> = (1..=upto).map(|seq| (seq, batch(shard, seq, 100))).collect();
    assert_eq!(log(store, shard, 0).await, expected);
}

#[test]
fn any_node_tells_of_the_others() {
    run(async {
        let nodes = Nodes::start(3).await;
        let store = nodes.open().await;
        let one = RedisOptions { url: nodes.0[2].url(), ..nodes.options() };
        let other = RedisStore::connect(one).await.unwrap();
        assert_eq!(other.store_id(), store.store_id());
        nodes.0.iter().for_each(|node| assert!(other.address().contains(&node.port.to_string()), "{}", other.address()));
        // Each node has some of the shards.
        for shard in (0..SHARDS).map(ShardId) {
            Owner::of(&store, shard).await.commit("x").await;
        }
        nodes.each(|node| assert!(node.ask::<u64>(&redis::cmd("DBSIZE")) > 0));
    });
}

#[test]
fn a_slot_that_moves_takes_its_shard_along() {
    run(async {
        let nodes = Nodes::start(3).await;
        let store = RedisStore::connect(patient(&nodes)).await.unwrap();
        let mut owner = Owner::of(&store, ONE).await;
        append_upto(&mut owner, 20).await;
        let from = nodes.place_of("baton:{s:1}:log");
        let moved = nodes.move_slot("baton:{s:1}:log", from, (from + 1) % 3);
        tokio::join!(moved, append_upto(&mut owner, 200));
        append_upto(&mut owner, 220).await;
        assert_eq!(nodes.place_of("baton:{s:1}:log"), (from + 1) % 3);
        assert_eq!(store.renew(vec![(ONE, owner.acquired.token)]).await, [Ok(())]);
        expect_log(&store, ONE, 220).await;
    });
}

#[test]
fn a_node_that_joins_later_is_found() {
    run(async {
        let mut nodes = Nodes::start(3).await;
        let store = RedisStore::connect(patient(&nodes)).await.unwrap();
        let mut owner = Owner::of(&store, ONE).await;
        append_upto(&mut owner, 5).await;
        let from = nodes.place_of("baton:{s:1}:log");
        nodes.add();
        nodes.settled().await;
        nodes.move_slot("baton:{s:1}:log", from, 3).await;
        append_upto(&mut owner, 10).await;
        expect_log(&store, ONE, 10).await;
        assert!(store.address().contains(&nodes.0[3].port.to_string()), "{}", store.address());
    });
}

#[test]
fn a_promoted_replica_has_all_that_was_acknowledged() {
    run(async {
        let mut nodes = Nodes::start(3).await;
        let place = nodes.place_of("baton:{s:1}:log");
        nodes.add();
        nodes.follow(place).await;
        let faults = match RedisStore::connect(nodes.options()).await.err().expect("the settings are refused") {
            RedisOpenError::Unfit { faults, .. } => faults,
            other => panic!("{other}"),
        };
        assert_eq!(faults, [Fault::Promotable { found: 1, confirmed: 0 }]);
        // A loss is this policy's to risk, and none happens here: what was acknowledged has had time to arrive.
        let store = RedisStore::connect(RedisOptions { durability: Durability::Relaxed, ..patient(&nodes) }).await.unwrap();
        let mut owner = Owner::of(&store, ONE).await;
        append_upto(&mut owner, 50).await;
        nodes.0.last().unwrap().has_caught_up_with(&nodes.0[place]).await;
        nodes.0[place].kill();
        append_upto(&mut owner, 100).await;
        expect_log(&store, ONE, 100).await;
        let replica = nodes.0.last().unwrap();
        assert!(store.address().contains(&replica.port.to_string()), "{}", store.address());
    });
}

#[test]
fn a_node_that_comes_back_without_its_data_is_refused() {
    run(async {
        let mut nodes = Nodes::start(3).await;
        let store = nodes.open().await;
        let mut owner = Owner::of(&store, ONE).await;
        append_upto(&mut owner, 5).await;
        let place = nodes.place_of("baton:{s:1}:log");
        let _: String = nodes.0[place].ask(&redis::cmd("FLUSHALL"));
        nodes.0[place].kill();
        nodes.0[place].start_again();
        let refused = async {
            loop {
                match store.acquire(ONE).await {
                    Err(StoreError::Failed(why)) if why.contains("came back without its data") => return,
                    Ok(_) => panic!("the shard was taken, and it is empty"),
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), refused).await.unwrap();
    });
}

#[test]
fn several_addresses_are_those_of_a_cluster() {
    run(async {
        let (one, other) = (RedisServer::start(), RedisServer::start());
        let url = format!("{},127.0.0.1:{}", one.url(), other.port);
        let error = RedisStore::connect(RedisOptions { url, ..one.options() }).await.err().expect("they are refused");
        assert!(error.to_string().contains("is no node of a Redis Cluster"), "{error}");
    });
}

#[test]
fn a_cluster_without_all_slots_is_refused() {
    run(async {
        let nodes = Nodes::start(3).await;
        let place = nodes.place_of("{cluster}");
        let slot: u16 = nodes.0[0].ask(redis::cmd("CLUSTER").arg("KEYSLOT").arg("{cluster}"));
        let _: String = nodes.0[place].ask(redis::cmd("CLUSTER").arg("DELSLOTS").arg(slot));
        let url = nodes.0[place].url();
        let error = RedisStore::connect(RedisOptions { url, ..nodes.options() }).await.err().expect("it is refused");
        assert!(error.to_string().contains(&format!("the slots {slot} to {slot}")), "{error}");
    });
}
