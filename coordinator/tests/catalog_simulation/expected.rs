//! What a thing of the catalog may be, after all that its one client was told.

use std::collections::BTreeSet;

/// A value that a machine has, or that it is not there. Each write has a value of its own.
pub(crate) type Value = Option<u64>;

/// A command of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    Create(u64),
    Update(u64),
    Delete,
}

/// What a client is told of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Done,
    /// There is one already.
    Exists,
    /// There is none.
    Missing,
    /// It may have been carried out, or be carried out before the next one that is answered.
    Unknown,
}

impl Write {
    /// What it does to a thing, and what its client is told.
    fn applied(self, value: Value) -> (Value, Told) {
        match (self, value) {
            (Write::Create(new), None) => (Some(new), Told::Done),
            (Write::Create(new), Some(old)) => (value, if new == old { Told::Done } else { Told::Exists }),
            (Write::Update(_), None) => (None, Told::Missing),
            (Write::Update(new), Some(_)) => (Some(new), Told::Done),
            (Write::Delete, None) => (None, Told::Missing),
            (Write::Delete, Some(_)) => (None, Told::Done),
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Expected {
    possible: BTreeSet<Value>,
    /// Commands of unknown outcome since, in order.
    pending: Vec<Write>,
}

impl Expected {
    pub(crate) fn nothing_yet() -> Self {
        Self { possible: BTreeSet::from([None]), pending: Vec::new() }
    }

    /// What it may be, with any of the first `pending` commands carried out or not.
    fn after(&self, pending: usize) -> BTreeSet<Value> {
        let mut values = self.possible.clone();
        for write in &self.pending[..pending] {
            let more: Vec<_> = values.iter().map(|value| write.applied(*value).0).collect();
            values.extend(more);
        }
        values
    }

    /// A command has been answered. What was unknown before it has been carried out by then, or never will be.
    pub(crate) fn answered(&mut self, write: Write, told: Told) -> Result<(), String> {
        if told == Told::Unknown {
            self.pending.push(write);
            return Ok(());
        }
        let before = self.after(self.pending.len());
        let agrees = |(value, answer): (Value, Told)| (answer == told).then_some(value);
        let possible: BTreeSet<_> = before.iter().filter_map(|value| agrees(write.applied(*value))).collect();
        if possible.is_empty() {
            return Err(format!("{write:?} was answered {told:?}, with {before:?} before it: {self:?}"));
        }
        (self.possible, self.pending) = (possible, Vec::new());
        Ok(())
    }

    /// The thing was seen so. What it took to become so has been carried out; what is unknown may still be.
    pub(crate) fn seen(&mut self, value: Value) -> Result<(), String> {
        let pending = (0..=self.pending.len()).find(|pending| self.after(*pending).contains(&value));
        let pending = pending.ok_or_else(|| format!("{value:?} was seen: {self:?}"))?;
        self.possible = BTreeSet::from([value]);
        self.pending.drain(..pending);
        Ok(())
    }
}
