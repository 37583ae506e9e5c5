use super::*;
use crate::dispatch::SessionInfo;
use crate::store::ShardId;

fn task(number: u64) -> QueuedTask {
    let execution = ExecutionId(u128::from(number));
    QueuedTask { shard: ShardId(0), execution, task: TaskRef { entry: 2, attempt: 1 }, trace_header: None }
}

fn session(session_id: u64, wants_offers: bool) -> Arc<Session> {
    let info = SessionInfo { session_id, worker_name: "w".into(), incarnation: session_id, wants_offers, is_in_process: false };
    Arc::new(Session::new(info))
}

fn join(queue: &mut Queue, session_id: u64, credits: u32) -> Arc<Session> {
    let session = session(session_id, false);
    queue.join(&session, "q".into(), credits);
    session
}

fn session_of(slot: &Slot) -> u64 {
    match slot {
        Slot::Session { session, .. } => session.info().session_id,
        Slot::Poller(_) | Slot::Asked(_) | Slot::Claimant(_) => panic!("not a session's slot"),
    }
}

fn numbers(pairs: &[(QueuedTask, Slot)]) -> Vec<u128> {
    pairs.iter().map(|(task, _)| task.execution.0).collect()
}

fn poller(queue: &mut Queue) -> oneshot::Receiver<Box<Grant>> {
    let (reply, receiver) = oneshot::channel();
    queue.poll(Poller { worker_name: None, queue: "q".into(), reply }).expect("there is room");
    receiver
}

#[test]
fn sessions_take_turns_as_long_as_they_have_slots() {
    let mut queue = Queue::default();
    let _sessions = [join(&mut queue, 1, 2), join(&mut queue, 2, 1)];
    let order: Vec<_> = std::iter::from_fn(|| queue.reserve()).map(|slot| session_of(&slot)).collect();
    assert_eq!(order, [1, 2, 1]);
    queue.add_credits(2, 1);
    assert_eq!(queue.reserve().map(|slot| session_of(&slot)), Some(2));
}

#[test]
fn what_waits_comes_before_what_comes_later() {
    let mut queue = Queue::default();
    (1..=3).for_each(|number| queue.wait(task(number), 0));
    let _session = join(&mut queue, 1, 2);
    assert!(queue.reserve().is_none(), "others wait");
    assert_eq!(numbers(&queue.pair(0)), [1, 2]);
    queue.add_credits(1, 5);
    assert_eq!(numbers(&queue.pair(0)), [3]);
    assert!(queue.reserve().is_some());
}

#[test]
fn what_was_withdrawn_is_passed_over_and_does_not_pile_up() {
    let mut queue = Queue::default();
    (0..1_000).for_each(|number| queue.wait(task(number), 0));
    (0..999).for_each(|number| queue.withdraw(task(number).execution, task(number).task, 0));
    assert!(queue.waiting.len() < 300, "{} wait", queue.waiting.len());
    let _session = join(&mut queue, 1, 9);
    assert_eq!(numbers(&queue.pair(0)), [999]);
    assert!(queue.withdrawn.is_empty());
}

#[test]
fn a_session_that_has_ended_gets_nothing() {
    let mut queue = Queue::default();
    let (gone, there) = (join(&mut queue, 1, 5), join(&mut queue, 2, 1));
    drop(gone.close());
    assert_eq!(queue.reserve().map(|slot| session_of(&slot)), Some(2));
    assert!(queue.reserve().is_none());
    let slot = Slot::Session { session: there, queue: "q".into() };
    queue.give_back(slot);
    assert_eq!(queue.reserve().map(|slot| session_of(&slot)), Some(2), "a slot that was given back is free again");
}

#[test]
fn pollers_come_first_and_those_that_are_gone_are_passed_over() {
    let mut queue = Queue::default();
    let _session = join(&mut queue, 1, 1);
    let (gone, _there) = (poller(&mut queue), poller(&mut queue));
    drop(gone);
    assert!(matches!(queue.reserve(), Some(Slot::Poller(_))));
    assert!(matches!(queue.reserve(), Some(Slot::Session { .. })));
    assert!(queue.reserve().is_none());
}

#[test]
fn pollers_are_counted_without_those_that_are_gone() {
    let mut queue = Queue::default();
    let mut receivers: Vec<_> = (0..POLLERS_MAX).map(|_| poller(&mut queue)).collect();
    let (reply, _receiver) = oneshot::channel();
    let refused = queue.poll(Poller { worker_name: None, queue: "q".into(), reply });
    assert_eq!(refused, Err(QueueFull));
    receivers.pop();
    poller(&mut queue);
}

fn offering(queue: &mut Queue, session_id: u64, credits: u32) -> Arc<Session> {
    let session = session(session_id, true);
    queue.join(&session, "q".into(), credits);
    session
}

