//! Every claim that this process holds, from its grant to the acknowledgement of its outcome.
//!
//! The rules of the protocol that must hold whatever the network does live here, apart from it: a grant that has been accepted is never accepted again; an
//! outcome is kept until the coordinator has decided about it; what is held is what `Hello` names.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use baton_proto::worker::v1::{ClaimRef, Code, Outcome};
use bytes::Bytes;
use foldhash::fast::RandomState;
use std::hash::BuildHasher;
use tokio::task::AbortHandle;

/// Accepted grants that are remembered after their end, so that a late duplicate is recognized.
const REMEMBERED_MAX: usize = 131_072;
/// Pauses before an outcome is reported again that the coordinator could not decide about.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// An outcome that nobody has acknowledged on a living session for so long is reported again.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(10);

/// What `executed_version` says where versions are not known.
const VERSION: &str = "$LATEST";

/// Number of a claim in this process; also the `report_id` of its outcome.
pub(super) type ClaimNumber = u64;

type Key = (Bytes, u64);

/// All claims of this process.
#[derive(Default)]
pub(super) struct Claims {
    next_number: ClaimNumber,
    claims: HashMap<ClaimNumber, Claim, RandomState>,
    by_key: HashMap<Key, ClaimNumber, RandomState>,
    running: usize,
    /// Fingerprints of accepted grants, oldest first in the queue.
    remembered: HashSet<(u64, u64), RandomState>,
    remembered_order: VecDeque<(u64, u64)>,
    /// Outcomes to report, in order.
    to_report: VecDeque<ClaimNumber>,
    /// Outcomes that wait before they are reported again.
    waiting: Vec<(Instant, ClaimNumber)>,
    hasher: RandomState,
}

struct Claim {
    token: Bytes,
    claim_id: u64,
    queue: usize,
    state: State,
}

enum State {
    /// Its handler runs; the handle ends it, once there is one.
    Running(Option<AbortHandle>),
    /// Its outcome is to be reported or acknowledged.
    Finished { outcome: Box<Outcome>, reported: Option<Instant>, retries: u32 },
}

impl Claims {
    /// Takes a grant. None if this grant has been accepted before, or its claim denied.
    pub(super) fn accept(&mut self, token: &Bytes, claim_id: u64, queue: usize) -> Option<ClaimNumber> {
        if !self.remember(token, claim_id) {
            return None;
        }
        self.next_number += 1;
        let number = self.next_number;
        self.claims.insert(number, Claim { token: token.clone(), claim_id, queue, state: State::Running(None) });
        self.by_key.insert((token.clone(), claim_id), number);
        self.running += 1;
        Some(number)
    }

    /// A claim has been denied: a grant of it that comes all the same is not accepted.
    pub(super) fn denied(&mut self, token: &Bytes, claim_id: u64) {
        self.remember(token, claim_id);
    }

    /// False if this claim has been answered before.
    fn remember(&mut self, token: &Bytes, claim_id: u64) -> bool {
        let fingerprint = (self.hasher.hash_one(token), claim_id);
        if !self.remembered.insert(fingerprint) {
            return false;
        }
        self.remembered_order.push_back(fingerprint);
        if self.remembered_order.len() > REMEMBERED_MAX
            && let Some(oldest) = self.remembered_order.pop_front()
        {
            self.remembered.remove(&oldest);
        }
        true
    }

    /// Notes how the handler of a claim can be ended. A claim that is no longer held has its handler ended at once.
    pub(super) fn parked(&mut self, number: ClaimNumber, handle: AbortHandle) {
        match self.claims.get_mut(&number).map(|claim| &mut claim.state) {
            Some(State::Running(slot)) => *slot = Some(handle),
            // The handler has ended before this note came.
            Some(State::Finished { .. }) => {}
            None => handle.abort(),
        }
    }

    /// Keeps the outcome of a claim for reporting. Gives the queue whose slot is free now; none if the claim is no longer held.
    pub(super) fn finish(&mut self, number: ClaimNumber, outcome: impl FnOnce(Bytes, u64) -> Outcome) -> Option<usize> {
        let claim = self.claims.get_mut(&number)?;
        debug_assert!(matches!(claim.state, State::Running(_)), "a handler ends once");
        let outcome = Box::new(outcome(claim.token.clone(), claim.claim_id));
        claim.state = State::Finished { outcome, reported: None, retries: 0 };
        self.running -= 1;
        self.to_report.push_back(number);
        Some(claim.queue)
    }

    /// Gives a claim up: ends its handler or forgets its outcome. Gives the queue whose slot is free now, if it was running.
    pub(super) fn give_up(&mut self, token: &Bytes, claim_id: u64) -> Option<usize> {
        let number = self.by_key.remove(&(token.clone(), claim_id))?;
        let claim = self.claims.remove(&number).expect("every key leads to a claim");
        match claim.state {
            State::Running(handle) => {
                if let Some(handle) = handle {
                    handle.abort();
                }
                self.running -= 1;
                Some(claim.queue)
            }
            State::Finished { .. } => None,
        }
    }

