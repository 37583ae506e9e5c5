//! Members that own the catalog in turn, over one store in memory.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::super::tests::{ONE, TWO, create, machine_arn, update};
use super::*;
use crate::catalog::{CatalogError, CreateActivity, DeleteStateMachine, EncryptionConfiguration};
use crate::cluster::{Functions, Revisions};
use crate::store::memory::MemoryStore;

async fn member(store: &Arc<MemoryStore>) -> Catalog {
    Catalog::follow(store.clone()).await.expect("an empty store can be followed")
}

async fn own(store: &Arc<MemoryStore>, catalog: &Catalog) {
    let acquired = store.acquire(ShardId::CATALOG).await.expect("it can be acquired");
    catalog.acquired(acquired, oneshot::channel().0).await.expect("it can be read");
}

#[tokio::test]
async fn what_one_member_changes_all_others_can_read() {
    let store = Arc::new(MemoryStore::new(4));
    let (one, other) = (member(&store).await, member(&store).await);
    assert_eq!(one.execute(create("m", ONE)).await.err(), Some(CatalogError::NotHere));
    own(&store, &one).await;
    assert!(one.is_owner() && !other.is_owner());
    one.execute(create("m", ONE)).await.expect("it can be created");
    one.execute(update("m", TWO)).await.expect("it can be updated");
    other.wait_for(one.position()).await;
    assert_eq!(other.position(), one.position());
    let read = other.state_machine(&machine_arn("m")).expect("it is there");
    assert_eq!(&*read.revision.record.content.definition, TWO);
    assert!(Revisions::revision(&other, read.revision.record.digest).is_some());
    assert_eq!(other.execute(create("n", ONE)).await.err(), Some(CatalogError::NotHere));

    one.register("f").await;
    other.register("g").await;
    let seen = other.position();
    assert_eq!(other.look_again(seen).await, Ok(true));
    assert!(other.knows("f") && !other.knows("g"));
    assert_eq!(other.look_again(other.position()).await, Ok(false), "there is nothing new");
    assert_eq!(other.look_again(seen).await, Ok(true), "whoever has read on since, it is worth another look");
}

#[tokio::test]
async fn a_member_that_the_store_does_not_answer_says_of_nothing_that_it_is_not_there() {
    let store = Arc::new(MemoryStore::new(4));
    let (one, other) = (member(&store).await, member(&store).await);
    own(&store, &one).await;
    one.execute(create("m", ONE)).await.expect("it can be created");
    store.set_silent(true);
    for catalog in [&one, &other] {
        let answer = catalog.look_again(catalog.position()).await;
        assert!(matches!(answer, Err(CatalogError::Unavailable(_))), "{answer:?}");
    }
    store.set_silent(false);
    assert_eq!(one.look_again(one.position()).await, Ok(false));
    other.wait_for(one.position()).await;
    assert_eq!(other.look_again(other.position()).await, Ok(false));
}

#[tokio::test]
async fn it_is_handed_from_member_to_member() {
    let store = Arc::new(MemoryStore::new(4));
    let (one, other) = (member(&store).await, member(&store).await);
    for (round, (from, to)) in [(&one, &other), (&other, &one), (&one, &other)].into_iter().enumerate() {
        own(&store, from).await;
        from.execute(create(&format!("m{round}"), ONE)).await.expect("it can be created");
        from.give_up().await;
        assert!(!from.is_owner());
        assert_eq!(from.execute(create("late", ONE)).await.err(), Some(CatalogError::NotHere));
        to.wait_for(from.position()).await;
        assert_eq!(to.state_machines("arn:", None, 10).len(), round + 1);
    }
}

#[tokio::test]
async fn who_has_no_lease_any_more_answers_nothing_from_memory() {
    let now_ms = Arc::new(AtomicU64::new(0));
    let clock = now_ms.clone();
    let store = MemoryStore::shared_by_clock(4, Duration::from_secs(6), Arc::new(move || Duration::from_millis(clock.load(Relaxed))));
    let store = Arc::new(store);
    let (paused, other) = (member(&store).await, member(&store).await);
    own(&store, &paused).await;
    paused.execute(create("m", ONE)).await.expect("it can be created");
    paused.execute(create("m", ONE)).await.expect("it is there as it should be");
    now_ms.store(7_000, Relaxed);
    own(&store, &other).await;
    other.execute(DeleteStateMachine { arn: machine_arn("m") }).await.expect("it can be deleted");

    assert_eq!(paused.execute(create("m", ONE)).await.err(), Some(CatalogError::NotHere), "it is not there any more");
    assert_eq!(paused.execute(create("m", TWO)).await.err(), Some(CatalogError::NotHere));
    other.execute(create("m", TWO)).await.expect("it can be created again");
}

#[tokio::test]
async fn who_has_lost_it_follows_and_writes_nothing_more() {
    let store = Arc::new(MemoryStore::new(4));
    let (one, other) = (member(&store).await, member(&store).await);
    own(&store, &one).await;
    one.execute(create("m", ONE)).await.expect("it can be created");
    own(&store, &other).await;
    assert_eq!(one.execute(create("n", ONE)).await.err(), Some(CatalogError::NotHere), "the store has said so");
    CatalogShard::lost(&one);
    other.execute(create("n", TWO)).await.expect("it can be created");
    one.wait_for(other.position()).await;
    assert_eq!(&*one.state_machine(&machine_arn("n")).expect("it is there").revision.record.content.definition, TWO);
    assert!(one.inner.lost.get().is_none(), "nobody needs to look after it");
}

#[tokio::test]
async fn whoever_is_far_behind_reads_the_records() {
    let store = Arc::new(MemoryStore::new(4));
    let one = member(&store).await;
    own(&store, &one).await;
    one.execute(create("m", ONE)).await.expect("it can be created");
    // The end of the writer makes a checkpoint, and the log before it is gone.
    one.give_up().await;
    let late = member(&store).await;
    assert!(late.state_machine(&machine_arn("m")).is_some());
    own(&store, &one).await;
    one.execute(update("m", TWO)).await.expect("it can be updated");
    let encryption = EncryptionConfiguration::default();
    let activity = CreateActivity { arn: "arn:activity".into(), name: "a".into(), encryption, tags: Vec::new() };
    one.execute(activity).await.expect("it can be created");
    let later = member(&store).await;
    late.wait_for(one.position()).await;
    for reader in [&late, &later] {
        assert_eq!(&*reader.state_machine(&machine_arn("m")).expect("it is there").revision.record.content.definition, TWO);
        assert!(reader.activity("arn:activity").is_some());
    }
}
