//! The catalog over a store in memory: what it says, and what it still says after a restart.

use std::sync::Arc;

use super::*;
use crate::store::ShardId;
use crate::store::memory::MemoryStore;

const OWNER: &str = "arn:aws:states:us-east-1:123456789012";
pub(super) const ONE: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#;
pub(super) const TWO: &str = r#"{"StartAt":"B","States":{"B":{"Type":"Succeed"}}}"#;

pub(super) fn machine_arn(name: &str) -> Arc<str> {
    format!("{OWNER}:stateMachine:{name}").into()
}

fn content(definition: &str) -> Content {
    Content {
        definition: definition.into(),
        role_arn: "arn:aws:iam::123456789012:role/r".into(),
        logging: LoggingConfiguration::default(),
        tracing_enabled: false,
        encryption: EncryptionConfiguration::default(),
    }
}

fn machine(definition: &str) -> baton_asl::StateMachine {
    compile(definition, MachineType::Standard).expect("the definition is valid")
}

pub(super) fn create(name: &str, definition: &str) -> CreateStateMachine {
    CreateStateMachine {
        arn: machine_arn(name),
        name: name.into(),
        machine_type: MachineType::Standard,
        content: content(definition),
        machine: machine(definition),
        created_with: CreatedWith { publish: false, version_description: None },
        tags: Vec::new(),
    }
}

pub(super) fn update(name: &str, definition: &str) -> UpdateStateMachine {
    UpdateStateMachine {
        arn: machine_arn(name),
        machine_type: MachineType::Standard,
        definition: Some((definition.into(), machine(definition))),
        role_arn: None,
        logging: None,
        tracing_enabled: None,
        encryption: None,
        publish: false,
        version_description: None,
    }
}

fn tag(key: &str, value: &str) -> Tag {
    Tag { key: key.into(), value: value.into() }
}

async fn open(store: &Arc<MemoryStore>) -> Catalog {
    Catalog::open(store.clone()).await.expect("the catalog opens")
}

#[tokio::test]
async fn a_machine_is_created_once() {
    let catalog = open(&Arc::new(MemoryStore::new(4))).await;
    let created = catalog.execute(create("m", ONE)).await.expect("it is new");
    let mut again = create("m", ONE);
    again.content.role_arn = "arn:aws:iam::123456789012:role/other".into();
    again.tags = vec![tag("k", "v")];
    assert_eq!(catalog.execute(again).await, Ok(created));
    let entry = catalog.state_machine(&machine_arn("m")).expect("it is there");
    assert_eq!(&*entry.revision.record.content.role_arn, "arn:aws:iam::123456789012:role/r");
    assert_eq!(entry.tags, []);

    let exists = CatalogError::StateMachineAlreadyExists { arn: machine_arn("m") };
    assert_eq!(catalog.execute(create("m", TWO)).await, Err(exists.clone()));
    let published = CreatedWith { publish: true, version_description: None };
    assert_eq!(catalog.execute(CreateStateMachine { created_with: published, ..create("m", ONE) }).await, Err(exists));
}

#[tokio::test]
async fn an_update_that_changes_nothing_makes_no_revision() {
    let catalog = open(&Arc::new(MemoryStore::new(4))).await;
    catalog.execute(create("m", ONE)).await.expect("it is new");
    let unchanged = catalog.execute(update("m", ONE)).await.expect("it is there");
    assert_eq!(unchanged.revision_id, None);
    let changed = catalog.execute(update("m", TWO)).await.expect("it is there");
    assert!(changed.revision_id.is_some());
    assert_eq!(catalog.execute(update("m", TWO)).await, Ok(changed));
    let missing = CatalogError::StateMachineDoesNotExist { arn: machine_arn("other") };
    assert_eq!(catalog.execute(update("other", ONE)).await, Err(missing));
}

#[tokio::test]
async fn revisions_outlive_update_and_deletion() {
    let store = Arc::new(MemoryStore::new(4));
    let catalog = open(&store).await;
    catalog.execute(create("m", ONE)).await.expect("it is new");
    let digest = catalog.state_machine(&machine_arn("m")).expect("it is there").revision.record.digest;
    catalog.execute(update("m", TWO)).await.expect("it is there");
    assert_eq!(catalog.execute(DeleteStateMachine { arn: machine_arn("m") }).await, Ok(true));
    assert_eq!(catalog.execute(DeleteStateMachine { arn: machine_arn("m") }).await, Ok(false));
    for catalog in [catalog.clone(), reopened(&catalog, &store).await] {
        assert!(catalog.state_machine(&machine_arn("m")).is_none());
        assert_eq!(catalog.deletions().len(), 1);
        let revision = catalog.revision(digest).expect("an execution may be pinned to it");
        assert_eq!(&*revision.definition, ONE);
        assert!(revision.machine.state_named("A").is_some());
    }
}