    /// Takes the coordinator's answer to an outcome.
    pub(super) fn acknowledge(&mut self, number: ClaimNumber, code: Code, now: Instant) {
        match code {
            Code::Applied | Code::Duplicate | Code::TimedOut | Code::Cancelled | Code::UnknownTask => self.forget(number),
            Code::RetryLater => {
                if let Some(State::Finished { reported, retries, .. }) = self.claims.get_mut(&number).map(|claim| &mut claim.state)
                    && reported.take().is_some()
                {
                    *retries += 1;
                    let pause = RETRY_FIRST.saturating_mul(1 << (*retries - 1).min(6)).min(RETRY_MAX);
                    self.waiting.push((now + pause, number));
                }
            }
        }
    }

    fn forget(&mut self, number: ClaimNumber) {
        if !matches!(self.claims.get(&number), Some(Claim { state: State::Finished { .. }, .. })) {
            return;
        }
        if let Some(claim) = self.claims.remove(&number) {
            self.by_key.remove(&(claim.token, claim.claim_id));
        }
    }

    /// The next outcome to report, to be sent now.
    pub(super) fn next_report(&mut self, now: Instant) -> Option<Outcome> {
        while let Some(number) = self.to_report.pop_front() {
            if let Some(State::Finished { outcome, reported, .. }) = self.claims.get_mut(&number).map(|claim| &mut claim.state) {
                *reported = Some(now);
                return Some(Outcome { executed_version: VERSION.to_owned(), ..Outcome::clone(outcome) });
            }
        }
        None
    }

    pub(super) fn has_reports(&self) -> bool {
        !self.to_report.is_empty()
    }

    /// Puts the outcomes whose pause is over, or whose acknowledgement is overdue, among those to report.
    pub(super) fn retry_due(&mut self, now: Instant) {
        let due = self.waiting.extract_if(.., |(at, _)| *at <= now).map(|(_, number)| number);
        self.to_report.extend(due);
        for (&number, claim) in &mut self.claims {
            if let State::Finished { reported, .. } = &mut claim.state
                && reported.is_some_and(|at| now.duration_since(at) > UNACKNOWLEDGED_MAX)
            {
                *reported = None;
                self.to_report.push_back(number);
            }
        }
    }

    /// A new session knows nothing of what was reported on the one before: everything unacknowledged is to be reported, oldest first.
    pub(super) fn session_begins(&mut self) {
        self.waiting.clear();
        self.to_report.clear();
        for (&number, claim) in &mut self.claims {
            if let State::Finished { reported, .. } = &mut claim.state {
                *reported = None;
                self.to_report.push_back(number);
            }
        }
        self.to_report.make_contiguous().sort_unstable();
    }

    /// All claims held, for `Hello`.
    pub(super) fn held(&self) -> Vec<ClaimRef> {
        self.claims.values().map(Claim::reference).collect()
    }

    /// The claims whose handlers run, for heartbeats.
    pub(super) fn running(&self) -> impl Iterator<Item = ClaimRef> {
        self.claims.values().filter(|claim| matches!(claim.state, State::Running(_))).map(Claim::reference)
    }

    pub(super) fn running_count(&self) -> usize {
        self.running
    }

    /// True from the grant until the outcome is decided or the claim given up.
    pub(super) fn is_held(&self, number: ClaimNumber) -> bool {
        self.claims.contains_key(&number)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.claims.is_empty()
    }

    /// Claims whose outcome is not yet acknowledged.
    pub(super) fn unacknowledged_count(&self) -> usize {
        self.claims.len() - self.running
    }

    /// Ends all handlers, at the end of the process.
    pub(super) fn abort_all(&mut self) {
        for claim in self.claims.values() {
            if let State::Running(Some(handle)) = &claim.state {
                handle.abort();
            }
        }
    }
}

