//! S3, called directly and not through `object_store`: Step Functions shows what S3 says (codes, messages and request ids of errors,
//! `StorageClass` and quoted ETags of listings), takes versions and expected owners, and has uploads aborted for certain. That crate hides
//! the first two and has no place for the third. Credentials come through it.

mod call;
mod credentials;
mod list;
mod multipart;
mod xml;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_MATCH, RANGE};
use http::{HeaderMap, Method, Response};
use hyper::body::Incoming;

use self::call::Call;
pub(crate) use self::call::S3;
pub use self::credentials::AwsKeys;
pub(crate) use self::credentials::Credentials;
pub(crate) use self::multipart::S3Upload;
use super::{Body, Entry, Listing, Opened, Range, StoreError, Versioned};

/// Some bucket.
#[derive(Clone, Debug)]
pub(crate) struct S3Bucket {
    pub(crate) s3: S3,
    pub(crate) name: String,
    /// The account that must own it.
    pub(crate) expected_owner: Option<String>,
}

impl S3Bucket {
    /// Opens an object for reading.
    pub(crate) async fn get(&self, object: Versioned<'_>, range: Range, if_match: Option<&str>) -> Result<Opened, StoreError> {
        let mut call = self.call(Method::GET, Some(object.key));
        call.query("versionId", object.version);
        if let Some(range) = range.header() {
            call.header(RANGE, range);
        }
        if let Some(etag) = if_match {
            call.header(IF_MATCH, etag.to_owned());
        }
        let answer = call.send().await?;
        opened(answer, object.key)
    }

    /// A page of a listing: what comes after the key, in the order of keys.
    pub(crate) async fn list(&self, prefix: &str, listing: &Listing) -> Result<(Vec<Entry>, Listing), StoreError> {
        let mut call = self.call(Method::GET, None);
        call.query("list-type", Some("2")).query("encoding-type", Some("url"));
        call.query("prefix", (!prefix.is_empty()).then_some(prefix));
        match listing {
            Listing::After(key) => call.query("start-after", (!key.is_empty()).then_some(key)),
            Listing::Token(token) => call.query("continuation-token", Some(token)),
            Listing::End => return Ok((Vec::new(), Listing::End)),
        };
        list::page(&call.text().await?)
    }

    /// Writes a whole object.
    pub(crate) async fn put(&self, key: &str, body: Bytes, content_type: &'static str) -> Result<(), StoreError> {
        let mut call = self.call(Method::PUT, Some(key));
        call.header(CONTENT_TYPE, content_type.to_owned()).body(body);
        call.text().await.map(drop)
    }

    /// Deletes an object; of one that is not there, too.
    pub(crate) async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.call(Method::DELETE, Some(key)).text().await.map(drop)
    }

    fn call<'a>(&'a self, method: Method, key: Option<&'a str>) -> Call<'a> {
        let mut call = Call::new(&self.s3, method, &self.name, key);
        if let Some(owner) = &self.expected_owner {
            call.named_header("x-amz-expected-bucket-owner", owner.clone());
        }
        call
    }
}

fn opened(answer: Response<Incoming>, key: &str) -> Result<Opened, StoreError> {
    let headers = answer.headers();
    let length = |text: &str| text.parse::<u64>().ok();
    let whole = text(headers, &CONTENT_RANGE).and_then(|range| length(range.rsplit('/').next()?));
    let size = whole.or_else(|| text(headers, &CONTENT_LENGTH).and_then(length));
    let size = size.ok_or_else(|| StoreError::Unreadable(format!("the answer does not say how long the object '{key}' is")))?;
    let etag = text(headers, &ETAG).map(str::to_owned);
    Ok(Opened { size, etag, body: Body::Http(Box::new(answer.into_body())) })
}

fn text<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
