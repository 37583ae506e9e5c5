//! Checkpoints that are interrupted.

use std::ops::Bound;
use std::time::Duration;

use baton_coordinator::store::keys::MetaKey;
use baton_coordinator::store::redis::{RedisOptions, RedisStore};
use baton_coordinator::store::{KvOp, ShardStore, Table};

use crate::proxy::{Proxy, Way};
use crate::store_support::redis_server::{RedisServer, options};
use crate::store_support::{Owner, batch};
use crate::{ONE, run};

#[test]
fn an_interrupted_checkpoint_never_moves_the_mark() {
    run(async {
        let server = RedisServer::start();
        let proxy = Proxy::to(server.port).await;
        let options = RedisOptions { lease: Duration::from_secs(20), ..options(proxy.port) };
        let store = RedisStore::connect(options).await.unwrap();
        let mut owner = Owner::of(&store, ONE).await;
        for seq in 1..=10 {
            owner.commit(batch(ONE, seq, 50)).await;
        }
        // Some three megabytes: several pieces.
        let put = |name: u32| KvOp::put(Table::Meta, MetaKey { shard: ONE, name: &format!("{name:05}") }.encode(), vec![1; 1000]);
        let ops: Vec<_> = (0..3000).map(put).collect();
        proxy.set(Way::Only(1 << 20));
        let token = owner.acquired.token;
        let cut = tokio::time::timeout(Duration::from_millis(1500), store.checkpoint(ONE, token, 10, ops.clone())).await;
        assert!(cut.is_err(), "the checkpoint does not come to its end");

        let direct = server.open().await;
        let all = || (Bound::Unbounded, Bound::Unbounded);
        let applied = direct.scan(Table::Meta, all(), usize::MAX, false).await.unwrap().len();
        assert!((1..3000).contains(&applied), "{applied} operations were applied");
        let mark: u64 = server.ask(redis::cmd("HGET").arg("baton:{s:1}:record").arg("checkpoint"));
        assert_eq!(mark, 0);
        let batches: Vec<_> = crate::store_support::log(&direct, ONE, 0).await.into_iter().map(|(seq, _)| seq).collect();
        assert_eq!(batches, (1..=10).collect::<Vec<_>>());

        // Made again, as the shard does, it is complete.
        proxy.set(Way::Open);
        assert_eq!(store.checkpoint(ONE, token, 10, ops).await, Ok(()));
        assert_eq!(direct.scan(Table::Meta, all(), usize::MAX, false).await.unwrap().len(), 3000);
        assert_eq!(store.acquire(ONE).await.unwrap().checkpoint_seq, 10);
    });
}

#[test]
fn a_piece_that_arrives_late_sets_nothing_back() {
    run(async {
        let server = RedisServer::start();
        let proxy = Proxy::to(server.port).await;
        let options = RedisOptions { lease: Duration::from_secs(20), ..options(proxy.port) };
        let store = RedisStore::connect(options).await.unwrap();
        let owner = Owner::of(&store, ONE).await;
        let (token, key) = (owner.acquired.token, MetaKey { shard: ONE, name: "key" }.encode());
        let put = |value: &'static str| vec![KvOp::put(Table::Meta, key.clone(), value)];
        assert_eq!(store.checkpoint(ONE, token, 0, put("first")).await, Ok(()));
        // The connection breaks with the second one in it; it is made again over another, and a third one follows.
        proxy.set(Way::Late);
        assert_eq!(store.checkpoint(ONE, token, 0, put("second")).await, Ok(()));
        assert_eq!(store.checkpoint(ONE, token, 0, put("third")).await, Ok(()));
        let calls = |server: &RedisServer| -> u64 {
            let stats: String = server.ask(redis::cmd("INFO").arg("commandstats"));
            let line = stats.lines().find(|line| line.starts_with("cmdstat_fcall:calls=")).expect("functions were called");
            line["cmdstat_fcall:calls=".len()..].split(',').next().unwrap().parse().unwrap()
        };
        let before = calls(&server);
        proxy.set(Way::Open);
        // Now the network delivers what it had kept.
        for _ in 0..500 {
            if calls(&server) > before {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(calls(&server) > before, "the late piece has arrived");
        assert_eq!(store.get(Table::Meta, &key).await, Ok(Some("third".into())));
    });
}

#[test]
fn a_log_that_is_covered_takes_no_memory_any_more() {
    run(async {
        let server = RedisServer::start();
        let store = RedisStore::connect(RedisOptions { lease: Duration::from_secs(20), ..server.options() }).await.unwrap();
        let mut owner = Owner::of(&store, ONE).await;
        for _ in 0..400 {
            owner.append(batch(ONE, owner.next + 1, 5000));
        }
        for _ in 0..400 {
            assert_eq!(owner.end().await.result, Ok(()));
        }
        assert_eq!(owner.checkpoint(390).await, Ok(()));
        let kept: u64 = server.ask(redis::cmd("XLEN").arg("baton:{s:1}:log"));
        // The server gives whole pieces back only.
        assert!((10..=110).contains(&kept), "{kept} batches are kept");
        assert_eq!(owner.log(390).await.len(), 10);
    });
}
