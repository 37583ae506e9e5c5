//! Whether those live who hold tasks of this member's shards.
//!
//! A worker may have its session at any member, and come back to another than it had. Whose sessions a member has, it says with every beat; who
//! holds claims here, the hosts say from time to time. So nothing has to be heard at the right moment: a worker that no member has had a
//! session of for a while is lost, whenever it was that it went, and what it held fails. One that has a session that was not asked yet (it is
//! another one than before, or this member has a shard that it had not) is asked what it holds: a grant that has never reached it goes
//! to somebody else.
//!
//! [`Holders`] decides. It knows no clock and does nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::ownership::Moment;
use crate::store::MemberSession;

/// A worker that no member has had a session of for so long is lost.
pub const GRACE_MS: Moment = 10_000;
/// Between two beats counts no more than this: who could not be heard of may have been there.
const BEATS_APART_MS: Moment = 1_000;
/// A question that had no answer is asked again after this time.
const ASK_AGAIN_MS: Moment = 1_000;

/// Something that has become known.
#[derive(Clone, Debug)]
pub enum Input {
    /// These members live, and have these sessions: the member's incarnation with each.
    Heard {
        /// Incarnations of the members.
        members: BTreeSet<u64>,
        /// Their sessions.
        sessions: BTreeSet<(u64, MemberSession)>,
    },
    /// These hold claims of this member's shards, and nobody else does: incarnations.
    Holding(BTreeSet<u64>),
    /// A shard has come of which these hold claims: incarnations.
    Adopted(BTreeSet<u64>),
    /// The question about the worker was answered, and what it does not hold goes to others.
    Answered {
        /// Its incarnation.
        worker: u64,
    },
    /// The question about the worker was not answered.
    Unanswered {
        /// Its incarnation.
        worker: u64,
    },
}

/// Something that is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ask these members what the worker holds of the claims that it has here, and give away what none of them knows of.
    Ask {
        /// Its incarnation.
        worker: u64,
        /// Incarnations of the members that have its sessions.
        members: BTreeSet<u64>,
    },
    /// Fail what the worker holds.
    Lost {
        /// Its incarnation.
        worker: u64,
    },
}

/// See the module.
#[derive(Debug, Default)]
pub struct Holders {
    workers: BTreeMap<u64, Worker>,
    members: BTreeSet<u64>,
    sessions: BTreeMap<u64, BTreeSet<Session>>,
    heard_at: Option<Moment>,
}

/// At which member, and which.
type Session = (u64, u64);

/// Somebody who holds claims.
#[derive(Debug, Default)]
struct Worker {
    /// For how long no member has had a session of it, as far as was heard.
    absent_ms: Moment,
    /// The sessions that were asked.
    asked: BTreeSet<Session>,
    /// The sessions that are being asked.
    asking: Option<BTreeSet<Session>>,
    ask_again_at: Moment,
}

impl Holders {
    /// What has become known, and when; answers what is to be done.
    pub fn step(&mut self, now: Moment, input: Input) -> Vec<Action> {
        match input {
            Input::Heard { members, sessions } => return self.heard(now, members, sessions),
            Input::Holding(workers) => self.holding(workers),
            Input::Adopted(workers) => workers.into_iter().for_each(|worker| self.unconfirmed(worker)),
            Input::Answered { worker } => {
                if let Some(worker) = self.workers.get_mut(&worker) {
                    // Not what is known now: another session may have come meanwhile.
                    worker.asked = worker.asking.take().unwrap_or_default();
                }
            }
            Input::Unanswered { worker } => {
                if let Some(worker) = self.workers.get_mut(&worker) {
                    worker.asking = None;
                    worker.ask_again_at = now + ASK_AGAIN_MS;
                }
            }
        }
        self.ask(now)
    }

    fn heard(&mut self, now: Moment, members: BTreeSet<u64>, sessions: BTreeSet<(u64, MemberSession)>) -> Vec<Action> {
        let since = self.heard_at.replace(now).map_or(0, |before| now.saturating_sub(before).min(BEATS_APART_MS));
        self.members = members;
        self.sessions.clear();
        for (member, MemberSession { incarnation, session_id }) in sessions {
            self.sessions.entry(incarnation).or_default().insert((member, session_id));
        }
        let mut lost = Vec::new();
        for (incarnation, worker) in &mut self.workers {
            // What a member itself calls lives as long as it.
            let is_there = self.sessions.contains_key(incarnation) || self.members.contains(incarnation);
            worker.absent_ms = if is_there { 0 } else { worker.absent_ms + since };
            if worker.absent_ms >= GRACE_MS {
                // Should it hold something still, it is told again.
                worker.absent_ms = 0;
                lost.push(Action::Lost { worker: *incarnation });
            }
        }
        lost.append(&mut self.ask(now));
        lost
    }

    fn holding(&mut self, workers: BTreeSet<u64>) {
        self.workers.retain(|incarnation, worker| worker.asking.is_some() || workers.contains(incarnation));
        for worker in workers {
            self.workers.entry(worker).or_default();
        }
    }

