//! Scans over what several shards have.

use baton_coordinator::store::keys::{ExecutionIndexKey, ExecutionKey};
use baton_coordinator::store::redis::{RedisOptions, RedisStore};
use baton_coordinator::store::{KvOp, ShardId, ShardStore, Table};
use bytes::Bytes;
use std::ops::Bound;
use std::time::Duration;

use crate::run;
use crate::store_support::redis_server::RedisServer;

/// Executions of two state machines over all 8 shards; most are in shard 0, so that it is asked again.
async fn filled(server: &RedisServer) -> (RedisStore, Vec<Vec<u8>>) {
    let store = RedisStore::connect(RedisOptions { lease: Duration::from_secs(20), ..server.options() }).await.unwrap();
    let mut keys = Vec::new();
    for shard in 0..8_u128 {
        let count = if shard == 0 { 300 } else { 11 * shard };
        let of_shard = (0..count).map(|number| {
            let execution = shard << 125 | number << 3 | shard;
            ExecutionIndexKey { state_machine: 7 + number % 2, start_ms: (number * 37 % 101) as i64, execution }.encode()
        });
        let of_shard: Vec<_> = of_shard.collect();
        let token = store.acquire(ShardId(shard as u16)).await.unwrap().token;
        let ops = of_shard.iter().map(|key| KvOp::put(Table::ExecutionIndex, key.clone(), key.clone())).collect();
        assert_eq!(store.checkpoint(ShardId(shard as u16), token, 0, ops).await, Ok(()));
        keys.extend(of_shard);
    }
    keys.sort();
    (store, keys)
}

#[test]
fn executions_of_a_state_machine_are_merged_from_all_shards() {
    run(async {
        let server = RedisServer::start();
        let (store, keys) = filled(&server).await;
        for machine in [7, 8, 9] {
            let of_machine: Vec<_> =
                keys.iter().filter(|key| ExecutionIndexKey::decode(key).unwrap().state_machine == machine).cloned().collect();
            let expected = |reverse: bool, limit: usize| -> Vec<_> {
                let mut all = of_machine.clone();
                if reverse {
                    all.reverse();
                }
                all.truncate(limit);
                all.into_iter().map(|key| (Bytes::from(key.clone()), Bytes::from(key))).collect()
            };
            for limit in [1, 2, 10, 100, 1000] {
                for reverse in [false, true] {
                    let range = ExecutionIndexKey::of_state_machine(machine);
                    assert_eq!(store.scan(Table::ExecutionIndex, range, limit, reverse).await, Ok(expected(reverse, limit)));
                }
            }
        }
    });
}

#[test]
fn pages_follow_each_other_without_gaps() {
    run(async {
        let server = RedisServer::start();
        let (store, keys) = filled(&server).await;
        let of_machine: Vec<_> = keys.into_iter().filter(|key| ExecutionIndexKey::decode(key).unwrap().state_machine == 7).collect();
        let (mut range, mut read) = (ExecutionIndexKey::of_state_machine(7), Vec::new());
        loop {
            let page = store.scan(Table::ExecutionIndex, range, 7, false).await.unwrap();
            let Some((last, _)) = page.last() else { break };
            range = ExecutionIndexKey::decode(last).unwrap().after();
            read.extend(page.into_iter().map(|(key, _)| key.to_vec()));
        }
        assert_eq!(read, of_machine);
    });
}

#[test]
fn entries_of_any_size_are_read_in_one_scan() {
    run(async {
        let server = RedisServer::start();
        let store = server.open().await;
        let token = store.acquire(crate::ONE).await.unwrap().token;
        let key = |number: u128| ExecutionKey { execution: 1 << 125 | number }.encode();
        let value = |number: u128| Bytes::from(vec![number as u8; 500_000]);
        for table in [Table::History, Table::Executions] {
            let ops = (0..12).map(|number| KvOp::put(table, key(number), value(number))).collect();
            assert_eq!(store.checkpoint(crate::ONE, token, 0, ops).await, Ok(()));
            let all = (Bound::Unbounded, Bound::Unbounded);
            let found = store.scan(table, all, 100, true).await.unwrap();
            let expected: Vec<_> = (0..12).rev().map(|number| (Bytes::from(key(number)), value(number))).collect();
            assert_eq!(found, expected);
            let some = (Bound::Excluded(key(3)), Bound::Included(key(5)));
            let found = store.scan(table, some, 100, false).await.unwrap();
            assert_eq!(found.into_iter().map(|(key, _)| key.to_vec()).collect::<Vec<_>>(), [key(4), key(5)]);
        }
    });
}
