//! Items as a stream, and where it has come to.

mod listing;
mod manifest;
mod memory;
mod object;
mod objects;
mod parquet;
mod source;
mod text;

use crate::cursor::{At, ObjectAt, ObjectsAt, Position};
use crate::spec::ReaderResource;
use crate::store::{ObjectStores, Versioned};
use crate::{Chunk, Cursor, Item, ReadFailure, ReaderSpec};

use self::listing::ListedObjects;
pub use self::memory::items_of_text;
use self::object::ObjectItems;
use self::objects::FlattenedItems;
use self::source::source_of;

/// Reads a dataset. It holds one item more than it has given, and what its source has sent of the following ones.
pub struct ItemReader {
    items: Items,
    /// Items before the ahead one.
    given: u64,
    /// `MaxItems`; 0: all.
    max_items: u64,
    /// The item after those that were given, so that the last chunk is known to be the last.
    ahead: Option<Ahead>,
}

/// What follows the items that were given.
enum Ahead {
    Item(Item),
    End,
    Failure(ReadFailure),
}

/// Where items come from.
enum Items {
    /// Entries of a listing.
    Listed(ListedObjects),
    /// What is in one object.
    Object(ObjectItems),
    /// What is in objects that follow each other.
    Objects(Box<FlattenedItems>),
    /// There are no more.
    None,
}

impl Items {
    async fn next(&mut self) -> Result<Option<Item>, ReadFailure> {
        match self {
            Items::Listed(items) => items.next().await,
            Items::Object(items) => items.next().await,
            Items::Objects(items) => items.next().await,
            Items::None => Ok(None),
        }
    }

    /// After the last item that was read.
    fn at(&self) -> At {
        match self {
            Items::Listed(items) => At::Listing(items.last_key().to_owned()),
            Items::Object(items) => At::Object(items.at()),
            Items::Objects(items) => At::Objects(items.at()),
            Items::None => At::End,
        }
    }
}

impl ItemReader {
    /// Opens a dataset at its beginning, or where an earlier reading has come to.
    pub async fn open(stores: &ObjectStores, spec: &ReaderSpec, from: Option<&Cursor>) -> Result<Self, ReadFailure> {
        let position = from.map(Cursor::position).transpose()?;
        let given = position.as_ref().map_or(0, |position| position.items);
        let items = open_items(stores, spec, position.map(|position| position.at)).await?;
        Ok(Self { items, given, max_items: spec.config.max_items, ahead: None })
    }

    /// The next items: at most so many (but one at least), and no more once their texts have so many bytes together. A failure comes after all
    /// items before it, and stays.
    pub async fn next(&mut self, max_items: usize, max_bytes: usize) -> Result<Chunk, ReadFailure> {
        let mut items = Vec::new();
        let mut bytes = 0;
        loop {
            match self.take_ahead().await {
                Ahead::Item(item) => {
                    bytes += item.text.len();
                    items.push(item);
                    self.given += 1;
                }
                Ahead::End => {
                    self.ahead = Some(Ahead::End);
                    return Ok(Chunk { items, cursor: self.cursor(At::End), is_last: true });
                }
                Ahead::Failure(failure) => {
                    debug_assert!(items.is_empty(), "a failure that is ahead ends the chunk before it");
                    self.ahead = Some(Ahead::Failure(failure.clone()));
                    return Err(failure);
                }
            }
            let full = items.len() >= max_items || bytes >= max_bytes;
            let at = full.then(|| self.items.at());
            let ahead = self.look_ahead().await;
            let at = match &ahead {
                Ahead::Item(_) => at,
                // Only an item moves the place.
                Ahead::Failure(_) => Some(self.items.at()),
                Ahead::End => None,
            };
            self.ahead = Some(ahead);
            if let Some(at) = at {
                return Ok(Chunk { items, cursor: self.cursor(at), is_last: false });
            }
        }
    }

    fn cursor(&self, at: At) -> Cursor {
        Cursor::at(&Position::new(self.given, at))
    }

    async fn take_ahead(&mut self) -> Ahead {
        match self.ahead.take() {
            Some(ahead) => ahead,
            None => self.look_ahead().await,
        }
    }

    async fn look_ahead(&mut self) -> Ahead {
        if self.max_items != 0 && self.given >= self.max_items {
            return Ahead::End;
        }
        match self.items.next().await {
            Ok(Some(item)) => Ahead::Item(item),
            Ok(None) => Ahead::End,
            Err(failure) => Ahead::Failure(failure),
        }
    }
}

async fn open_items(stores: &ObjectStores, spec: &ReaderSpec, at: Option<At>) -> Result<Items, ReadFailure> {
    if at == Some(At::End) {
        return Ok(Items::None);
    }
    let bucket = stores.bucket(&spec.bucket, spec.expected_bucket_owner.as_deref())?;
    match (spec.resource, spec.loads(), spec.config.manifest_type) {
        (ReaderResource::ListObjectsV2, false, _) => Ok(Items::Listed(ListedObjects::open(bucket, spec, listing_at(at)?).await?)),
        (ReaderResource::ListObjectsV2, true, _) => {
            Ok(Items::Objects(Box::new(FlattenedItems::of_listing(stores, spec, objects_at(at)?).await?)))
        }
        (ReaderResource::GetObject, _, Some(kind)) => {
            Ok(Items::Objects(Box::new(FlattenedItems::of_manifest(stores, spec, kind, objects_at(at)?).await?)))
        }
        (ReaderResource::GetObject, _, None) => {
            let object = Versioned { key: &spec.key, version: spec.version_id.as_deref() };
            Ok(Items::Object(ObjectItems::open(bucket, &spec.bucket, object, &spec.config, object_at(at)?).await?))
        }
    }
}

fn listing_at(at: Option<At>) -> Result<String, ReadFailure> {
    match at {
        None => Ok(String::new()),
        Some(At::Listing(key)) => Ok(key),
        Some(At::Object(_) | At::Objects(_) | At::End) => Err(another_dataset()),
    }
}

fn object_at(at: Option<At>) -> Result<ObjectAt, ReadFailure> {
    match at {
        None => Ok(ObjectAt::default()),
        Some(At::Object(at)) => Ok(at),
        Some(At::Listing(_) | At::Objects(_) | At::End) => Err(another_dataset()),
    }
}

fn objects_at(at: Option<At>) -> Result<ObjectsAt, ReadFailure> {
    match at {
        None => Ok(ObjectsAt::default()),
        Some(At::Objects(at)) => Ok(at),
        Some(At::Listing(_) | At::Object(_) | At::End) => Err(another_dataset()),
    }
}

fn another_dataset() -> ReadFailure {
    ReadFailure::new("The position is one of another kind of dataset.")
}
