//! Who has made a claim's id. A worker repeats a claim of its own, over any session and at any member, until it is answered: that a grant of it
//! could not be delivered somewhere does not say that the worker does not have it. An id that was made here is known to nobody else.

/// Set in the ids that workers make.
const OF_WORKER: u64 = 1 << 63;

/// An id for a claim that is made here in somebody's name.
pub(crate) fn new_claim_id(random: u64) -> u64 {
    random & !OF_WORKER
}

/// Whether a worker has made the id.
pub(crate) fn is_of_worker(claim_id: u64) -> bool {
    claim_id & OF_WORKER != 0
}
