//! Items and results of Map Runs, over the crate that knows formats and stores.

mod reader;
mod writer;

use std::sync::Arc;

use baton_engine::Failure;
use baton_map_items::{ObjectStores, StoresConfig};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::cluster::{Cluster, MapRunContext, MapRunIo, MapRunRecord, OpenItems, WrittenResults};

/// See the module.
pub struct MapItems {
    stores: ObjectStores,
}

impl MapItems {
    /// Items in these stores.
    pub fn new(config: StoresConfig) -> Self {
        Self { stores: ObjectStores::new(config) }
    }
}

impl MapRunIo for MapItems {
    fn open<'a>(&'a self, run: &'a Arc<MapRunContext>, cursor: Option<Arc<str>>) -> BoxFuture<'a, Result<Box<dyn OpenItems>, Failure>> {
        reader::open(&self.stores, run, cursor).boxed()
    }

    fn write<'a>(
        &'a self,
        cluster: &'a Cluster,
        run: &'a Arc<MapRunContext>,
        record: &'a MapRunRecord,
    ) -> BoxFuture<'a, Result<WrittenResults, Failure>> {
        writer::write(&self.stores, cluster, run, record).boxed()
    }
}
