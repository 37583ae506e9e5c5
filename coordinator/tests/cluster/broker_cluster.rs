//! A broker of three members, most of which are gone: its quorum queues have no leader, and confirm nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use baton_local_services::RabbitMqCluster;
use baton_task_queue::{MemoryQueue, QueueType, RabbitMqQueue, RabbitMqSettings, TaskQueue};

use crate::broker::{Kind, Site, ways};
use crate::support::*;

/// Three members start in half a minute, and each way takes some seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "heavy: `make broker-cluster` runs it"]
async fn queues_without_a_majority_hold_nothing_up_and_nothing_runs_twice() {
    let broker = RabbitMqCluster::start(3).expect("rabbitmq-server is installed (scripts/services.sh)");
    for (kind, place) in ways() {
        let mut settings = RabbitMqSettings::new(&broker.members[0].url(), format!("{kind:?}-{place:?}")).expect("an address");
        settings.queue_type = Some(QueueType::Quorum);
        let connect = move || Arc::new(RabbitMqQueue::start(settings.clone())) as Arc<dyn TaskQueue>;
        let site = Site::over(place, &task_machine(FUNCTION), MemoryQueue::new(0), Box::new(connect)).await;
        let _workers = [site.worker(kind, 4), site.worker(kind, 4)];
        site.start_some(0..60).await;
        site.have_begun(8).await;
        site.gate.add_permits(20);
        site.have_begun(20).await;

        let cut_off = Instant::now();
        broker.members[1..].iter().for_each(|member| member.pause());
        site.start_some(60..100).await;
        site.open_gate();
        match kind {
            // What the broker has confirmed and does not give out, and what it does not confirm, goes over sessions.
            Kind::Grpc | Kind::Offer => {
                while site.begun() < 100 && cut_off.elapsed() < Duration::from_secs(90) {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                assert_eq!(site.begun(), 100);
            }
            // These hear nothing from the broker, as if there were nothing to do, and have their tasks when it is back.
            Kind::Broker => tokio::time::sleep(Duration::from_secs(12)).await,
        }
        println!(
            "{kind:?} {place:?}: {} had begun {:.1} s after two of three members were gone",
            site.begun(),
            cut_off.elapsed().as_secs_f64()
        );
        broker.members[1..].iter().for_each(|member| member.resume());

        site.start_some(100..120).await;
        site.all_have_run_once(120).await;
        // What the queues still had is offered and denied.
        tokio::time::sleep(Duration::from_secs(2)).await;
        site.all_have_run_once(120).await;
    }
}
