//! One member's way to the store that all share, on which calls and answers are lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use baton_coordinator::store::memory::MemoryStore;
use baton_coordinator::store::{
    Acquired, Append, Checkpoint, Durable, DurableSender, KeyRange, ShardId, ShardStore, StoreError, StoreId, Table, Token,
};
use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt, pending};
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::random::Random;

/// A store whose answer was lost says so after this time.
const PATIENCE_MS: u64 = 2_000;
/// What is late comes within this time.
const LATE_MS: u64 = 8_000;

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Done,
    CallLost,
    AnswerLost,
    /// It is given up, and comes to the store all the same.
    Late,
}

/// Whether a lease ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Leases {
    #[default]
    End,
    /// Whoever once had one takes it for good, as a process that never looks at the clock.
    BelievedForEver,
}

/// How calls go, and how many batches met which fate.
#[derive(Debug, Default)]
pub(crate) struct Fates {
    pub(crate) leases: Leases,
    pub(crate) calls_lost: AtomicUsize,
    pub(crate) answers_lost: AtomicUsize,
    pub(crate) late: AtomicUsize,
}

/// See the module. Clones are the same way.
#[derive(Clone)]
pub(crate) struct Link(Arc<Way>);

struct Way {
    store: Arc<MemoryStore>,
    random: Mutex<Random>,
    /// One call in so many goes wrong; never, if that is 0.
    wrong_once_in: AtomicUsize,
    is_cut: AtomicBool,
    /// The member is gone: it hears of nothing any more, and nothing of it comes to the store but what is on its way.
    is_dead: AtomicBool,
    intake: watch::Sender<bool>,
    fates: Arc<Fates>,
}

impl Link {
    pub(crate) fn new(store: Arc<MemoryStore>, seed: u64, wrong_once_in: usize, fates: Arc<Fates>) -> Self {
        Self(Arc::new(Way {
            store,
            random: Mutex::new(Random(seed)),
            wrong_once_in: AtomicUsize::new(wrong_once_in),
            is_cut: AtomicBool::new(false),
            is_dead: AtomicBool::new(false),
            intake: watch::Sender::new(true),
            fates,
        }))
    }

    /// Nothing goes wrong any more.
    pub(crate) fn heal(&self) {
        self.0.wrong_once_in.store(0, Ordering::Relaxed);
        self.cut(false);
        self.fill(false);
    }

    /// No call comes through, or each does again.
    pub(crate) fn cut(&self, is_cut: bool) {
        self.0.is_cut.store(is_cut, Ordering::Relaxed);
    }

    /// The store takes no new work, or takes it again.
    pub(crate) fn fill(&self, is_full: bool) {
        self.0.intake.send_replace(!is_full);
    }

    pub(crate) fn die(&self) {
        self.0.is_dead.store(true, Ordering::Relaxed);
    }

    fn is_dead(&self) -> bool {
        self.0.is_dead.load(Ordering::Relaxed)
    }

    fn fate(&self) -> Fate {
        if self.0.is_cut.load(Ordering::Relaxed) {
            return Fate::CallLost;
        }
        let once_in = self.0.wrong_once_in.load(Ordering::Relaxed) as u64;
        let mut random = self.0.random.lock();
        match once_in > 0 && random.once_in(once_in) {
            false => Fate::Done,
            true => [Fate::CallLost, Fate::AnswerLost, Fate::Late][random.below(3) as usize],
        }
    }

    fn below(&self, bound: u64) -> Duration {
        Duration::from_millis(self.0.random.lock().below(bound))
    }

