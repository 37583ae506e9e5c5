//! `ReaderConfig`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fields::{optional_text, word};
use crate::ReadFailure;

/// How a dataset is read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, bincode::Encode, bincode::Decode)]
pub struct ReaderConfig {
    /// `InputType`; none if the list of objects is read. `MANIFEST` without a type of its own is an S3 inventory.
    pub input_type: Option<InputType>,
    /// `Transformation`, of `s3:listObjectsV2`.
    pub transformation: Transformation,
    /// `ManifestType`.
    pub manifest_type: Option<ManifestType>,
    /// `CSVDelimiter`.
    pub csv_delimiter: CsvDelimiter,
    /// `CSVHeaderLocation`.
    pub csv_header_location: CsvHeaderLocation,
    /// `CSVHeaders`.
    pub csv_headers: Vec<String>,
    /// `ItemsPointer`.
    pub items_pointer: Option<String>,
    /// `MaxItems`; 0, as recorded: all of them.
    pub max_items: u64,
}

/// What is in an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, bincode::Encode, bincode::Decode)]
pub enum InputType {
    /// Delimited text.
    Csv,
    /// A JSON document.
    Json,
    /// A JSON value on each line.
    Jsonl,
    /// Parquet.
    Parquet,
}

/// What `s3:listObjectsV2` gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, bincode::Encode, bincode::Decode)]
pub enum Transformation {
    /// An item for each object.
    #[default]
    None,
    /// The items in the objects.
    LoadAndFlatten,
}

/// What kind of manifest an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, bincode::Encode, bincode::Decode)]
pub enum ManifestType {
    /// Of Athena's `UNLOAD`: names the objects in which the items are.
    AthenaData,
    /// Of an S3 inventory.
    S3Inventory,
}

/// What separates cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, bincode::Encode, bincode::Decode)]
#[expect(missing_docs, reason = "the names say it")]
pub enum CsvDelimiter {
    #[default]
    Comma,
    Pipe,
    Semicolon,
    Space,
    Tab,
}

impl CsvDelimiter {
    pub(crate) fn byte(self) -> u8 {
        match self {
            CsvDelimiter::Comma => b',',
            CsvDelimiter::Pipe => b'|',
            CsvDelimiter::Semicolon => b';',
            CsvDelimiter::Space => b' ',
            CsvDelimiter::Tab => b'\t',
        }
    }
}

/// Where the names of columns are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, bincode::Encode, bincode::Decode)]
pub enum CsvHeaderLocation {
    /// In the first row.
    #[default]
    FirstRow,
    /// In `CSVHeaders`.
    Given,
}

/// `InputType` as it is written: a manifest is one, too.
#[derive(Clone, Copy)]
enum WrittenType {
    Data(InputType),
    Manifest,
}

impl ReaderConfig {
    pub(super) fn new(config: &Value, max_items: Option<i64>) -> Result<Self, ReadFailure> {
        use WrittenType::{Data, Manifest};
        let types = [
            ("CSV", Data(InputType::Csv)),
            ("JSON", Data(InputType::Json)),
            ("JSONL", Data(InputType::Jsonl)),
            ("PARQUET", Data(InputType::Parquet)),
        ];
        let written = word(config, "InputType", &[types.as_slice(), &[("MANIFEST", Manifest)]].concat())?;
        let manifests = [("ATHENA_DATA", ManifestType::AthenaData), ("S3_INVENTORY", ManifestType::S3Inventory)];
        let manifest_type = word(config, "ManifestType", &manifests)?;
        let locations = [("FIRST_ROW", CsvHeaderLocation::FirstRow), ("GIVEN", CsvHeaderLocation::Given)];
        let csv_headers = headers(config)?;
        let implied = if csv_headers.is_empty() { CsvHeaderLocation::FirstRow } else { CsvHeaderLocation::Given };
        let (input_type, manifest_type) = match written {
            Some(Data(input_type)) => (Some(input_type), manifest_type),
            Some(Manifest) => (None, manifest_type.or(Some(ManifestType::S3Inventory))),
            None => (None, manifest_type),
        };
        Ok(Self {
            input_type,
            transformation: transformation(config)?,
            manifest_type,
            csv_delimiter: delimiter(config)?,
            csv_header_location: word(config, "CSVHeaderLocation", &locations)?.unwrap_or(implied),
            csv_headers,
            items_pointer: optional_text(config, "ItemsPointer")?,
            max_items: limit(config, max_items)?,
        })
    }
}

fn transformation(config: &Value) -> Result<Transformation, ReadFailure> {
    let words = [("NONE", Transformation::None), ("LOAD_AND_FLATTEN", Transformation::LoadAndFlatten)];
    Ok(word(config, "Transformation", &words)?.unwrap_or_default())
}

fn delimiter(config: &Value) -> Result<CsvDelimiter, ReadFailure> {
    let words = [
        ("COMMA", CsvDelimiter::Comma),
        ("PIPE", CsvDelimiter::Pipe),
        ("SEMICOLON", CsvDelimiter::Semicolon),
        ("SPACE", CsvDelimiter::Space),
        ("TAB", CsvDelimiter::Tab),
    ];
    Ok(word(config, "CSVDelimiter", &words)?.unwrap_or_default())
}

fn headers(config: &Value) -> Result<Vec<String>, ReadFailure> {
    let unfit = |value: &Value| ReadFailure::new(format!("The field 'CSVHeaders' must be an array of strings but was: {value}"));
    match config.get("CSVHeaders") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(value @ Value::Array(names)) => {
            names.iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<_>>().ok_or_else(|| unfit(value))
        }
        Some(value) => Err(unfit(value)),
    }
}

/// Recorded: of a negative number `field MaxItems must be positive`, of 0 all items, of more than 100,000,000 no complaint.
fn limit(config: &Value, evaluated: Option<i64>) -> Result<u64, ReadFailure> {
    let unfit = |value: &Value| ReadFailure::new(format!("The field 'MaxItems' must be an integer but was: {value}"));
    let written = match config.get("MaxItems") {
        None | Some(Value::Null) => 0,
        Some(value) => value.as_i64().ok_or_else(|| unfit(value))?,
    };
    u64::try_from(evaluated.unwrap_or(written)).map_err(|_| ReadFailure::new("field MaxItems must be positive"))
}
