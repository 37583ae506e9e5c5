//! Where objects are: S3, and as an extension folders, GCS, Azure and web servers.

mod elsewhere;
mod error;
mod folder;
pub(crate) mod http;
mod location;
mod retry;
mod s3;
mod source;
mod upload;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use hyper::body::Incoming;

use self::elsewhere::Elsewhere;
pub(crate) use self::error::StoreError;
use self::http::Http;
use self::location::{Location, Scheme};
pub(crate) use self::retry::{Tries, retried};
pub use self::s3::AwsKeys;
use self::s3::{S3, S3Bucket};
pub(crate) use self::source::Source;
pub(crate) use self::upload::Upload;

/// Which stores there are, and how they are reached.
#[derive(Clone, Debug, Default)]
pub struct StoresConfig {
    /// S3's address, `http://host:port`; buckets are looked for in its path. Without one, AWS's own in the region.
    pub s3_endpoint: Option<String>,
    /// Region of S3 and of its signatures.
    pub region: String,
    /// Keys of S3. Without them: those of the environment (roles of containers and instances among them), and at an endpoint of one's own
    /// any.
    pub keys: Option<AwsKeys>,
    /// Folders below which `file://` buckets may be; none by default.
    pub file_roots: Vec<PathBuf>,
    /// Whether `gs://` buckets may be used, with the credentials of the environment.
    pub gcs: bool,
    /// Whether `az://` containers may be used, with the credentials of the environment.
    pub azure: bool,
    /// Whether `http://` and `https://` buckets may be read. Whoever may start an execution then decides what this machine asks for.
    pub http: bool,
}

impl StoresConfig {
    /// What the variables of the AWS SDKs say: `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID` and its companions.
    pub fn from_environment(region: &str) -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let key = |id| {
            Some(AwsKeys {
                access_key_id: id,
                secret_access_key: variable("AWS_SECRET_ACCESS_KEY")?,
                session_token: variable("AWS_SESSION_TOKEN"),
            })
        };
        Self {
            s3_endpoint: variable("AWS_ENDPOINT_URL_S3").or_else(|| variable("AWS_ENDPOINT_URL")),
            region: region.to_owned(),
            keys: variable("AWS_ACCESS_KEY_ID").and_then(key),
            ..Self::default()
        }
    }
}

/// The stores. Cheap to clone; nothing is connected before it is needed.
#[derive(Clone, Debug)]
pub struct ObjectStores(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: StoresConfig,
    http: OnceLock<Http>,
    s3: OnceLock<Result<S3, StoreError>>,
    /// By name, the last one at the end.
    elsewhere: Mutex<VecDeque<(String, Elsewhere)>>,
}

/// Buckets outside S3 that are kept open.
const KNOWN_MAX: usize = 16;

impl ObjectStores {
    /// The stores of a configuration.
    pub fn new(config: StoresConfig) -> Self {
        Self(Arc::new(Inner { config, http: OnceLock::new(), s3: OnceLock::new(), elsewhere: Mutex::default() }))
    }

    /// The bucket of this name. A name with a scheme is one elsewhere.
    pub(crate) fn bucket(&self, name: &str, expected_owner: Option<&str>) -> Result<Bucket, StoreError> {
        match Location::parse(name) {
            Location::S3(name) => {
                let expected_owner = expected_owner.map(str::to_owned);
                Ok(Bucket::S3(S3Bucket { s3: self.s3()?, name: name.to_owned(), expected_owner }))
            }
            Location::Elsewhere(scheme) => self.elsewhere(scheme, name).map(Bucket::Elsewhere),
        }
    }

