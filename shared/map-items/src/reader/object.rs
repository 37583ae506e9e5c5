//! The items in one object, by what it is.

use super::parquet::ParquetItems;
use super::text::TextItems;
use crate::cursor::ObjectAt;
use crate::spec::{InputType, ReaderConfig};
use crate::store::{Bucket, Versioned};
use crate::{Item, ReadFailure};

/// Reads an object.
pub(super) enum ObjectItems {
    Text(Box<TextItems>),
    Parquet(Box<ParquetItems>),
}

impl ObjectItems {
    /// Opens an object at a place in it.
    pub(super) async fn open(
        bucket: Bucket,
        bucket_name: &str,
        object: Versioned<'_>,
        config: &ReaderConfig,
        at: ObjectAt,
    ) -> Result<Self, ReadFailure> {
        match config.input_type {
            Some(InputType::Parquet) => {
                ParquetItems::open(bucket, bucket_name, object, at).await.map(|items| Self::Parquet(Box::new(items)))
            }
            Some(InputType::Csv | InputType::Json | InputType::Jsonl) | None => {
                TextItems::open(bucket, bucket_name, object, config, at).await.map(|items| Self::Text(Box::new(items)))
            }
        }
    }

    /// After the last item.
    pub(super) fn at(&self) -> ObjectAt {
        match self {
            ObjectItems::Text(items) => items.at(),
            ObjectItems::Parquet(items) => items.at(),
        }
    }

    pub(super) async fn next(&mut self) -> Result<Option<Item>, ReadFailure> {
        match self {
            ObjectItems::Text(items) => items.next().await,
            ObjectItems::Parquet(items) => items.next().await,
        }
    }
}
