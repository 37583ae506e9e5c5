//! Uploads in parts, to any store: nothing is visible before the upload is completed.

use bytes::Bytes;

use super::elsewhere::ElsewhereUpload;
use super::s3::S3Upload;
use super::{Bucket, StoreError};

/// An upload that is under way.
#[derive(Debug)]
pub(crate) enum Upload {
    S3(S3Upload),
    Elsewhere(ElsewhereUpload),
}

impl Bucket {
    pub(crate) async fn begin_upload(&self, key: &str, content_type: &'static str) -> Result<Upload, StoreError> {
        match self {
            Bucket::S3(bucket) => bucket.begin_upload(key, content_type).await.map(Upload::S3),
            Bucket::Elsewhere(bucket) => bucket.begin_upload(key).await.map(Upload::Elsewhere),
        }
    }

    pub(crate) async fn put(&self, key: &str, body: Bytes, content_type: &'static str) -> Result<(), StoreError> {
        match self {
            Bucket::S3(bucket) => bucket.put(key, body, content_type).await,
            Bucket::Elsewhere(bucket) => bucket.put(key, body).await,
        }
    }

    pub(crate) async fn delete(&self, key: &str) -> Result<(), StoreError> {
        match self {
            Bucket::S3(bucket) => bucket.delete(key).await,
            Bucket::Elsewhere(bucket) => bucket.delete(key).await,
        }
    }

    /// Takes back uploads below a prefix that somebody has left open.
    pub(crate) async fn abort_uploads(&self, prefix: &str) -> Result<(), StoreError> {
        match self {
            Bucket::S3(bucket) => bucket.abort_uploads(prefix).await,
            Bucket::Elsewhere(bucket) => bucket.abort_uploads(prefix).await,
        }
    }
}

impl Upload {
    /// The next part. All but the last have 5 MiB at least, there are no more than 10,000.
    pub(crate) async fn put_part(&mut self, part: Bytes) -> Result<(), StoreError> {
        match self {
            Upload::S3(upload) => upload.put_part(part).await,
            Upload::Elsewhere(upload) => upload.put_part(part).await,
        }
    }

    pub(crate) async fn complete(&mut self) -> Result<(), StoreError> {
        match self {
            Upload::S3(upload) => upload.complete().await,
            Upload::Elsewhere(upload) => upload.complete().await,
        }
    }

    pub(crate) async fn abort(&mut self) -> Result<(), StoreError> {
        match self {
            Upload::S3(upload) => upload.abort().await,
            Upload::Elsewhere(upload) => upload.abort().await,
        }
    }
}
