//! `ResultWriter`: the results of a Map Run as files, and a manifest that names them.
//!
//! Results are uploaded as they come, in parts, with a few megabytes in memory. All files become visible only when the last result has been
//! written, and the manifest after them: a writer that fails, or whose process does, leaves nothing half-written behind.

mod entry;
mod manifest;
mod series;
mod spec;

use crate::WriteFailure;
use crate::store::{Bucket, ObjectStores, StoreError};

pub use self::entry::{PendingEntry, ResultEntry, ResultText};
use self::series::{FileLimits, Series};
pub use self::spec::{OutputType, ResultTransformation, WriterSpec};

/// Whose results are written.
#[derive(Clone, Copy, Debug)]
pub struct ResultsOf<'a> {
    /// The Map Run's ARN, which the manifest names.
    pub map_run_arn: &'a str,
    /// The last part of that ARN, which names the folder.
    pub map_run_uuid: &'a str,
    /// How often the Map Run has been redriven; the results of each redrive have a folder of their own.
    pub redrive_count: u32,
}

/// Where the results are: the value of `ResultWriterDetails`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultWriterDetails {
    /// As in the definition.
    pub bucket: String,
    /// Of the manifest.
    pub key: String,
}

/// Writes the results of one Map Run.
pub struct ResultWriter {
    bucket: Bucket,
    bucket_name: String,
    folder: String,
    map_run_arn: String,
    succeeded: Series,
    failed: Series,
    pending: Series,
}

impl ResultWriter {
    /// Begins. What an earlier writer of the same results has left open is taken back.
    pub async fn create(stores: &ObjectStores, spec: &WriterSpec, of: ResultsOf<'_>) -> Result<Self, WriteFailure> {
        Self::create_with(stores, spec, of, FileLimits::default()).await
    }

    /// With files no longer than this, instead of 5 GB.
    pub async fn create_with_file_bytes_max(
        stores: &ObjectStores,
        spec: &WriterSpec,
        of: ResultsOf<'_>,
        file_bytes_max: u64,
    ) -> Result<Self, WriteFailure> {
        Self::create_with(stores, spec, of, FileLimits { file_bytes_max }).await
    }

    async fn create_with(stores: &ObjectStores, spec: &WriterSpec, of: ResultsOf<'_>, limits: FileLimits) -> Result<Self, WriteFailure> {
        let bucket = stores.bucket(&spec.bucket, spec.expected_bucket_owner.as_deref())?;
        let folder = folder(&spec.prefix, of);
        match bucket.abort_uploads(&folder).await {
            // Who may write need not be allowed to look for open uploads. Without a bucket, nothing else will work either.
            Err(error @ (StoreError::NoAnswer(_) | StoreError::NotAllowed(_))) => return Err(error.into()),
            Err(error) if error.is("NoSuchBucket") => return Err(error.into()),
            Ok(()) | Err(_) => {}
        }
        let series = |status, format| Series::new(&folder, status, format, limits);
        // What has not run has nothing that could be transformed.
        let (format, whole) = ((spec.transformation, spec.output_type), (ResultTransformation::None, spec.output_type));
        Ok(Self {
            succeeded: series("SUCCEEDED", format),
            failed: series("FAILED", format),
            pending: series("PENDING", whole),
            bucket,
            bucket_name: spec.bucket.clone(),
            folder,
            map_run_arn: of.map_run_arn.to_owned(),
        })
    }

    /// Takes the result of a child that has succeeded. After a failure, the writer can only be aborted.
    pub async fn succeeded(&mut self, entry: &ResultEntry<'_>) -> Result<(), WriteFailure> {
        self.succeeded.push(&self.bucket, |text| text.push(entry)).await
    }

    /// Takes that of a child that has failed, timed out or was aborted.
    pub async fn failed(&mut self, entry: &ResultEntry<'_>) -> Result<(), WriteFailure> {
        self.failed.push(&self.bucket, |text| text.push(entry)).await
    }

    /// Takes a child that has not been started.
    pub async fn pending(&mut self, entry: &PendingEntry<'_>) -> Result<(), WriteFailure> {
        self.pending.push(&self.bucket, |text| text.push_pending(entry)).await
    }

    /// Makes all files visible, the manifest last.
    pub async fn finish(mut self) -> Result<ResultWriterDetails, WriteFailure> {
        match self.complete().await {
            Ok(key) => Ok(ResultWriterDetails { bucket: self.bucket_name, key }),
            Err(failure) => {
                self.abort().await;
                Err(failure)
            }
        }
    }

    async fn complete(&mut self) -> Result<String, WriteFailure> {
        let all = [&mut self.failed, &mut self.pending, &mut self.succeeded];
        for series in all {
            series.close(&self.bucket).await?;
        }
        for series in [&mut self.failed, &mut self.pending, &mut self.succeeded] {
            series.complete(&self.bucket).await?;
        }
        let key = format!("{}manifest.json", self.folder);
        let files = [&self.failed, &self.pending, &self.succeeded].map(|series| (series.status(), series.files()));
        let text = manifest::text(&self.bucket_name, &self.map_run_arn, &files);
        self.bucket.put(&key, text.into(), series::JSON).await?;
        Ok(key)
    }

    /// Takes everything back, as far as the store can be reached.
    pub async fn abort(mut self) {
        for series in [&mut self.failed, &mut self.pending, &mut self.succeeded] {
            series.abort(&self.bucket).await;
        }
    }
}

fn folder(prefix: &str, of: ResultsOf<'_>) -> String {
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    let separator = if prefix.is_empty() { "" } else { "/" };
    let run = format!("{prefix}{separator}{}/", of.map_run_uuid);
    if of.redrive_count == 0 { run } else { format!("{run}Redrive-{}/", of.redrive_count) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_each_attempt_have_a_folder() {
        let of = |redrive_count| ResultsOf { map_run_arn: "", map_run_uuid: "u", redrive_count };
        assert_eq!(folder("a/b", of(0)), "a/b/u/");
        assert_eq!(folder("a/", of(2)), "a/u/Redrive-2/");
        assert_eq!(folder("", of(0)), "u/");
    }
}
