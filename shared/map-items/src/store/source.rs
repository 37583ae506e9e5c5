//! One object as a stream that survives interruptions: it is opened again where it broke off, and only if it is still the same.

use bytes::Bytes;

use super::{Body, Bucket, Range, StoreError, Tries, Versioned};

/// An object that is being read from somewhere to its end.
pub(crate) struct Source {
    bucket: Bucket,
    key: String,
    version: Option<String>,
    size: u64,
    etag: Option<String>,
    /// Of the next byte.
    position: u64,
    body: Option<Body>,
    tries: Tries,
}

impl Source {
    /// Opens an object. With the ETag of an earlier reading, it must still be that one.
    pub(crate) async fn open(bucket: Bucket, object: Versioned<'_>, from: u64, etag: Option<&str>) -> Result<Self, StoreError> {
        let opened = get(&bucket, object, from, etag).await?;
        Ok(Self {
            bucket,
            key: object.key.to_owned(),
            version: object.version.map(str::to_owned),
            size: opened.size,
            etag: opened.etag,
            position: from,
            body: Some(opened.body),
            tries: Tries::default(),
        })
    }

    /// An object of which everything has been read.
    pub(crate) fn at_end(bucket: Bucket, object: Versioned<'_>, etag: Option<&str>, size: u64) -> Self {
        Self {
            bucket,
            key: object.key.to_owned(),
            version: object.version.map(str::to_owned),
            size,
            etag: etag.map(str::to_owned),
            position: size,
            body: None,
            tries: Tries::default(),
        }
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Bytes of the whole object.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// What tells it from what may be under the key later.
    pub(crate) fn etag(&self) -> Option<&str> {
        self.etag.as_deref()
    }

    /// The next bytes; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        loop {
            if self.position >= self.size {
                return self.is_still_the_same().await.map(|()| None);
            }
            match self.piece().await {
                // Some stores end an object that has become shorter with pieces of nothing.
                Ok(Some(piece)) if !piece.is_empty() => {
                    self.position += piece.len() as u64;
                    self.tries = Tries::default();
                    return Ok(Some(piece));
                }
                Ok(Some(_) | None) => self.broke_off(StoreError::NoAnswer("the object ends too early".to_owned())).await?,
                Err(error) => self.broke_off(error).await?,
            }
        }
    }

    /// A file may be written to while it is read; everything else is read as it was when it was opened.
    async fn is_still_the_same(&mut self) -> Result<(), StoreError> {
        if self.bucket.may_change() && self.size > 0 && self.etag.is_some() {
            let object = Versioned { key: &self.key, version: self.version.as_deref() };
            get(&self.bucket, object, self.size - 1, self.etag.as_deref()).await?;
        }
        Ok(())
    }

    async fn piece(&mut self) -> Result<Option<Bytes>, StoreError> {
        if self.body.is_none() {
            let object = Versioned { key: &self.key, version: self.version.as_deref() };
            self.body = Some(get(&self.bucket, object, self.position, self.etag.as_deref()).await?.body);
        }
        match &mut self.body {
            Some(body) => body.next().await,
            None => unreachable!("it has just been opened"),
        }
    }

    async fn broke_off(&mut self, error: StoreError) -> Result<(), StoreError> {
        self.body = None;
        self.tries.again(error).await
    }
}

async fn get(bucket: &Bucket, object: Versioned<'_>, from: u64, etag: Option<&str>) -> Result<super::Opened, StoreError> {
    let changed =
        |is: &str| StoreError::Changed { key: object.key.to_owned(), was: etag.unwrap_or_default().to_owned(), is: is.to_owned() };
    let opened = bucket.get(object, Range { from, to: None }, etag).await;
    let opened = opened.map_err(|error| if error.is_precondition() { changed("another") } else { error })?;
    match (etag, &opened.etag) {
        // Not everything that speaks S3's language knows conditions.
        (Some(was), Some(is)) if was != is => Err(changed(is)),
        _ => Ok(opened),
    }
}
