//! The owner's side: what it commits, and what it says afterwards.

use super::state::{Claim, Message, OfferClaim, State};
use super::worker::Hand;

/// The task, as the log has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Task {
    pub(crate) attempt: u8,
    pub(crate) claim: Option<Claim>,
    pub(crate) is_done: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Owner {
    pub(crate) memory: Task,
    pub(crate) durable: Task,
    /// The present attempt has been published.
    pub(crate) is_offered: bool,
    /// The session over which the claim's worker was last known to hold it, or to wait for it.
    confirmed: Option<u8>,
    /// It waits for an answer to a question about the claim.
    is_asking: bool,
    /// A grant that leaves with the next commit, where it leaves once only.
    grant: Option<Claim>,
    /// A worker whose session has ended, for those who only listen.
    pub(crate) heard_of_loss: Option<(u8, u8)>,
}

impl Owner {
    /// Another one goes on with what was durable.
    pub(crate) fn crash(&mut self) {
        *self = Owner { memory: self.durable, durable: self.durable, ..Owner::default() };
    }

    /// Nobody has the attempt.
    fn free(&mut self) {
        self.memory.claim = None;
        self.is_offered = false;
        self.confirmed = None;
        self.is_asking = false;
    }
}

impl Claim {
    fn is_same(self, other: Claim) -> bool {
        (self.id, self.worker, self.attempt) == (other.id, other.worker, other.attempt)
    }
}

impl OfferClaim {
    /// Nothing leaves that is not durable: an attempt is offered after the commit that made it.
    pub(crate) fn publish(&self, state: &mut State) {
        let owner = &mut state.owner;
        let wants = !owner.memory.is_done && owner.memory.claim.is_none() && !owner.is_offered;
        if wants && owner.memory == owner.durable {
            owner.is_offered = true;
            state.ready[usize::from(owner.memory.attempt)] += 1;
        }
    }

    /// The audit takes the offer for lost.
    pub(crate) fn offer_again(&self, state: &mut State) {
        let owner = &state.owner;
        let is_open = owner.is_offered && owner.memory.claim.is_none() && !owner.memory.is_done;
        if !self.rules.offers_again || !is_open || state.ready.iter().any(|ready| *ready > 0) {
            return;
        }
        let is_rash = [state.workers[0].hand, state.workers[1].hand, state.desk].iter().any(|hand| matches!(hand, Hand::Claiming { .. }));
        if is_rash {
            let Some(left) = state.left.rash_offers.checked_sub(1) else { return };
            state.left.rash_offers = left;
        }
        state.ready[usize::from(state.owner.memory.attempt)] += 1;
    }

    pub(crate) fn commit(&self, state: &mut State) {
        state.owner.durable = state.owner.memory;
        state.network.extend(state.owner.grant.take().map(Message::Granted));
    }

    pub(crate) fn claimed(&self, state: &mut State, claim: Claim) {
        let owner = &mut state.owner;
        let is_open = !owner.memory.is_done && owner.memory.attempt == claim.attempt;
        let is_again = owner.memory.claim.is_some_and(|holder| holder.is_same(claim));
        let is_free = is_open && (owner.memory.claim.is_none() || (!self.rules.denies && !is_again));
        if is_free {
            owner.memory.claim = Some(claim);
            owner.grant = Some(claim).filter(|_| !self.rules.grants_again);
        }
        if is_open && (is_free || is_again) {
            if !self.rules.confirms_by_holder {
                owner.confirmed = Some(claim.session);
            }
            // Heard of it: whatever is being asked is out of date.
            if self.rules.forgets_stale_answers {
                owner.is_asking = false;
            }
        }
    }

    /// What the owner's answers speak of.
    fn spoken_of(&self, state: &State, after_commit: bool) -> Task {
        if after_commit { state.owner.durable } else { state.owner.memory }
    }

    /// Whether the owner answers this claim with a grant.
    pub(crate) fn is_granted(&self, state: &State, claim: Claim) -> bool {
        let holds = |task: Task| !task.is_done && task.attempt == claim.attempt && task.claim.is_some_and(|holder| holder.is_same(claim));
        holds(state.owner.memory) && holds(self.spoken_of(state, self.rules.grants_after_commit))
    }

    /// Whether the owner answers this claim with a denial: somebody else has the attempt, or it is over.
    pub(crate) fn is_denied(&self, state: &State, claim: Claim) -> bool {
        let is_lost = |task: Task| task.is_done || task.attempt != claim.attempt || task.claim.is_some_and(|holder| !holder.is_same(claim));
        is_lost(state.owner.memory) && is_lost(state.owner.durable)
    }

    pub(crate) fn reported(&self, state: &mut State, claim: Claim, has_succeeded: bool) {
        let owner = &state.owner;
        let is_holder = owner.memory.claim.is_some_and(|holder| holder.id == claim.id) && owner.memory.attempt == claim.attempt;
        if is_holder && !owner.memory.is_done {
            self.end_attempt(state, has_succeeded);
        }
    }

    /// Whether an outcome under this claim has done what it can do.
    pub(crate) fn is_over(&self, state: &State, claim: Claim) -> bool {
        let task = self.spoken_of(state, self.rules.acknowledges_after_commit);
        task.is_done || task.attempt != claim.attempt || task.claim.is_none_or(|holder| holder.id != claim.id)
    }

    /// A failed attempt is followed by the next one, if there is one.
    fn end_attempt(&self, state: &mut State, has_succeeded: bool) {
        let owner = &mut state.owner;
        if has_succeeded || owner.memory.attempt + 1 == self.scope.attempts {
            owner.memory.is_done = true;
        } else {
            owner.memory.attempt += 1;
            owner.free();
        }
    }

    /// The claim's worker is gone for good: its attempt fails.
    pub(crate) fn look_for_loss(&self, state: &mut State) {
        let Some(claim) = state.owner.memory.claim.filter(|_| !state.owner.memory.is_done) else { return };
        let worker = &state.workers[usize::from(claim.worker)];
        let is_gone = worker.incarnation != claim.incarnation;
        let is_heard_of = self.rules.looks_for_loss || state.owner.heard_of_loss == Some((claim.worker, worker.incarnation));
        if is_gone && is_heard_of {
            self.end_attempt(state, false);
        }
    }

    /// The claim was made, or last confirmed, over a session that its worker no longer has, or by another owner: is it still held? The answer is
    /// what the worker's side knows when it is asked.
    pub(crate) fn ask(&self, state: &mut State) {
        let owner = &state.owner;
        let Some(claim) = owner.memory.claim.filter(|_| self.rules.regrants && !owner.memory.is_done) else { return };
        let worker = &state.workers[usize::from(claim.worker)];
        let is_answer_under_way = state.network.iter().any(|message| matches!(message, Message::Holding { .. }));
        if worker.incarnation != claim.incarnation || owner.confirmed == Some(worker.session) || is_answer_under_way {
            return;
        }
        let session = worker.session;
        let is_held = self.is_held(state, claim);
        let owner = &mut state.owner;
        owner.is_asking = true;
        state.network.insert(Message::Holding { is_held, session });
    }

    pub(crate) fn answered(&self, state: &mut State, is_held: bool, session: u8) {
        let owner = &mut state.owner;
        if !owner.is_asking || owner.memory.claim.is_none() || owner.memory.is_done {
            return;
        }
        owner.is_asking = false;
        if is_held {
            owner.confirmed = Some(session);
        } else {
            owner.free();
        }
    }
}
