use super::*;
use crate::store::ShardId;

const RANDOM: u64 = 0x5eed;

fn task(number: u128) -> QueuedTask {
    QueuedTask { shard: ShardId(0), execution: ExecutionId(number), task: TaskRef { entry: 1, attempt: 1 }, trace_header: None }
}

fn entered(count: u128, now_ms: u64) -> Outbox {
    let mut outbox = Outbox::new(true);
    (0..count).for_each(|number| outbox.enter(task(number), now_ms));
    outbox
}

/// Publishes everything that may be, with this outcome; answers executions and numbers of the offers.
fn publish(outbox: &mut Outbox, outcome: Published, now_ms: u64) -> Vec<(u128, u32)> {
    let batches: Vec<Batch> = std::iter::from_fn(|| outbox.next_batch(now_ms)).collect();
    batches.iter().for_each(|batch| outbox.published(batch, outcome, now_ms, RANDOM));
    let offers = batches.iter().flat_map(|batch| &batch.offers);
    offers.map(|offer| (offer.task.execution.0, offer.offer_no)).collect()
}

fn remove(outbox: &mut Outbox, number: u128, now_ms: u64) -> bool {
    outbox.remove(ExecutionId(number), task(number).task, now_ms)
}

fn hand_back(outbox: &mut Outbox, number: u128, now_ms: u64) -> bool {
    outbox.hand_back(ExecutionId(number), task(number).task, now_ms, RANDOM)
}

#[test]
fn everything_is_offered_once_and_stands_until_it_is_claimed() {
    let mut outbox = entered(3, 0);
    assert_eq!(publish(&mut outbox, Published::Confirmed, 1), [(0, 0), (1, 0), (2, 0)]);
    assert_eq!((publish(&mut outbox, Published::Confirmed, 2), outbox.next_due(2)), (vec![], None));
    assert_eq!((outbox.len(), outbox.unclaimed()), (3, (3, Some(1))));
    assert!(remove(&mut outbox, 1, 3) && !remove(&mut outbox, 1, 3));
    assert_eq!(outbox.len(), 2);
}

#[test]
fn the_window_grows_with_what_is_claimed() {
    let mut outbox = Outbox::new(true);
    assert_eq!(outbox.room(0), WINDOW_MIN);
    for number in 0..1_000 {
        outbox.enter(task(number), 0);
        publish(&mut outbox, Published::Confirmed, 0);
        remove(&mut outbox, number, 500);
    }
    assert_eq!(outbox.room(600), 4_000);
    assert_eq!(outbox.room(5_000), WINDOW_MIN);
    outbox.link_changed(false, 5_000);
    assert_eq!(outbox.room(5_000), 0, "nothing enters while the broker is away");
}

#[test]
fn messages_carry_one_offer_until_many_are_claimed() {
    let mut outbox = entered(100, 0);
    assert_eq!(outbox.next_batch(0).expect("a batch").offers.len(), 1);
    (0..1_000).for_each(|_| outbox.claims.add(0));
    assert_eq!(outbox.next_batch(0).expect("a batch").offers.len(), 10);
    (0..500_000).for_each(|_| outbox.claims.add(0));
    assert_eq!(outbox.next_batch(0).expect("a batch").offers.len(), baton_task_queue::OFFERS_PER_MESSAGE_MAX);
}

#[test]
fn what_was_handed_back_goes_alone() {
    let mut outbox = entered(3, 0);
    (0..1_000).for_each(|_| outbox.claims.add(0));
    let first = outbox.next_batch(0).expect("a batch");
    assert_eq!(first.offers.len(), 3);
    outbox.published(&first, Published::Confirmed, 0, RANDOM);
    for offer in &first.offers[1..] {
        assert!(outbox.hand_back(offer.task.execution, offer.task.task, 1, RANDOM));
    }
    outbox.enter(task(3), 1);
    let lens: Vec<_> = std::iter::from_fn(|| outbox.next_batch(1)).map(|batch| batch.offers.len()).collect();
    assert_eq!(lens, [1, 1, 1]);
}

