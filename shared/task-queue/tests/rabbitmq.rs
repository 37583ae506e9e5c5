//! What only a real RabbitMQ shows: a broker that is killed, queues that others delete or declare, messages of others, connections that are cut.

mod support;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use baton_local_services::RabbitMq;
use baton_task_queue::{Depth, QueueError, QueueType, RabbitMqQueue, RabbitMqSettings, TaskQueue};
use lapin::options::{BasicPublishOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ExchangeKind};
use support::proxy::Proxy;
use support::{
    connected, connected_to, depth_becomes, drained, each_once, is_up, namespace, next, nothing_comes, number, numbers, offer, offers, soon,
};
use tokio::time::sleep;

const QUEUE: &str = "lambda:Pay";

/// One for the tests that leave it running.
fn shared_broker() -> &'static RabbitMq {
    static BROKER: OnceLock<RabbitMq> = OnceLock::new();
    BROKER.get_or_init(new_broker)
}

fn new_broker() -> RabbitMq {
    RabbitMq::start().expect("rabbitmq-server is installed (scripts/services.sh)")
}

/// A client of somebody else.
async fn stranger(broker: &RabbitMq) -> (Connection, Channel) {
    let connection = Connection::connect(&broker.url(), ConnectionProperties::default()).await.expect("the broker is there");
    let channel = connection.create_channel().await.expect("a channel");
    (connection, channel)
}

