//! The items in objects that follow each other: those of a listing, or those that a manifest names.

use super::listing::ListedObjects;
use super::manifest::Manifest;
use super::object::ObjectItems;
use super::source_of;
use crate::cursor::{ObjectAt, ObjectsAt};
use crate::spec::{ManifestType, ReaderConfig};
use crate::store::{ObjectStores, Versioned};
use crate::{Item, ReadFailure, ReaderSpec};

/// Reads object after object.
pub(super) struct FlattenedItems {
    stores: ObjectStores,
    expected_bucket_owner: Option<String>,
    config: ReaderConfig,
    names: Names,
    /// The one that is being read.
    current: Option<(Name, ObjectItems)>,
    at: ObjectsAt,
}

#[derive(Clone, Debug)]
struct Name {
    bucket: String,
    key: String,
}

/// Which objects there are.
enum Names {
    Listed(Box<ListedObjects>, String),
    Manifest(std::vec::IntoIter<(String, String)>),
}

impl FlattenedItems {
    /// The objects under a prefix.
    pub(super) async fn of_listing(stores: &ObjectStores, spec: &ReaderSpec, at: ObjectsAt) -> Result<Self, ReadFailure> {
        let bucket = stores.bucket(&spec.bucket, spec.expected_bucket_owner.as_deref())?;
        let listed = ListedObjects::open(bucket, spec, at.key.clone().unwrap_or_default()).await?;
        let names = Names::Listed(Box::new(listed), spec.bucket.clone());
        // The object that was being read comes before what follows in the listing.
        let begun = at.object.clone().zip(at.key.clone());
        let begun = begun.map(|(object, key)| (object, Name { bucket: spec.bucket.clone(), key }));
        Self::open(stores, spec, spec.config.clone(), names, begun, at).await
    }

    /// Those of a manifest.
    pub(super) async fn of_manifest(
        stores: &ObjectStores,
        spec: &ReaderSpec,
        kind: ManifestType,
        at: ObjectsAt,
    ) -> Result<Self, ReadFailure> {
        let bucket = stores.bucket(&spec.bucket, spec.expected_bucket_owner.as_deref())?;
        let object = Versioned { key: &spec.key, version: spec.version_id.as_deref() };
        let manifest = Manifest::read(bucket, &spec.bucket, object, kind, &spec.config, at.manifest.as_deref()).await?;
        let mut names = manifest.objects.into_iter();
        let read = usize::try_from(at.read).unwrap_or(usize::MAX);
        names.by_ref().take(read).for_each(drop);
        let begun = at.object.clone().and_then(|object| Some((object, names.next()?)));
        let begun = begun.map(|(object, (bucket, key))| (object, Name { bucket, key }));
        let at = ObjectsAt { manifest: manifest.etag, ..at };
        Self::open(stores, spec, manifest.config, Names::Manifest(names), begun, at).await
    }

    async fn open(
        stores: &ObjectStores,
        spec: &ReaderSpec,
        config: ReaderConfig,
        names: Names,
        begun: Option<(ObjectAt, Name)>,
        at: ObjectsAt,
    ) -> Result<Self, ReadFailure> {
        let expected_bucket_owner = spec.expected_bucket_owner.clone();
        let mut items = Self { stores: stores.clone(), expected_bucket_owner, config, names, current: None, at };
        if let Some((object, name)) = begun {
            items.begin(name, object).await?;
        }
        Ok(items)
    }

    /// After the last item that was read.
    pub(super) fn at(&self) -> ObjectsAt {
        self.at.clone()
    }

    pub(super) async fn next(&mut self) -> Result<Option<Item>, ReadFailure> {
        loop {
            if let Some((name, items)) = &mut self.current {
                if let Some(item) = items.next().await.map_err(|failure| in_object(&failure, name))? {
                    self.at.object = Some(items.at());
                    return Ok(Some(item));
                }
                self.at.read += 1;
                self.at.object = None;
                self.current = None;
            }
            match self.next_name().await? {
                Some(name) => self.begin(name, ObjectAt::default()).await?,
                None => return Ok(None),
            }
        }
    }

    async fn begin(&mut self, name: Name, at: ObjectAt) -> Result<(), ReadFailure> {
        let bucket = self.stores.bucket(&name.bucket, self.expected_bucket_owner.as_deref())?;
        let object = Versioned { key: &name.key, version: None };
        let items = ObjectItems::open(bucket, &name.bucket, object, &self.config, at).await;
        let items = items.map_err(|failure| in_object(&failure, &name))?;
        if let Names::Listed(..) = self.names {
            self.at.key = Some(name.key.clone());
        }
        self.at.object = Some(items.at());
        self.current = Some((name, items));
        Ok(())
    }

    async fn next_name(&mut self) -> Result<Option<Name>, ReadFailure> {
        match &mut self.names {
            Names::Manifest(names) => Ok(names.next().map(|(bucket, key)| Name { bucket, key })),
            Names::Listed(listed, bucket) => loop {
                match listed.next_entry().await? {
                    // What consoles make to show a folder has nothing in it.
                    Some(entry) if entry.size == 0 && entry.key.ends_with('/') => {}
                    entry => return Ok(entry.map(|entry| Name { bucket: bucket.clone(), key: entry.key })),
                }
            },
        }
    }
}

fn in_object(failure: &ReadFailure, name: &Name) -> ReadFailure {
    ReadFailure::new(format!("{} ({})", failure.cause, source_of(&name.bucket, Some(&name.key))))
}
