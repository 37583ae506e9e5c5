//! Items of a Map Run that come when a test lets them go.

use std::sync::Arc;

use baton_coordinator::cluster::{Cluster, MapRunIo, OpenItems};
use baton_coordinator::shard::{ItemsRead, MapRunContext, MapRunRecord, WrittenResults};
use baton_engine::{Failure, Payload, ReadItem};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

/// A machine that maps them to themselves, in children of this kind.
pub(crate) fn gated_map(kind: &str) -> Value {
    json!({"StartAt": "Each", "States": {"Each": {"Type": "Map", "Label": "L", "End": true,
        "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket": "b", "Key": "k"}},
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind}, "StartAt": "P",
            "States": {"P": {"Type": "Pass", "End": true}}}}}})
}

/// Three items, which come when they are let go.
pub(crate) struct GatedItems {
    asked: Semaphore,
    gate: Arc<Semaphore>,
}

impl Default for GatedItems {
    fn default() -> Self {
        Self { asked: Semaphore::new(0), gate: Arc::new(Semaphore::new(0)) }
    }
}

impl GatedItems {
    /// Somebody has asked for them.
    pub(crate) async fn asked(&self) {
        self.asked.acquire().await.expect("it is there").forget();
    }

    /// From now on they come.
    pub(crate) fn let_go(&self) {
        self.gate.add_permits(1_000);
    }

    /// Whether nobody reads them.
    pub(crate) fn is_unread(&self) -> bool {
        Arc::strong_count(&self.gate) == 1
    }
}

impl MapRunIo for GatedItems {
    fn open<'a>(&'a self, _: &'a Arc<MapRunContext>, _: Option<Arc<str>>) -> BoxFuture<'a, Result<Box<dyn OpenItems>, Failure>> {
        self.asked.add_permits(1);
        let items: Box<dyn OpenItems> = Box::new(Gated(self.gate.clone()));
        std::future::ready(Ok(items)).boxed()
    }

    fn write<'a>(
        &'a self,
        _: &'a Cluster,
        _: &'a Arc<MapRunContext>,
        _: &'a MapRunRecord,
    ) -> BoxFuture<'a, Result<WrittenResults, Failure>> {
        unreachable!("nothing of this test's is written")
    }
}

struct Gated(Arc<Semaphore>);

impl OpenItems for Gated {
    fn next(&mut self, _: usize) -> BoxFuture<'_, Result<ItemsRead, Failure>> {
        async {
            self.0.acquire().await.expect("the gate is there").forget();
            let item = |n: u64| ReadItem { value: Payload::from_validated(Bytes::from(n.to_string())), key: None, source: "here".into() };
            Ok(ItemsRead { items: (0..3).map(item).collect(), cursor: None, is_last: true })
        }
        .boxed()
    }
}