fn at_broker(namespace: &str) -> String {
    format!("q.{namespace}.{QUEUE}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_broker_has_what_it_confirmed_and_consumers_come_back() {
    let mut broker = new_broker();
    let queue = connected(&broker, "n").await;
    let before = *queue.link().borrow();
    let mut consumer = queue.consume("lambda:Other", 10).await.expect("a consumer");
    let confirmed = Arc::new(Mutex::new(BTreeSet::new()));
    let publishing = tokio::spawn(publish_until_an_error(queue.clone(), confirmed.clone()));
    while confirmed.lock().expect("nobody has panicked").len() < 500 {
        sleep(Duration::from_millis(5)).await;
    }
    broker.kill();
    let error = soon(publishing).await.expect("the publisher has not panicked");
    assert!(matches!(error, QueueError::Away(_)), "{error}");
    assert!(soon(consumer.next()).await.is_none(), "a consumer ends with the connection");
    soon(queue.link().wait_for(|link| !link.is_up)).await.expect("the queue is there");
    assert!(matches!(queue.publish(QUEUE, offers(0..1)).await, Err(QueueError::Away(_))));
    assert!(matches!(queue.depth(QUEUE).await, Err(QueueError::Away(_))));

    let broker = tokio::task::spawn_blocking(move || {
        broker.restart().expect("it starts again");
        broker
    });
    let broker = broker.await.expect("it has started");
    is_up(&*queue).await;
    assert!(queue.link().borrow().generation > before.generation);
    let mut consumer = queue.consume(QUEUE, 256).await.expect("a consumer");
    let confirmed = confirmed.lock().expect("nobody has panicked").clone();
    let seen = drained(&mut consumer, confirmed.len()).await;
    let lost: Vec<&u32> = confirmed.iter().filter(|number| !seen.contains_key(number)).collect();
    assert!(lost.is_empty(), "confirmed and lost: {lost:?}");
    drop(broker);
}

/// In windows of a few, as a coordinator does. What was confirmed is written down.
async fn publish_until_an_error(queue: Arc<RabbitMqQueue>, confirmed: Arc<Mutex<BTreeSet<u32>>>) -> QueueError {
    for from in (0..).step_by(8) {
        let batch = (from..from + 8).map(|number| {
            let queue = queue.clone();
            async move { queue.publish(QUEUE, vec![offer(number)]).await.map(|()| number) }
        });
        for outcome in futures_util::future::join_all(batch).await {
            match outcome {
                Ok(number) => confirmed.lock().expect("nobody has panicked").insert(number),
                Err(error) => return error,
            };
        }
    }
    unreachable!("there are more numbers than a broker takes before it is killed")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_deleted_behind_our_back_is_made_again() {
    let namespace = namespace();
    let queue = connected(shared_broker(), &namespace).await;
    let (_connection, channel) = stranger(shared_broker()).await;
    let delete =
        || async { channel.queue_delete(at_broker(&namespace).as_str().into(), QueueDeleteOptions::default()).await.expect("it is there") };

    // Without a consumer: messages come back, and the publisher makes the queue. The ones before are gone with it.
    queue.publish(QUEUE, vec![offer(1)]).await.expect("the broker takes it");
    delete().await;
    let publishing = (10..40).map(|number| queue.publish(QUEUE, vec![offer(number)]));
    let outcomes = futures_util::future::join_all(publishing).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let generation = queue.link().borrow().generation;
    let mut consumer = queue.consume(QUEUE, 100).await.expect("a consumer");
    assert_eq!(drained(&mut consumer, 30).await, each_once(10..40));

    // With a consumer that holds something: it goes on with the new queue.
    queue.publish(QUEUE, vec![offer(50)]).await.expect("the broker takes it");
    let held = next(&mut consumer).await;
    delete().await;
    depth_becomes(&*queue, QUEUE, Depth { ready: 0, consumers: 1 }).await;
    held.acknowledge();
    queue.publish(QUEUE, vec![offer(51)]).await.expect("the broker takes it");
    assert_eq!(numbers(&next(&mut consumer).await), [51]);
    assert_eq!(queue.link().borrow().generation, generation, "nobody has lost a connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_of_somebody_else_is_foreign_and_disturbs_nobody() {
    let namespace = namespace();
    let queue = connected(shared_broker(), &namespace).await;
    let mut ours = queue.consume("lambda:Ours", 10).await.expect("a consumer");
    let (_connection, channel) = stranger(shared_broker()).await;
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(10));
    channel.queue_declare(at_broker(&namespace).as_str().into(), QueueDeclareOptions::durable(), arguments).await.expect("a queue");
    for error in [
        queue.publish(QUEUE, vec![offer(1)]).await.expect_err("it is foreign"),
        queue.consume(QUEUE, 1).await.err().expect("it is foreign"),
    ] {
        let QueueError::Foreign { what, reason } = &error else { panic!("{error}") };
        assert_eq!(*what, format!("the queue {}", at_broker(&namespace)));
        assert!(reason.contains("PRECONDITION_FAILED") && reason.contains("x-"), "{reason}");
    }
    let generation = queue.link().borrow().generation;
    queue.publish("lambda:Ours", vec![offer(2)]).await.expect("the connection goes on");
    assert_eq!(numbers(&next(&mut ours).await), [2], "the other consumer too");
    assert_eq!((queue.link().borrow().generation, queue.link().borrow().is_up), (generation, true));
    // Gone, it is ours.
    channel.queue_delete(at_broker(&namespace).as_str().into(), QueueDeleteOptions::default()).await.expect("it is there");
    queue.publish(QUEUE, vec![offer(3)]).await.expect("the broker takes it");

    let exclusive = format!("q.{namespace}.lambda:Locked");
    channel.queue_declare(exclusive.as_str().into(), QueueDeclareOptions::exclusive(), FieldTable::default()).await.expect("a queue");
    let error = queue.publish("lambda:Locked", vec![offer(1)]).await.expect_err("it is locked");
    assert!(matches!(&error, QueueError::Foreign { reason, .. } if reason.contains("RESOURCE_LOCKED")), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_of_somebody_else_is_foreign() {
    let broker = new_broker();
    let (_connection, channel) = stranger(&broker).await;
    let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare("baton".into(), ExchangeKind::Fanout, options, FieldTable::default()).await.expect("an exchange");
    let queue = RabbitMqQueue::start(RabbitMqSettings::new(&broker.url(), "n").expect("an address"));
    let error = loop {
        match queue.publish(QUEUE, vec![offer(1)]).await {
            Err(QueueError::Away(_)) => sleep(Duration::from_millis(20)).await,
            other => break other.expect_err("it is foreign"),
        }
    };
    assert!(matches!(&error, QueueError::Foreign { what, reason } if what == "the exchange baton" && reason.contains("'type'")), "{error}");
    assert!(!queue.link().borrow().is_up);
    channel.exchange_delete("baton".into(), Default::default()).await.expect("it is there");
    is_up(&queue).await;
    queue.publish(QUEUE, vec![offer(1)]).await.expect("the broker takes it");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_that_goes_comes_back_with_another_connection() {
    let broker = new_broker();
    let queue = connected(&broker, "n").await;
    let generation = queue.link().borrow().generation;
    queue.publish(QUEUE, vec![offer(1)]).await.expect("the broker takes it");
    let (_connection, channel) = stranger(&broker).await;
    channel.exchange_delete("baton".into(), Default::default()).await.expect("it is there");
    assert!(matches!(queue.publish(QUEUE, vec![offer(2)]).await, Err(QueueError::Away(_))));
    soon(queue.link().wait_for(|link| link.is_up && link.generation > generation)).await.expect("the queue is there");
    queue.publish(QUEUE, vec![offer(3)]).await.expect("the broker takes it");
    let mut consumer = queue.consume(QUEUE, 10).await.expect("a consumer");
    assert_eq!(drained(&mut consumer, 2).await.into_keys().collect::<Vec<_>>(), [1, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_others_are_dropped_and_do_not_stop_ours() {
    let namespace = namespace();
    let queue = connected(shared_broker(), &namespace).await;
    let mut consumer = queue.consume(QUEUE, 2).await.expect("a consumer");
    let (_connection, channel) = stranger(shared_broker()).await;
    let ours = BasicProperties::default().with_content_type("application/x-baton-offers".into());
    for (body, properties) in [(&b"hello"[..], BasicProperties::default()), (b"\xff\xff", ours.clone()), (b"", ours)] {
        for _ in 0..5 {
            let options = BasicPublishOptions::default();
            let sent = channel.basic_publish("baton".into(), at_broker(&namespace).as_str().into(), options, body, properties.clone());
            sent.await.expect("the broker is there").await.expect("it takes it");
        }
    }
    queue.publish(QUEUE, vec![offer(1)]).await.expect("the broker takes it");
    assert_eq!(drained(&mut consumer, 1).await, each_once(1..2));
    drop(consumer);
    depth_becomes(&*queue, QUEUE, Depth { ready: 0, consumers: 0 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_as_documented() {
    let namespace = namespace();
    let queue = connected(shared_broker(), &namespace).await;
    let (_connection, channel) = stranger(shared_broker()).await;
    let copies = format!("copies-{namespace}");
    channel.queue_declare(copies.as_str().into(), QueueDeclareOptions::exclusive(), FieldTable::default()).await.expect("a queue");
    let (name, options) = (at_broker(&namespace), QueueBindOptions::default());
    channel.queue_bind(copies.as_str().into(), "baton".into(), name.as_str().into(), options, FieldTable::default()).await.expect("bound");
    queue.publish(QUEUE, vec![offer(1)]).await.expect("the broker takes it");
    let message =
        channel.basic_get(copies.as_str().into(), Default::default()).await.expect("the broker is there").expect("a copy").delivery;
    let properties = &message.properties;
    assert_eq!(properties.content_type().as_ref().map(|text| text.as_str()), Some("application/x-baton-offers"));
    assert_eq!(*properties.delivery_mode(), Some(2));
    let headers = properties.headers().clone().unwrap_or_default();
    let header = |name: &str| headers.inner().get(name).cloned();
    assert_eq!(header("ns"), Some(AMQPValue::LongString(namespace.as_str().into())));
    assert_eq!(header("queue"), Some(AMQPValue::LongString(QUEUE.into())));
    assert_eq!(header("v"), Some(AMQPValue::LongUInt(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_and_takes_again_later() {
    let broker = new_broker();
    broker.ctl(&["set_policy", "small", "^q\\.", r#"{"max-length":5,"overflow":"reject-publish"}"#]).expect("a policy");
    let queue = connected(&broker, "n").await;
    let mut taken = 0;
    let error = loop {
        match queue.publish(QUEUE, vec![offer(taken)]).await {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, QueueError::Refused { .. }), "{error}");
    let mut consumer = queue.consume(QUEUE, 100).await.expect("a consumer");
    assert_eq!(drained(&mut consumer, taken as usize).await, each_once(0..taken));
    queue.publish(QUEUE, vec![offer(99)]).await.expect("there is room again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_short_of_memory_refuses_and_is_not_given_up() {
    let broker = new_broker();
    let queue = connected(&broker, "n").await;
    queue.publish(QUEUE, vec![offer(1)]).await.expect("the broker takes it");
    broker.ctl(&["set_vm_memory_high_watermark", "0.00001"]).expect("it can be set");
    // The broker tells a publisher that it is blocked when that publishes.
    let mut refused = 0;
    while refused < 3 {
        match queue.publish(QUEUE, vec![offer(2)]).await {
            Err(QueueError::Refused { reason, .. }) => refused += usize::from(reason.contains("memory")),
            other => assert_eq!(other, Ok(()), "before the alarm"),
        }
        sleep(Duration::from_millis(50)).await;
    }
    let mut consumer = queue.consume(QUEUE, 10).await.expect("consumers go on");
    assert_eq!(numbers(&next(&mut consumer).await), [1]);
    broker.ctl(&["set_vm_memory_high_watermark", "0.4"]).expect("it can be set");
    soon(async {
        while queue.publish(QUEUE, vec![offer(3)]).await.is_err() {
            sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    assert_eq!(queue.link().borrow().generation, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn quorum_and_classic_queues_are_ours_both() {
    let namespace = namespace();
    let with = |queue_type| RabbitMqSettings {
        queue_type: Some(queue_type),
        ..RabbitMqSettings::new(&shared_broker().url(), &namespace).expect("an address")
    };
    let (classic, quorum) = (RabbitMqQueue::start(with(QueueType::Classic)), RabbitMqQueue::start(with(QueueType::Quorum)));
    is_up(&classic).await;
    is_up(&quorum).await;
    // Whoever comes first decides, and the other takes it as it is.
    quorum.publish("lambda:A", vec![offer(1)]).await.expect("the broker takes it");
    classic.publish("lambda:A", vec![offer(2)]).await.expect("the broker takes it");
    classic.publish("lambda:B", vec![offer(3)]).await.expect("the broker takes it");
    let mut first = classic.consume("lambda:A", 10).await.expect("a consumer");
    assert_eq!(drained(&mut first, 2).await, each_once(1..3));
    let mut second = quorum.consume("lambda:B", 10).await.expect("a consumer");
    assert_eq!(drained(&mut second, 1).await, each_once(3..4));
    let types = shared_broker().ctl(&["list_queues", "--silent", "name", "type"]).expect("queues");
    let type_of =
        |name: &str| types.lines().find(|line| line.starts_with(name)).and_then(|line| line.split('\t').nth(1).map(str::to_owned));
    assert_eq!(type_of(&format!("q.{namespace}.lambda:A")).as_deref(), Some("quorum"));
    assert_eq!(type_of(&format!("q.{namespace}.lambda:B")).as_deref(), Some("classic"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_cut_in_the_middle_loses_nothing_that_was_confirmed() {
    let proxy = Proxy::start(shared_broker().port()).await;
    let queue = connected_to(&format!("amqp://guest:guest@127.0.0.1:{}/%2f", proxy.port()), &namespace()).await;
    let mut confirmed = BTreeSet::new();
    let mut last = 0;
    for round in 0..8_u32 {
        let link = queue.link().borrow().generation;
        let cutting = async {
            sleep(Duration::from_millis(u64::from(5 + 7 * round))).await;
            proxy.cut();
        };
        let publishing = async {
            let numbers = last..last + 400;
            let each = numbers.clone().map(|number| {
                let queue = queue.clone();
                async move { queue.publish(QUEUE, vec![offer(number)]).await.map(|()| number) }
            });
            futures_util::future::join_all(each).await
        };
        let ((), outcomes) = soon(async { tokio::join!(cutting, publishing) }).await;
        last += 400;
        confirmed.extend(outcomes.into_iter().flatten());
        soon(queue.link().wait_for(|now| now.is_up && now.generation > link)).await.expect("the queue is there");
    }
    queue.publish(QUEUE, vec![offer(last)]).await.expect("it is there again");
    confirmed.insert(last);
    let mut consumer = queue.consume(QUEUE, 100).await.expect("a consumer");
    let seen = drained(&mut consumer, confirmed.len()).await;
    let lost: Vec<&u32> = confirmed.iter().filter(|number| !seen.contains_key(number)).collect();
    assert!(lost.is_empty(), "confirmed and lost: {lost:?}");
    assert!(confirmed.len() < last as usize + 1, "no connection was cut in the middle");
    assert!(seen.values().all(|times| *times == 1), "nothing was published twice: {seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_cut_consumer_held_comes_again() {
    let proxy = Proxy::start(shared_broker().port()).await;
    let queue = connected_to(&format!("amqp://guest:guest@127.0.0.1:{}/%2f", proxy.port()), &namespace()).await;
    queue.publish(QUEUE, vec![offer(1)]).await.expect("the broker takes it");
    let mut consumer = queue.consume(QUEUE, 10).await.expect("a consumer");
    let held = next(&mut consumer).await;
    let generation = queue.link().borrow().generation;
    proxy.cut();
    assert!(soon(consumer.next()).await.is_none());
    assert!(consumer.set_prefetch(3).await.is_err());
    held.acknowledge();
    soon(queue.link().wait_for(|link| link.is_up && link.generation > generation)).await.expect("the queue is there");
    let mut consumer = queue.consume(QUEUE, 10).await.expect("a consumer");
    let again = next(&mut consumer).await;
    assert_eq!((again.offers.iter().map(number).collect::<Vec<_>>(), again.is_redelivered), (vec![1], true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_falls_silent_is_given_up_in_bounded_time() {
    let broker = new_broker();
    let queue = connected(&broker, "n").await;
    queue.publish(QUEUE, vec![offer(1)]).await.expect("the broker takes it");
    let mut consumer = queue.consume("lambda:Other", 1).await.expect("a consumer");
    broker.pause();
    let error = soon(queue.publish(QUEUE, vec![offer(2)])).await.expect_err("nobody confirms");
    assert!(matches!(&error, QueueError::Away(reason) if reason.contains("no confirmation within 10 s")), "{error}");
    soon(queue.link().wait_for(|link| !link.is_up)).await.expect("the queue is there");
    assert!(soon(consumer.next()).await.is_none(), "heartbeats tell the consumers' connection");
    broker.resume();
    is_up(&*queue).await;
    queue.publish(QUEUE, vec![offer(3)]).await.expect("the broker takes it");
    let mut consumer = queue.consume(QUEUE, 10).await.expect("a consumer");
    let seen = drained(&mut consumer, 2).await;
    assert!(seen.contains_key(&1) && seen.contains_key(&3), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_are_said_and_tried_again() {
    let broker = shared_broker();
    let url = format!("amqp://baton:wrong@127.0.0.1:{}/%2f", broker.port());
    let queue = RabbitMqQueue::start(RabbitMqSettings::new(&url, "n").expect("an address"));
    let error = soon(async {
        loop {
            match queue.publish(QUEUE, vec![offer(1)]).await {
                Err(QueueError::Away(reason)) if reason.contains("ACCESS_REFUSED") => return reason,
                Err(QueueError::Away(_)) => sleep(Duration::from_millis(20)).await,
                other => panic!("{other:?}"),
            }
        }
    })
    .await;
    assert!(!error.contains("wrong"), "{error}");
    nothing_more_than_away(&queue).await;
}

async fn nothing_more_than_away(queue: &RabbitMqQueue) {
    assert!(matches!(queue.depth(QUEUE).await, Err(QueueError::Away(_))));
    assert!(matches!(queue.consume(QUEUE, 1).await.err(), Some(QueueError::Away(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_of_two_addresses_serves_when_the_first_is_not_there() {
    let nobody = baton_local_services::free_port();
    let urls = format!("amqp://guest:guest@127.0.0.1:{nobody}/%2f,{}", shared_broker().url());
    let queue = connected_to(&urls, &namespace()).await;
    queue.publish(QUEUE, vec![offer(1)]).await.expect("the broker takes it");
    let mut consumer = queue.consume(QUEUE, 1).await.expect("a consumer");
    let delivery = next(&mut consumer).await;
    assert_eq!(numbers(&delivery), [1]);
    delivery.acknowledge();
    nothing_comes(&mut consumer).await;
}
