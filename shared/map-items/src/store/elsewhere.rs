//! Stores other than S3, through `object_store`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::http::HttpBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt, PutPayload, RetryConfig};

use super::http::Http;
use super::location::Scheme;
use super::{Body, Entry, Listing, Opened, Range, StoreError, StoresConfig, Versioned, folder};

/// Entries of a page of a listing. Folders list in no order, so each page of one is a pass over it: pages are long.
const PAGE_LEN: usize = 20_000;

/// A folder, a bucket or a container, or an address.
#[derive(Clone, Debug)]
pub(crate) struct Elsewhere {
    store: Arc<dyn ObjectStore>,
    /// Whether listings come in the order of keys, and can begin after one.
    ordered: bool,
    /// Of a folder: where it is.
    folder: Option<PathBuf>,
}

/// For how long, and how often, the stores of that crate try again by themselves.
fn retries() -> RetryConfig {
    RetryConfig { max_retries: 5, retry_timeout: Duration::from_secs(30), ..RetryConfig::default() }
}

impl Elsewhere {
    pub(crate) fn open(scheme: Scheme, name: &str, config: &StoresConfig, http: &Http) -> Result<Self, StoreError> {
        let allowed = |allowed: bool| {
            let refused = || StoreError::NotAllowed(format!("The configuration does not allow the bucket '{name}'."));
            if allowed { Ok(()) } else { Err(refused()) }
        };
        let rest = name.split_once("://").map_or(name, |(_, rest)| rest);
        let ordered = matches!(scheme, Scheme::Gcs | Scheme::Azure);
        let (built, folder): (object_store::Result<Arc<dyn ObjectStore>>, _) = match scheme {
            Scheme::File => {
                let folder = folder::open(rest, name, &config.file_roots)?;
                (LocalFileSystem::new_with_prefix(&folder).map(shared), Some(folder))
            }
            Scheme::Gcs => {
                allowed(config.gcs)?;
                let builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(rest).with_retry(retries());
                (builder.with_http_connector(http.clone()).build().map(shared), None)
            }
            Scheme::Azure => {
                allowed(config.azure)?;
                let builder = MicrosoftAzureBuilder::from_env().with_container_name(rest).with_retry(retries());
                (builder.with_http_connector(http.clone()).build().map(shared), None)
            }
            Scheme::Http => {
                allowed(config.http)?;
                let builder = HttpBuilder::new().with_url(name).with_retry(retries());
                (builder.with_http_connector(http.clone()).build().map(shared), None)
            }
        };
        Ok(Self { store: built.map_err(|error| failed(&error))?, ordered, folder })
    }

    pub(crate) async fn get(&self, object: Versioned<'_>, range: Range, if_match: Option<&str>) -> Result<Opened, StoreError> {
        let options = GetOptions {
            range: match (range.from, range.to) {
                (0, None) => None,
                (from, None) => Some(GetRange::Offset(from)),
                (from, Some(to)) => Some(GetRange::Bounded(from..to)),
            },
            if_match: if_match.map(str::to_owned),
            version: object.version.map(str::to_owned),
            ..GetOptions::default()
        };
        let changed = |error: Error| match (error, if_match) {
            (Error::Precondition { .. }, Some(etag)) => {
                StoreError::Changed { key: object.key.to_owned(), was: etag.to_owned(), is: "another".to_owned() }
            }
            (error, _) => failed(&error),
        };
        if let Some(folder) = &self.folder {
            folder::file_of(folder, object.key).await?;
        }
        let got = self.store.get_opts(&path(object.key)?, options).await.map_err(changed)?;
        Ok(Opened { size: got.meta.size, etag: got.meta.e_tag.clone(), body: Body::Elsewhere(got.into_stream()) })
    }

    /// Whether what is read may be changed by others meanwhile, so that it has to be looked at again at its end.
    pub(crate) fn is_folder(&self) -> bool {
        self.folder.is_some()
    }

    pub(crate) async fn list(&self, prefix: &str, listing: &Listing) -> Result<(Vec<Entry>, Listing), StoreError> {
        self.stays_inside(prefix).await?;
        let after = match listing {
            Listing::After(key) | Listing::Token(key) => key.as_str(),
            Listing::End => return Ok((Vec::new(), Listing::End)),
        };
        let entries = if self.ordered { self.page(prefix, after).await? } else { self.page_of_pass(prefix, after).await? };
        let next = match entries.last() {
            Some(last) if entries.len() == PAGE_LEN => Listing::After(last.key.clone()),
            _ => Listing::End,
        };
        Ok((entries, next))
    }

    async fn page(&self, prefix: &str, after: &str) -> Result<Vec<Entry>, StoreError> {
        let folder = folder_of(prefix)?;
        let found = match after.is_empty() {
            true => self.store.list(folder.as_ref()),
            false => self.store.list_with_offset(folder.as_ref(), &path(after)?),
        };
        let wanted = found.try_filter(|meta| std::future::ready(meta.location.as_ref().starts_with(prefix)));
        let metas: Vec<ObjectMeta> = wanted.take(PAGE_LEN).try_collect().await.map_err(|error| failed(&error))?;
        Ok(metas.into_iter().map(entry).collect())
    }

