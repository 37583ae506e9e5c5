//! Who lives.

use std::sync::Arc;
use std::time::Duration;

use baton_coordinator::store::redis::{RedisOptions, RedisStore};
use baton_coordinator::store::{Member, MemberSession, Membership, ShardId};

use crate::run;
use crate::store_support::redis_server::RedisServer;

pub(crate) fn member(incarnation: u64) -> Member {
    Member {
        name: format!("m{incarnation}").into(),
        incarnation,
        address: format!("http://127.0.0.1:{}", 8000 + incarnation).into(),
        weight: 2,
        level: 1,
        is_leaving: false,
        owned: [ShardId(incarnation as u16), ShardId::CATALOG].into_iter().collect(),
        sessions: Arc::new([MemberSession { incarnation: 70 + incarnation, session_id: 5 }]),
    }
}

/// The member lives; answers with the incarnations of all that do.
pub(crate) async fn beat(store: &RedisStore, incarnation: u64) -> Vec<u64> {
    let me = member(incarnation);
    let members = store.beat(&me).await.expect("the server answers");
    let mine = members.iter().find(|member| member.incarnation == incarnation);
    assert_eq!(mine.map(|mine| &**mine), Some(&me));
    members.iter().map(|member| member.incarnation).collect()
}

async fn open(server: &RedisServer) -> RedisStore {
    let options = RedisOptions { member_lifetime: Duration::from_millis(500), ..server.options() };
    RedisStore::connect(options).await.expect("a store can be opened")
}

#[test]
fn members_hear_of_each_other_in_the_order_of_their_incarnations() {
    run(async {
        let server = RedisServer::start();
        let (a, b) = (open(&server).await, open(&server).await);
        assert_eq!(a.lifetime(), Duration::from_millis(500));
        assert_eq!(beat(&a, 300).await, [300]);
        assert_eq!(beat(&b, 20).await, [20, 300]);
        assert_eq!(beat(&a, 300).await, [20, 300]);
        let heard = b.beat(&member(20)).await.unwrap();
        assert_eq!(*heard[1], member(300));
    });
}

#[test]
fn a_member_that_is_silent_is_none_and_may_come_back() {
    run(async {
        let server = RedisServer::start();
        let (a, b) = (open(&server).await, open(&server).await);
        beat(&a, 1).await;
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_millis(150)).await;
            beat(&b, 2).await;
        }
        assert_eq!(beat(&b, 2).await, [2]);
        assert_eq!(beat(&a, 1).await, [1, 2]);
    });
}

#[test]
fn a_member_that_leaves_is_gone_at_once() {
    run(async {
        let server = RedisServer::start();
        let (a, b) = (open(&server).await, open(&server).await);
        beat(&a, 1).await;
        assert_eq!(beat(&b, 2).await, [1, 2]);
        a.leave(1).await.unwrap();
        assert_eq!(beat(&b, 2).await, [2]);
        a.leave(1).await.unwrap();
    });
}

#[test]
fn the_dead_do_not_stay_at_the_server() {
    run(async {
        let server = RedisServer::start();
        let store = RedisStore::connect(RedisOptions { member_lifetime: Duration::from_millis(30), ..server.options() }).await.unwrap();
        for incarnation in 1..=20 {
            store.beat(&member(incarnation)).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(400)).await;
        store.beat(&member(21)).await.unwrap();
        let records: u64 = server.ask(redis::cmd("HLEN").arg("baton:{cluster}:members"));
        let heard: u64 = server.ask(redis::cmd("ZCARD").arg("baton:{cluster}:heard"));
        assert_eq!((records, heard), (1, 1));
    });
}