    /// Does `call`, or not, and answers, or not.
    async fn call<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        sleep(self.below(5)).await;
        let fate = if self.is_dead() { Fate::CallLost } else { self.fate() };
        let answer = if fate == Fate::Done || fate == Fate::AnswerLost { Some(call.await) } else { None };
        if self.is_dead() {
            return pending().await;
        }
        match answer.filter(|_| fate == Fate::Done) {
            Some(answer) => answer,
            None => {
                sleep(self.below(PATIENCE_MS)).await;
                Err(StoreError::Failed("it does not answer".to_owned()))
            }
        }
    }

    /// As a store that remembers: the same bytes at the same place are there already.
    async fn keep(store: &MemoryStore, append: Append) -> Result<(), StoreError> {
        let Append { shard, token, expected_seq: expected, batch, .. } = append;
        store.renew(vec![(shard, token)]).await.pop().expect("one answer")?;
        let last = store.last_seq(shard).await?;
        if last > expected {
            let there = store.read_log(shard, expected).try_next().await?;
            let is_there = there.is_some_and(|(_, there)| there == batch);
            return if is_there { Ok(()) } else { Err(StoreError::SeqConflict { shard, expected, last }) };
        }
        let (done, mut ends) = DurableSender::channel();
        store.append(Append { shard, token, expected_seq: expected, batch, done });
        ends.recv().await.expect("each append has an end").result
    }

    fn count(&self, fate: Fate) {
        let counter = match fate {
            Fate::Done => return,
            Fate::CallLost => &self.0.fates.calls_lost,
            Fate::AnswerLost => &self.0.fates.answers_lost,
            Fate::Late => &self.0.fates.late,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl ShardStore for Link {
    fn store_id(&self) -> StoreId {
        self.0.store.store_id()
    }

    fn shard_count(&self) -> u16 {
        self.0.store.shard_count()
    }

    fn acquire(&self, shard: ShardId) -> BoxFuture<'_, Result<Acquired, StoreError>> {
        self.call(self.0.store.acquire(shard)).boxed()
    }

    fn renew(&self, held: Vec<(ShardId, Token)>) -> BoxFuture<'_, Vec<Result<(), StoreError>>> {
        let count = held.len();
        let renewed = async { Ok(self.0.store.renew(held).await) };
        self.call(renewed).map(move |answers| answers.unwrap_or_else(|error| vec![Err(error); count])).boxed()
    }

    fn is_held(&self, shard: ShardId, token: Token) -> bool {
        self.0.fates.leases == Leases::BelievedForEver || self.0.store.is_held(shard, token)
    }

    fn release(&self, shard: ShardId, token: Token) -> BoxFuture<'_, Result<(), StoreError>> {
        self.call(self.0.store.release(shard, token)).boxed()
    }

    fn append(&self, append: Append) {
        if self.is_dead() {
            return;
        }
        let (link, fate) = (self.clone(), self.fate());
        self.count(fate);
        tokio::spawn(async move {
            let (done, shard, seq) = (append.done.clone(), append.shard, append.expected_seq + 1);
            sleep(link.below(5)).await;
            let mut result = Err(StoreError::Failed("it does not answer".to_owned()));
            match fate {
                Fate::Done => result = Link::keep(&link.0.store, append).await,
                Fate::AnswerLost => drop(Link::keep(&link.0.store, append).await),
                Fate::Late => {
                    let (store, late) = (link.0.store.clone(), link.below(LATE_MS));
                    tokio::spawn(async move {
                        sleep(late).await;
                        drop(Link::keep(&store, append).await);
                    });
                }
                Fate::CallLost => {}
            }
            if fate != Fate::Done {
                sleep(link.below(PATIENCE_MS)).await;
            }
            if !link.is_dead() {
                done.deliver(Durable { shard, seq, result });
            }
        });
    }

    fn read_log(&self, shard: ShardId, after_seq: u64) -> BoxStream<'static, Result<(u64, Bytes), StoreError>> {
        match self.fate() {
            Fate::Done => self.0.store.read_log(shard, after_seq),
            _ => stream::iter([Err(StoreError::Failed("it does not answer".to_owned()))]).boxed(),
        }
    }

    fn last_seq(&self, shard: ShardId) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.call(self.0.store.last_seq(shard)).boxed()
    }

    fn checkpoint_many(&self, checkpoints: Vec<Checkpoint>) -> BoxFuture<'_, Vec<Result<(), StoreError>>> {
        async move {
            let mut answers = Vec::new();
            for checkpoint in checkpoints {
                let written = async { self.0.store.checkpoint_many(vec![checkpoint]).await.pop().expect("one answer") };
                answers.push(self.call(written).await);
            }
            answers
        }
        .boxed()
    }

    fn get(&self, table: Table, key: &[u8]) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>> {
        self.call(self.0.store.get(table, key)).boxed()
    }

    fn scan(&self, table: Table, range: KeyRange, limit: usize, reverse: bool) -> BoxFuture<'_, Result<Vec<(Bytes, Bytes)>, StoreError>> {
        self.call(self.0.store.scan(table, range, limit, reverse)).boxed()
    }

    fn accepts_intake(&self) -> bool {
        *self.0.intake.borrow()
    }

    fn intake(&self) -> watch::Receiver<bool> {
        self.0.intake.subscribe()
    }

    fn oldest_shard(&self) -> Option<ShardId> {
        None
    }
}
