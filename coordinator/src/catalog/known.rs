//! What a process knows of the catalog: everything up to one batch of its log, which is durable.

use parking_lot::{RwLock, RwLockReadGuard};
use tokio::sync::watch;

use super::event::CatalogEvent;
use super::state::State;

/// See the module.
#[derive(Debug)]
pub(super) struct Known {
    state: RwLock<State>,
    /// Number of the last batch that is in it.
    position: watch::Sender<u64>,
}

impl Known {
    pub(super) fn new(state: State, position: u64) -> Self {
        Self { state: RwLock::new(state), position: watch::Sender::new(position) }
    }

    pub(super) fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read()
    }

    pub(super) fn position(&self) -> u64 {
        *self.position.borrow()
    }

    /// [`position`](Self::position) as it changes.
    pub(super) fn positions(&self) -> watch::Receiver<u64> {
        self.position.subscribe()
    }

    /// What the batch of this number says has happened. Nothing, if it is not the next one: another has read it from the log before.
    pub(super) fn apply(&self, position: u64, events: &[CatalogEvent]) {
        let mut state = self.state.write();
        if position == self.position() + 1 {
            events.iter().for_each(|event| state.apply(event));
            self.position.send_replace(position);
        }
    }

    /// All of it at once.
    pub(super) fn replace(&self, state: State, position: u64) {
        let mut present = self.state.write();
        *present = state;
        self.position.send_replace(position);
    }
}
