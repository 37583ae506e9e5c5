//! Who owns which shard, as far as this process knows. It may be behind: whoever is asked says so if a shard is not its own.

use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::watch;

use crate::store::{Member, ShardId, ShardSet};

/// Whose a shard is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// This process'.
    Me,
    /// Another member's.
    Member(Arc<Member>),
    /// Nobody's at the moment, as far as is known: it is on its way from one to another.
    Nobody,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Directory {
    view: RwLock<View>,
    /// Counts the changes.
    version: watch::Sender<u64>,
}

#[derive(Debug)]
enum View {
    /// This process has the store to itself.
    Alone,
    Members {
        mine: ShardSet,
        others: Vec<Arc<Member>>,
    },
}

impl Directory {
    /// Of a process that has the store to itself.
    pub(crate) fn alone() -> Self {
        Self { view: RwLock::new(View::Alone), version: watch::Sender::new(0) }
    }

    /// Of a process that owns nothing yet and knows nobody.
    pub(crate) fn shared() -> Self {
        let view = View::Members { mine: ShardSet::default(), others: Vec::new() };
        Self { view: RwLock::new(view), version: watch::Sender::new(0) }
    }

    /// Whose it is.
    pub(crate) fn owner(&self, shard: ShardId) -> Owner {
        match &*self.view.read() {
            View::Alone => Owner::Me,
            View::Members { mine, .. } if mine.contains(shard) => Owner::Me,
            View::Members { others, .. } => {
                others.iter().find(|member| member.owned.contains(shard)).map_or(Owner::Nobody, |member| Owner::Member(member.clone()))
            }
        }
    }

    /// All other members that live.
    pub(crate) fn others(&self) -> Vec<Arc<Member>> {
        match &*self.view.read() {
            View::Alone => Vec::new(),
            View::Members { others, .. } => others.clone(),
        }
    }

    /// Changes with everything that is learnt, so that whoever waits for an owner looks again.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// What this process owns now.
    pub(crate) fn set_mine(&self, now_mine: ShardSet) {
        if let View::Members { mine, .. } = &mut *self.view.write() {
            *mine = now_mine;
        }
        self.version.send_modify(|version| *version += 1);
    }

    /// All other members that live now.
    pub(crate) fn set_others(&self, now_others: Vec<Arc<Member>>) {
        if let View::Members { others, .. } = &mut *self.view.write() {
            *others = now_others;
        }
        self.version.send_modify(|version| *version += 1);
    }
}
