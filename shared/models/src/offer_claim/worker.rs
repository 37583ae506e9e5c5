//! Workers and their gateway: what they do about offers.

use super::Rules;
use super::state::{Claim, Message, OfferClaim, State, WORKERS};

/// The worker that a gateway claims for.
const SERVED: usize = 1;

/// What a worker, or its gateway, is doing about an offer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Hand {
    #[default]
    Free,
    /// The offer is not acknowledged to the broker until there is an answer. The claim was last sent over this session.
    Claiming {
        id: u8,
        attempt: u8,
        over: u8,
    },
    /// At the gateway: on the worker's session.
    HandingOn(Claim),
    Running(Claim),
    Reporting {
        claim: Claim,
        has_succeeded: bool,
    },
}

impl Hand {
    fn holds(self, id: u8) -> bool {
        match self {
            Hand::Running(claim) | Hand::Reporting { claim, .. } => claim.id == id,
            Hand::Free | Hand::Claiming { .. } | Hand::HandingOn(_) => false,
        }
    }

    /// Whether where the session is a claim is known to be on its way.
    fn has_under_way(self, id: u8, session: u8) -> bool {
        match self {
            Hand::Claiming { id: other, over, .. } => other == id && over == session,
            Hand::HandingOn(claim) => claim.id == id,
            Hand::Free | Hand::Running(_) | Hand::Reporting { .. } => false,
        }
    }

    fn unacknowledged(self) -> Option<u8> {
        match self {
            Hand::Claiming { attempt, .. } => Some(attempt),
            Hand::Free | Hand::HandingOn(_) | Hand::Running(_) | Hand::Reporting { .. } => None,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Worker {
    pub(crate) hand: Hand,
    pub(crate) incarnation: u8,
    pub(crate) session: u8,
}

impl OfferClaim {
    /// Whether a gateway claims for this worker.
    fn is_served(&self, worker: usize) -> bool {
        self.scope.has_gateway && worker == SERVED
    }

    fn claimant<'a>(&self, state: &'a mut State, worker: usize) -> &'a mut Hand {
        if self.is_served(worker) { &mut state.desk } else { &mut state.workers[worker].hand }
    }

    /// A free worker, or its gateway, takes an offer out of the broker.
    fn take_offer(&self, state: &mut State, worker: usize) -> Option<u8> {
        let is_free = state.workers[worker].hand == Hand::Free && *self.claimant(state, worker) == Hand::Free;
        let attempt = state.ready.iter().position(|ready| *ready > 0).filter(|_| is_free)?;
        state.ready[attempt] -= 1;
        Some(attempt as u8)
    }

    pub(super) fn receive(&self, state: &mut State, worker: usize) {
        let Some(attempt) = self.take_offer(state, worker) else { return };
        let id = if self.rules.has_fresh_claim_ids {
            state.claims += 1;
            10 + state.claims
        } else {
            worker as u8
        };
        let over = state.workers[worker].session;
        *self.claimant(state, worker) = Hand::Claiming { id, attempt, over };
    }

    /// An offer that is not claimed is acknowledged to the broker, and the owner is told.
    pub(super) fn hand_back(&self, state: &mut State, worker: usize) {
        let Some(attempt) = self.take_offer(state, worker) else { return };
        state.left.hand_backs -= 1;
        if self.rules.hands_back && state.owner.memory.attempt == attempt {
            state.owner.is_offered = false;
        }
    }

    /// What this worker, or its gateway, claims now.
    pub(crate) fn claim_of(&self, state: &State, worker: usize) -> Option<Claim> {
        let Worker { hand, incarnation, session } = state.workers[worker];
        match if self.is_served(worker) { state.desk } else { hand } {
            Hand::Claiming { id, attempt, .. } => Some(Claim { id, attempt, worker: worker as u8, incarnation, session }),
            Hand::Free | Hand::HandingOn(_) | Hand::Running(_) | Hand::Reporting { .. } => None,
        }
    }

    /// Whether the claim has been sent over the session that there is now: an answer comes over the one that was asked on.
    fn has_asked(&self, state: &State, worker: usize) -> bool {
        let hand = if self.is_served(worker) { state.desk } else { state.workers[worker].hand };
        matches!(hand, Hand::Claiming { over, .. } if over == state.workers[worker].session) || !self.rules.grants_belong_to_sessions
    }

    /// Everything whose copy may be held up.
    pub(super) fn sent(&self, state: &State) -> Vec<Message> {
        let claims = (0..WORKERS).filter_map(|worker| self.claim_of(state, worker));
        let asked = claims.clone().filter(|claim| self.has_asked(state, usize::from(claim.worker)));
        let grants = asked.filter(|claim| self.is_granted(state, *claim)).map(Message::Granted);
        let reports = state.workers.iter().filter_map(|worker| match worker.hand {
            Hand::Reporting { claim, has_succeeded } => Some(Message::Report { claim, has_succeeded }),
            Hand::Free | Hand::Claiming { .. } | Hand::HandingOn(_) | Hand::Running(_) => None,
        });
        claims.map(Message::Claim).chain(grants).chain(reports).collect()
    }

    pub(super) fn send_claim(&self, state: &mut State, worker: usize) {
        if let Some(claim) = self.claim_of(state, worker) {
            *self.claimant(state, worker) = Hand::Claiming { id: claim.id, attempt: claim.attempt, over: claim.session };
            self.claimed(state, claim);
        }
    }

    pub(super) fn answer_claim(&self, state: &mut State, worker: usize) {
        let Some(claim) = self.claim_of(state, worker).filter(|_| self.has_asked(state, worker)) else { return };
        if self.rules.grants_again && self.is_granted(state, claim) {
            self.grant(state, claim);
        } else if self.is_denied(state, claim) {
            *self.claimant(state, worker) = Hand::Free;
        }
    }

    pub(super) fn send_report(&self, state: &mut State, worker: usize) {
        if let Hand::Reporting { claim, has_succeeded } = state.workers[worker].hand {
            self.reported(state, claim, has_succeeded);
        }
    }

    pub(super) fn answer_report(&self, state: &mut State, worker: usize) {
        if let Hand::Reporting { claim, .. } = state.workers[worker].hand
            && self.is_over(state, claim)
        {
            state.workers[worker].hand = Hand::Free;
        }
    }

    pub(super) fn deliver(&self, state: &mut State, message: Message) {
        match message {
            Message::Claim(claim) => self.claimed(state, claim),
            Message::Granted(claim) => self.granted(state, claim),
            Message::Report { claim, has_succeeded } => self.reported(state, claim, has_succeeded),
            Message::Holding { is_held, session } => self.answered(state, is_held, session),
        }
    }

    /// The owner grants what a worker claims.
    fn grant(&self, state: &mut State, claim: Claim) {
        state.was_rash |= state.owner.durable.claim.map(|durable| durable.id) != Some(claim.id);
        self.granted(state, claim);
    }

    /// Whoever claims takes a grant only for the claim that it waits for, over the session that it has.
    fn granted(&self, state: &mut State, claim: Claim) {
        let worker = usize::from(claim.worker);
        let is_of_session = claim.session == state.workers[worker].session || !self.rules.grants_belong_to_sessions;
        let is_awaited =
            matches!(*self.claimant(state, worker), Hand::Claiming { id, attempt, .. } if id == claim.id && attempt == claim.attempt);
        if !is_awaited || !is_of_session {
            return;
        }
        if self.is_served(worker) {
            state.desk = Hand::HandingOn(claim);
        } else {
            state.run(worker, claim);
        }
    }

    /// The session ends and another one begins. Of a gateway, everything that it had in hand goes; what it had not acknowledged comes back.
    pub(super) fn cut(&self, state: &mut State, worker: usize) {
        state.left.cuts -= 1;
        state.workers[worker].session += 1;
        if self.is_served(worker) {
            let desk = std::mem::take(&mut state.desk);
            state.give_back(desk);
        }
    }

    /// What is said of a claim where its worker's session is.
    pub(crate) fn is_held(&self, state: &State, claim: Claim) -> bool {
        let worker = &state.workers[usize::from(claim.worker)];
        let hand = if self.is_served(usize::from(claim.worker)) { state.desk } else { worker.hand };
        worker.hand.holds(claim.id) || (self.rules.knows_claims_under_way && hand.has_under_way(claim.id, worker.session))
    }
}

impl State {
    /// Nobody has the offer, and the broker has not either.
    pub(super) fn is_offer_gone(&self) -> bool {
        let hands = self.workers.iter().map(|worker| worker.hand).chain([self.desk]);
        self.ready.iter().all(|ready| *ready == 0) && hands.filter_map(Hand::unacknowledged).count() == 0
    }

