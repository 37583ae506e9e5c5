//! A worker's session as tasks see it: who it is, and what is on its way to it.

use std::sync::Arc;

use baton_engine::{Claim, Holder, TaskRef};
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

use crate::shard::{ExecutionId, Grant};

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
        /// From which queue, as the session calls it.
        queue: Arc<str>,
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
}

#[derive(Debug, Default)]
struct Outbox {
    items: Vec<SessionItem>,
    is_closed: bool,
}

impl Session {
    /// An open session.
    pub fn new(info: SessionInfo) -> Self {
        Self { info, outbox: Mutex::default(), waker: AtomicWaker::new() }
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

    /// Takes everything that is in, or `None` when the session has ended; pending while there is nothing.
    pub fn poll_items(&self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Option<Vec<SessionItem>>> {
        self.waker.register(cx.waker());
        let mut outbox = self.outbox.lock();
        if !outbox.items.is_empty() {
            let capacity = outbox.items.len().min(256);
            return std::task::Poll::Ready(Some(std::mem::replace(&mut outbox.items, Vec::with_capacity(capacity))));
        }
        if outbox.is_closed { std::task::Poll::Ready(None) } else { std::task::Poll::Pending }
    }

    /// Ends the session; answers what was in and has provably not left.
    pub fn close(&self) -> Vec<SessionItem> {
        let mut outbox = self.outbox.lock();
        outbox.is_closed = true;
        let items = std::mem::take(&mut outbox.items);
        drop(outbox);
        self.waker.wake();
        items
    }

    /// Whether it has ended.
    pub fn is_closed(&self) -> bool {
        self.outbox.lock().is_closed
    }
}
