//! An `ItemReader` of a definition, opened.

use std::sync::Arc;

use baton_asl::{ItemReader as ReaderField, ReaderConfig, StateKind};
use baton_engine::{Failure, ItemSource, Payload, ReadItem};
use baton_map_items::{Cursor, Item, ItemReader, ObjectStores, ReadFailure, ReaderSpec};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

use crate::cluster::{ItemsRead, MapRunContext, OpenItems};

/// Bytes of items that are read at once.
const CHUNK_BYTES_MAX: usize = 4 * 1024 * 1024;

pub(super) async fn open(stores: &ObjectStores, run: &MapRunContext, cursor: Option<Arc<str>>) -> Result<Box<dyn OpenItems>, Failure> {
    let spec = spec(run).map_err(failure)?;
    let cursor = cursor.map(Cursor::from_text);
    let reader = ItemReader::open(stores, &spec, cursor.as_ref()).await.map_err(failure)?;
    Ok(Box::new(Opened(reader)))
}

fn spec(run: &MapRunContext) -> Result<ReaderSpec, ReadFailure> {
    let StateKind::Map(map) = &run.revision.machine.state(run.spec.state).kind else { unreachable!("a Map Run is a Map state's") };
    let field = map.distributed.item_reader.as_ref().expect("items are read where there is an ItemReader");
    let ItemSource::Reader { arguments } = &run.spec.source else { unreachable!("items of the state are not read") };
    let max_items = run.spec.max_items.map(|most| i64::try_from(most).unwrap_or(i64::MAX));
    ReaderSpec::new(&field.resource, arguments.value(), &config(field), max_items)
}

/// As the definition has it.
fn config(field: &ReaderField) -> Value {
    let ReaderConfig {
        input_type,
        transformation,
        manifest_type,
        csv_delimiter,
        csv_header_location,
        csv_headers,
        items_pointer,
        max_items: _,
    } = &field.config;
    let mut config = Map::new();
    let named = [
        ("InputType", input_type),
        ("Transformation", transformation),
        ("ManifestType", manifest_type),
        ("CSVDelimiter", csv_delimiter),
        ("CSVHeaderLocation", csv_header_location),
        ("ItemsPointer", items_pointer),
    ];
    for (name, value) in named {
        value.iter().for_each(|value| drop(config.insert(name.to_owned(), json!(&**value))));
    }
    if !csv_headers.is_empty() {
        config.insert("CSVHeaders".to_owned(), csv_headers.iter().map(|header| json!(&**header)).collect());
    }
    Value::Object(config)
}

struct Opened(ItemReader);

impl OpenItems for Opened {
    fn next(&mut self, items: usize) -> BoxFuture<'_, Result<ItemsRead, Failure>> {
        async move {
            let chunk = self.0.next(items, CHUNK_BYTES_MAX).await.map_err(failure)?;
            let items = chunk.items.into_iter().map(item).collect();
            Ok(ItemsRead { items, cursor: Some(chunk.cursor.as_str().into()), is_last: chunk.is_last })
        }
        .boxed()
    }
}

fn item(Item { text, key, source }: Item) -> ReadItem {
    ReadItem { value: Payload::from_text(text.into_string()), key: key.map(Into::into), source }
}

fn failure(ReadFailure { error, cause }: ReadFailure) -> Failure {
    Failure { error: Some(error), cause: Some(cause) }
}
