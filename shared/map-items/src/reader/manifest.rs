//! Manifests: objects that name the objects in which the items are.

use serde::Deserialize;

use crate::ReadFailure;
use crate::spec::{CsvHeaderLocation, InputType, ManifestType, ReaderConfig};
use crate::store::{Bucket, Source, Versioned};

/// Longest manifest that is read; it is in memory as a whole.
const MANIFEST_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What a manifest says.
pub(super) struct Manifest {
    /// Which version of it was read.
    pub(super) etag: Option<String>,
    /// Buckets and keys.
    pub(super) objects: Vec<(String, String)>,
    /// How the objects are read.
    pub(super) config: ReaderConfig,
}

impl Manifest {
    /// Reads a manifest; with the ETag of an earlier reading, it must still be that one.
    pub(super) async fn read(
        bucket: Bucket,
        bucket_name: &str,
        object: Versioned<'_>,
        kind: ManifestType,
        config: &ReaderConfig,
        etag: Option<&str>,
    ) -> Result<Self, ReadFailure> {
        let mut source = Source::open(bucket, object, 0, etag).await?;
        let mut text = Vec::new();
        while let Some(piece) = source.next().await? {
            text.extend_from_slice(&piece);
            if text.len() > MANIFEST_BYTES_MAX {
                return Err(invalid(&format!("it exceeds the limit of {MANIFEST_BYTES_MAX} bytes")));
            }
        }
        let text = String::from_utf8(text).map_err(|_| invalid(&"it is not encoded in UTF-8"))?;
        let (objects, config) = match kind {
            ManifestType::AthenaData => (athena(&text, bucket_name)?, config.clone()),
            ManifestType::S3Inventory => inventory(&text, bucket_name, config)?,
        };
        Ok(Self { etag: source.etag().map(str::to_owned), objects, config })
    }
}

/// A line for each object: its address.
fn athena(text: &str, bucket: &str) -> Result<Vec<(String, String)>, ReadFailure> {
    let addresses = text.lines().map(|line| line.trim().trim_matches('"')).filter(|address| !address.is_empty());
    addresses.map(|address| located(address, bucket)).collect()
}

fn located(address: &str, bucket: &str) -> Result<(String, String), ReadFailure> {
    if let Some(key) = address.strip_prefix(bucket).and_then(|rest| rest.strip_prefix('/')) {
        return Ok((bucket.to_owned(), key.to_owned()));
    }
    let named = address.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
    let (bucket, key) = named.ok_or_else(|| invalid(&format!("'{address}' is not the address of an object")))?;
    Ok((bucket.to_owned(), key.to_owned()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Inventory {
    destination_bucket: String,
    file_format: String,
    file_schema: String,
    files: Vec<InventoryFile>,
}

#[derive(Deserialize)]
struct InventoryFile {
    key: String,
}

/// Files of CSV have no row of headers, the manifest's schema names the columns.
fn inventory(text: &str, bucket: &str, config: &ReaderConfig) -> Result<(Vec<(String, String)>, ReaderConfig), ReadFailure> {
    let inventory: Inventory = serde_json::from_str(text).map_err(|error| invalid(&error))?;
    let input_type = match inventory.file_format.as_str() {
        "CSV" => InputType::Csv,
        "Parquet" => InputType::Parquet,
        other => return Err(invalid(&format!("files of the format '{other}' are not supported"))),
    };
    let config = ReaderConfig {
        input_type: Some(input_type),
        csv_header_location: CsvHeaderLocation::Given,
        csv_headers: inventory.file_schema.split(',').map(|name| name.trim().to_owned()).collect(),
        ..config.clone()
    };
    // Elsewhere than in S3 there are no such names, and the files lie beside the manifest.
    let named = inventory.destination_bucket.rsplit(':').next().unwrap_or_default();
    let bucket = if bucket.contains("://") || named.is_empty() { bucket } else { named };
    let objects = inventory.files.into_iter().map(|file| (bucket.to_owned(), file.key)).collect();
    Ok((objects, config))
}

fn invalid(problem: &dyn std::fmt::Display) -> ReadFailure {
    ReadFailure::new(format!("The manifest is not valid: {problem}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_athena_are_buckets_and_keys() {
        let text = "s3://b/out/1.gz\n\"s3://b/out/2.gz\"\r\n\nfile:///data/x/3\n";
        let pairs = athena(text, "file:///data").expect("a manifest");
        let expected = [("b", "out/1.gz"), ("b", "out/2.gz"), ("file:///data", "x/3")];
        assert_eq!(pairs, expected.map(|(bucket, key)| (bucket.to_owned(), key.to_owned())));
        assert!(athena("b/out/1.gz", "c").is_err());
    }

    #[test]
    fn inventories_name_their_columns() {
        let text = r#"{"sourceBucket":"s","destinationBucket":"arn:aws:s3:::d","version":"2016-11-30","creationTimestamp":"1","fileFormat":"CSV",
            "fileSchema":"Bucket, Key, Size","files":[{"key":"i/1.csv.gz","size":1,"MD5checksum":"x"}]}"#;
        let (objects, config) = inventory(text, "d", &ReaderConfig::default()).expect("a manifest");
        assert_eq!(objects, [("d".to_owned(), "i/1.csv.gz".to_owned())]);
        assert_eq!((config.input_type, config.csv_headers), (Some(InputType::Csv), ["Bucket", "Key", "Size"].map(str::to_owned).to_vec()));
        assert!(inventory(&text.replace("CSV", "ORC"), "d", &ReaderConfig::default()).is_err());
        assert!(inventory("{}", "d", &ReaderConfig::default()).is_err());
    }
}
