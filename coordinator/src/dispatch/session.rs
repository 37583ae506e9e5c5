//! A worker's session as tasks see it: who it is, and what is on its way to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use baton_engine::{Claim, Holder, TaskRef};
use baton_proto::worker::v1::Code;
use foldhash::fast::FixedState;
use futures_util::task::AtomicWaker;
use hashbrown::HashMap;
use parking_lot::Mutex;

use super::Shape;
use crate::shard::{ExecutionId, Grant, HeldClaim};

/// Who a session is.
#[derive(Clone, Debug)]
pub struct SessionInfo {
    /// Random, of this session.
    pub session_id: u64,
    /// Name that the worker gave itself.
    pub worker_name: Arc<str>,
    /// Random per worker process.
    pub incarnation: u64,
    /// Whether it wants to be offered tasks before it is granted them.
    pub wants_offers: bool,
    /// Whether it ends with this process.
    pub is_in_process: bool,
}

/// Something on its way to a worker.
#[derive(Clone, Debug)]
pub enum SessionItem {
    /// A task is the worker's.
    Grant {
        /// The task.
        grant: Box<Grant>,
        /// From which queue, as the session calls it; empty if the worker has claimed it.
        queue: Arc<str>,
        /// It answers a claim of the worker, under the token that this was offered by.
        is_claimed: bool,
    },
    /// A task may be claimed.
    Offer {
        /// Which execution.
        execution: ExecutionId,
        /// Which attempt.
        task: TaskRef,
        /// From which queue, as the session calls it.
        queue: Arc<str>,
    },
    /// A claim is refused.
    Denied {
        /// Which execution.
        execution: ExecutionId,
        /// Which attempt.
        task: TaskRef,
        /// The claim.
        claim_id: u64,
    },
    /// The worker may stop.
    Cancel {
        /// Which execution.
        execution: ExecutionId,
        /// Which attempt.
        task: TaskRef,
        /// Its claim.
        claim_id: u64,
        /// As the worker's token of it says; known when it leaves.
        shape: Shape,
    },
    /// What became of a reported outcome: the report's id and the code of the contract.
    Ack {
        /// Which execution it was reported for.
        execution: ExecutionId,
        /// Which attempt.
        task: TaskRef,
        /// As the worker gave it.
        report_id: u64,
        /// What became of it.
        code: i32,
    },
    /// This process is going away.
    Drain,
}

/// A session. What is put in comes out in order, as much as there is at once.
#[derive(Debug)]
pub struct Session {
    info: SessionInfo,
    outbox: Mutex<Outbox>,
    waker: AtomicWaker,
    /// What the worker has said that it holds is known.
    is_settled: AtomicBool,
}

#[derive(Debug, Default)]
struct Outbox {
    items: Vec<SessionItem>,
    /// What the worker has been sent, or has said that it has, and no outcome has settled.
    held: HashMap<(ExecutionId, TaskRef), Held, FixedState>,
    /// How many of those want signs of life.
    beating: usize,
    is_closed: bool,
}

/// A claim that a worker holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) claim_id: u64,
    /// Whether its task wants signs of life.
    pub(crate) wants_heartbeats: bool,
    /// How its outcome is to be read.
    pub(crate) shape: Shape,
    /// It was offered: the worker has another token, which does not say its shape.
    pub(crate) is_claimed: bool,
}

impl Session {
    /// An open session.
    pub fn new(info: SessionInfo) -> Self {
        Self { info, outbox: Mutex::default(), waker: AtomicWaker::new(), is_settled: AtomicBool::new(false) }
    }

    /// Who it is.
    pub fn info(&self) -> &SessionInfo {
        &self.info
    }

    /// A claim of its worker.
    pub fn claim(&self, claim_id: u64) -> Claim {
        let holder = if self.info.is_in_process { Holder::Process } else { Holder::Session };
        Claim { worker_name: Some(self.info.worker_name.clone()), claim_id, incarnation: self.info.incarnation, holder }
    }

    /// Puts an item in; gives it back if the session has ended.
    pub fn push(&self, item: SessionItem) -> Result<(), SessionItem> {
        let mut outbox = self.outbox.lock();
        if outbox.is_closed {
            return Err(item);
        }
        let was_empty = outbox.items.is_empty();
        outbox.items.push(item);
        drop(outbox);
        if was_empty {
            self.waker.wake();
        }
        Ok(())
    }

