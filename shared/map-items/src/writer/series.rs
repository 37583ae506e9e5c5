//! The files of one status: `SUCCEEDED_0.json` and those that follow when it is full.

use bytes::Bytes;

use super::entry::ResultText;
use super::spec::{OutputType, ResultTransformation};
use crate::WriteFailure;
use crate::store::{Bucket, StoreError, Upload};

pub(super) const JSON: &str = "application/json";
const JSON_LINES: &str = "application/x-ndjson";

/// Longest file, as AWS has it.
const FILE_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;
/// What is collected before it is uploaded; S3 wants parts of 5 MiB at least, and no more than 10,000 of them.
const PART_BYTES: usize = 8 * 1024 * 1024;

/// When another file is begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct FileLimits {
    pub(super) file_bytes_max: u64,
}

impl Default for FileLimits {
    fn default() -> Self {
        Self { file_bytes_max: FILE_BYTES_MAX }
    }
}

/// The files of one status.
#[derive(Debug)]
pub(super) struct Series {
    folder: String,
    status: &'static str,
    format: (ResultTransformation, OutputType),
    limits: FileLimits,
    /// Full ones, and the one that is written.
    files: Vec<File>,
    /// Of the file that is written: what is not uploaded yet.
    text: ResultText,
}

/// A file.
#[derive(Debug)]
struct File {
    key: String,
    /// Of what has been uploaded.
    size: u64,
    state: FileState,
}

#[derive(Debug)]
enum FileState {
    /// It is short so far.
    InMemory,
    Uploading(Upload),
    /// Short, and complete.
    Whole(Bytes),
    Visible,
}

impl Series {
    pub(super) fn new(folder: &str, status: &'static str, format: (ResultTransformation, OutputType), limits: FileLimits) -> Self {
        let text = ResultText::new(format.0, format.1);
        Self { folder: folder.to_owned(), status, format, limits, files: Vec::new(), text }
    }

    pub(super) fn status(&self) -> &'static str {
        self.status
    }

    /// Keys and sizes.
    pub(super) fn files(&self) -> Vec<(&str, u64)> {
        self.files.iter().map(|file| (file.key.as_str(), file.size)).collect()
    }

    /// Appends what `write` writes.
    pub(super) async fn push(&mut self, bucket: &Bucket, write: impl FnOnce(&mut ResultText)) -> Result<(), WriteFailure> {
        let before = self.text.len();
        let had_begun = self.text.has_begun();
        write(&mut self.text);
        if self.text.len() == before {
            return Ok(());
        }
        if !had_begun {
            self.begin_file();
        }
        let uploaded = self.files.last().map_or(0, |file| file.size);
        // With the bracket that ends it.
        if had_begun && uploaded + self.text.len() as u64 + 1 > self.limits.file_bytes_max {
            let rest = self.text.split_off(before);
            self.end_file(bucket, true).await?;
            self.text = rest;
            self.begin_file();
        }
        if self.text.len() >= PART_BYTES { self.upload_part(bucket).await } else { Ok(()) }
    }

    /// Says that no more follows; all but what is in memory is uploaded.
    pub(super) async fn close(&mut self, bucket: &Bucket) -> Result<(), WriteFailure> {
        if self.text.has_begun() { self.end_file(bucket, false).await } else { Ok(()) }
    }

    /// Makes the files visible.
    pub(super) async fn complete(&mut self, bucket: &Bucket) -> Result<(), WriteFailure> {
        let content_type = self.content_type();
        for file in &mut self.files {
            file.complete(bucket, content_type).await?;
        }
        Ok(())
    }

    /// Takes the files back; what the store refuses stays.
    pub(super) async fn abort(&mut self, bucket: &Bucket) {
        for file in &mut self.files {
            let _ = file.abort(bucket).await;
        }
    }

    fn begin_file(&mut self) {
        let ending = match self.format.1 {
            OutputType::Json => "json",
            OutputType::Jsonl => "jsonl",
        };
        let key = format!("{}{}_{}.{ending}", self.folder, self.status, self.files.len());
        self.files.push(File { key, size: 0, state: FileState::InMemory });
    }

    /// A full file is uploaded, so that one at most is in memory.
    async fn end_file(&mut self, bucket: &Bucket, full: bool) -> Result<(), WriteFailure> {
        self.text.end();
        let short = matches!(self.files.last(), Some(File { state: FileState::InMemory, .. })) && !full;
        if !short {
            self.upload_part(bucket).await?;
        } else if let Some(file) = self.files.last_mut() {
            let whole = Bytes::from(self.text.take());
            file.size = whole.len() as u64;
            file.state = FileState::Whole(whole);
        }
        self.text = ResultText::new(self.format.0, self.format.1);
        Ok(())
    }

    async fn upload_part(&mut self, bucket: &Bucket) -> Result<(), WriteFailure> {
        let content_type = self.content_type();
        let part = Bytes::from(self.text.take());
        let file = self.files.last_mut().expect("a file has been begun");
        file.size += part.len() as u64;
        if let FileState::InMemory = file.state {
            file.state = FileState::Uploading(bucket.begin_upload(&file.key, content_type).await?);
        }
        match &mut file.state {
            FileState::Uploading(upload) => Ok(upload.put_part(part).await?),
            FileState::InMemory | FileState::Whole(_) | FileState::Visible => unreachable!("the file is being uploaded"),
        }
    }

    fn content_type(&self) -> &'static str {
        match self.format.1 {
            OutputType::Json => JSON,
            OutputType::Jsonl => JSON_LINES,
        }
    }
}

impl File {
    async fn complete(&mut self, bucket: &Bucket, content_type: &'static str) -> Result<(), StoreError> {
        match &mut self.state {
            FileState::Uploading(upload) => upload.complete().await?,
            FileState::Whole(whole) => bucket.put(&self.key, whole.clone(), content_type).await?,
            FileState::InMemory | FileState::Visible => {}
        }
        self.state = FileState::Visible;
        Ok(())
    }

    async fn abort(&mut self, bucket: &Bucket) -> Result<(), StoreError> {
        match &mut self.state {
            FileState::Uploading(upload) => upload.abort().await,
            FileState::Visible => bucket.delete(&self.key).await,
            FileState::InMemory | FileState::Whole(_) => Ok(()),
        }
    }
}
