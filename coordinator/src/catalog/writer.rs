//! The catalog's single writer: takes the commands that wait, decides them one after another, makes all their events durable in one
//! append, applies them, answers.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;

use super::checkpoint::Dirty;
use super::codec;
use super::command::{Command, Decision, Stamp};
use super::error::CatalogError;
use super::event::CatalogEvent;
use super::known::Known;
use super::load::Loaded;
use super::state::State;
use crate::store::{Append, Durable, DurableReceiver, DurableSender, ShardId, ShardStore, StoreError, Token};

/// Commands that may wait.
const INBOX_LEN_MAX: usize = 1_024;
/// A batch is closed when it has this many bytes; a definition comes on top.
const BATCH_BYTES: usize = 1024 * 1024;
/// A checkpoint is due when this many bytes were appended since the last one.
const CHECKPOINT_BYTES: usize = 1024 * 1024;
/// How often it is asked whether a checkpoint is due.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(2);

/// How often the store is asked whether the shard is still ours.
const RENEW_INTERVAL: Duration = Duration::from_secs(2);

/// Decides a command against the state.
type Decide = Box<dyn FnOnce(&State, Stamp) -> Decided + Send>;
/// Says whether what was decided is durable.
type Answer = Box<dyn FnOnce(Result<(), CatalogError>) + Send>;

/// What the writer is sent.
pub(super) enum Message {
    /// Decide this.
    Command(Decide),
    /// Checkpoint, end, answer.
    Close(Leave, oneshot::Sender<()>),
}

/// Where messages go.
pub(super) type Sender = mpsc::Sender<Message>;

/// What becomes of the shard at the end.
#[derive(Clone, Copy, Debug)]
pub(super) enum Leave {
    /// It is nobody's.
    Released,
    /// Whoever acquired it looks after it.
    Owned,
}

/// Events of one command and what is to be said once they are durable, or are not going to be.
pub(super) struct Decided {
    events: Vec<CatalogEvent>,
    answer: Answer,
}

impl Message {
    pub(super) fn command<C: Command>(command: C, reply: oneshot::Sender<Result<C::Reply, CatalogError>>) -> Self {
        Message::Command(Box::new(move |state, stamp| {
            let (events, outcome) = match command.decide(state, stamp) {
                Ok(Decision { events, reply }) => (events, Ok(reply)),
                Err(error) => (Vec::new(), Err(error)),
            };
            // Whoever asked may have gone away; the command stands all the same.
            let answer = Box::new(move |durable: Result<(), CatalogError>| drop(reply.send(durable.and(outcome))));
            Decided { events, answer }
        }))
    }
}

/// Ends the writer in order.
pub(super) async fn end(writer: &Sender, leave: Leave) {
    let (done, closed) = oneshot::channel();
    if writer.send(Message::Close(leave, done)).await.is_ok() {
        // The writer is gone when it answers, or was gone already.
        let _ = closed.await;
    }
}

/// Who hears that the store takes nothing from the writer any more.
pub(super) enum Loss {
    /// Nobody else looks after the shard: it stays so, for this reason.
    Final(Arc<OnceLock<StoreError>>),
    /// Whoever acquired the shard, and acquires it anew.
    Told(Option<oneshot::Sender<()>>),
}

/// Starts the writer.
pub(super) fn spawn(store: Arc<dyn ShardStore>, loaded: Loaded, known: Arc<Known>, loss: Loss) -> Sender {
    let (sender, inbox) = mpsc::channel(INBOX_LEN_MAX);
    let (done, ends) = DurableSender::channel();
    let writer = Writer {
        store,
        token: loaded.token,
        seq: loaded.seq,
        ahead: loaded.state,
        known,
        dirty: loaded.dirty,
        appended_bytes: 0,
        unresolved: None,
        done,
        ends,
        loss,
    };
    tokio::spawn(writer.run(inbox));
    sender
}