    pub(crate) fn run(&mut self, worker: usize, claim: Claim) {
        self.runs[usize::from(claim.attempt)] += 1;
        self.workers[worker].hand = Hand::Running(claim);
    }

    /// The grant reaches the worker over its session.
    pub(super) fn hand_on(&mut self, rules: Rules) {
        let Hand::HandingOn(claim) = self.desk else { return };
        self.desk = Hand::Free;
        let worker = &self.workers[SERVED];
        let is_of_session = worker.session == claim.session || !rules.grants_belong_to_sessions;
        if worker.hand == Hand::Free && is_of_session && worker.incarnation == claim.incarnation {
            self.run(SERVED, claim);
        }
    }

    pub(super) fn finish(&mut self, worker: usize, has_succeeded: bool) {
        if let Hand::Running(claim) = self.workers[worker].hand {
            self.workers[worker].hand = Hand::Reporting { claim, has_succeeded };
        }
    }

    /// The broker has it again.
    fn give_back(&mut self, hand: Hand) {
        if let Some(attempt) = hand.unacknowledged() {
            self.ready[usize::from(attempt)] += 1;
        }
    }

    /// It comes back as another incarnation.
    pub(super) fn crash_worker(&mut self, worker: usize) {
        self.left.worker_crashes -= 1;
        let Worker { hand, incarnation, session } = &mut self.workers[worker];
        let hand = std::mem::take(hand);
        *incarnation += 1;
        *session += 1;
        self.give_back(hand);
        // The session's end is heard of once, by whoever is the owner then.
        self.owner.heard_of_loss = self.owner.heard_of_loss.max(Some((worker as u8, self.workers[worker].incarnation)));
        if worker == SERVED {
            let desk = std::mem::take(&mut self.desk);
            self.give_back(desk);
        }
    }
}
