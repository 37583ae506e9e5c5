//! What the catalog keeps, as it is written down. A change of one of these types is a change of the format: see
//! [`codec`](super::codec).

use std::sync::Arc;

use baton_engine::Timestamp;
use bincode::{Decode, Encode};

use crate::cluster::{self, Logging};

/// `type` of a state machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum MachineType {
    /// `STANDARD`
    Standard,
    /// `EXPRESS`
    Express,
}

/// `loggingConfiguration`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct LoggingConfiguration {
    /// `level`
    pub level: LogLevel,
    /// `includeExecutionData`
    pub include_execution_data: bool,
    /// `destinations`, as given: ARNs of log groups. Absent and empty are told apart when they are described.
    pub destinations: Option<Vec<Arc<str>>>,
}

impl LoggingConfiguration {
    /// What executions are to log; `None` where that is nothing.
    pub(super) fn logging(&self) -> Option<Logging> {
        let level = match self.level {
            LogLevel::All => cluster::LogLevel::All,
            LogLevel::Error => cluster::LogLevel::Error,
            LogLevel::Fatal => cluster::LogLevel::Fatal,
            LogLevel::Off => return None,
        };
        let log_group_arn = self.destinations.iter().flatten().find(|arn| !arn.is_empty())?.clone();
        Some(Logging { level, include_execution_data: self.include_execution_data, log_group_arn })
    }
}

impl Default for LoggingConfiguration {
    fn default() -> Self {
        Self { level: LogLevel::Off, include_execution_data: false, destinations: None }
    }
}

/// `level` of a logging configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum LogLevel {
    /// `ALL`
    All,
    /// `ERROR`
    Error,
    /// `FATAL`
    Fatal,
    /// `OFF`
    Off,
}

/// `encryptionConfiguration`. Kept and told; the store's own encryption does not depend on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub enum EncryptionConfiguration {
    /// `AWS_OWNED_KEY`
    #[default]
    AwsOwnedKey,
    /// `CUSTOMER_MANAGED_KMS_KEY`
    CustomerManagedKey {
        /// `kmsKeyId`
        kms_key_id: Arc<str>,
        /// `kmsDataKeyReusePeriodSeconds`
        data_key_reuse_period_seconds: u32,
    },
}

/// A state machine's definition, role and configurations from one update to the next.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct RevisionRecord {
    /// Names the revision; no other has it, not even one with the same content.
    pub digest: u128,
    /// ARN of the machine, unqualified.
    pub state_machine_arn: Arc<str>,
    /// Name of the machine.
    pub name: Arc<str>,
    /// The machine's.
    pub machine_type: MachineType,
    /// What the caller may change.
    pub content: Content,
    /// `revisionId`; a machine that was never updated has none.
    pub revision_id: Option<Arc<str>>,
    /// `creationDate` of the machine for its first revision, `updateDate` for the others.
    pub at: Timestamp,
}

/// What UpdateStateMachine changes.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct Content {
    /// Byte for byte as given.
    pub definition: Arc<str>,
    /// `roleArn`
    pub role_arn: Arc<str>,
    /// `loggingConfiguration`
    pub logging: LoggingConfiguration,
    /// `tracingConfiguration.enabled`
    pub tracing_enabled: bool,
    /// `encryptionConfiguration`
    pub encryption: EncryptionConfiguration,
}

/// What CreateStateMachine said about publishing: part of its idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CreatedWith {
    /// `publish`
    pub publish: bool,
    /// `versionDescription`
    pub version_description: Option<Arc<str>>,
}

/// A published version of a state machine.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Version {
    /// From 1, never given again.
    pub number: u64,
    /// Digest of the revision.
    pub revision: u128,
    /// `versionDescription`
    pub description: Option<Arc<str>>,
    /// `creationDate`
    pub at: Timestamp,
}

/// An alias of a state machine.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Alias {
    /// Name.
    pub name: Arc<str>,
    /// `description`
    pub description: Option<Arc<str>>,
    /// One or two.
    pub routes: Vec<Route>,
    /// `creationDate`
    pub created_at: Timestamp,
    /// `updateDate`
    pub updated_at: Timestamp,
}

/// One entry of an alias' routing configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Route {
    /// Version of the alias' own machine.
    pub version: u64,
    /// Percent. The weights of an alias sum up to 100.
    pub weight: u8,
}

/// A tag.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Tag {
    /// 1 to 128 characters.
    pub key: Arc<str>,
    /// Up to 256 characters.
    pub value: Arc<str>,
}

/// A state machine as a checkpoint keeps it.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct StateMachineRecord {
    /// ARN, unqualified.
    pub arn: Arc<str>,
    /// Name.
    pub name: Arc<str>,
    /// `type`
    pub machine_type: MachineType,
    /// `creationDate`
    pub created_at: Timestamp,
    /// See there.
    pub created_with: CreatedWith,
    /// Digest of the current revision.
    pub revision: u128,
    /// Number of the latest version ever published; 0 for none.
    pub last_version: u64,
    /// Those that are there, ascending.
    pub versions: Vec<Version>,
    /// In order of creation.
    pub aliases: Vec<Alias>,
    /// In order of their first setting.
    pub tags: Vec<Tag>,
}

/// An activity.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct ActivityRecord {
    /// ARN.
    pub arn: Arc<str>,
    /// Name.
    pub name: Arc<str>,
    /// `creationDate`
    pub created_at: Timestamp,
    /// `encryptionConfiguration`
    pub encryption: EncryptionConfiguration,
    /// In order of their first setting.
    pub tags: Vec<Tag>,
}
