//! How a task goes over a broker that loses and repeats, to one worker, once.
//!
//! The owner of a task publishes an offer. Whoever receives it makes a fresh claim id and claims at the owner, again and again until there is an answer;
//! the owner commits who has the attempt, then grants. One worker claims by itself; for the other its gateway does, and hands the grant on over the
//! worker's session. Outcomes are repeated until they are acknowledged. Owners crash and lose what they had not committed, gateways and workers crash
//! and come back, sessions are cut, messages are lost and repeated, and the broker may lose all that it has.
//!
//! What must hold: no attempt runs twice, nothing is granted that is not durable, and the task comes to an end.
//!
//! Three rules were found here.
//!
//! 1. A grant belongs to the session over which it was claimed: over another one it does not count.
//! 2. The answer "nobody holds this claim" counts only if nothing was heard of the claim since it was asked for; otherwise a repeated claim is granted,
//!    and then taken away from a worker that runs it.
//! 3. A claim is not the proof that somebody holds it. A copy of one that was denied long ago can come when the attempt is free again, and is
//!    committed for a worker that lives and does not wait for it. So whoever lives has to say from time to time what it holds, and what it does not
//!    name is given to somebody else.

mod owner;
mod state;
mod tests;
mod worker;

/// The rules that a variant keeps. [`Rules::DESIGN`] is the protocol.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Each received offer gets a claim id of its own; otherwise it is the worker's.
    pub(crate) has_fresh_claim_ids: bool,
    /// A grant leaves after the claim is durable.
    pub(crate) grants_after_commit: bool,
    /// The same claim again is granted again.
    pub(crate) grants_again: bool,
    /// Whether a claim's worker is lost is looked at, not heard of once.
    pub(crate) looks_for_loss: bool,
    /// What the broker has lost is offered again.
    pub(crate) offers_again: bool,
    /// A claim that nobody holds is given to somebody else.
    pub(crate) regrants: bool,
    /// The holder of a claim is looked for among claims under way, too, not only among those that run.
    pub(crate) knows_claims_under_way: bool,
    /// "Nobody holds it" counts only if nothing was heard of the claim since.
    pub(crate) forgets_stale_answers: bool,
    /// That a claim is held is what its worker's side says, not the claim itself: that may be a copy which nobody waits for any more.
    pub(crate) confirms_by_holder: bool,
    /// A grant over a session that was replaced does not count.
    pub(crate) grants_belong_to_sessions: bool,
    /// A second claim of an attempt is denied.
    pub(crate) denies: bool,
    /// What a worker will not claim it hands back.
    pub(crate) hands_back: bool,
    /// Outcomes are acknowledged after they are durable.
    pub(crate) acknowledges_after_commit: bool,
}

impl Rules {
    pub(crate) const DESIGN: Rules = Rules {
        has_fresh_claim_ids: true,
        grants_after_commit: true,
        grants_again: true,
        looks_for_loss: true,
        offers_again: true,
        regrants: true,
        knows_claims_under_way: true,
        forgets_stale_answers: true,
        confirms_by_holder: true,
        grants_belong_to_sessions: true,
        denies: true,
        hands_back: true,
        acknowledges_after_commit: true,
    };
}

/// How often what happens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope {
    pub(crate) attempts: u8,
    /// The second worker is behind a gateway.
    pub(crate) has_gateway: bool,
    pub(crate) owner_crashes: u8,
    pub(crate) worker_crashes: u8,
    /// Sessions cut, by a gateway's crash or otherwise.
    pub(crate) cuts: u8,
    /// Messages lost or repeated.
    pub(crate) disturbances: u8,
    /// The broker loses or repeats what it has.
    pub(crate) broker_faults: u8,
    /// Offers that a worker hands back.
    pub(crate) hand_backs: u8,
    /// Owners that offer again although the offer was only slow.
    pub(crate) rash_offers: u8,
}

impl Scope {
    pub(crate) const NATIVE: Scope = Scope {
        attempts: 2,
        has_gateway: false,
        owner_crashes: 1,
        worker_crashes: 1,
        cuts: 0,
        disturbances: 1,
        broker_faults: 1,
        hand_backs: 0,
        rash_offers: 0,
    };
    pub(crate) const GATEWAY: Scope = Scope {
        attempts: 1,
        has_gateway: true,
        owner_crashes: 1,
        worker_crashes: 0,
        cuts: 1,
        disturbances: 1,
        broker_faults: 0,
        hand_backs: 0,
        rash_offers: 1,
    };
    pub(crate) const BROKER: Scope = Scope {
        attempts: 1,
        has_gateway: true,
        owner_crashes: 1,
        worker_crashes: 0,
        cuts: 0,
        disturbances: 0,
        broker_faults: 2,
        hand_backs: 2,
        rash_offers: 1,
    };
}
