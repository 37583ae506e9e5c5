//! Uploads in parts.

use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_TYPE, ETAG};
use serde::Deserialize;

use super::S3Bucket;
use crate::store::StoreError;

/// An upload that is under way.
#[derive(Debug)]
pub(crate) struct S3Upload {
    bucket: S3Bucket,
    key: String,
    id: String,
    etags: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InitiateMultipartUploadResult {
    upload_id: String,
}

impl S3Bucket {
    /// Begins an upload. Nothing is visible under the key before it is completed.
    pub(crate) async fn begin_upload(&self, key: &str, content_type: &'static str) -> Result<S3Upload, StoreError> {
        let mut call = self.call(Method::POST, Some(key));
        call.query("uploads", Some("")).header(CONTENT_TYPE, content_type.to_owned());
        let text = call.text().await?;
        let begun: InitiateMultipartUploadResult =
            quick_xml::de::from_str(&text).map_err(|error| StoreError::Unreadable(error.to_string()))?;
        Ok(S3Upload { bucket: self.clone(), key: key.to_owned(), id: begun.upload_id, etags: Vec::new() })
    }
}

impl S3Upload {
    /// Uploads the next part.
    pub(crate) async fn put_part(&mut self, part: Bytes) -> Result<(), StoreError> {
        let number = (self.etags.len() + 1).to_string();
        let mut call = self.bucket.call(Method::PUT, Some(&self.key));
        call.query("partNumber", Some(&number)).query("uploadId", Some(&self.id)).body(part);
        let etag = call.answered_header(&ETAG).await?;
        self.etags.push(etag.ok_or_else(|| StoreError::Unreadable("a part without an ETag".to_owned()))?);
        Ok(())
    }

    /// Makes the object of the parts.
    pub(crate) async fn complete(&self) -> Result<(), StoreError> {
        let part = |(index, etag): (usize, &String)| {
            let etag = quick_xml::escape::escape(etag);
            format!("<Part><PartNumber>{}</PartNumber><ETag>{etag}</ETag></Part>", index + 1)
        };
        let parts: String = self.etags.iter().enumerate().map(part).collect();
        let mut call = self.bucket.call(Method::POST, Some(&self.key));
        call.query("uploadId", Some(&self.id)).header(CONTENT_TYPE, "application/xml".to_owned());
        let document =
            format!("<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{parts}</CompleteMultipartUpload>");
        call.body(Bytes::from(document));
        call.text().await.map(drop)
    }

    /// Takes the parts back.
    pub(crate) async fn abort(&self) -> Result<(), StoreError> {
        let mut call = self.bucket.call(Method::DELETE, Some(&self.key));
        call.query("uploadId", Some(&self.id));
        call.text().await.map(drop)
    }
}
