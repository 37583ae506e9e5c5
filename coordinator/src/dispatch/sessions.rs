//! Workers by incarnation: the session each is connected by, and what a worker held that is away.
//!
//! A worker that loses its connection has ten seconds to come back with what it holds. After a restart of this process the same holds
//! for everything that sessions held before.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use baton_engine::TaskRef;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use parking_lot::Mutex;

use super::{Session, SessionItem, Shape};
use crate::shard::{ExecutionId, HeldClaim};

/// A worker that is away for longer has lost what it held.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// Workers by incarnation.
#[derive(Default)]
pub struct Sessions {
    workers: Mutex<HashMap<u64, Worker, FixedState>>,
    elsewhere: OnceLock<CancelElsewhere>,
}

/// Tells a worker whose session another process has that it may stop: its incarnation, and which claim.
pub(crate) type CancelElsewhere = Box<dyn Fn(u64, ExecutionId, TaskRef, u64) + Send + Sync>;

#[derive(Debug, Default)]
struct Worker {
    session: Option<Arc<Session>>,
    /// What it held when it went away.
    orphans: Vec<HeldClaim>,
    /// When that is lost.
    lost_at: Option<Instant>,
}

impl Sessions {
    /// What sessions held before this process was started.
    pub(crate) fn expect(&self, held: Vec<HeldClaim>, now: Instant) {
        let mut workers = self.workers.lock();
        for claim in held {
            let worker = workers.entry(claim.claim.incarnation).or_default();
            worker.orphans.push(claim);
            worker.lost_at = Some(now + GRACE);
        }
    }

    /// A worker has come (back): the session that it had before, and what it held when it went away.
    pub(crate) fn connect(&self, session: &Arc<Session>) -> (Option<Arc<Session>>, Vec<HeldClaim>) {
        let mut workers = self.workers.lock();
        let worker = workers.entry(session.info().incarnation).or_default();
        worker.lost_at = None;
        (worker.session.replace(session.clone()), std::mem::take(&mut worker.orphans))
    }

    /// A session has ended while its worker held these; they are lost if it is not back by then.
    pub(crate) fn disconnect(&self, session: &Arc<Session>, held: Vec<HeldClaim>, lost_at: Instant) {
        let mut workers = self.workers.lock();
        let worker = workers.entry(session.info().incarnation).or_default();
        if worker.session.as_ref().is_some_and(|present| Arc::ptr_eq(present, session)) {
            worker.session = None;
        }
        worker.orphans.extend(held);
        // A worker inside of this process lives as long as it, and comes back.
        if worker.session.is_none() && !session.info().is_in_process {
            worker.lost_at = Some(lost_at);
        }
    }

    /// How workers are told whose sessions are not here.
    pub(crate) fn connect_elsewhere(&self, cancel: CancelElsewhere) {
        assert!(self.elsewhere.set(cancel).is_ok(), "it is said once, when the system is put together");
    }

    /// The worker of this incarnation may stop what it does under this claim, wherever its session is. A worker that has none tells what it held
    /// when it comes back; none of that counts any more.
    pub(crate) fn cancel(&self, incarnation: u64, execution: ExecutionId, task: TaskRef, claim_id: u64) {
        if let Some(session) = self.session_of(incarnation) {
            drop(session.push(SessionItem::Cancel { execution, task, claim_id, shape: Shape::Offered }));
        } else if let Some(cancel) = self.elsewhere.get() {
            cancel(incarnation, execution, task, claim_id);
        }
    }

    /// The session that a worker is connected by.
    pub(crate) fn session_of(&self, incarnation: u64) -> Option<Arc<Session>> {
        self.workers.lock().get(&incarnation)?.session.clone()
    }

    /// This process has stood still for so long: nobody could come back meanwhile.
    pub(crate) fn postpone(&self, pause: Duration) {
        self.workers.lock().values_mut().filter_map(|worker| worker.lost_at.as_mut()).for_each(|lost_at| *lost_at += pause);
    }

    /// What is lost because its worker has been away for too long.
    pub(crate) fn take_lost(&self, now: Instant) -> Vec<HeldClaim> {
        let mut lost = Vec::new();
        self.workers.lock().retain(|_, worker| {
            let is_lost = worker.session.is_none() && worker.lost_at.is_some_and(|at| at <= now);
            if is_lost {
                lost.append(&mut worker.orphans);
            }
            !is_lost
        });
        lost
    }

    /// All sessions that are connected.
    pub(crate) fn all(&self) -> Vec<Arc<Session>> {
        self.workers.lock().values().filter_map(|worker| worker.session.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use baton_engine::{Claim, Holder, TaskRef};

    use super::*;
    use crate::dispatch::SessionInfo;
    use crate::shard::ExecutionId;

    fn session(incarnation: u64, is_in_process: bool) -> Arc<Session> {
        let info = SessionInfo { session_id: 1, worker_name: "w".into(), incarnation, wants_offers: false, is_in_process };
        Arc::new(Session::new(info))
    }

    fn held(incarnation: u64) -> Vec<HeldClaim> {
        let claim = Claim { worker_name: None, claim_id: 1, incarnation, holder: Holder::Session };
        vec![HeldClaim { execution: ExecutionId(1), task: TaskRef { entry: 1, attempt: 1 }, claim }]
    }

    #[test]
    fn who_does_not_come_back_is_lost_unless_this_process_stood_still() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let worker = session(1, false);
        sessions.connect(&worker);
        sessions.disconnect(&worker, held(1), now + GRACE);
        sessions.postpone(GRACE);
        assert!(sessions.take_lost(now + GRACE).is_empty());
        assert_eq!(sessions.take_lost(now + 2 * GRACE).len(), 1);
    }

    #[test]
    fn a_worker_inside_is_never_lost() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let worker = session(1, true);
        sessions.connect(&worker);
        sessions.disconnect(&worker, held(1), now);
        assert!(sessions.take_lost(now + 100 * GRACE).is_empty());
        let (_, orphans) = sessions.connect(&session(1, true));
        assert_eq!(orphans.len(), 1, "it comes back to what it held");
    }
}
