//! Members that own the catalog in turn, over one store in memory.

use super::super::tests::{ONE, TWO, create, machine_arn, update};
use super::*;
use crate::catalog::{CatalogError, CreateActivity, EncryptionConfiguration};
use crate::cluster::{Functions, Revisions};
use crate::store::memory::MemoryStore;

async fn member(store: &Arc<MemoryStore>) -> Catalog {
    Catalog::follow(store.clone()).await.expect("an empty store can be followed")
}

async fn own(store: &Arc<MemoryStore>, catalog: &Catalog) {
    let acquired = store.acquire(ShardId::CATALOG).await.expect("it can be acquired");
    catalog.acquired(acquired).await.expect("it can be read");
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
    assert!(other.look_again().await && other.knows("f") && !other.knows("g"));
    assert!(!other.look_again().await, "there is nothing new");
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