impl Claim {
    fn reference(&self) -> ClaimRef {
        ClaimRef { token: self.token.clone(), claim_id: self.claim_id }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(name: &'static str) -> Bytes {
        Bytes::from_static(name.as_bytes())
    }

    fn outcome(number: ClaimNumber) -> impl FnOnce(Bytes, u64) -> Outcome {
        move |token, claim_id| Outcome { token, claim_id, report_id: number, ..Outcome::default() }
    }

    fn reports(claims: &mut Claims, now: Instant) -> Vec<u64> {
        std::iter::from_fn(|| claims.next_report(now)).map(|outcome| outcome.report_id).collect()
    }

    #[test]
    fn a_grant_is_accepted_once_even_after_its_end() {
        let (mut claims, now) = (Claims::default(), Instant::now());
        let number = claims.accept(&token("t"), 7, 0).expect("the first");
        assert_eq!(claims.accept(&token("t"), 7, 0), None);
        assert!(claims.accept(&token("t"), 8, 0).is_some(), "another claim of the same task is another grant");
        claims.finish(number, outcome(number));
        assert_eq!(reports(&mut claims, now), [number]);
        claims.acknowledge(number, Code::Applied, now);
        assert_eq!(claims.accept(&token("t"), 7, 0), None);
    }

    #[test]
    fn a_denied_claim_is_not_granted_any_more() {
        let mut claims = Claims::default();
        claims.denied(&token("t"), 7);
        assert_eq!(claims.accept(&token("t"), 7, 0), None);
        assert!(claims.accept(&token("t"), 8, 0).is_some());
    }

    #[test]
    fn outcomes_stay_until_decided() {
        for code in [Code::Applied, Code::Duplicate, Code::TimedOut, Code::Cancelled, Code::UnknownTask] {
            let (mut claims, now) = (Claims::default(), Instant::now());
            let number = claims.accept(&token("t"), 1, 0).expect("a claim");
            assert_eq!(claims.finish(number, outcome(number)), Some(0));
            assert_eq!((claims.running_count(), claims.unacknowledged_count(), claims.held().len()), (0, 1, 1));
            assert_eq!(reports(&mut claims, now), [number]);
            claims.acknowledge(number, Code::RetryLater, now);
            claims.retry_due(now);
            assert_eq!(reports(&mut claims, now), [0; 0], "it waits before it is reported again");
            claims.retry_due(now + RETRY_FIRST);
            assert_eq!(reports(&mut claims, now), [number]);
            claims.acknowledge(number, code, now);
            claims.session_begins();
            assert_eq!((reports(&mut claims, now), claims.held().len()), (vec![], 0), "{code:?}");
        }
    }

    #[test]
    fn pauses_double_up_to_their_bound() {
        let (mut claims, mut now) = (Claims::default(), Instant::now());
        let number = claims.accept(&token("t"), 1, 0).expect("a claim");
        claims.finish(number, outcome(number));
        let mut pauses = Vec::new();
        for _ in 0..9 {
            assert_eq!(reports(&mut claims, now), [number]);
            claims.acknowledge(number, Code::RetryLater, now);
            let start = now;
            while !claims.has_reports() {
                now += Duration::from_millis(100);
                claims.retry_due(now);
            }
            pauses.push((now - start).as_millis());
        }
        assert_eq!(pauses, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000]);
    }

    #[test]
    fn overdue_and_lost_acknowledgements_make_outcomes_be_reported_again_in_order() {
        let (mut claims, now) = (Claims::default(), Instant::now());
        let numbers: Vec<_> = (0..5).map(|id| claims.accept(&token("t"), id, 0).expect("a claim")).collect();
        for &number in &numbers {
            claims.finish(number, outcome(number));
        }
        assert_eq!(reports(&mut claims, now), numbers);
        claims.acknowledge(numbers[1], Code::Applied, now);
        claims.session_begins();
        assert_eq!(reports(&mut claims, now), [numbers[0], numbers[2], numbers[3], numbers[4]]);
        claims.retry_due(now + UNACKNOWLEDGED_MAX);
        assert!(!claims.has_reports());
        claims.retry_due(now + UNACKNOWLEDGED_MAX + Duration::from_millis(1));
        assert_eq!(reports(&mut claims, now).len(), 4);
    }

    #[test]
    fn a_claim_given_up_reports_nothing_and_frees_its_slot_once() {
        let (mut claims, now) = (Claims::default(), Instant::now());
        let running = claims.accept(&token("a"), 1, 3).expect("a claim");
        let finished = claims.accept(&token("b"), 2, 4).expect("a claim");
        assert_eq!(claims.finish(finished, outcome(finished)), Some(4));
        assert_eq!(claims.give_up(&token("a"), 1), Some(3));
        assert_eq!(claims.give_up(&token("b"), 2), None, "its slot was freed when it ended");
        assert_eq!(claims.give_up(&token("c"), 9), None);
        assert_eq!(claims.finish(running, outcome(running)), None, "the handler's late end");
        assert_eq!((reports(&mut claims, now), claims.held().len(), claims.running_count()), (vec![], 0, 0));
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let mut claims = Claims::default();
        for id in 0..(REMEMBERED_MAX as u64 + 10) {
            let number = claims.accept(&token("t"), id, 0).expect("a claim");
            claims.finish(number, outcome(number));
            claims.acknowledge(number, Code::Applied, Instant::now());
        }
        assert_eq!((claims.remembered.len(), claims.remembered_order.len(), claims.claims.len()), (REMEMBERED_MAX, REMEMBERED_MAX, 0));
    }
}
