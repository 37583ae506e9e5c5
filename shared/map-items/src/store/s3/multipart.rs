//! Uploads in parts.

use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_TYPE, ETAG};
use serde::Deserialize;

use super::S3Bucket;
use crate::store::{Range, StoreError, Versioned};

/// An upload that is under way.
#[derive(Debug)]
pub(crate) struct S3Upload {
    bucket: S3Bucket,
    key: String,
    id: String,
    etags: Vec<String>,
    len: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListMultipartUploadsResult {
    #[serde(rename = "Upload", default)]
    uploads: Vec<OpenUpload>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OpenUpload {
    key: String,
    upload_id: String,
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
        Ok(S3Upload { bucket: self.clone(), key: key.to_owned(), id: begun.upload_id, etags: Vec::new(), len: 0 })
    }

    /// Aborts uploads below a prefix that were left open.
    pub(crate) async fn abort_uploads(&self, prefix: &str) -> Result<(), StoreError> {
        let mut call = self.call(Method::GET, None);
        call.query("uploads", Some("")).query("prefix", Some(prefix));
        let text = call.text().await?;
        let list: ListMultipartUploadsResult = quick_xml::de::from_str(&text).map_err(|error| StoreError::Unreadable(error.to_string()))?;
        for OpenUpload { key, upload_id } in list.uploads {
            S3Upload { bucket: self.clone(), key, id: upload_id, etags: Vec::new(), len: 0 }.abort().await?;
        }
        Ok(())
    }
}

impl S3Upload {
    /// Uploads the next part.
    pub(crate) async fn put_part(&mut self, part: Bytes) -> Result<(), StoreError> {
        let number = (self.etags.len() + 1).to_string();
        let len = part.len() as u64;
        let mut call = self.bucket.call(Method::PUT, Some(&self.key));
        call.query("partNumber", Some(&number)).query("uploadId", Some(&self.id)).body(part);
        let etag = call.answered_header(&ETAG).await?;
        self.etags.push(etag.ok_or_else(|| StoreError::Unreadable("a part without an ETag".to_owned()))?);
        self.len += len;
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
        match call.text().await {
            // A completion whose answer was lost has taken place; asked again, S3 does not know the upload any more.
            Err(error) if error.is("NoSuchUpload") && self.is_there().await => Ok(()),
            answer => answer.map(drop),
        }
    }

    async fn is_there(&self) -> bool {
        let object = Versioned { key: &self.key, version: None };
        let opened = self.bucket.get(object, Range { from: 0, to: Some(1) }, None).await;
        opened.is_ok_and(|opened| opened.size == self.len)
    }

    /// Takes the parts back.
    pub(crate) async fn abort(&self) -> Result<(), StoreError> {
        let mut call = self.bucket.call(Method::DELETE, Some(&self.key));
        call.query("uploadId", Some(&self.id));
        call.text().await.map(drop)
    }
}