    /// The smallest keys after the last one, of all that there are.
    async fn page_of_pass(&self, prefix: &str, after: &str) -> Result<Vec<Entry>, StoreError> {
        let folder = folder_of(prefix)?;
        let mut found = self.store.list(folder.as_ref());
        let mut smallest = std::collections::BTreeMap::new();
        while let Some(meta) = found.next().await {
            let entry = entry(meta.map_err(|error| failed(&error))?);
            let full = smallest.len() == PAGE_LEN;
            let late = full && smallest.last_key_value().is_some_and(|(last, _): (&String, _)| *last < entry.key);
            if late || !entry.key.starts_with(prefix) || entry.key.as_str() <= after {
                continue;
            }
            smallest.insert(entry.key.clone(), entry);
            if smallest.len() > PAGE_LEN {
                smallest.pop_last();
            }
        }
        Ok(smallest.into_values().collect())
    }

    async fn stays_inside(&self, key: &str) -> Result<(), StoreError> {
        match &self.folder {
            Some(folder) => folder::stays_inside(folder, key).await,
            None => Ok(()),
        }
    }

    pub(crate) async fn put(&self, key: &str, body: Bytes) -> Result<(), StoreError> {
        self.stays_inside(key).await?;
        self.store.put(&path(key)?, body.into()).await.map(drop).map_err(|error| failed(&error))
    }

    pub(crate) async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.stays_inside(key).await?;
        self.store.delete(&path(key)?).await.map_err(|error| failed(&error))
    }

    /// Uploads to a folder are files beside the one that they will be, with a `#` and a number behind its name. A process that was killed has
    /// left them. Other stores forget uploads that nobody completes.
    pub(crate) async fn abort_uploads(&self, prefix: &str) -> Result<(), StoreError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let Ok(mut entries) = tokio::fs::read_dir(folder.join(path(prefix.trim_end_matches('/'))?.as_ref())).await else { return Ok(()) };
        let unfit = |error: std::io::Error| StoreError::Elsewhere { message: error.to_string(), passing: false };
        while let Some(entry) = entries.next_entry().await.map_err(unfit)? {
            let name = entry.file_name();
            let number = name.to_str().and_then(|name| Some(name.rsplit_once(".json")?.1.rsplit_once('#')?.1.to_owned()));
            if number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())) {
                tokio::fs::remove_file(entry.path()).await.map_err(unfit)?;
            }
        }
        Ok(())
    }

    pub(crate) async fn begin_upload(&self, key: &str) -> Result<ElsewhereUpload, StoreError> {
        self.stays_inside(key).await?;
        let upload = self.store.put_multipart(&path(key)?).await.map_err(|error| failed(&error))?;
        Ok(ElsewhereUpload { upload })
    }
}

/// An upload that is under way.
#[derive(Debug)]
pub(crate) struct ElsewhereUpload {
    upload: Box<dyn MultipartUpload>,
}

impl ElsewhereUpload {
    pub(crate) async fn put_part(&mut self, part: Bytes) -> Result<(), StoreError> {
        self.upload.put_part(PutPayload::from(part)).await.map_err(|error| failed(&error))
    }

    pub(crate) async fn complete(&mut self) -> Result<(), StoreError> {
        self.upload.complete().await.map(drop).map_err(|error| failed(&error))
    }

    pub(crate) async fn abort(&mut self) -> Result<(), StoreError> {
        self.upload.abort().await.map_err(|error| failed(&error))
    }
}

fn shared(store: impl ObjectStore) -> Arc<dyn ObjectStore> {
    Arc::new(store)
}

fn path(key: &str) -> Result<Path, StoreError> {
    Path::parse(key).map_err(|error| StoreError::NotAllowed(format!("'{key}' is not a key here: {error}")))
}

/// The folder in which all keys with the prefix are.
fn folder_of(prefix: &str) -> Result<Option<Path>, StoreError> {
    prefix.rsplit_once('/').map(|(folder, _)| path(folder)).transpose()
}

fn entry(meta: ObjectMeta) -> Entry {
    Entry {
        key: meta.location.into(),
        size: meta.size,
        etag: meta.e_tag.unwrap_or_default(),
        last_modified: meta.last_modified.timestamp(),
        storage_class: "STANDARD".to_owned(),
    }
}

/// A stream that broke off, which the store does not mend itself.
pub(crate) fn broke_off(error: &Error) -> StoreError {
    match failed(error) {
        StoreError::Elsewhere { message, .. } => StoreError::Elsewhere { message, passing: true },
        other => other,
    }
}

/// As an error of ours. The stores of that crate have tried again themselves.
fn failed(error: &Error) -> StoreError {
    let message = match error {
        Error::NotFound { .. } => "The specified key does not exist.".to_owned(),
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => format!("Access Denied: {error}"),
        _ => error.to_string(),
    };
    StoreError::Elsewhere { message, passing: false }
}
