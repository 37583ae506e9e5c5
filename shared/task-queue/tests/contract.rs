//! What every task queue does, at both of ours: the broker in memory and a real RabbitMQ.

mod support;

use std::sync::{Arc, OnceLock};

use baton_local_services::RabbitMq;
use baton_task_queue::{Depth, MemoryQueue, OFFERS_PER_MESSAGE_MAX, TaskQueue};
use support::{connected, depth_becomes, drained, each_once, is_up, namespace, next, nothing_comes, number, numbers, offer, offers, soon};

const QUEUE: &str = "lambda:Pay";

/// One for all tests of this program; it ends with it.
fn rabbitmq() -> &'static RabbitMq {
    static BROKER: OnceLock<RabbitMq> = OnceLock::new();
    BROKER.get_or_init(|| RabbitMq::start().expect("rabbitmq-server is installed (scripts/services.sh)"))
}

macro_rules! contract {
    ($($name:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test] async fn $name() { super::$name(std::sync::Arc::new(super::MemoryQueue::new(1))).await; })*
        }
        mod rabbitmq {
            $(#[tokio::test(flavor = "multi_thread")] async fn $name() {
                super::$name(super::connected(super::rabbitmq(), &super::namespace()).await).await;
            })*
        }
    };
}

contract!(
    what_is_published_is_consumed,
    many_offers_are_several_messages,
    nothing_is_published_of_nothing,
    a_queue_is_there_once_somebody_has_used_it,
    prefetch_bounds_what_is_unacknowledged,
    prefetch_changes_while_it_runs,
    a_dropped_delivery_comes_again,
    a_dropped_consumer_keeps_nothing,
    consumers_share_a_queue,
    queues_of_odd_names_are_apart,
    ten_thousand_offers_come_once_each,
);

async fn what_is_published_is_consumed(queue: Arc<dyn TaskQueue>) {
    is_up(&*queue).await;
    assert!(queue.link().borrow().generation >= 1);
    queue.publish(QUEUE, vec![offer(7)]).await.expect("the broker takes it");
    let mut consumer = queue.consume(QUEUE, 10).await.expect("a consumer");
    let delivery = next(&mut consumer).await;
    assert_eq!((&delivery.offers, delivery.is_redelivered), (&vec![offer(7)], false));
    delivery.acknowledge();
    nothing_comes(&mut consumer).await;
}

async fn many_offers_are_several_messages(queue: Arc<dyn TaskQueue>) {
    queue.publish(QUEUE, offers(0..200)).await.expect("the broker takes them");
    let mut consumer = queue.consume(QUEUE, 10).await.expect("a consumer");
    let mut sizes = Vec::new();
    let mut seen = Vec::new();
    while seen.len() < 200 {
        let delivery = next(&mut consumer).await;
        sizes.push(delivery.offers.len());
        seen.extend(numbers(&delivery));
        delivery.acknowledge();
    }
    assert_eq!(sizes, [OFFERS_PER_MESSAGE_MAX, OFFERS_PER_MESSAGE_MAX, OFFERS_PER_MESSAGE_MAX, 8]);
    assert_eq!(seen, (0..200).collect::<Vec<_>>(), "without faults, the order is kept");
}

async fn nothing_is_published_of_nothing(queue: Arc<dyn TaskQueue>) {
    queue.publish(QUEUE, Vec::new()).await.expect("nothing is easily taken");
    let mut consumer = queue.consume(QUEUE, 10).await.expect("a consumer");
    nothing_comes(&mut consumer).await;
}

async fn a_queue_is_there_once_somebody_has_used_it(queue: Arc<dyn TaskQueue>) {
    assert_eq!(queue.depth("lambda:published").await, Ok(None));
    queue.publish("lambda:published", vec![offer(1)]).await.expect("the broker takes it");
    depth_becomes(&*queue, "lambda:published", Depth { ready: 1, consumers: 0 }).await;
    assert_eq!(queue.depth("lambda:consumed").await, Ok(None));
    let consumer = queue.consume("lambda:consumed", 1).await.expect("a consumer");
    depth_becomes(&*queue, "lambda:consumed", Depth { ready: 0, consumers: 1 }).await;
    drop(consumer);
    depth_becomes(&*queue, "lambda:consumed", Depth { ready: 0, consumers: 0 }).await;
}

async fn prefetch_bounds_what_is_unacknowledged(queue: Arc<dyn TaskQueue>) {
    for number in 0..10 {
        queue.publish(QUEUE, vec![offer(number)]).await.expect("the broker takes it");
    }
    let mut consumer = queue.consume(QUEUE, 3).await.expect("a consumer");
    let held = [next(&mut consumer).await, next(&mut consumer).await, next(&mut consumer).await];
    nothing_comes(&mut consumer).await;
    depth_becomes(&*queue, QUEUE, Depth { ready: 7, consumers: 1 }).await;
    let [first, second, third] = held;
    first.acknowledge();
    let fourth = next(&mut consumer).await;
    assert_eq!(numbers(&fourth), [3]);
    nothing_comes(&mut consumer).await;
    depth_becomes(&*queue, QUEUE, Depth { ready: 6, consumers: 1 }).await;
    [second, third, fourth].into_iter().for_each(baton_task_queue::Delivery::acknowledge);
    assert_eq!(drained(&mut consumer, 6).await, each_once(4..10));
}

