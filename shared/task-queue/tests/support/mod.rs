//! What the tests of task queues share.
#![allow(dead_code, reason = "each test program uses a part of it")]

pub(crate) mod proxy;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use baton_local_services::RabbitMq;
use baton_task_queue::{Consumer, Delivery, Depth, Offer, RabbitMqQueue, RabbitMqSettings, TaskQueue};
use tokio::time::{sleep, timeout};

/// Of what must happen; long enough for a machine on which much else runs.
const PATIENCE: Duration = Duration::from_secs(60);
/// Of what must not happen.
const QUIET: Duration = Duration::from_millis(300);

pub(crate) fn offer(number: u32) -> Offer {
    let token = number.to_be_bytes().to_vec().into();
    Offer { token, offer_no: number % 3, scheduled_ms: 1_700_000_000_000 + i64::from(number), traceparent: String::new() }
}

pub(crate) fn offers(numbers: std::ops::Range<u32>) -> Vec<Offer> {
    numbers.map(offer).collect()
}

pub(crate) fn number(offer: &Offer) -> u32 {
    u32::from_be_bytes(offer.token[..].try_into().expect("a token made by offer()"))
}

pub(crate) fn numbers(delivery: &Delivery) -> Vec<u32> {
    delivery.offers.iter().map(number).collect()
}

pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(PATIENCE, what).await.expect("it does not happen")
}

pub(crate) async fn next(consumer: &mut Box<dyn Consumer>) -> Delivery {
    soon(consumer.next()).await.expect("the connection is there")
}

pub(crate) async fn nothing_comes(consumer: &mut Box<dyn Consumer>) {
    if let Ok(delivery) = timeout(QUIET, consumer.next()).await {
        panic!("nothing should have come: {delivery:?}");
    }
}

/// What a broker says of a queue lags behind what it does.
pub(crate) async fn depth_becomes(queue: &dyn TaskQueue, name: &str, wanted: Depth) {
    let mut last = None;
    for _ in 0..PATIENCE.as_millis() / 50 {
        last = queue.depth(name).await.expect("the broker is there");
        if last == Some(wanted) {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("the queue {name} stands at {last:?} instead of {wanted:?}");
}

pub(crate) async fn is_up(queue: &dyn TaskQueue) {
    soon(queue.link().wait_for(|link| link.is_up)).await.expect("the queue is there");
}

/// Takes and acknowledges until nothing has come for a while; how often each number came.
pub(crate) async fn drained(consumer: &mut Box<dyn Consumer>, at_least: usize) -> BTreeMap<u32, u32> {
    let mut seen = BTreeMap::new();
    loop {
        let wait = if seen.len() < at_least { PATIENCE } else { QUIET };
        let Ok(Some(delivery)) = timeout(wait, consumer.next()).await else {
            return seen;
        };
        numbers(&delivery).into_iter().for_each(|number| *seen.entry(number).or_default() += 1);
        delivery.acknowledge();
    }
}

pub(crate) fn each_once(numbers: std::ops::Range<u32>) -> BTreeMap<u32, u32> {
    numbers.map(|number| (number, 1)).collect()
}

/// Whatever other tests do at the same broker.
pub(crate) fn namespace() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("test{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

pub(crate) async fn connected(broker: &RabbitMq, namespace: &str) -> Arc<RabbitMqQueue> {
    connected_to(&broker.url(), namespace).await
}

pub(crate) async fn connected_to(url: &str, namespace: &str) -> Arc<RabbitMqQueue> {
    let queue = Arc::new(RabbitMqQueue::start(RabbitMqSettings::new(url, namespace).expect("an address")));
    is_up(&*queue).await;
    queue
}
