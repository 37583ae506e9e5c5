//! Those who hear of what executions do: execution logs, status-change events.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::shard::StepEvents;

/// Hears of executions' events, but only after they are durable.
pub trait ExecutionListener: Send + Sync {
    /// What is to be done about these events once they are durable; `None` if they are of no interest. It is asked while the execution
    /// steps, and what it answers runs in the same place: both are quick and wait for nothing.
    ///
    /// Of an execution whose events are never written (Express), what is answered is done at once.
    fn hear(&self, step: &StepEvents<'_>) -> Option<Tell>;
}

/// Done as soon as the events are durable; dropped if they never are.
pub type Tell = Box<dyn FnOnce() + Send + Sync>;

/// Everybody who hears of executions' events.
#[derive(Clone, Default)]
pub struct Listeners(Arc<[Arc<dyn ExecutionListener>]>);

impl Listeners {
    /// These.
    pub fn new(listeners: impl IntoIterator<Item = Arc<dyn ExecutionListener>>) -> Self {
        Self(listeners.into_iter().collect())
    }

    /// What is to be told of the step when its events are durable.
    pub fn hear(&self, step: &StepEvents<'_>) -> Option<Announcement> {
        if self.0.is_empty() || step.events.is_empty() {
            return None;
        }
        let tells: SmallVec<[Tell; 1]> = self.0.iter().filter_map(|listener| listener.hear(step)).collect();
        (!tells.is_empty()).then_some(Announcement(tells))
    }
}

/// What those who hear of a step have to do, once its events are durable.
pub struct Announcement(SmallVec<[Tell; 1]>);

impl Announcement {
    /// The events are durable.
    pub fn tell(self) {
        self.0.into_iter().for_each(|tell| tell());
    }
}
