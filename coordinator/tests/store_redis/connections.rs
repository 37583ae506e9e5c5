//! Connections that break while a batch is under way.

use std::time::{Duration, Instant};

use baton_coordinator::store::redis::{RedisOptions, RedisStore};
use baton_coordinator::store::{ShardStore, StoreError};

use crate::proxy::{Proxy, Way};
use crate::store_support::redis_server::{RedisServer, options};
use crate::store_support::{Owner, batch, log};
use crate::{ONE, run};

async fn through(proxy: &Proxy, change: impl FnOnce(&mut RedisOptions)) -> RedisStore {
    let mut options = options(proxy.port);
    // What happens here takes longer than the lease of other tests.
    options.lease = Duration::from_secs(20);
    change(&mut options);
    RedisStore::connect(options).await.expect("a store can be opened")
}

#[test]
fn batches_whose_answer_is_lost_are_written_once() {
    run(async {
        let server = RedisServer::start();
        let proxy = Proxy::to(server.port).await;
        let store = through(&proxy, |_| {}).await;
        let mut owner = Owner::of(&store, ONE).await;
        for round in 0..5 {
            owner.commit(batch(ONE, owner.next + 1, 300)).await;
            proxy.set(Way::CutAtAnswer);
            for _ in 0..20 {
                owner.append(batch(ONE, owner.next + 1, 300));
            }
            proxy.until_asked().await;
            // The server has some of them, and nobody heard of it.
            let written = 21 * (round + 1);
            let direct = server.open().await;
            let until = Instant::now() + Duration::from_secs(5);
            while direct.last_seq(ONE).await.unwrap() <= written - 20 {
                assert!(Instant::now() < until, "the batches arrive");
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            assert!(owner.ends.try_recv().is_err());
            proxy.set(Way::Open);
            for after in 0..20 {
                let end = owner.end().await;
                assert_eq!((end.seq, end.result), (written - 19 + after, Ok(())));
            }
        }
        assert!(owner.ends.try_recv().is_err());
        let expected: Vec<_> = (1..=105).map(|seq| (seq, batch(ONE, seq, 300))).collect();
        assert_eq!(owner.log(0).await, expected);
    });
}

#[test]
fn connections_that_break_at_any_time_lose_and_double_nothing() {
    run(async {
        let server = RedisServer::start();
        let proxy = Proxy::to(server.port).await;
        let store = through(&proxy, |options| options.patience = Duration::from_secs(20)).await;
        let mut owners = Vec::new();
        for shard in 0..4 {
            owners.push(Owner::of(&store, baton_coordinator::store::ShardId(shard)).await);
        }
        let breaking = async {
            for round in 0..40_u64 {
                tokio::time::sleep(Duration::from_millis(3 + round * 7 % 11)).await;
                proxy.set(if round % 2 == 0 { Way::CutAtAnswer } else { Way::Closed });
                tokio::time::sleep(Duration::from_millis(1 + round * 5 % 7)).await;
                proxy.set(Way::Open);
            }
        };
        let appending = async {
            for seq in 1..=300 {
                for owner in &mut owners {
                    owner.append(batch(owner.shard, seq, 400));
                }
                if seq % 10 == 0 {
                    for owner in &mut owners {
                        for after in 0..10 {
                            let end = owner.end().await;
                            assert_eq!((end.seq, end.result), (seq - 9 + after, Ok(())));
                        }
                    }
                }
            }
        };
        tokio::join!(breaking, appending);
        for owner in &mut owners {
            assert!(owner.ends.try_recv().is_err());
            let expected: Vec<_> = (1..=300).map(|seq| (seq, batch(owner.shard, seq, 400))).collect();
            assert_eq!(owner.log(0).await, expected);
        }
    });
}

#[test]
fn a_server_that_is_away_for_too_long_fails_batches_and_takes_them_again() {
    run(async {
        let server = RedisServer::start();
        let proxy = Proxy::to(server.port).await;
        let patience = Duration::from_millis(600);
        let store = through(&proxy, |options| options.patience = patience).await;
        let mut owner = Owner::of(&store, ONE).await;
        owner.commit(batch(ONE, 1, 100)).await;
        // A batch arrives, without the owner hearing of it.
        proxy.set(Way::CutAtAnswer);
        let since = Instant::now();
        owner.append(batch(ONE, 2, 100));
        let direct = server.open().await;
        while direct.last_seq(ONE).await != Ok(2) {
            assert!(since.elapsed() < patience, "the batch arrives");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        proxy.set(Way::Closed);
        let failed = async |owner: &mut Owner<'_>, seq| {
            let end = owner.end().await;
            let Err(error @ StoreError::Failed(_)) = end.result else { panic!("of batch {seq}: {:?}", end.result) };
            assert_eq!(end.seq, seq);
            assert!(error.is_retryable());
        };
        failed(&mut owner, 2).await;
        assert!(since.elapsed() >= patience, "{:?}", since.elapsed());

        // The way is open again: the server would take what comes behind, and the owner would hear of it before it knows of the one before.
        proxy.set(Way::Open);
        (3..=4).for_each(|seq| owner.append(batch(ONE, seq, 100)));
        failed(&mut owner, 3).await;
        failed(&mut owner, 4).await;
        owner.next = 1;
        (2..=5).for_each(|seq| owner.append(batch(ONE, seq, 100)));
        for seq in 2..=5 {
            let end = owner.end().await;
            assert_eq!((end.seq, end.result), (seq, Ok(())));
        }
        let expected: Vec<_> = (1..=5).map(|seq| (seq, batch(ONE, seq, 100))).collect();
        assert_eq!(log(&direct, ONE, 0).await, expected);
    });
}

#[test]
fn a_server_that_stands_still_for_a_while_delays_batches_only() {
    run(async {
        let server = RedisServer::start();
        let store =
            RedisStore::connect(RedisOptions { lease: Duration::from_secs(20), patience: Duration::from_secs(20), ..server.options() });
        let store = store.await.unwrap();
        let mut owner = Owner::of(&store, ONE).await;
        owner.commit(batch(ONE, 1, 100)).await;
        server.pause();
        for seq in 2..=9 {
            owner.append(batch(ONE, seq, 100));
        }
        // Longer than a connection may be silent: the batches are sent a second time while the first ones still stand in the server's way.
        tokio::time::sleep(Duration::from_millis(2600)).await;
        server.resume();
        for seq in 2..=9 {
            let end = owner.end().await;
            assert_eq!((end.seq, end.result), (seq, Ok(())));
        }
        owner.commit(batch(ONE, 10, 100)).await;
        let expected: Vec<_> = (1..=10).map(|seq| (seq, batch(ONE, seq, 100))).collect();
        assert_eq!(owner.log(0).await, expected);
    });
}

#[test]
fn a_server_that_is_killed_and_comes_back_has_every_batch_once() {
    run(async {
        let mut server = RedisServer::start();
        let options = RedisOptions { lease: Duration::from_secs(20), patience: Duration::from_secs(20), ..server.options() };
        let store = RedisStore::connect(options).await.unwrap();
        let mut owner = Owner::of(&store, ONE).await;
        for round in 0..4_u64 {
            for _ in 0..50 {
                owner.append(batch(ONE, owner.next + 1, 700));
            }
            tokio::time::sleep(Duration::from_millis(round)).await;
            server.kill();
            tokio::time::sleep(Duration::from_millis(20)).await;
            server.start_again();
            for after in 1..=50 {
                let end = owner.end().await;
                assert_eq!((end.seq, end.result), (round * 50 + after, Ok(())));
            }
        }
        let expected: Vec<_> = (1..=200).map(|seq| (seq, batch(ONE, seq, 700))).collect();
        assert_eq!(owner.log(0).await, expected);
    });
}

#[test]
fn a_store_that_is_given_up_still_sends_what_was_queued() {
    run(async {
        let server = RedisServer::start();
        let store = server.open().await;
        let mut owner = Owner::of(&store, ONE).await;
        for seq in 1..=100 {
            owner.append(batch(ONE, seq, 100));
        }
        let mut ends = owner.ends;
        drop(store);
        for seq in 1..=100 {
            let end = ends.recv().await.expect("each append has an end");
            assert_eq!((end.seq, end.result), (seq, Ok(())));
        }
    });
}
