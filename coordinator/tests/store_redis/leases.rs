//! Who owns a shard, and until when.

use std::time::{Duration, Instant};

use baton_coordinator::store::keys::MetaKey;
use baton_coordinator::store::{KvOp, ShardStore, StoreError, Table};

use crate::store_support::Owner;
use crate::store_support::redis_server::RedisServer;
use crate::{ONE, run};

#[test]
fn a_lease_keeps_others_away_until_it_ends() {
    run(async {
        let server = RedisServer::start();
        let (a, b) = (server.open().await, server.open().await);
        let owner = Owner::of(&a, ONE).await;
        let lease_ms = server.options().lease.as_millis() as u64;
        let Err(StoreError::Held { shard, for_ms }) = b.acquire(ONE).await else { panic!("the shard is another's") };
        assert_eq!(shard, ONE);
        assert!((1..=lease_ms).contains(&for_ms), "{for_ms} ms");

        // Its own process may take it again at once, and is the owner then.
        let again = a.acquire(ONE).await.unwrap();
        assert_ne!(again.token, owner.acquired.token);
        assert!(matches!(b.acquire(ONE).await, Err(StoreError::Held { .. })));
        assert!(a.is_held(ONE, again.token) && !a.is_held(ONE, owner.acquired.token));

        let since = Instant::now();
        let taken = Owner::of(&b, ONE).await;
        assert!(since.elapsed() <= Duration::from_millis(2 * lease_ms), "{:?}", since.elapsed());
        assert!(taken.acquired.token.epoch > again.token.epoch);
    });
}

#[test]
fn what_the_owner_appends_prolongs_its_lease_as_renewals_do() {
    run(async {
        let server = RedisServer::start();
        let (a, b) = (server.open().await, server.open().await);
        let lease = server.options().lease;
        let mut owner = Owner::of(&a, ONE).await;
        let token = owner.acquired.token;
        for round in 0..6 {
            tokio::time::sleep(lease / 2).await;
            match round % 2 {
                0 => assert_eq!(a.renew(vec![(ONE, token)]).await, [Ok(())]),
                _ => drop(owner.commit("batch").await),
            }
            assert!(a.is_held(ONE, token));
            assert!(matches!(b.acquire(ONE).await, Err(StoreError::Held { .. })), "round {round}");
        }
        assert_eq!(a.release(ONE, token).await, Ok(()));
        assert!(!a.is_held(ONE, token));
        assert!(b.acquire(ONE).await.is_ok());
    });
}

/// They are waited for longer than a lease lasts: an owner that hears no answers would hold its shards with them.
#[test]
fn checkpoints_prolong_no_lease() {
    run(async {
        let server = RedisServer::start();
        let (a, b) = (server.open().await, server.open().await);
        let lease = server.options().lease;
        let mut owner = Owner::of(&a, ONE).await;
        owner.commit("batch").await;
        tokio::time::sleep(lease * 6 / 10).await;
        assert_eq!(owner.checkpoint(owner.next).await, Ok(()));
        tokio::time::sleep(lease * 6 / 10).await;
        assert!(!a.is_held(ONE, owner.acquired.token));
        assert!(b.acquire(ONE).await.is_ok());
    });
}

#[test]
fn an_owner_that_was_away_for_long_is_fenced_in_everything() {
    run(async {
        let server = RedisServer::start();
        let (a, b) = (server.open().await, server.open().await);
        let mut old = Owner::of(&a, ONE).await;
        old.commit("of the old one").await;
        let token = old.acquired.token;
        // It says nothing, as a process that is stopped, and stops to speak for the shard before its lease ends.
        tokio::time::sleep(server.options().lease - Duration::from_millis(90)).await;
        assert!(!a.is_held(ONE, token));
        let mut new = Owner::of(&b, ONE).await;
        assert_eq!(new.acquired.seq, 1);
        new.commit("of the new one").await;

        let fenced = Err(StoreError::Fenced { shard: ONE });
        (0..3).for_each(|_| old.append("late"));
        for _ in 0..3 {
            assert_eq!(old.end().await.result, fenced);
        }
        let put = vec![KvOp::put(Table::Meta, MetaKey { shard: ONE, name: "late" }.encode(), "value")];
        assert_eq!(a.checkpoint(ONE, token, 1, put).await, fenced);
        assert_eq!(a.renew(vec![(ONE, token)]).await, std::slice::from_ref(&fenced));
        assert_eq!(a.release(ONE, token).await, fenced);
        assert_eq!(b.get(Table::Meta, &MetaKey { shard: ONE, name: "late" }.encode()).await, Ok(None));
        assert_eq!(new.log(0).await.len(), 2);
        assert!(b.is_held(ONE, new.acquired.token));
    });
}

#[test]
fn a_clock_of_the_server_that_was_set_back_locks_nobody_out() {
    run(async {
        let server = RedisServer::start();
        let (a, b) = (server.open().await, server.open().await);
        Owner::of(&a, ONE).await;
        // As if the lease had been given an hour ahead of the clock that is there now.
        let ahead: Vec<u64> = server.ask(&redis::cmd("TIME"));
        let until = (ahead[0] + 3600) * 1000;
        let _: i64 = server.ask(redis::cmd("HSET").arg("baton:{s:1}:record").arg("until").arg(until));
        let Err(StoreError::Held { for_ms, .. }) = b.acquire(ONE).await else { panic!("the lease begins anew") };
        assert!(Duration::from_millis(for_ms) <= server.options().lease, "{for_ms} ms");
        Owner::of(&b, ONE).await;
    });
}

#[test]
fn a_full_server_keeps_leases_members_and_checkpoints() {
    run(async {
        let server = RedisServer::start();
        let store = server.open().await;
        let mut owner = Owner::of(&store, ONE).await;
        owner.commit("batch").await;
        server.set("maxmemory", "1");
        owner.append("refused");
        assert_eq!(owner.end().await.result, Err(StoreError::Full));
        assert_eq!(store.renew(vec![(ONE, owner.acquired.token)]).await, [Ok(())]);
        assert_eq!(owner.checkpoint(1).await, Ok(()));
        crate::members::beat(&store, 1).await;
        assert_eq!(store.release(ONE, owner.acquired.token).await, Ok(()));
        assert!(store.acquire(ONE).await.is_ok());
    });
}