    fn unconfirmed(&mut self, incarnation: u64) {
        let worker = self.workers.entry(incarnation).or_default();
        worker.asked.clear();
        // An answer that is on its way speaks of less than there is now.
        if let Some(asking) = &mut worker.asking {
            asking.clear();
        }
    }

    fn ask(&mut self, now: Moment) -> Vec<Action> {
        let mut actions = Vec::new();
        for (incarnation, worker) in &mut self.workers {
            let Some(sessions) = self.sessions.get(incarnation) else { continue };
            if worker.asking.is_none() && worker.ask_again_at <= now && worker.asked != *sessions {
                worker.asking = Some(sessions.clone());
                let members = sessions.iter().map(|(member, _)| *member).collect();
                actions.push(Action::Ask { worker: *incarnation, members });
            }
        }
        actions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKER: u64 = 77;

    fn heard(members: &[u64], sessions: &[(u64, u64)]) -> Input {
        let sessions =
            sessions.iter().map(|(member, session_id)| (*member, MemberSession { incarnation: WORKER, session_id: *session_id }));
        Input::Heard { members: members.iter().copied().collect(), sessions: sessions.collect() }
    }

    fn workers() -> BTreeSet<u64> {
        BTreeSet::from([WORKER])
    }

    fn ask(members: &[u64]) -> Action {
        Action::Ask { worker: WORKER, members: members.iter().copied().collect() }
    }

    fn lost() -> Action {
        Action::Lost { worker: WORKER }
    }

    #[test]
    fn a_worker_that_comes_back_anywhere_in_time_is_not_lost() {
        let mut holders = Holders::default();
        holders.step(0, Input::Holding(workers()));
        for second in 0..10 {
            assert_eq!(holders.step(second * 1_000, heard(&[1, 2], &[])), []);
        }
        assert_eq!(holders.step(9_900, heard(&[1, 2], &[(2, 5)])), [ask(&[2])]);
        for second in 10..30 {
            assert_eq!(holders.step(second * 1_000, heard(&[1, 2], &[(2, 5)])), []);
        }
    }

    #[test]
    fn a_worker_that_nobody_has_is_lost_after_its_time_and_told_again_while_it_holds_something() {
        let mut holders = Holders::default();
        holders.step(0, Input::Holding(workers()));
        let lost_at: Vec<_> = (0..=50).filter(|half| holders.step(half * 500, heard(&[1], &[])) == [lost()]).collect();
        assert_eq!(lost_at, [20, 40]);
        holders.step(25_000, Input::Holding(BTreeSet::new()));
        assert!((51..=100).all(|half| holders.step(half * 500, heard(&[1], &[])).is_empty()));
    }

    #[test]
    fn time_in_which_nothing_was_heard_is_not_held_against_anybody() {
        let mut holders = Holders::default();
        holders.step(0, Input::Holding(workers()));
        holders.step(0, heard(&[1], &[]));
        assert_eq!(holders.step(60_000, heard(&[1], &[])), [], "this process, or its way to the store, has stood still");
        assert_eq!(holders.step(68_000, heard(&[1], &[])), []);
    }

    #[test]
    fn what_a_member_calls_itself_lives_as_long_as_it() {
        let mut holders = Holders::default();
        holders.step(0, Input::Holding(BTreeSet::from([2])));
        assert!((0..40).all(|half| holders.step(half * 500, heard(&[1, 2], &[])).is_empty()));
        assert!((40..70).any(|half| holders.step(half * 500, heard(&[1], &[])) == [Action::Lost { worker: 2 }]));
    }

    #[test]
    fn a_session_is_asked_once_and_another_one_again() {
        let mut holders = Holders::default();
        holders.step(0, heard(&[1, 2], &[(1, 5)]));
        assert_eq!(holders.step(10, Input::Holding(workers())), [ask(&[1])]);
        assert_eq!(holders.step(20, heard(&[1, 2], &[(1, 5)])), [], "it is being asked");
        assert_eq!(holders.step(30, Input::Answered { worker: WORKER }), []);
        assert_eq!(holders.step(40, heard(&[1, 2], &[(1, 5)])), []);
        assert_eq!(holders.step(50, heard(&[1, 2], &[(2, 6)])), [ask(&[2])]);
        assert_eq!(holders.step(60, Input::Unanswered { worker: WORKER }), []);
        assert_eq!(holders.step(1_059, heard(&[1, 2], &[(2, 6)])), []);
        assert_eq!(holders.step(1_060, heard(&[1, 2], &[(2, 6)])), [ask(&[2])]);
    }

    #[test]
    fn a_shard_that_comes_while_a_worker_is_asked_has_it_asked_again() {
        let mut holders = Holders::default();
        holders.step(0, heard(&[1], &[(1, 5)]));
        assert_eq!(holders.step(10, Input::Holding(workers())), [ask(&[1])]);
        assert_eq!(holders.step(20, Input::Adopted(workers())), []);
        assert_eq!(holders.step(30, Input::Answered { worker: WORKER }), [ask(&[1])]);
        assert_eq!(holders.step(40, Input::Answered { worker: WORKER }), []);
    }
}
