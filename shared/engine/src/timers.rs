//! What time alone brings about.

use std::collections::{BTreeMap, BTreeSet};

use bincode::{
    Decode, Encode,
    de::Decoder,
    enc::Encoder,
    error::{DecodeError, EncodeError},
};

use crate::{ThreadId, Timestamp};

/// Ends of Wait states, retriers' delays and tasks' deadlines: at most one for each strand, derived from it.
#[derive(Clone, Debug, Default, PartialEq, bincode::Encode, bincode::Decode)]
pub(crate) struct Timers(BTreeSet<(Timestamp, ThreadId)>);

impl Timers {
    /// The strand's timer was due at `before` and now is at `after`.
    pub(crate) fn change(&mut self, thread: ThreadId, before: Option<Timestamp>, after: Option<Timestamp>) {
        if before == after {
            return;
        }
        if let Some(due) = before {
            self.0.remove(&(due, thread));
        }
        if let Some(due) = after {
            self.0.insert((due, thread));
        }
    }

    /// The earliest; the lower strand first when several are due at once.
    pub(crate) fn first(&self) -> Option<(Timestamp, ThreadId)> {
        self.0.first().copied()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

/// Until when a claimed task must give a sign of life.
///
/// Signs of life are not logged, so these deadlines are the one thing that events do not determine: they live in memory only,
/// are neither stored nor compared, and begin again in full after a recovery ([`crate::Execution::restart_heartbeats`]).
#[derive(Clone, Debug, Default)]
pub(crate) struct Heartbeats {
    due_of: BTreeMap<ThreadId, Timestamp>,
    in_order: BTreeSet<(Timestamp, ThreadId)>,
}

impl Heartbeats {
    pub(crate) fn set(&mut self, thread: ThreadId, due: Option<Timestamp>) {
        let before = match due {
            Some(due) => self.due_of.insert(thread, due),
            None => self.due_of.remove(&thread),
        };
        if let Some(before) = before {
            self.in_order.remove(&(before, thread));
        }
        if let Some(due) = due {
            self.in_order.insert((due, thread));
        }
    }

    pub(crate) fn first(&self) -> Option<(Timestamp, ThreadId)> {
        self.in_order.first().copied()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.in_order.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl PartialEq for Heartbeats {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Encode for Heartbeats {
    fn encode<E: Encoder>(&self, _: &mut E) -> Result<(), EncodeError> {
        Ok(())
    }
}

impl<Context> Decode<Context> for Heartbeats {
    fn decode<D: Decoder<Context = Context>>(_: &mut D) -> Result<Self, DecodeError> {
        Ok(Self::default())
    }
}

bincode::impl_borrow_decode!(Heartbeats);
