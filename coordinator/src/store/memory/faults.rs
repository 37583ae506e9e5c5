//! The ways in which the store can be told to fail, for tests and simulation. Each is what a disk, a power cut or a full volume
//! does to [`LocalStore`](crate::store::local::LocalStore).

use super::MemoryStore;
use crate::store::StoreError;

impl MemoryStore {
    /// From now on batches stay on their way until [`let_go`](Self::let_go), [`let_all_go`](Self::let_all_go) or
    /// [`crash`](Self::crash).
    pub fn hold(&self) {
        self.state.lock().holding = true;
    }

    /// How many batches are on their way.
    pub fn held(&self) -> usize {
        self.state.lock().held.len()
    }

    /// Makes the first `count` of them durable, in the order in which they were appended over all shards.
    pub fn let_go(&self, count: usize) {
        self.with_state(|state| state.let_go(count));
    }

    /// Makes all of them durable, and from now on each as it comes.
    pub fn let_all_go(&self) {
        self.with_state(|state| {
            state.holding = false;
            state.let_go(usize::MAX);
        });
    }

    /// The power goes: of the batches on their way the first `kept` had reached the disk, without anybody having heard of it, the others are
    /// lost. All shards are without an owner, as after a restart. Faults that were asked for are forgotten, holding apart.
    pub fn crash(&self, kept: usize) {
        self.with_state(|state| state.crash(kept));
    }

    /// Refuses the next `count` appends.
    pub fn refuse_next(&self, count: usize, reason: StoreError) {
        self.state.lock().refusing = (count > 0).then_some((count, reason));
    }

    /// Fills the disk, or gives space back: every append is refused meanwhile, and no intake accepted.
    pub fn set_full(&self, full: bool) {
        self.state.lock().refusing = full.then_some((usize::MAX, StoreError::Full));
        self.intake.send_replace(!full);
    }

    /// Answers no question about logs, or answers again.
    pub fn set_silent(&self, silent: bool) {
        self.state.lock().silent = silent;
    }

    /// The next checkpoint fails after its first `ops` operations, and `checkpoint_seq` does not move.
    pub fn interrupt_next_checkpoint(&self, ops: usize) {
        self.state.lock().interrupt_after = Some(ops);
    }
}