/// The catalog after an orderly restart, which writes a checkpoint.
async fn reopened(catalog: &Catalog, store: &Arc<MemoryStore>) -> Catalog {
    catalog.close().await;
    assert!(matches!(catalog.execute(create("late", ONE)).await, Err(CatalogError::Unavailable(_))));
    open(store).await
}

#[tokio::test]
async fn versions_are_numbered_once_and_aliases_hold_them() {
    let catalog = open(&Arc::new(MemoryStore::new(4))).await;
    let arn = machine_arn("m");
    let publish = || PublishVersion { arn: arn.clone(), revision_id: None, description: None };
    catalog
        .execute(CreateStateMachine { created_with: CreatedWith { publish: true, version_description: None }, ..create("m", ONE) })
        .await
        .expect("it is new");
    assert_eq!(catalog.execute(publish()).await.expect("the same").arn, format!("{arn}:1"));
    let updated = catalog.execute(UpdateStateMachine { publish: true, ..update("m", TWO) }).await.expect("it is there");
    assert_eq!(updated.version_arn, Some(format!("{arn}:2")));

    let alias = |routes| CreateAlias { arn: arn.clone(), name: "prod".into(), description: None, routes };
    let to = |version| vec![Route { version, weight: 100 }];
    assert_eq!(catalog.execute(alias(to(9))).await, Err(CatalogError::NoSuchVersion));
    let made = catalog.execute(alias(to(2))).await.expect("it is new");
    assert_eq!(catalog.execute(alias(to(2))).await, Ok(made));
    assert_eq!(catalog.execute(alias(to(1))).await, Err(CatalogError::AliasAlreadyExists));
    let delete = |number| DeleteVersion { arn: arn.clone(), number };
    assert_eq!(catalog.execute(delete(2)).await, Err(CatalogError::VersionInUse { aliases: vec!["prod".to_owned()] }));
    let change = UpdateAlias { arn: arn.clone(), name: "prod".into(), description: None, routes: Some(to(1)) };
    catalog.execute(change).await.expect("it is there");
    assert_eq!(catalog.execute(delete(2)).await, Ok(()));
    assert_eq!(catalog.execute(delete(2)).await, Ok(()));
    assert_eq!(catalog.execute(publish()).await.expect("a new one").arn, format!("{arn}:3"));

    let stale = PublishVersion { revision_id: Some("INITIAL".into()), ..publish() };
    let error = catalog.execute(stale).await.expect_err("it has been updated").to_string();
    let current = updated.revision_id.expect("it has been updated");
    assert_eq!(
        error,
        format!("Failed to publish the State Machine version for revision INITIAL. The current State Machine revision is {current}.")
    );
}