#[test]
fn so_many_messages_are_unconfirmed_and_no_more() {
    let mut outbox = entered(200, 0);
    let batches: Vec<Batch> = std::iter::from_fn(|| outbox.next_batch(0)).collect();
    assert_eq!((batches.len(), outbox.next_due(0)), (UNCONFIRMED_MAX, None));
    outbox.published(&batches[0], Published::Confirmed, 0, RANDOM);
    assert!(outbox.next_batch(0).is_some() && outbox.next_batch(0).is_none());
}

#[test]
fn what_is_refused_comes_again_after_growing_pauses() {
    let (mut outbox, mut now) = (entered(1, 0), 0);
    let mut pauses = Vec::new();
    for number in 0..8 {
        assert_eq!(publish(&mut outbox, Published::Refused, now), [(0, number)]);
        let due = outbox.next_due(now).expect("it comes again");
        assert_eq!(publish(&mut outbox, Published::Refused, due - 1), []);
        pauses.push(due - now);
        now = due;
    }
    assert!(
        pauses.windows(2).all(|pair| pair[0] <= pair[1] + 1) && pauses[7] <= PAUSE_MAX_MS && pauses[0] >= PAUSE_FIRST_MS / 2,
        "{pauses:?}"
    );
    assert_eq!(publish(&mut outbox, Published::Confirmed, now), [(0, 8)]);
    assert_eq!(outbox.take_repeated(), Repeated { refused: 8, ..Repeated::default() });
}

#[test]
fn what_a_broker_refuses_others_may_take_and_what_it_has_they_may_not() {
    let mut outbox = entered(1, 0);
    publish(&mut outbox, Published::Confirmed, 0);
    assert!(!outbox.is_stalled());
    (1..4).for_each(|number| outbox.enter(task(number), 1));
    publish(&mut outbox, Published::Refused, 1);
    assert!(outbox.is_stalled());
    assert_eq!((outbox.take_back(), outbox.take_back()), (Some((task(1), 1)), Some((task(2), 1))));
    // The rest is tried again.
    let due = outbox.next_due(1).expect("it comes again");
    assert_eq!(publish(&mut outbox, Published::Confirmed, due), [(3, 1)]);
    assert!(!outbox.is_stalled());
    assert_eq!(outbox.unclaimed(), (2, Some(0)));
}

#[test]
fn a_lost_connection_makes_everything_come_again_in_its_order() {
    let mut outbox = entered(2, 0);
    publish(&mut outbox, Published::Confirmed, 0);
    outbox.enter(task(2), 5);
    let on_its_way = outbox.next_batch(5).expect("a batch");
    outbox.enter(task(3), 6);
    outbox.link_changed(false, 10);
    outbox.published(&on_its_way, Published::Unknown, 10, RANDOM);
    assert_eq!((outbox.next_batch(11), outbox.next_due(11)), (None, None));
    outbox.link_changed(true, 20);
    assert_eq!(publish(&mut outbox, Published::Confirmed, 20), [(0, 1), (1, 1), (2, 1), (3, 0)]);
}

#[test]
fn a_queue_that_confirms_nothing_is_stalled_over_every_connection() {
    let mut outbox = entered(3, 0);
    let unconfirmed = outbox.next_batch(0).expect("a batch");
    outbox.published(&unconfirmed, Published::Unconfirmed, 10_000, RANDOM);
    for at in [10_000, 20_000] {
        outbox.link_changed(false, at);
        outbox.link_changed(true, at + 100);
        assert!(outbox.is_stalled());
        let probe = outbox.next_batch(at + 100).expect("one is tried");
        assert_eq!((probe.offers.len(), outbox.next_batch(at + 100), outbox.next_due(at + 100)), (1, None, None));
        assert!(outbox.take_back().is_some(), "another is there for whoever takes it directly");
        outbox.published(&probe, Published::Unconfirmed, at + 10_000, RANDOM);
    }
    outbox.link_changed(true, 30_000);
    let probe = outbox.next_batch(30_000).expect("the last is tried");
    assert_eq!(outbox.take_back().map(|(task, _)| task), Some(probe.offers[0].task.clone()), "and is there all the same");
    outbox.published(&probe, Published::Confirmed, 30_001, RANDOM);
    assert!(!outbox.is_stalled() && outbox.len() == 0);
}

