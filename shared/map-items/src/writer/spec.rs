//! An evaluated `ResultWriter`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::WriteFailure;

/// Where results are written, and how. Of a `ResultWriter` with a `WriterConfig` alone, nothing is written: see [`ResultText`](super::ResultText).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, bincode::Encode, bincode::Decode)]
pub struct WriterSpec {
    /// As of [`ReaderSpec`](crate::ReaderSpec).
    pub bucket: String,
    /// Of all keys.
    pub prefix: String,
    /// The account that must own the bucket.
    pub expected_bucket_owner: Option<String>,
    /// `Transformation`.
    pub transformation: ResultTransformation,
    /// `OutputType`.
    pub output_type: OutputType,
}

/// What is written of a child.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, bincode::Encode, bincode::Decode)]
pub enum ResultTransformation {
    /// Its output and what there is to say about it.
    #[default]
    None,
    /// Its output.
    Compact,
    /// Its output; of an array the elements.
    Flatten,
}

/// What a file is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, bincode::Encode, bincode::Decode)]
pub enum OutputType {
    /// A JSON array.
    #[default]
    Json,
    /// JSON Lines.
    Jsonl,
}

impl WriterSpec {
    /// `parameters`: the value of `Parameters` or `Arguments`; `config`: that of `WriterConfig`, `null` if there is none.
    pub fn new(parameters: &Value, config: &Value) -> Result<Self, WriteFailure> {
        let (transformation, output_type) = Self::format(config)?;
        let bucket = text(parameters, "Bucket")?.filter(|bucket| !bucket.is_empty());
        Ok(Self {
            bucket: bucket.ok_or_else(|| WriteFailure::new("The field 'Bucket' is required but was missing."))?,
            prefix: text(parameters, "Prefix")?.unwrap_or_default(),
            expected_bucket_owner: text(parameters, "ExpectedBucketOwner")?,
            transformation: transformation.unwrap_or_default(),
            output_type: output_type.unwrap_or_default(),
        })
    }

    /// What `WriterConfig` says. The default of the transformation depends on whether results are exported.
    pub fn format(config: &Value) -> Result<(Option<ResultTransformation>, Option<OutputType>), WriteFailure> {
        use ResultTransformation::{Compact, Flatten};
        let transformations = [("NONE", ResultTransformation::None), ("COMPACT", Compact), ("FLATTEN", Flatten)];
        let types = [("JSON", OutputType::Json), ("JSONL", OutputType::Jsonl)];
        Ok((word(config, "Transformation", &transformations)?, word(config, "OutputType", &types)?))
    }
}

fn text(fields: &Value, name: &str) -> Result<Option<String>, WriteFailure> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(WriteFailure::new(format!("The field '{name}' must be a string but was: {other}"))),
    }
}

fn word<T: Copy>(fields: &Value, name: &str, words: &[(&str, T)]) -> Result<Option<T>, WriteFailure> {
    let Some(text) = text(fields, name)? else { return Ok(None) };
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, meant)| *meant);
    let allowed = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
    found.map(Some).ok_or_else(|| WriteFailure::new(format!("The field '{name}' should have one of these values: [{}]", allowed())))
}