#[tokio::test]
async fn tags_are_set_by_key_and_bounded() {
    let catalog = open(&Arc::new(MemoryStore::new(4))).await;
    let arn: Arc<str> = format!("{OWNER}:activity:a").into();
    let set = |tags| TagResource { arn: arn.clone(), tags };
    assert_eq!(catalog.execute(set(vec![])).await, Err(CatalogError::NotTaggable { arn: arn.clone() }));
    let activity =
        CreateActivity { arn: arn.clone(), name: "a".into(), encryption: EncryptionConfiguration::default(), tags: vec![tag("a", "1")] };
    catalog.execute(activity).await.expect("it is new");
    catalog.execute(set(vec![tag("b", "2"), tag("a", "3")])).await.expect("it is there");
    assert_eq!(catalog.tags(&arn), Some(vec![tag("a", "3"), tag("b", "2")]));
    catalog.execute(UntagResource { arn: arn.clone(), keys: vec!["a".into(), "z".into()] }).await.expect("it is there");
    assert_eq!(catalog.tags(&arn), Some(vec![tag("b", "2")]));
    let many = (0..50).map(|number| tag(&format!("k{number}"), "")).collect();
    assert_eq!(catalog.execute(set(many)).await, Err(CatalogError::TooManyTags { arn: arn.clone() }));
    assert_eq!(catalog.tags(&arn), Some(vec![tag("b", "2")]));
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    for checkpoint in [false, true] {
        let store = Arc::new(MemoryStore::new(4));
        let catalog = open(&store).await;
        catalog.execute(CreateStateMachine { tags: vec![tag("k", "v")], ..create("m", ONE) }).await.expect("it is new");
        catalog.execute(UpdateStateMachine { publish: true, ..update("m", TWO) }).await.expect("it is there");
        let alias =
            CreateAlias { arn: machine_arn("m"), name: "prod".into(), description: None, routes: vec![Route { version: 1, weight: 100 }] };
        catalog.execute(alias).await.expect("it is new");
        catalog.execute(create("gone", ONE)).await.expect("it is new");
        catalog.execute(DeleteStateMachine { arn: machine_arn("gone") }).await.expect("it is there");
        catalog.execute(FinishDeletion { arn: machine_arn("gone") }).await.expect("it is there");
        let activity: Arc<str> = format!("{OWNER}:activity:a").into();
        let created =
            CreateActivity { arn: activity.clone(), name: "a".into(), encryption: EncryptionConfiguration::default(), tags: Vec::new() };
        catalog.execute(created).await.expect("it is new");
        catalog.register("Charge").await;
        assert!(catalog.knows("Charge"), "known as soon as it is answered");
        catalog.execute(DeleteActivity { arn: machine_arn("none") }).await.expect("nothing to do");
        let before = format!("{:?}", catalog.state_machine(&machine_arn("m")).expect("it is there").record());

        let again = if checkpoint { reopened(&catalog, &store).await } else { open(&store).await };
        let after = format!("{:?}", again.state_machine(&machine_arn("m")).expect("it is there").record());
        assert_eq!(before, after);
        assert!(again.state_machine(&machine_arn("gone")).is_none());
        assert_eq!(again.deletions(), []);
        assert!(again.knows("Charge") && !again.knows("Refund"));
        assert!(again.exists(&activity));
        // The one before has lost its shard and says so.
        let lost = catalog.execute(create("other", ONE)).await;
        assert!(matches!(lost, Err(CatalogError::Unavailable(_))), "{lost:?}");
        assert!(again.execute(create("other", ONE)).await.is_ok());
    }
}

#[tokio::test]
async fn what_the_log_refuses_has_not_happened() {
    let store = Arc::new(MemoryStore::new(4));
    let catalog = open(&store).await;
    store.set_full(true);
    let refused = catalog.execute(create("m", ONE)).await;
    assert!(matches!(refused, Err(CatalogError::Unavailable(_))), "{refused:?}");
    assert!(catalog.state_machine(&machine_arn("m")).is_none());
    store.set_full(false);
    assert!(catalog.execute(create("m", ONE)).await.is_ok());
    assert!(open(&store).await.state_machine(&machine_arn("m")).is_some());
}

#[tokio::test]
async fn pages_are_in_the_order_of_names_and_of_one_owner() {
    let catalog = open(&Arc::new(MemoryStore::new(4))).await;
    for name in ["b", "a", "c"] {
        catalog.execute(create(name, ONE)).await.expect("it is new");
    }
    let foreign = "arn:aws:states:us-east-1:999999999999:stateMachine:a";
    catalog.execute(CreateStateMachine { arn: foreign.into(), ..create("a", ONE) }).await.expect("it is new");
    let prefix = format!("{OWNER}:stateMachine:");
    let names = |after: Option<&str>, limit| {
        catalog.state_machines(&prefix, after, limit).iter().map(|machine| machine.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(None, 10), ["a", "b", "c"]);
    assert_eq!(names(None, 2), ["a", "b"]);
    assert_eq!(names(Some(&machine_arn("b")), 2), ["c"]);
    assert_eq!(names(Some("zzz"), 2), [""; 0]);
}

#[tokio::test]
async fn commands_that_meet_share_an_append() {
    let store = Arc::new(MemoryStore::new(4));
    let catalog = open(&store).await;
    let creations = (0..100).map(|number| catalog.execute(create(&format!("m{number}"), ONE)));
    for created in futures_util::future::join_all(creations).await {
        created.expect("each is new");
    }
    let seq = store.acquire(ShardId::CATALOG).await.expect("the shard is there").seq;
    assert!(seq < 50, "100 commands took {seq} appends");
}