async fn prefetch_changes_while_it_runs(queue: Arc<dyn TaskQueue>) {
    for number in 0..20 {
        queue.publish(QUEUE, vec![offer(number)]).await.expect("the broker takes it");
    }
    let mut consumer = queue.consume(QUEUE, 0).await.expect("a consumer");
    nothing_comes(&mut consumer).await;
    let ready = |ready| Depth { ready, consumers: 1 };

    consumer.set_prefetch(4).await.expect("it is there");
    let mut held = vec![next(&mut consumer).await, next(&mut consumer).await];
    depth_becomes(&*queue, QUEUE, ready(16)).await;

    // Two are sent ahead and not taken: they go back, so that others may have them.
    consumer.set_prefetch(0).await.expect("it is there");
    nothing_comes(&mut consumer).await;
    let mut other = queue.consume(QUEUE, 100).await.expect("another consumer");
    let mut seen = drained(&mut other, 18).await;
    assert_eq!(seen.len(), 18);
    drop(other);

    consumer.set_prefetch(2).await.expect("it is there");
    queue.publish(QUEUE, vec![offer(100)]).await.expect("the broker takes it");
    nothing_comes(&mut consumer).await;
    held.remove(0).acknowledge();
    assert_eq!(numbers(&next(&mut consumer).await), [100], "the place of the first");
    consumer.set_prefetch(50).await.expect("it is there");
    held.remove(0).acknowledge();
    queue.publish(QUEUE, offers(200..201)).await.expect("the broker takes it");
    seen.extend(drained(&mut consumer, 2).await);
    assert_eq!(seen.len(), 20, "{seen:?}");
}

async fn a_dropped_delivery_comes_again(queue: Arc<dyn TaskQueue>) {
    queue.publish(QUEUE, vec![offer(1)]).await.expect("the broker takes it");
    let mut consumer = queue.consume(QUEUE, 10).await.expect("a consumer");
    drop(next(&mut consumer).await);
    let again = next(&mut consumer).await;
    assert_eq!((numbers(&again), again.is_redelivered), (vec![1], true));
    again.acknowledge();
    nothing_comes(&mut consumer).await;
    depth_becomes(&*queue, QUEUE, Depth { ready: 0, consumers: 1 }).await;
}

async fn a_dropped_consumer_keeps_nothing(queue: Arc<dyn TaskQueue>) {
    for number in 0..6 {
        queue.publish(QUEUE, vec![offer(number)]).await.expect("the broker takes it");
    }
    let mut first = queue.consume(QUEUE, 4).await.expect("a consumer");
    next(&mut first).await.acknowledge();
    let held = next(&mut first).await;
    drop(first);
    let mut second = queue.consume(QUEUE, 10).await.expect("another consumer");
    let seen = drained(&mut second, 5).await;
    assert_eq!(seen, each_once(1..6), "the acknowledged one is gone, the one that was held has come again");
    // Somebody else has it: this has no effect, and does no harm.
    held.acknowledge();
    queue.publish(QUEUE, vec![offer(9)]).await.expect("the broker takes it");
    assert_eq!(numbers(&next(&mut second).await), [9]);
}

async fn consumers_share_a_queue(queue: Arc<dyn TaskQueue>) {
    let mut first = queue.consume(QUEUE, 5).await.expect("a consumer");
    let mut second = queue.consume(QUEUE, 5).await.expect("a consumer");
    depth_becomes(&*queue, QUEUE, Depth { ready: 0, consumers: 2 }).await;
    for number in 0..10 {
        queue.publish(QUEUE, vec![offer(number)]).await.expect("the broker takes it");
    }
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(next(&mut first).await);
        held.push(next(&mut second).await);
    }
    let mut seen: Vec<u32> = held.iter().flat_map(numbers).collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..10).collect::<Vec<_>>());
}

async fn queues_of_odd_names_are_apart(queue: Arc<dyn TaskQueue>) {
    let long = format!("activity:{}", "x".repeat(300));
    let names = ["lambda:a", "lambda:A", "lambda:a b", "lambda:a%20b", "lambda:ä\n", "", &long, &format!("{long}y")];
    for (number, name) in (0..).zip(names) {
        queue.publish(name, vec![offer(number)]).await.expect("the broker takes it");
    }
    for (number, name) in (0..).zip(names) {
        let mut consumer = queue.consume(name, 10).await.expect("a consumer");
        assert_eq!(drained(&mut consumer, 1).await, each_once(number..number + 1), "{name:?}");
    }
}

async fn ten_thousand_offers_come_once_each(queue: Arc<dyn TaskQueue>) {
    let publishers = (0..10_u32).map(|part| {
        let queue = queue.clone();
        tokio::spawn(async move {
            for number in (part * 1000..(part + 1) * 1000).step_by(2) {
                queue.publish(QUEUE, offers(number..number + 2)).await.expect("the broker takes them");
            }
        })
    });
    let publishers: Vec<_> = publishers.collect();
    let mut consumers = Vec::new();
    for _ in 0..3 {
        consumers.push(queue.consume(QUEUE, 64).await.expect("a consumer"));
    }
    let taking = consumers.into_iter().map(|mut consumer| {
        tokio::spawn(async move {
            let mut seen = Vec::new();
            while let Ok(Some(delivery)) = tokio::time::timeout(std::time::Duration::from_secs(3), consumer.next()).await {
                seen.extend(delivery.offers.iter().map(number));
                delivery.acknowledge();
            }
            seen
        })
    });
    let taking: Vec<_> = taking.collect();
    for publisher in publishers {
        soon(publisher).await.expect("no publisher has failed");
    }
    let mut seen = Vec::new();
    for task in taking {
        seen.extend(soon(task).await.expect("no consumer has failed"));
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..10_000).collect::<Vec<_>>());
}