#[test]
fn an_offer_is_claimed_by_the_session_that_it_was_made_to() {
    let mut queue = Queue::default();
    let session = offering(&mut queue, 1, 1);
    assert!(queue.reserve().is_none(), "such a session is not granted what it has not claimed");
    queue.wait(task(7), 0);
    let (items, _) = session.close();
    assert!(matches!(items.as_slice(), [SessionItem::Offer { execution, .. }] if *execution == task(7).execution));
    assert!(queue.claim(task(7).execution, task(7).task, 2).is_none());
    assert!(queue.claim(task(7).execution, task(7).task, 1).is_some());
    assert!(queue.claim(task(7).execution, task(7).task, 1).is_none(), "once");
}

#[test]
fn an_offer_that_nobody_answers_goes_to_somebody_else() {
    let mut queue = Queue::default();
    let silent = offering(&mut queue, 1, 1);
    queue.wait(task(7), 0);
    queue.leave(1);
    drop(silent);
    let other = offering(&mut queue, 2, 1);
    assert!(queue.pair(0).is_empty());
    assert_eq!(other.close().0.len(), 1, "what a session leaves behind is offered again");

    let mut queue = Queue::default();
    let _silent = offering(&mut queue, 1, 1);
    queue.wait(task(8), 0);
    queue.expire_offers(OFFER_MS - 1);
    let _granted = join(&mut queue, 2, 1);
    assert!(queue.pair(OFFER_MS - 1).is_empty());
    queue.expire_offers(OFFER_MS);
    assert_eq!(numbers(&queue.pair(OFFER_MS)), [8]);
}

#[test]
fn an_offer_that_was_withdrawn_cannot_be_claimed() {
    let mut queue = Queue::default();
    let _session = offering(&mut queue, 1, 1);
    queue.wait(task(7), 0);
    queue.withdraw(task(7).execution, task(7).task, 0);
    assert!(queue.claim(task(7).execution, task(7).task, 1).is_none());
}

fn lent(queue: &mut Queue, slots: usize, is_cut_off: bool, now_ms: u64) -> Vec<u128> {
    queue.lend(slots, is_cut_off, now_ms).iter().map(|task| task.execution.0).collect()
}

#[test]
fn what_the_broker_cannot_take_is_lent_once_until_it_is_claimed_or_late() {
    let mut queue = Queue::new(Some(Outbox::new(true)));
    (1..=3).for_each(|number| queue.wait(task(number), 0));
    while queue.next_batch(0).is_some() {}
    assert_eq!(lent(&mut queue, 9, false, 1), [], "the broker has them");
    queue.link_changed(false, 2);
    queue.wait(task(4), 3);
    assert_eq!(lent(&mut queue, 2, false, 3), [1, 2]);
    assert_eq!(lent(&mut queue, 9, false, 3), [3, 4]);
    assert_eq!(lent(&mut queue, 9, false, 4), []);
    queue.withdraw(task(1).execution, task(1).task, 5);
    assert!(queue.hand_back(task(3).execution, task(3).task, 5, 0), "somebody has no slot for it");
    assert_eq!(lent(&mut queue, 9, false, 5), [3]);
    queue.expire_offers(3 + LENT_MS);
    let mut again = lent(&mut queue, 9, false, 3 + LENT_MS);
    again.sort_unstable();
    assert_eq!(again, [2, 4], "nobody has claimed them");
    assert_eq!(queue.take_figures(0).direct, 7);
}

#[test]
fn no_more_is_lent_at_a_time_than_a_bound() {
    let mut queue = Queue::new(Some(Outbox::new(false)));
    let count = LENT_MAX as u64 + 10;
    (0..count).for_each(|number| queue.wait(task(number), 0));
    assert_eq!(lent(&mut queue, usize::MAX, false, 1).len(), LENT_MAX);
    assert_eq!(lent(&mut queue, usize::MAX, false, 1), []);
}

#[test]
fn who_has_no_broker_hears_of_what_is_in_there_for_long() {
    let mut queue = Queue::new(Some(Outbox::new(true)));
    queue.wait(task(1), 0);
    let batch = queue.next_batch(0).expect("an offer");
    queue.published(&batch, Published::Confirmed, 10, 0);
    assert_eq!(lent(&mut queue, 9, true, 500), []);
    assert_eq!(lent(&mut queue, 9, false, 2_000), [], "whoever has a broker finds it there");
    assert_eq!(lent(&mut queue, 9, true, 2_000), [1]);
    assert_eq!(lent(&mut queue, 9, true, 2_001), []);
    assert_eq!(lent(&mut queue, 9, true, 9_000), [1]);
}