    /// Takes everything that is in, or `None` when the session has ended; pending while there is nothing. From here on the worker holds what is
    /// granted in it, whether it hears of it or not.
    pub(crate) fn poll_items(&self, cx: &mut Context<'_>) -> Poll<Option<Vec<SessionItem>>> {
        self.waker.register(cx.waker());
        let mut outbox = self.outbox.lock();
        if outbox.items.is_empty() {
            return if outbox.is_closed { Poll::Ready(None) } else { Poll::Pending };
        }
        let capacity = outbox.items.len().min(256);
        let mut items = std::mem::replace(&mut outbox.items, Vec::with_capacity(capacity));
        items.retain_mut(|item| outbox.leaves(item));
        Poll::Ready(Some(items))
    }

    /// Everything that the worker has said that it holds is [held](Self::hold) from now on.
    pub(crate) fn set_settled(&self) {
        self.is_settled.store(true, Ordering::Release);
    }

    /// Whether it is known what the worker holds.
    pub(crate) fn is_settled(&self) -> bool {
        self.is_settled.load(Ordering::Acquire)
    }

    /// The worker has said that it holds this.
    pub(crate) fn hold(&self, execution: ExecutionId, task: TaskRef, held: Held) {
        self.outbox.lock().hold(execution, task, held);
    }

    /// The worker does not hold this claim.
    pub(crate) fn release(&self, execution: ExecutionId, task: TaskRef, claim_id: u64) {
        let mut outbox = self.outbox.lock();
        if outbox.held.get(&(execution, task)).is_some_and(|held| held.claim_id == claim_id) {
            outbox.settle(execution, task);
        }
    }

    /// What the worker holds of this attempt.
    pub(crate) fn held(&self, execution: ExecutionId, task: TaskRef) -> Option<Held> {
        self.outbox.lock().held.get(&(execution, task)).copied()
    }

    /// Whether the worker holds this claim, or it is on its way to it.
    pub(crate) fn has(&self, execution: ExecutionId, task: TaskRef, claim_id: u64) -> bool {
        let outbox = self.outbox.lock();
        let is_claim = |grant: &Grant| (grant.execution, grant.activation.task, grant.claim.claim_id) == (execution, task, claim_id);
        let is_held = outbox.held.get(&(execution, task)).is_some_and(|held| held.claim_id == claim_id);
        is_held || outbox.items.iter().any(|item| matches!(item, SessionItem::Grant { grant, .. } if is_claim(grant)))
    }

    /// How many claims the worker holds, and how many of them want signs of life.
    pub(crate) fn held_counts(&self) -> (usize, usize) {
        let outbox = self.outbox.lock();
        (outbox.held.len(), outbox.beating)
    }

    /// Ends the session. Answers what was in and has provably not left, and what the worker holds. A second call answers nothing.
    pub(crate) fn close(&self) -> (Vec<SessionItem>, Vec<HeldClaim>) {
        let mut outbox = self.outbox.lock();
        outbox.is_closed = true;
        let (items, held) = (std::mem::take(&mut outbox.items), std::mem::take(&mut outbox.held));
        drop(outbox);
        self.waker.wake();
        let claim =
            |((execution, task), held): ((ExecutionId, TaskRef), Held)| HeldClaim { execution, task, claim: self.claim(held.claim_id) };
        (items, held.into_iter().map(claim).collect())
    }

    /// Whether it has ended.
    pub fn is_closed(&self) -> bool {
        self.outbox.lock().is_closed
    }
}

impl Outbox {
    fn hold(&mut self, execution: ExecutionId, task: TaskRef, held: Held) {
        self.beating += usize::from(held.wants_heartbeats);
        if let Some(before) = self.held.insert((execution, task), held) {
            self.beating -= usize::from(before.wants_heartbeats);
        }
    }

    fn settle(&mut self, execution: ExecutionId, task: TaskRef) -> Option<Held> {
        let held = self.held.remove(&(execution, task))?;
        self.beating -= usize::from(held.wants_heartbeats);
        Some(held)
    }

    /// The item is on its way from here on. False if there is nobody whom it says anything.
    fn leaves(&mut self, item: &mut SessionItem) -> bool {
        match item {
            SessionItem::Grant { grant, is_claimed, .. } => {
                let wants_heartbeats = grant.activation.heartbeat_seconds.is_some();
                let held = Held { claim_id: grant.claim.claim_id, wants_heartbeats, shape: Shape::of(grant), is_claimed: *is_claimed };
                self.hold(grant.execution, grant.activation.task, held);
                true
            }
            SessionItem::Cancel { execution, task, shape, .. } => match self.settle(*execution, *task) {
                Some(held) => {
                    *shape = if held.is_claimed { Shape::Offered } else { held.shape };
                    true
                }
                None => false,
            },
            SessionItem::Ack { execution, task, code, .. } => {
                if *code != Code::RetryLater as i32 {
                    self.settle(*execution, *task);
                }
                true
            }
            SessionItem::Offer { .. } | SessionItem::Denied { .. } | SessionItem::Drain => true,
        }
    }
}