    /// What has been opened lately is used again: it has connections, and a token that took a call to get.
    fn elsewhere(&self, scheme: Scheme, name: &str) -> Result<Elsewhere, StoreError> {
        let lock = || self.0.elsewhere.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, opened)) = lock().iter().find(|(known, _)| known == name) {
            return Ok(opened.clone());
        }
        let opened = Elsewhere::open(scheme, name, &self.0.config, self.http())?;
        // A folder may be another one the next time, or not be allowed any more.
        if scheme != Scheme::File {
            let mut known = lock();
            if known.len() == KNOWN_MAX {
                known.pop_front();
            }
            known.push_back((name.to_owned(), opened.clone()));
        }
        Ok(opened)
    }

    fn http(&self) -> &Http {
        self.0.http.get_or_init(Http::new)
    }

    fn s3(&self) -> Result<S3, StoreError> {
        self.0.s3.get_or_init(|| self.connect_s3()).clone()
    }

    fn connect_s3(&self) -> Result<S3, StoreError> {
        let config = &self.0.config;
        let credentials = match (&config.keys, &config.s3_endpoint) {
            (Some(keys), _) => s3::Credentials::fixed(&keys.access_key_id, &keys.secret_access_key, keys.session_token.clone()),
            // What stands in for S3 takes any keys, but wants some.
            (None, Some(_)) => s3::Credentials::fixed("test", "test", None),
            (None, None) => s3::Credentials::chain(self.http(), &config.region)?,
        };
        Ok(S3::new(self.http().clone(), config.s3_endpoint.clone(), config.region.clone(), credentials))
    }
}

/// A bucket, wherever it is.
#[derive(Clone, Debug)]
pub(crate) enum Bucket {
    S3(S3Bucket),
    Elsewhere(Elsewhere),
}

/// An object of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) size: u64,
    /// With its quotes.
    pub(crate) etag: String,
    /// Seconds since 1970.
    pub(crate) last_modified: i64,
    pub(crate) storage_class: String,
}

/// Where a listing goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Listing {
    /// After this key; the empty one is before all others.
    After(String),
    Token(String),
    End,
}

/// An object, and which of its versions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Versioned<'a> {
    pub(crate) key: &'a str,
    pub(crate) version: Option<&'a str>,
}

/// Bytes of an object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    pub(crate) from: u64,
    /// The first byte that is not wanted any more.
    pub(crate) to: Option<u64>,
}

impl Range {
    fn header(self) -> Option<String> {
        match (self.from, self.to) {
            (0, None) => None,
            (from, None) => Some(format!("bytes={from}-")),
            (from, Some(to)) => Some(format!("bytes={from}-{}", to.saturating_sub(1))),
        }
    }
}

/// An object that is being read.
pub(crate) struct Opened {
    /// Of the whole object.
    pub(crate) size: u64,
    pub(crate) etag: Option<String>,
    pub(crate) body: Body,
}

/// Its bytes as they come.
pub(crate) enum Body {
    Http(Box<Incoming>),
    Elsewhere(BoxStream<'static, object_store::Result<Bytes>>),
}

impl Body {
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        match self {
            Body::Http(body) => http::next_piece(body).await,
            Body::Elsewhere(stream) => stream.next().await.transpose().map_err(|error| elsewhere::broke_off(&error)),
        }
    }
}

impl Bucket {
    /// Whether an object may be another before it has been read to its end.
    pub(crate) fn may_change(&self) -> bool {
        matches!(self, Bucket::Elsewhere(bucket) if bucket.is_folder())
    }

    pub(crate) async fn get(&self, object: Versioned<'_>, range: Range, if_match: Option<&str>) -> Result<Opened, StoreError> {
        match self {
            Bucket::S3(bucket) => bucket.get(object, range, if_match).await,
            Bucket::Elsewhere(bucket) => bucket.get(object, range, if_match).await,
        }
    }

    pub(crate) async fn list(&self, prefix: &str, listing: &Listing) -> Result<(Vec<Entry>, Listing), StoreError> {
        match self {
            Bucket::S3(bucket) => bucket.list(prefix, listing).await,
            Bucket::Elsewhere(bucket) => bucket.list(prefix, listing).await,
        }
    }
}
