//! The seam to where items and results are.

use std::sync::Arc;

use baton_engine::Failure;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::shard::{ItemsRead, MapRunContext, MapRunRecord, WrittenResults};

/// Reads items and writes results for Map Runs.
pub trait MapRunIo: Send + Sync + 'static {
    /// Opens the items of a run where `cursor` stands, or at their beginning.
    fn open<'a>(&'a self, run: &'a Arc<MapRunContext>, cursor: Option<Arc<str>>) -> BoxFuture<'a, Result<Box<dyn OpenItems>, Failure>>;

    /// Writes the results of a run. Repeated, it writes the same.
    fn write<'a>(
        &'a self,
        cluster: &'a super::Cluster,
        run: &'a Arc<MapRunContext>,
        record: &'a MapRunRecord,
    ) -> BoxFuture<'a, Result<WrittenResults, Failure>>;
}

/// Items that are being read.
pub trait OpenItems: Send {
    /// The next ones, at most so many.
    fn next(&mut self, items: usize) -> BoxFuture<'_, Result<ItemsRead, Failure>>;
}

/// Has no items and takes no results.
pub struct NoMapRunIo;

impl MapRunIo for NoMapRunIo {
    fn open<'a>(&'a self, _: &'a Arc<MapRunContext>, _: Option<Arc<str>>) -> BoxFuture<'a, Result<Box<dyn OpenItems>, Failure>> {
        let failure = Failure::new("States.ItemReaderFailed", "This server reads no items.");
        std::future::ready(Err(failure)).boxed()
    }

    fn write<'a>(
        &'a self,
        _: &'a super::Cluster,
        _: &'a Arc<MapRunContext>,
        _: &'a MapRunRecord,
    ) -> BoxFuture<'a, Result<WrittenResults, Failure>> {
        let failure = Failure::new("States.ResultWriterFailed", "This server writes no results.");
        std::future::ready(Err(failure)).boxed()
    }
}
