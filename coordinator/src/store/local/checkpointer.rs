//! The one thread that writes the key-value side: it takes every checkpoint that is queued, applies them, flushes once, and only then
//! lets the log go.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::oneshot;

use super::disk::fatal;
use super::kv::{Kv, WriteError};
use super::queue::Queue;
use super::shared::Shared;
use super::writer::Command;
use crate::store::{Checkpoint, StoreError, Token};

/// How often in a row, without a single flush between, the tree may stop for no reason that it tells, while this much room is left
/// above the reserve, bytes.
const STOPS_MAX: u32 = 5;
const PLENTY: u64 = 64 << 20;

/// Answers to one call of `checkpoint_many`, in its order.
pub(crate) type Answers = Vec<Result<(), StoreError>>;

/// What the thread is asked to do.
pub(crate) enum Request {
    Write {
        checkpoints: Vec<Checkpoint>,
        reply: oneshot::Sender<Answers>,
    },
    /// From now on this token writes, or nobody. Tokens of an earlier epoch than the present one come too late.
    Own {
        index: usize,
        token: Option<Token>,
        reply: oneshot::Sender<()>,
    },
}

pub(crate) struct Checkpointer {
    queue: Arc<Queue<Request>>,
    log: Arc<Queue<Command>>,
    kv: Arc<Kv>,
    shared: Arc<Shared>,
    /// By [`ShardId::index`](crate::store::ShardId::index).
    owners: Vec<Owner>,
    /// How far the checkpoints on stable storage have come, likewise.
    marks: Vec<u64>,
    /// The tree has failed to write and takes nothing before it has been reopened.
    closed: bool,
    /// How often it has stopped since the last flush.
    stops: u32,
    round: Round,
}

#[derive(Clone, Copy, Default)]
struct Owner {
    epoch: u64,
    token: Option<Token>,
}

/// What one flush makes durable.
#[derive(Default)]
struct Round {
    written: Vec<(usize, u64)>,
    answers: Vec<(oneshot::Sender<Answers>, Answers)>,
    owned: Vec<oneshot::Sender<()>>,
}

impl Checkpointer {
    pub(crate) fn new(queue: Arc<Queue<Request>>, log: Arc<Queue<Command>>, kv: Arc<Kv>, shared: Arc<Shared>, marks: Vec<u64>) -> Self {
        let owners = vec![Owner::default(); shared.durable_seqs.len()];
        Self { queue, log, kv, shared, owners, marks, closed: false, stops: 0, round: Round::default() }
    }

    /// Works until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        let mut requests = Vec::new();
        while self.queue.take_all(&mut requests) {
            for request in requests.drain(..) {
                match request {
                    Request::Write { checkpoints, reply } => self.write_all(checkpoints, reply),
                    Request::Own { index, token, reply } => self.own(index, token, reply),
                }
            }
            self.finish_round();
        }
    }

    fn own(&mut self, index: usize, token: Option<Token>, reply: oneshot::Sender<()>) {
        let owner = &mut self.owners[index];
        match token {
            Some(token) if token.epoch > owner.epoch => {
                *owner = Owner { epoch: token.epoch, token: Some(token) };
            }
            Some(_) => {}
            None => owner.token = None,
        }
        self.round.owned.push(reply);
    }

    fn write_all(&mut self, checkpoints: Vec<Checkpoint>, reply: oneshot::Sender<Answers>) {
        let answers = checkpoints.into_iter().map(|checkpoint| self.write(checkpoint)).collect();
        self.round.answers.push((reply, answers));
    }

    fn write(&mut self, checkpoint: Checkpoint) -> Result<(), StoreError> {
        let index = self.check(&checkpoint)?;
        self.check_room()?;
        let Checkpoint { shard, upto_seq, ops, .. } = checkpoint;
        let mark = upto_seq.max(self.mark(index));
        match self.kv.write(shard, mark, ops) {
            Ok(()) => {
                self.round.written.push((index, mark));
                Ok(())
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    /// How far the shard's checkpoints have come, those of this round included.
    fn mark(&self, index: usize) -> u64 {
        let mut written = self.round.written.iter().rev();
        let in_round = written.find(|(other, _)| *other == index);
        in_round.map_or(self.marks[index], |(_, mark)| *mark)
    }

    /// Index of the shard, if its checkpoint may be written.
    fn check(&self, checkpoint: &Checkpoint) -> Result<usize, StoreError> {
        let index = self.shared.index(checkpoint.shard)?;
        if self.owners[index].token != Some(checkpoint.token) {
            return Err(StoreError::Fenced { shard: checkpoint.shard });
        }
        let durable_seq = self.shared.durable_seqs[index].load(Ordering::Acquire);
        checkpoint.check(durable_seq)?;
        Ok(index)
    }

    /// The tree must not run out of room in the middle of a write, since it takes no further ones then.
    fn check_room(&mut self) -> Result<(), StoreError> {
        if !self.shared.space.has_room_for_checkpoint() {
            return Err(StoreError::Full);
        }
        if self.closed {
            self.kv.reopen().map_err(|error| self.failed(error))?;
            self.closed = false;
        }
        Ok(())
    }

    fn failed(&mut self, error: WriteError) -> StoreError {
        tracing::error!("the key-value store cannot be written ({error:?}), checkpoints wait");
        self.closed = true;
        match error {
            WriteError::Full => StoreError::Full,
            WriteError::Stopped if self.stops < STOPS_MAX || !self.shared.space.has_room_for(PLENTY) => {
                self.stops += 1;
                StoreError::Failed("the key-value store had stopped and is opened again".to_owned())
            }
            WriteError::Stopped => self.give_up("it has stopped again and again"),
            WriteError::Broken(detail) => self.give_up(&detail),
        }
    }

    fn give_up(&self, detail: &str) -> ! {
        fatal("the key-value store cannot be written", &io::Error::other(detail))
    }

    fn finish_round(&mut self) {
        if !self.round.written.is_empty() {
            self.persist();
        }
        for (reply, answers) in self.round.answers.drain(..) {
            // Whoever has gone away needs no answer.
            let _ = reply.send(answers);
        }
        for reply in self.round.owned.drain(..) {
            let _ = reply.send(());
        }
    }

    fn persist(&mut self) {
        let written = std::mem::take(&mut self.round.written);
        match self.kv.persist() {
            Ok(()) => {
                self.stops = 0;
                for (index, mark) in &written {
                    self.marks[*index] = *mark;
                }
                // The log's thread is gone only when the store is being closed.
                let _ = self.log.push(Command::Trim { covered: written });
            }
            Err(error) => {
                let error = self.failed(error);
                let answers = self.round.answers.iter_mut().flat_map(|(_, answers)| answers);
                answers.filter(|answer| answer.is_ok()).for_each(|answer| *answer = Err(error.clone()));
            }
        }
    }
}

/// Asks the thread, and waits for its answer.
pub(crate) async fn own(queue: &Queue<Request>, index: usize, token: Option<Token>) -> Result<(), StoreError> {
    let (reply, answer) = oneshot::channel();
    let request = Request::Own { index, token, reply };
    queue.push(request).map_err(|_| StoreError::Closed)?;
    answer.await.map_err(|_| StoreError::Closed)
}

/// All answers alike.
pub(crate) fn all_failed(count: usize, error: StoreError) -> Answers {
    vec![Err(error); count]
}
