//! An evaluated `ItemReader`: what is read and how, as plain data.

mod config;
mod fields;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::config::{CsvDelimiter, CsvHeaderLocation, InputType, ManifestType, ReaderConfig, Transformation};
use self::fields::{optional_text, required_text};
use crate::ReadFailure;

/// What a Distributed Map reads its items from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, bincode::Encode, bincode::Decode)]
pub struct ReaderSpec {
    /// The action of S3.
    pub resource: ReaderResource,
    /// A bucket of S3, or `file:///folder`, `gs://bucket`, `az://container`, `https://host/folder`.
    pub bucket: String,
    /// Of `s3:getObject`; empty otherwise.
    pub key: String,
    /// Of `s3:listObjectsV2`; empty: all keys.
    pub prefix: String,
    /// Of `s3:getObject`.
    pub version_id: Option<String>,
    /// The account that must own the bucket.
    pub expected_bucket_owner: Option<String>,
    /// `ReaderConfig`.
    pub config: ReaderConfig,
}

/// The action that `Resource` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, bincode::Encode, bincode::Decode)]
pub enum ReaderResource {
    /// `s3:getObject`.
    GetObject,
    /// `s3:listObjectsV2`.
    ListObjectsV2,
}

impl ReaderResource {
    fn parse(resource: &str) -> Result<Self, ReadFailure> {
        match resource.rsplit_once(":::").map_or(resource, |(_, action)| action) {
            "s3:getObject" => Ok(ReaderResource::GetObject),
            "s3:listObjectsV2" => Ok(ReaderResource::ListObjectsV2),
            _ => Err(ReadFailure::new(format!("The resource '{resource}' is not supported by ItemReader."))),
        }
    }
}

impl ReaderSpec {
    /// `resource`: as in the definition. `parameters`: the value of `Parameters` or `Arguments`, `config`: that of `ReaderConfig` (`null` if there
    /// is none). `max_items`: what `MaxItemsPath` or an expression came to; wins over `MaxItems` of `config`.
    pub fn new(resource: &str, parameters: &Value, config: &Value, max_items: Option<i64>) -> Result<Self, ReadFailure> {
        let resource = ReaderResource::parse(resource)?;
        let is_get = resource == ReaderResource::GetObject;
        let spec = Self {
            resource,
            bucket: required_text(parameters, "Bucket")?,
            key: if is_get { required_text(parameters, "Key")? } else { String::new() },
            prefix: optional_text(parameters, "Prefix")?.filter(|_| !is_get).unwrap_or_default(),
            version_id: optional_text(parameters, "VersionId")?.filter(|_| is_get),
            expected_bucket_owner: optional_text(parameters, "ExpectedBucketOwner")?,
            config: ReaderConfig::new(config, max_items)?,
        };
        spec.check()?;
        Ok(spec)
    }

    /// Whether what is read is the contents of objects, and not the list of them.
    pub(crate) fn loads(&self) -> bool {
        match self.resource {
            ReaderResource::GetObject => true,
            ReaderResource::ListObjectsV2 => self.config.transformation == Transformation::LoadAndFlatten,
        }
    }

    fn check(&self) -> Result<(), ReadFailure> {
        let config = &self.config;
        let has_type = config.input_type.is_some() || config.manifest_type.is_some();
        match (self.loads(), has_type) {
            (true, false) => Err(ReadFailure::new("The field 'InputType' is required in ReaderConfig.")),
            (true, true) if config.input_type == Some(InputType::Parquet) && self.version_id.is_some() => {
                Err(ReadFailure::new("The field 'VersionId' is not supported for the InputType 'PARQUET'."))
            }
            (true, true) | (false, _) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
