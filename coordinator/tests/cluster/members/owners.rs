//! Owners that are not known, change, or cannot be reached.

use std::time::{Duration, Instant};

use baton_coordinator::cluster::{ListQuery, ReadError, StartError};
use serde_json::json;

use super::*;

fn pass_machine() -> Value {
    json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_waits_for_an_owner() {
    let (one, other) = connected(&pass_machine()).await;
    let others = one.directory.others();
    one.directory.set_others(Vec::new());
    let name = name_of_second("waits");
    let cluster = one.cluster.clone();
    let waiting = tokio::spawn({
        let name = name.clone();
        async move { cluster.start(start(&name, "{}")).await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!waiting.is_finished());
    one.directory.set_others(others);
    assert!(within(waiting).await.expect("no panic").expect("it is started").created);
    other.ended(&name).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_gives_a_shard_up_says_so_and_the_request_finds_the_next_owner() {
    let (one, other) = connected(&pass_machine()).await;
    let name = name_of_second("moves");
    // The second member knows before the first that the shard is not its own any more.
    let mut left = shards(4);
    left.remove(shard_of(&name));
    other.directory.set_mine(left.clone());
    let cluster = one.cluster.clone();
    let waiting = tokio::spawn({
        let name = name.clone();
        async move { cluster.start(start(&name, "{}")).await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!waiting.is_finished());
    let mut mine = shards(0);
    mine.insert(shard_of(&name));
    one.directory.set_others(vec![member("b", &other.url, left)]);
    one.directory.set_mine(mine);
    assert!(within(waiting).await.expect("no panic").expect("it is started").created);
    one.succeeded(&name).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_a_member_does_not_answer_follows_the_shard_to_the_next() {
    let (one, _other, direct) = beside(&pass_machine()).await;
    direct.is_stuck.store(true, Ordering::SeqCst);
    let name = name_of_second("stuck");
    let cluster = one.cluster.clone();
    let waiting = tokio::spawn({
        let name = name.clone();
        async move { cluster.start(start(&name, "{}")).await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!waiting.is_finished());
    assert_eq!(direct.asked(), 1);
    let mut mine = shards(0);
    mine.insert(shard_of(&name));
    one.directory.set_mine(mine);
    assert!(within(waiting).await.expect("no panic").expect("it is started").created);
    assert_eq!(direct.asked(), 0, "the former owner is not asked again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_is_gone_makes_a_request_fail_in_time() {
    let (one, other) = connected(&pass_machine()).await;
    let name = name_of_second("gone");
    one.start(&name, "{}").await;
    other.system.kill().await;
    let since = Instant::now();
    assert!(matches!(within(one.cluster.start(start(&name, "{}"))).await, Err(StartError::Unavailable(_))));
    assert!(matches!(within(one.cluster.describe(id(&name))).await, Err(ReadError::Unavailable(_))));
    assert!((9..15).contains(&since.elapsed().as_secs()), "five seconds each, not {:?}", since.elapsed());
}

fn all() -> ListQuery {
    ListQuery { state_machine_arn: MACHINE.into(), through: None, status: None, redriven: None, after: None, limit: 10, map_run_arn: None }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_waits_for_a_shard_that_is_on_its_way() {
    let (one, other) = connected(&pass_machine()).await;
    let name = name_of_second("listed");
    one.start(&name, "{}").await;
    let mut left = shards(4);
    left.remove(shard_of(&name));
    other.directory.set_mine(left);
    let cluster = one.cluster.clone();
    let waiting = tokio::spawn(async move { cluster.list(all()).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!waiting.is_finished());
    other.directory.set_mine(shards(4));
    let listed = within(waiting).await.expect("no panic").expect("it can be listed");
    assert_eq!(listed.iter().map(|summary| &*summary.name).collect::<Vec<_>>(), [&*name]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_refused_rather_than_too_short() {
    let (one, other) = connected(&pass_machine()).await;
    one.start(&name_of_second("unseen"), "{}").await;
    other.system.kill().await;
    let since = Instant::now();
    assert!(matches!(within(one.cluster.list(all())).await, Err(ReadError::Unavailable(_))));
    assert!((4..10).contains(&since.elapsed().as_secs()), "five seconds, not {:?}", since.elapsed());
}
