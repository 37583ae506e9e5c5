//! OFFER mode: claims that have been asked for and not yet answered.
//!
//! Each received offer gets a fresh random `claim_id`. With an id of the worker's own a late duplicate of `Granted` could make one worker run an attempt twice.

use std::collections::HashMap;

use baton_proto::worker::v1::Claim;
use bytes::Bytes;
use foldhash::fast::RandomState;

/// Claims without an answer, with the queue whose slot they keep.
#[derive(Default)]
pub(super) struct PendingClaims {
    pending: HashMap<(Bytes, u64), usize, RandomState>,
    to_send: Vec<Claim>,
}

impl PendingClaims {
    /// Claims an offered task.
    pub(super) fn claim(&mut self, token: Bytes, queue: usize) {
        let claim_id = getrandom::u64().expect("the system has random numbers");
        self.pending.insert((token.clone(), claim_id), queue);
        self.to_send.push(Claim { token, claim_id });
    }

    /// An answer has come. Gives the queue whose slot was kept; none if this was never asked or has been answered.
    pub(super) fn answered(&mut self, token: &Bytes, claim_id: u64) -> Option<usize> {
        self.pending.remove(&(token.clone(), claim_id))
    }

    /// The answers to claims sent on an earlier session are lost: they are asked again with the same ids, which is idempotent.
    pub(super) fn session_begins(&mut self) {
        self.to_send = self.pending.keys().map(|(token, claim_id)| Claim { token: token.clone(), claim_id: *claim_id }).collect();
    }

    pub(super) fn next(&mut self) -> Option<Claim> {
        self.to_send.pop()
    }

    pub(super) fn has_next(&self) -> bool {
        !self.to_send.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }
}