struct Writer {
    store: Arc<dyn ShardStore>,
    token: Token,
    /// Of the last durable batch.
    seq: u64,
    /// What commands are decided against: the durable state, and during a batch what the batch did so far.
    ahead: State,
    known: Arc<Known>,
    dirty: Dirty,
    appended_bytes: usize,
    /// Of which nobody knows whether it is in the log. Nothing is decided before that is known.
    unresolved: Option<Appended>,
    done: DurableSender,
    ends: DurableReceiver,
    loss: Loss,
}

/// What was handed to the store.
struct Appended {
    events: Vec<CatalogEvent>,
    bytes: Bytes,
}

impl Writer {
    async fn run(mut self, mut inbox: mpsc::Receiver<Message>) {
        let mut interval = tokio::time::interval(CHECKPOINT_INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut renewal = tokio::time::interval(RENEW_INTERVAL);
        renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = inbox.recv() => match message {
                    Some(message) => {
                        if let Some((leave, closing)) = self.batch(message, &mut inbox).await {
                            inbox.close();
                            self.close(leave, closing).await;
                            return;
                        }
                    }
                    None => return,
                },
                _ = interval.tick() => {
                    // Should it fail, it is tried again.
                    let _ = self.resolve().await;
                    self.checkpoint_if_due().await;
                }
                _ = renewal.tick() => self.renew().await,
            }
        }
    }

    /// Decides `first` and what else waits, up to the batch's bound, and commits it. Answers with a request to close, if it met one.
    async fn batch(&mut self, first: Message, inbox: &mut mpsc::Receiver<Message>) -> Option<(Leave, oneshot::Sender<()>)> {
        let resolved = self.resolve().await;
        let mut batch = Batch::default();
        let mut next = Some(first);
        let mut closing = None;
        while let Some(message) = next {
            match message {
                Message::Command(decide) => {
                    let decided = decide(&self.ahead, stamp());
                    match &resolved {
                        Ok(()) => batch.add(decided, &mut self.ahead),
                        Err(error) => (decided.answer)(Err(error.clone())),
                    }
                }
                Message::Close(leave, done) => {
                    closing = Some((leave, done));
                    break;
                }
            }
            next = if batch.bytes.len() < BATCH_BYTES { inbox.try_recv().ok() } else { None };
        }
        self.commit(batch).await;
        closing
    }

    async fn commit(&mut self, batch: Batch) {
        let Batch { events, bytes, answers } = batch;
        let outcome = match bytes.is_empty() {
            // The store is not asked, so that the lease alone says that nobody has decided otherwise meanwhile.
            true if !self.store.is_held(ShardId::CATALOG, self.token) => Err(CatalogError::NotHere),
            true => Ok(()),
            false if let Some(why) = self.store.intake_refusal() => {
                self.decide_from_durable();
                Err(CatalogError::Unavailable(why.to_owned()))
            }
            false => self.write(Appended { events, bytes: bytes.into() }).await,
        };
        for answer in answers {
            answer(outcome.clone());
        }
    }

    /// Makes sure of what was handed to the store before. An error: that is still not known.
    async fn resolve(&mut self) -> Result<(), CatalogError> {
        let Some(unresolved) = self.unresolved.take() else { return Ok(()) };
        self.write(unresolved).await?;
        self.decide_from_durable();
        Ok(())
    }

    /// Appends and applies. Where the outcome stays unknown the same bytes go to the store again before anything else does.
    async fn write(&mut self, appended: Appended) -> Result<(), CatalogError> {
        match self.append(appended.bytes.clone()).await {
            Ok(()) => {
                self.known.apply(self.seq, &appended.events);
                appended.events.iter().for_each(|event| self.dirty.mark(event));
                Ok(())
            }
            Err(error) => {
                if matches!(error, StoreError::Failed(_)) {
                    self.unresolved = Some(appended);
                }
                self.decide_from_durable();
                Err(self.refusal(error))
            }
        }
    }

    /// Commands are decided against the durable state again: what is not known to be in the log has not happened yet.
    fn decide_from_durable(&mut self) {
        self.ahead.clone_from(&self.known.state());
    }

    fn refusal(&self, error: StoreError) -> CatalogError {
        let is_shared = matches!(self.loss, Loss::Told(_));
        if is_shared && error.is_loss() { CatalogError::NotHere } else { unavailable(&error) }
    }

    async fn append(&mut self, batch: Bytes) -> Result<(), StoreError> {
        let len = batch.len();
        let (token, expected_seq, done) = (self.token, self.seq, self.done.clone());
        self.store.append(Append { shard: ShardId::CATALOG, token, expected_seq, batch, done });
        let Durable { seq, result, .. } = self.ends.recv().await.expect("the writer holds a sender of its own");
        match &result {
            Ok(()) => {
                self.seq = seq;
                self.appended_bytes += len;
            }
            Err(error) => self.note(error),
        }
        result
    }

    /// One that only reads would not learn otherwise that another process has taken its shard.
    async fn renew(&mut self) {
        if matches!(self.loss, Loss::Told(_)) {
            return;
        }
        if let Some(Err(error)) = self.store.renew(vec![(ShardId::CATALOG, self.token)]).await.pop() {
            self.note(&error);
        }
    }

    fn note(&mut self, error: &StoreError) {
        match &mut self.loss {
            Loss::Final(lost) => {
                if !error.is_retryable() && *error != StoreError::Closed && lost.set(error.clone()).is_ok() {
                    tracing::error!(
                        %error,
                        "the catalog is lost: nothing can be created or changed here. End whatever else uses the same store, then restart this server"
                    );
                }
            }
            Loss::Told(tell) => {
                if error.is_loss()
                    && let Some(tell) = tell.take()
                {
                    tracing::warn!(%error, "the store takes nothing for the catalog from here any more");
                    // Whoever acquired it may have given it up meanwhile.
                    let _ = tell.send(());
                }
            }
        }
    }

    async fn checkpoint_if_due(&mut self) {
        let holds_back = || self.store.oldest_shard() == Some(ShardId::CATALOG);
        if !self.dirty.is_empty() && (self.appended_bytes >= CHECKPOINT_BYTES || holds_back()) {
            self.checkpoint().await;
        }
    }

    async fn checkpoint(&mut self) {
        let ops = self.dirty.ops(&self.ahead);
        match self.store.checkpoint(ShardId::CATALOG, self.token, self.seq, ops).await {
            Ok(()) => {
                self.dirty = Dirty::default();
                self.appended_bytes = 0;
            }
            Err(error) => tracing::warn!(%error, "the catalog's checkpoint failed and will be tried again"),
        }
    }

    async fn close(mut self, leave: Leave, done: oneshot::Sender<()>) {
        // What is in the log is read by the next owner, whether it is known here or not.
        let _ = self.resolve().await;
        if !self.dirty.is_empty() {
            self.checkpoint().await;
        }
        match leave {
            Leave::Owned => {}
            Leave::Released => {
                if let Err(error) = self.store.release(ShardId::CATALOG, self.token).await {
                    tracing::debug!(%error, "the catalog's shard was not released");
                }
            }
        }
        let _ = done.send(());
    }
}

#[derive(Default)]
struct Batch {
    events: Vec<CatalogEvent>,
    bytes: Vec<u8>,
    answers: Vec<Answer>,
}

impl Batch {
    fn add(&mut self, decided: Decided, ahead: &mut State) {
        for event in &decided.events {
            ahead.apply(event);
        }
        self.bytes.extend(codec::encode_batch(&decided.events));
        self.events.extend(decided.events);
        self.answers.push(decided.answer);
    }
}

fn stamp() -> Stamp {
    Stamp { now: crate::clock::now(), id: uuid::Uuid::new_v4().to_string().into() }
}

fn unavailable(error: &StoreError) -> CatalogError {
    match error {
        StoreError::Full => CatalogError::Unavailable("the disk is full: nothing new is taken until there is room".to_owned()),
        error => {
            tracing::error!(%error, "the catalog's log refused a batch");
            CatalogError::Unavailable(error.to_string())
        }
    }
}
