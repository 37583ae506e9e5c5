//! A store for the tests, and ways to fill and to read it.

use std::sync::OnceLock;

use baton_local_services::Moto;
use baton_map_items::{Chunk, Cursor, Item, ItemReader, ObjectStores, ReadFailure, ReaderSpec, StoresConfig};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// One moto for all tests of the process; it ends with it.
pub(crate) fn moto() -> String {
    static MOTO: OnceLock<Moto> = OnceLock::new();
    MOTO.get_or_init(|| Moto::start().expect("moto is there")).url()
}

pub(crate) fn stores_at(endpoint: &str) -> ObjectStores {
    let config = StoresConfig { s3_endpoint: Some(endpoint.to_owned()), region: "us-east-1".to_owned(), ..StoresConfig::default() };
    ObjectStores::new(config)
}

/// A bucket of its own for a test.
pub(crate) struct Bucket {
    pub(crate) name: String,
    pub(crate) stores: ObjectStores,
}

impl Bucket {
    pub(crate) async fn new(name: &str) -> Self {
        let bucket = Self { name: name.to_owned(), stores: stores_at(&moto()) };
        assert_eq!(bucket.call("PUT", "", Bytes::new()).await.0, 200);
        bucket
    }

    pub(crate) async fn put(&self, key: &str, body: impl Into<Bytes>) {
        let status = self.call("PUT", key, body.into()).await.0;
        assert!((200..300).contains(&status), "{key}: {status}");
    }

    pub(crate) async fn get(&self, key: &str) -> Bytes {
        let (status, body) = self.call("GET", key, Bytes::new()).await;
        assert_eq!(status, 200, "{key}");
        body
    }

    /// All keys.
    pub(crate) async fn keys(&self) -> Vec<String> {
        let (status, body) = self.call("GET", "?list-type=2", Bytes::new()).await;
        assert_eq!(status, 200);
        let text = String::from_utf8(body.to_vec()).expect("text");
        text.split("<Key>").skip(1).filter_map(|rest| Some(rest.split_once("</Key>")?.0.to_owned())).collect()
    }

    /// How many uploads are neither completed nor aborted.
    pub(crate) async fn open_uploads(&self) -> usize {
        let (_, body) = self.call("GET", "?uploads", Bytes::new()).await;
        String::from_utf8_lossy(&body).matches("<UploadId>").count()
    }

    async fn call(&self, method: &str, key: &str, body: Bytes) -> (u16, Bytes) {
        let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let request = Request::builder().method(method).uri(format!("{}/{}/{key}", moto(), self.name));
        // moto does not check signatures, but lets nobody overwrite without one.
        let signed = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
        let request = request.header("authorization", signed);
        let answer = client.request(request.body(Full::new(body)).expect("a request")).await.expect("moto answers");
        let status = answer.status().as_u16();
        (status, answer.into_body().collect().await.expect("a body").to_bytes())
    }

    /// A reader of one object.
    pub(crate) fn object(&self, key: &str, config: Value) -> ReaderSpec {
        let parameters = serde_json::json!({ "Bucket": self.name, "Key": key });
        ReaderSpec::new("arn:aws:states:::s3:getObject", &parameters, &config, None).expect("a reader")
    }

    /// A reader of the objects under a prefix.
    pub(crate) fn listing(&self, prefix: &str, config: Value) -> ReaderSpec {
        let parameters = serde_json::json!({ "Bucket": self.name, "Prefix": prefix });
        ReaderSpec::new("arn:aws:states:::s3:listObjectsV2", &parameters, &config, None).expect("a reader")
    }

    pub(crate) async fn read(&self, spec: &ReaderSpec) -> Result<Vec<String>, ReadFailure> {
        Ok(texts(&read_all(&self.stores, spec).await?))
    }

    #[track_caller]
    pub(crate) fn check_failure(&self, result: Result<Vec<String>, ReadFailure>, cause: &str) {
        let failure = result.expect_err("it must fail");
        assert_eq!((&*failure.error, &*failure.cause), ("States.ItemReaderFailed", cause));
    }
}

pub(crate) fn texts(items: &[Item]) -> Vec<String> {
    items.iter().map(|item| item.text.to_string()).collect()
}

/// All items at once; reading them in chunks of every size, and going on after each with another reader, must give the same.
pub(crate) async fn read_all(stores: &ObjectStores, spec: &ReaderSpec) -> Result<Vec<Item>, ReadFailure> {
    let whole = read_from(stores, spec, None).await?;
    for (max_items, max_bytes) in [(1, usize::MAX), (2, usize::MAX), (usize::MAX, 1), (usize::MAX, 40)] {
        let mut items = Vec::new();
        let mut cursor: Option<Cursor> = None;
        loop {
            let mut reader = ItemReader::open(stores, spec, cursor.as_ref()).await?;
            let chunk = reader.next(max_items, max_bytes).await?;
            assert!(chunk.items.len() <= max_items && (chunk.is_last || !chunk.items.is_empty()));
            let fewer: usize = chunk.items.iter().rev().skip(1).map(|item| item.text.len()).sum();
            assert!(fewer < max_bytes, "a chunk ends with the item that fills it");
            items.extend(chunk.items);
            cursor = Some(Cursor::from_text(chunk.cursor.as_str()));
            if chunk.is_last {
                break;
            }
        }
        assert_eq!(items, whole, "in chunks of {max_items} items and {max_bytes} bytes");
        let after = ItemReader::open(stores, spec, cursor.as_ref()).await?.next(1, 1).await?;
        assert!(after.is_last && after.items.is_empty(), "after the last one there is none");
    }
    Ok(whole)
}

async fn read_from(stores: &ObjectStores, spec: &ReaderSpec, from: Option<&Cursor>) -> Result<Vec<Item>, ReadFailure> {
    let mut reader = ItemReader::open(stores, spec, from).await?;
    let mut items = Vec::new();
    loop {
        let Chunk { items: more, is_last, .. } = reader.next(1000, usize::MAX).await?;
        items.extend(more);
        if is_last {
            return Ok(items);
        }
    }
}
