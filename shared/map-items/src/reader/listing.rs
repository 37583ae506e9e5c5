//! The objects of a bucket as items.

use std::collections::VecDeque;
use std::sync::Arc;

use super::source_of;
use crate::format::write_string;
use crate::store::{Bucket, Entry, Listing};
use crate::{Item, ReadFailure, ReaderSpec};

/// Lists a bucket page by page.
pub(super) struct ListedObjects {
    bucket: Bucket,
    prefix: String,
    page: VecDeque<Entry>,
    next_page: Listing,
    last_key: String,
    source: Arc<str>,
}

impl ListedObjects {
    /// From after a key; the empty one is before all others.
    pub(super) async fn open(bucket: Bucket, spec: &ReaderSpec, after: String) -> Result<Self, ReadFailure> {
        let source = source_of(&spec.bucket, None);
        let next_page = Listing::After(after.clone());
        let mut listed = Self { bucket, prefix: spec.prefix.clone(), page: VecDeque::new(), next_page, last_key: after, source };
        listed.turn_page().await?;
        Ok(listed)
    }

    /// Of the last object that was given.
    pub(super) fn last_key(&self) -> &str {
        &self.last_key
    }

    pub(super) async fn next(&mut self) -> Result<Option<Item>, ReadFailure> {
        let Some(entry) = self.next_entry().await? else { return Ok(None) };
        Ok(Some(Item { text: metadata(&entry), key: None, source: Arc::clone(&self.source) }))
    }

    pub(super) async fn next_entry(&mut self) -> Result<Option<Entry>, ReadFailure> {
        while self.page.is_empty() && self.next_page != Listing::End {
            self.turn_page().await?;
        }
        let entry = self.page.pop_front();
        if let Some(entry) = &entry {
            self.last_key.clone_from(&entry.key);
        }
        Ok(entry)
    }

    async fn turn_page(&mut self) -> Result<(), ReadFailure> {
        let (entries, next_page) = self.bucket.list(&self.prefix, &self.next_page).await?;
        self.page = entries.into();
        self.next_page = next_page;
        Ok(())
    }
}

/// The fields that AWS shows, in its order, with its spelling of `Etag`.
fn metadata(entry: &Entry) -> Box<str> {
    let mut text = br#"{"Etag":"#.to_vec();
    write_string(entry.etag.as_bytes(), &mut text);
    text.extend_from_slice(br#","Key":"#);
    write_string(entry.key.as_bytes(), &mut text);
    text.extend_from_slice(format!(r#","LastModified":{},"Size":{},"StorageClass":"#, entry.last_modified, entry.size).as_bytes());
    write_string(entry.storage_class.as_bytes(), &mut text);
    text.push(b'}');
    String::from_utf8(text).expect("made of texts").into_boxed_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_shown_as_aws_shows_them() {
        let entry =
            Entry { key: "a\"b".into(), size: 12, etag: "\"e\"".into(), last_modified: 1_668_699_881, storage_class: "STANDARD".into() };
        let expected = r#"{"Etag":"\"e\"","Key":"a\"b","LastModified":1668699881,"Size":12,"StorageClass":"STANDARD"}"#;
        assert_eq!(&*metadata(&entry), expected);
    }
}
