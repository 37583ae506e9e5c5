//! A member whose lease lapses because its store is silent, and that has it again: nobody took its shards meanwhile, and nothing that it told itself is
//! lost.

use std::sync::Arc;
use std::time::Duration;

use baton_coordinator::cluster::{MapRunIo, NoMapRunIo, Status};
use baton_proto::worker::v1::Code;
use serde_json::Value;

use crate::gated_items::{GatedItems, gated_map};
use crate::link::Link;
use crate::sharing::{LIFETIME, end_at_owner, reading, start_at_owner, store, until_all_at_work};
use crate::support::*;

/// What a host is told is handled within this time, on a busy machine too.
const HANDLED: Duration = Duration::from_millis(300);

/// A member beside which there is none, over a store that can be cut off.
struct OnlyMember {
    link: Arc<Link>,
    system: System,
}

impl OnlyMember {
    async fn open(definition: &Value, items: Arc<dyn MapRunIo>) -> Self {
        let link = Arc::new(Link::new(store()));
        let system = reading(&link, definition, "a", 4, items).await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_that_are_read_while_the_lease_has_lapsed_are_mapped() {
    for kind in ["STANDARD", "EXPRESS"] {
        let items = Arc::new(GatedItems::default());
        let member = OnlyMember::open(&gated_map(kind), items.clone()).await;
        start_at_owner(&[&member.system], "e", "{}").await;
        within(items.asked()).await;
        member.lapses_during(async { items.let_go() }).await;
        assert_eq!(member.ends("e").await.as_deref(), Some("[0,1,2]"), "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_for_which_a_slot_comes_free_while_the_lease_has_lapsed_is_granted() {
    let member = OnlyMember::open(&task_machine(FUNCTION), Arc::new(NoMapRunIo)).await;
    start_at_owner(&[&member.system], "e", "{}").await;
    let mut worker = member.lapses_during(TestWorker::connect(&member.system, hello("lambda:f", 1))).await;
    let granted = within(worker.granted()).await;
    assert_eq!(worker.succeed(&granted, "7").await, Code::Applied);
    assert_eq!(member.ends("e").await.as_deref(), Some("7"));
}
