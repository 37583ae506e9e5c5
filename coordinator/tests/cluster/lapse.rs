//! A member whose lease lapses because its store is silent, and that has it again: nobody took its shards meanwhile, and nothing that it told itself is
//! lost.

use std::sync::Arc;
use std::time::Duration;

use baton_coordinator::cluster::{Cluster, MapRunIo, MemberConfig, OpenItems, Status};
use baton_coordinator::shard::{ItemsRead, MapRunContext, MapRunRecord, WrittenResults};
use baton_coordinator::store::Membership;
use baton_engine::{Failure, Payload, ReadItem};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::sharing::{LIFETIME, Link, end_at_owner, start_at_owner, store, until_all_at_work};
use crate::support::*;

/// What a host is told is handled within this time, on a busy machine too.
const HANDLED: Duration = Duration::from_millis(300);

/// A member that is alone, over a store that can be cut off.
struct Alone {
    link: Arc<Link>,
    system: System,
}

impl Alone {
    async fn open(definition: &Value, items: Arc<dyn MapRunIo>) -> Self {
        let link = Arc::new(Link::new(store()));
        let membership: Arc<dyn Membership> = link.clone();
        let member = MemberConfig { membership, name: "a".into(), address: "a".into(), weight: 4, catalog: None, holding: None };
        let system = System::with(link.clone(), definition, |config| {
            config.member = Some(member);
            config.map_run_io = items;
        });
        let system = system.await;
        until_all_at_work(&[&system]).await;
        Self { link, system }
    }

    /// Something happens when the leases have lapsed, and is handled before the store answers again.
    async fn lapses_during<T>(&self, what: impl Future<Output = T>) -> T {
        self.link.cut(true);
        tokio::time::sleep(LIFETIME).await;
        let result = what.await;
        tokio::time::sleep(HANDLED).await;
        self.link.cut(false);
        result
    }

    async fn ends(self, name: &str) -> Option<String> {
        let record = end_at_owner(&[&self.system], name).await;
        assert_eq!(record.status, Status::Succeeded, "{record:?}");
        self.system.crash();
        record.output.map(|output| output.text().to_owned())
    }
}

/// Three items, which come when they are let go.
struct GatedItems {
    asked: Semaphore,
    gate: Arc<Semaphore>,
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_that_are_read_while_the_lease_has_lapsed_are_mapped() {
    for kind in ["STANDARD", "EXPRESS"] {
        let definition = json!({"StartAt": "Each", "States": {"Each": {"Type": "Map", "Label": "L", "End": true,
            "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"},
                "Parameters": {"Bucket": "b", "Key": "k"}},
            "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind}, "StartAt": "P",
                "States": {"P": {"Type": "Pass", "End": true}}}}}});
        let items = Arc::new(GatedItems { asked: Semaphore::new(0), gate: Arc::new(Semaphore::new(0)) });
        let alone = Alone::open(&definition, items.clone()).await;
        start_at_owner(&[&alone.system], "e", "{}").await;
        within(items.asked.acquire()).await.expect("it is there").forget();
        alone.lapses_during(async { items.gate.add_permits(100) }).await;
        assert_eq!(alone.ends("e").await.as_deref(), Some("[0,1,2]"), "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_for_which_a_slot_comes_free_while_the_lease_has_lapsed_is_granted() {
    let alone = Alone::open(&task_machine(FUNCTION), Arc::new(baton_coordinator::cluster::NoMapRunIo)).await;
    start_at_owner(&[&alone.system], "e", "{}").await;
    let mut worker = alone.lapses_during(TestWorker::connect(&alone.system, hello("lambda:f", 1))).await;
    let granted = within(worker.granted()).await;
    assert_eq!(worker.succeed(&granted, "7").await, baton_proto::worker::v1::Code::Applied);
    assert_eq!(alone.ends("e").await.as_deref(), Some("7"));
}