#[test]
fn a_confirmation_from_before_says_nothing_of_the_new_offer() {
    let mut outbox = entered(1, 0);
    let before = outbox.next_batch(0).expect("a batch");
    outbox.link_changed(true, 1);
    outbox.published(&before, Published::Confirmed, 2, RANDOM);
    assert_eq!(outbox.unclaimed(), (0, None));
    assert_eq!(publish(&mut outbox, Published::Confirmed, 2), [(0, 1)]);
}

#[test]
fn while_the_broker_is_away_others_may_take_what_waits_oldest_first() {
    let mut outbox = entered(3, 0);
    publish(&mut outbox, Published::Confirmed, 0);
    outbox.link_changed(false, 1);
    remove(&mut outbox, 0, 1);
    assert_eq!((outbox.take_back(), outbox.take_back(), outbox.take_back()), (Some((task(1), 0)), Some((task(2), 0)), None));
    outbox.link_changed(true, 2);
    assert_eq!(publish(&mut outbox, Published::Confirmed, 2), []);
}

#[test]
fn an_empty_queue_makes_old_offers_come_again_when_it_is_seen_twice() {
    let mut outbox = entered(1, 0);
    publish(&mut outbox, Published::Confirmed, 0);
    outbox.audited(Some(0), 59_000);
    outbox.audited(Some(1), 70_000);
    outbox.audited(Some(0), 80_000);
    assert_eq!(publish(&mut outbox, Published::Confirmed, 80_000), []);
    outbox.audited(Some(0), 90_000);
    assert_eq!(publish(&mut outbox, Published::Confirmed, 90_000), [(0, 1)]);
    assert_eq!(outbox.take_repeated(), Repeated { audit: 1, ..Repeated::default() });
    outbox.audited(Some(0), 100_000);
    assert_eq!(publish(&mut outbox, Published::Confirmed, 100_000), [], "it is young again");
}

#[test]
fn a_queue_that_is_gone_has_nothing_but_what_has_just_been_made() {
    let mut outbox = entered(1, 0);
    publish(&mut outbox, Published::Confirmed, 0);
    outbox.enter(task(1), 5_000);
    publish(&mut outbox, Published::Confirmed, 5_000);
    outbox.audited(None, 5_500);
    assert_eq!(publish(&mut outbox, Published::Confirmed, 5_500), [(0, 1)]);
}

#[test]
fn an_offer_that_much_later_ones_have_overtaken_comes_again() {
    let mut outbox = entered(1, 0);
    publish(&mut outbox, Published::Confirmed, 0);
    outbox.enter(task(1), 60_000);
    publish(&mut outbox, Published::Confirmed, 60_000);
    remove(&mut outbox, 1, 60_010);
    outbox.audited(Some(7), 61_000);
    assert_eq!(publish(&mut outbox, Published::Confirmed, 61_000), [(0, 1)]);
}

#[test]
fn what_is_handed_back_comes_at_once_and_then_more_seldom() {
    let mut outbox = entered(1, 0);
    publish(&mut outbox, Published::Confirmed, 0);
    assert!(hand_back(&mut outbox, 0, 10));
    assert_eq!(publish(&mut outbox, Published::Confirmed, 10), [(0, 1)]);
    assert!(hand_back(&mut outbox, 0, 20));
    assert_eq!(publish(&mut outbox, Published::Confirmed, 20), []);
    assert!(hand_back(&mut outbox, 0, 20), "it waits already");
    let due = outbox.next_due(20).expect("it comes again");
    assert!((20 + PAUSE_FIRST_MS / 2..=20 + PAUSE_FIRST_MS).contains(&due));
    assert_eq!(publish(&mut outbox, Published::Confirmed, due), [(0, 2)]);
    remove(&mut outbox, 0, due);
    assert!(!hand_back(&mut outbox, 0, due), "nobody wants it any more");
}
