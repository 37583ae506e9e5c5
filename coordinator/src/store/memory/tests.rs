//! The ways in which the store fails.

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::StreamExt;

use super::MemoryStore;
use crate::store::{Acquired, Append, Durable, DurableReceiver, DurableSender, KvOp, ShardId, ShardStore, StoreError, Table};

const ONE: ShardId = ShardId(1);

struct Fixture {
    store: MemoryStore,
    owned: Acquired,
    done: DurableSender,
    ends: DurableReceiver,
}

impl Fixture {
    fn new() -> Self {
        let store = MemoryStore::new(4);
        let owned = acquire(&store);
        let (done, ends) = DurableSender::channel();
        Self { store, owned, done, ends }
    }

    fn append(&self, expected_seq: u64) {
        let batch = Bytes::from(vec![expected_seq as u8]);
        self.store.append(Append { shard: ONE, token: self.owned.token, expected_seq, batch, done: self.done.clone() });
    }

    fn ends(&mut self) -> Vec<(u64, Result<(), StoreError>)> {
        let next = || self.ends.try_recv().ok();
        std::iter::from_fn(next).map(|Durable { seq, result, .. }| (seq, result)).collect()
    }

    fn log(&self) -> Vec<u64> {
        let batches = self.store.read_log(ONE, 0).collect::<Vec<_>>().now_or_never();
        let batches = batches.expect("memory does not wait");
        batches.into_iter().map(|batch| batch.expect("memory does not fail").0).collect()
    }
}

fn acquire(store: &MemoryStore) -> Acquired {
    let acquired = store.acquire(ONE).now_or_never();
    acquired.expect("memory does not wait").expect("the shard exists")
}

#[test]
fn held_batches_become_durable_in_order() {
    let mut fixture = Fixture::new();
    fixture.store.hold();
    (0..5).for_each(|seq| fixture.append(seq));
    assert_eq!((fixture.store.held(), fixture.ends()), (5, vec![]));
    fixture.store.let_go(2);
    assert_eq!(fixture.ends(), [(1, Ok(())), (2, Ok(()))]);
    assert_eq!(fixture.log(), [1, 2]);
    fixture.store.let_all_go();
    assert_eq!(fixture.ends().len(), 3);
    fixture.append(5);
    assert_eq!(fixture.ends(), [(6, Ok(()))]);
}

#[test]
fn a_crash_loses_what_was_not_durable_and_tells_nobody() {
    let mut fixture = Fixture::new();
    fixture.append(0);
    fixture.store.hold();
    (1..5).for_each(|seq| fixture.append(seq));
    fixture.store.crash(1);
    assert_eq!(fixture.ends(), [(1, Ok(()))]);
    assert_eq!(fixture.log(), [1, 2]);
    fixture.append(2);
    assert_eq!(fixture.ends(), [(3, Err(StoreError::Fenced { shard: ONE }))]);
    fixture.owned = acquire(&fixture.store);
    assert_eq!(fixture.owned.seq, 2);
    fixture.append(2);
    assert_eq!((fixture.store.held(), fixture.ends()), (1, vec![]));
}

#[test]
fn a_new_owner_waits_for_what_is_held() {
    let mut fixture = Fixture::new();
    fixture.store.hold();
    (0..3).for_each(|seq| fixture.append(seq));
    assert_eq!(acquire(&fixture.store).seq, 3);
    assert_eq!(fixture.ends().len(), 3);
}

#[test]
fn refused_appends_can_be_made_again() {
    let mut fixture = Fixture::new();
    fixture.store.refuse_next(1, StoreError::Failed("fault".to_owned()));
    (0..3).for_each(|seq| fixture.append(seq));
    let refused = Err(StoreError::Failed("fault".to_owned()));
    assert_eq!(fixture.ends(), [(1, refused.clone()), (2, refused.clone()), (3, refused)]);
    (0..3).for_each(|seq| fixture.append(seq));
    assert_eq!(fixture.ends(), [(1, Ok(())), (2, Ok(())), (3, Ok(()))]);
}

#[test]
fn a_checkpoint_that_is_interrupted_has_been_applied_in_part() {
    let fixture = Fixture::new();
    fixture.append(0);
    let ops = |value: &'static str| ["a", "b", "c"].map(|key| KvOp::put(Table::Meta, key, value)).to_vec();
    let checkpoint = |value| {
        let answer = fixture.store.checkpoint(ONE, fixture.owned.token, 1, ops(value)).now_or_never();
        answer.expect("memory does not wait")
    };
    let values = || {
        ["a", "b", "c"].map(|key| {
            let value = fixture.store.get(Table::Meta, key.as_bytes()).now_or_never();
            value.expect("memory does not wait").expect("memory does not fail")
        })
    };
    fixture.store.interrupt_next_checkpoint(2);
    assert!(checkpoint("x").is_err());
    assert_eq!(values(), [Some("x".into()), Some("x".into()), None]);
    assert_eq!(acquire(&fixture.store).checkpoint_seq, 0);
}
