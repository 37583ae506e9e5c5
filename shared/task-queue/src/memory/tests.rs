use futures_util::FutureExt;

use super::*;

const QUEUE: &str = "lambda:Pay";

fn offer(number: u32) -> Offer {
    Offer { token: number.to_be_bytes().to_vec().into(), ..Offer::default() }
}

fn number(offer: &Offer) -> u32 {
    u32::from_be_bytes(offer.token[..].try_into().expect("a token made by offer()"))
}

/// Everything happens inside the calls: no future of this broker ever waits, except `next` without a message.
fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("a broker in memory answers at once")
}

fn published(queue: &MemoryQueue, numbers: std::ops::Range<u32>) -> Vec<Result<(), QueueError>> {
    numbers.map(|number| now(queue.publish(QUEUE, vec![offer(number)]))).collect()
}

fn all_there(queue: &MemoryQueue) -> Vec<u32> {
    let mut consumer = now(queue.consume(QUEUE, 100)).expect("a consumer");
    let mut seen = Vec::new();
    while let Some(delivery) = consumer.next().now_or_never().flatten() {
        seen.extend(delivery.offers.iter().map(number));
        delivery.acknowledge();
    }
    seen
}

fn with(faults: Faults, seed: u64) -> (Vec<Result<(), QueueError>>, Vec<u32>) {
    let queue = MemoryQueue::new(seed);
    queue.set_faults(faults);
    (published(&queue, 0..1000), all_there(&queue))
}

#[test]
fn faults_hit_as_often_as_told_and_repeat_with_the_seed() {
    let (answers, seen) = with(Faults { lost: 100, ..Faults::default() }, 7);
    assert!(answers.iter().all(Result::is_ok), "a lost message is confirmed");
    assert!((800..980).contains(&seen.len()), "{}", seen.len());
    assert_eq!(seen, with(Faults { lost: 100, ..Faults::default() }, 7).1);
    assert_ne!(seen, with(Faults { lost: 100, ..Faults::default() }, 8).1);
}

#[test]
fn repeated_and_reordered_messages_are_all_there() {
    let (_, seen) = with(Faults { repeated: 100, reordered: 100, ..Faults::default() }, 3);
    assert!((1020..1200).contains(&seen.len()), "{}", seen.len());
    assert!(!seen.is_sorted());
    let mut distinct = seen.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct, (0..1000).collect::<Vec<_>>());
}

#[test]
fn refused_messages_are_not_there_and_unconfirmed_ones_are() {
    let (answers, seen) = with(Faults { refused: 200, ..Faults::default() }, 5);
    let taken: Vec<u32> = (0..).zip(&answers).filter(|(_, answer)| answer.is_ok()).map(|(number, _)| number).collect();
    assert!((700..900).contains(&taken.len()), "{}", taken.len());
    assert_eq!(seen, taken);

    let (answers, seen) = with(Faults { unconfirmed: 200, ..Faults::default() }, 5);
    assert!(answers.iter().any(|answer| matches!(answer, Err(QueueError::Away(_)))));
    assert_eq!(seen.len(), 1000);
}

#[test]
fn emptied_it_has_nothing_and_nobody_is_told() {
    let queue = MemoryQueue::new(1);
    published(&queue, 0..10);
    let link = queue.link();
    queue.empty();
    assert_eq!(now(queue.depth(QUEUE)), Ok(Some(Depth::default())));
    assert_eq!(all_there(&queue), Vec::<u32>::new());
    assert!(!link.has_changed().expect("the broker is there"));
}

#[test]
fn gone_and_back_it_is_another_generation_with_the_same_messages() {
    let queue = MemoryQueue::new(1);
    published(&queue, 0..3);
    let mut consumer = now(queue.consume(QUEUE, 2)).expect("a consumer");
    let held = now(consumer.next()).expect("a message");
    queue.go_away();
    assert_eq!(*queue.link().borrow(), Link { is_up: false, generation: 1 });
    assert!(now(consumer.next()).is_none());
    assert!(published(&queue, 3..4)[0].is_err() && now(queue.depth(QUEUE)).is_err() && now(consumer.set_prefetch(1)).is_err());
    queue.come_back();
    assert_eq!(*queue.link().borrow(), Link { is_up: true, generation: 2 });
    held.acknowledge();
    assert_eq!(all_there(&queue), [0, 1, 2], "an acknowledgement over a connection that is gone has no effect");
}

#[test]
fn a_deleted_queue_serves_its_consumers_again() {
    let queue = MemoryQueue::new(1);
    let mut consumer = now(queue.consume(QUEUE, 4)).expect("a consumer");
    published(&queue, 0..2);
    queue.delete(QUEUE);
    assert!(consumer.next().now_or_never().is_none());
    published(&queue, 2..3);
    assert_eq!(now(consumer.next()).map(|delivery| number(&delivery.offers[0])), Some(2));
    queue.delete("lambda:nobody");
    assert_eq!(now(queue.depth("lambda:nobody")), Ok(None));
}
