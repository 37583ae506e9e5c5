//! The one client of a machine: creates, changes, deletes and reads it at whoever owns the catalog, and repeats what it was not told the outcome of.

use std::sync::Arc;
use std::time::Duration;

use baton_coordinator::catalog::{
    Catalog, CatalogError, Content, CreateStateMachine, CreatedWith, DeleteStateMachine, EncryptionConfiguration, LoggingConfiguration,
    MachineType, UpdateStateMachine, compile,
};
use tokio::time::{sleep, timeout};

use crate::expected::{Expected, Told, Value, Write};
use crate::random::Random;
use crate::site::{Member, Site};

/// Nothing takes longer, whatever is wrong.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);
/// Where nothing is wrong any more.
const DONE_WITHIN: Duration = Duration::from_secs(20);

pub(crate) struct Client {
    name: String,
    arn: Arc<str>,
    random: Random,
    expected: Expected,
    next_value: u64,
    /// What it was not told the outcome of.
    unknown: Option<Write>,
}

impl Client {
    pub(crate) fn new(number: u64, seed: u64) -> Self {
        let name = format!("m{number}");
        let arn = format!("arn:aws:states:us-east-1:123456789012:stateMachine:{name}").into();
        Self { name, arn, random: Random(seed), expected: Expected::nothing_yet(), next_value: 1, unknown: None }
    }

    /// Until the site says that it is enough.
    pub(crate) async fn live(mut self, site: Arc<Site>) -> Self {
        while !site.is_over() {
            sleep(Duration::from_millis(self.random.below(400))).await;
            let Some(member) = site.whoever_owns(&mut self.random) else { continue };
            if self.random.once_in(4) {
                self.read(&site, &member);
            } else {
                let write = self.next();
                self.write(&site, &member, write).await;
            }
        }
        self
    }

    fn next(&mut self) -> Write {
        if let Some(write) = self.unknown.take().filter(|_| !self.random.once_in(3)) {
            return write;
        }
        self.next_value += 1;
        match self.random.below(6) {
            0 => Write::Delete,
            1 | 2 => Write::Create(self.next_value),
            _ => Write::Update(self.next_value),
        }
    }

    async fn write(&mut self, site: &Site, member: &Member, write: Write) -> Told {
        let told = tokio::select! {
            told = timeout(ANSWERED_WITHIN, self.ask(&member.catalog, write)) => told.unwrap_or_else(|_| panic!("{write:?} of {} hangs", self.name)),
            () = member.crashed() => Told::Unknown,
        };
        site.count(told);
        self.expected.answered(write, told).unwrap_or_else(|why| panic!("{}: {why}", self.name));
        self.unknown = (told == Told::Unknown).then_some(write);
        told
    }

    fn read(&mut self, site: &Site, member: &Member) {
        if site.is_owner(member) {
            let value = self.value_at(&member.catalog);
            self.expected.seen(value).unwrap_or_else(|why| panic!("{}: {why}", self.name));
        }
    }

    async fn ask(&self, catalog: &Catalog, write: Write) -> Told {
        let (arn, machine_type) = (self.arn.clone(), MachineType::Standard);
        let answer = match write {
            Write::Create(value) => {
                let (content, machine) = (content(value), compile(&definition(value), machine_type).expect("it is valid"));
                let created_with = CreatedWith { publish: false, version_description: None };
                let name = self.name.as_str().into();
                let create = CreateStateMachine { arn, name, machine_type, content, machine, created_with, tags: Vec::new() };
                catalog.execute(create).await.map(|_| true)
            }
            Write::Update(value) => catalog.execute(update(arn, value)).await.map(|_| true),
            Write::Delete => catalog.execute(DeleteStateMachine { arn }).await,
        };
        match answer {
            Ok(true) => Told::Done,
            Ok(false) | Err(CatalogError::StateMachineDoesNotExist { .. }) => Told::Missing,
            Err(CatalogError::StateMachineAlreadyExists { .. }) => Told::Exists,
            // Whoever is told that the catalog is another's asks that one.
            Err(CatalogError::NotHere | CatalogError::Throttled | CatalogError::Unavailable(_)) => Told::Unknown,
            Err(other) => panic!("{write:?} of {}: {other}", self.name),
        }
    }

    fn value_at(&self, catalog: &Catalog) -> Value {
        let machine = catalog.state_machine(&self.arn)?;
        let definition: serde_json::Value = serde_json::from_str(&machine.revision.record.content.definition).expect("it is JSON");
        Some(definition["Comment"].as_str().and_then(|value| value.parse().ok()).expect("each definition says its value"))
    }

    /// Nothing is wrong any more: a last command is carried out, and every member sees it.
    pub(crate) async fn finish(mut self, site: &Site, owner: &Member, others: &[&Member]) {
        let begun = tokio::time::Instant::now();
        self.next_value += 1;
        let write = if self.random.once_in(2) { Write::Create(self.next_value) } else { Write::Update(self.next_value) };
        while self.write(site, owner, write).await == Told::Unknown {
            assert!(begun.elapsed() < DONE_WITHIN, "{} stands still", self.name);
            sleep(Duration::from_millis(100)).await;
        }
        let value = self.value_at(&owner.catalog);
        self.expected.seen(value).unwrap_or_else(|why| panic!("{}: {why}", self.name));
        for member in others {
            assert!(member.catalog.wait_for(owner.catalog.position()).await, "a member is behind");
            assert_eq!(self.value_at(&member.catalog), value, "{} at another member", self.name);
        }
    }
}

fn definition(value: u64) -> String {
    format!(r#"{{"Comment":"{value}","StartAt":"A","States":{{"A":{{"Type":"Pass","End":true}}}}}}"#)
}

fn content(value: u64) -> Content {
    Content {
        definition: definition(value).into(),
        role_arn: "arn:aws:iam::123456789012:role/r".into(),
        logging: LoggingConfiguration::default(),
        tracing_enabled: false,
        encryption: EncryptionConfiguration::default(),
    }
}

fn update(arn: Arc<str>, value: u64) -> UpdateStateMachine {
    let machine = compile(&definition(value), MachineType::Standard).expect("it is valid");
    UpdateStateMachine {
        arn,
        machine_type: MachineType::Standard,
        definition: Some((definition(value).into(), machine)),
        role_arn: None,
        logging: None,
        tracing_enabled: None,
        encryption: None,
        publish: false,
        version_description: None,
    }
}
