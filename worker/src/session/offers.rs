//! Claims that have been asked for and not yet answered.
//!
//! Each received offer gets a fresh random `claim_id`. With an id of the worker's own a late duplicate of `Granted` could make one worker run an attempt twice.

use std::collections::HashMap;
use std::time::Duration;

use baton_proto::worker::v1::Claim;
use bytes::Bytes;
use foldhash::fast::RandomState;
use tokio::time::Instant;

use super::pull::DeliveryNumber;

/// Says that this worker claims again until it is answered; see `Claim` in the contract.
const OF_WORKER: u64 = 1 << 63;
/// A claim that a living session has not answered for so long is asked again.
const UNANSWERED_MAX: Duration = Duration::from_secs(5);

/// Claims without an answer.
#[derive(Default)]
pub(super) struct PendingClaims {
    pending: HashMap<(Bytes, u64), Pending, RandomState>,
    to_send: Vec<Claim>,
    /// Offers that are handed back.
    to_release: Vec<Bytes>,
    /// When the pending ones are looked at next.
    next_look: Option<Instant>,
}

/// What a claim without an answer keeps.
#[derive(Clone, Copy)]
pub(super) struct Pending {
    /// The queue whose slot is kept for it.
    pub(super) queue: usize,
    /// The message of a broker that carried the offer.
    pub(super) delivery: Option<DeliveryNumber>,
    asked: Instant,
}

impl PendingClaims {
    /// Claims an offered task.
    pub(super) fn claim(&mut self, token: Bytes, queue: usize, delivery: Option<DeliveryNumber>) {
        let claim_id = getrandom::u64().expect("the system has random numbers") | OF_WORKER;
        let asked = Instant::now();
        self.pending.insert((token.clone(), claim_id), Pending { queue, delivery, asked });
        self.to_send.push(Claim { token, claim_id });
        self.next_look.get_or_insert(asked + UNANSWERED_MAX);
    }

    /// An answer has come. Gives what was kept; none if this was never asked or has been answered.
    pub(super) fn answered(&mut self, token: &Bytes, claim_id: u64) -> Option<Pending> {
        self.pending.remove(&(token.clone(), claim_id))
    }

    /// An offer is not claimed and will not be.
    pub(super) fn release(&mut self, token: Bytes) {
        self.to_release.push(token);
    }

    /// The answers to claims sent on an earlier session are lost: they are asked again with the same ids, which is idempotent.
    pub(super) fn session_begins(&mut self) {
        self.to_release.clear();
        self.to_send.clear();
        self.ask_again(|_| true);
    }

    /// Asks again what has waited too long on this session.
    pub(super) fn retry_due(&mut self, now: Instant) {
        if self.next_look.is_some_and(|look| look <= now) {
            self.ask_again(|pending| pending.asked + UNANSWERED_MAX <= now);
            self.next_look = self.pending.values().map(|pending| pending.asked + UNANSWERED_MAX).min();
        }
    }

    fn ask_again(&mut self, is_due: impl Fn(&Pending) -> bool) {
        for ((token, claim_id), pending) in self.pending.iter_mut().filter(|(_, pending)| is_due(pending)) {
            pending.asked = Instant::now();
            self.to_send.push(Claim { token: token.clone(), claim_id: *claim_id });
        }
    }

    /// When [`retry_due`](Self::retry_due) may have something to do.
    pub(super) fn next_look(&self) -> Option<Instant> {
        self.next_look
    }

    pub(super) fn next(&mut self) -> Option<Claim> {
        self.to_send.pop()
    }

    pub(super) fn has_next(&self) -> bool {
        !self.to_send.is_empty()
    }

    /// Everything that is to be handed back.
    pub(super) fn take_releases(&mut self) -> Vec<Bytes> {
        std::mem::take(&mut self.to_release)
    }

    pub(super) fn has_releases(&self) -> bool {
        !self.to_release.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }
}
