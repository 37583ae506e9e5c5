//! Who owns which shard, as far as this process knows. It may be behind: whoever is asked says so if a shard is not its own.

use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::watch;

use crate::store::{Member, ShardId, ShardSet};

/// Whose a shard is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// This process'.
    Me,
    /// Another member's.
    Member(Arc<Member>),
    /// Nobody's at the moment, as far as is known: it is on its way from one to another.
    Nobody,
}

/// See the module.
#[derive(Debug)]
pub struct Directory {
    is_alone: bool,
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
        /// Handed over as soon as what runs there for somebody who waits has ended; this process's until then.
        finishing: ShardSet,
        others: Vec<Arc<Member>>,
    },
}

impl Directory {
    /// Of a process that has the store to itself.
    pub fn alone() -> Self {
        Self { is_alone: true, view: RwLock::new(View::Alone), version: watch::Sender::new(0) }
    }

    /// Of a process that owns nothing yet and knows nobody.
    pub fn shared() -> Self {
        let view = View::Members { mine: ShardSet::default(), finishing: ShardSet::default(), others: Vec::new() };
        Self { is_alone: false, view: RwLock::new(view), version: watch::Sender::new(0) }
    }

    /// Whether this process has the store to itself, for good.
    pub fn is_alone(&self) -> bool {
        self.is_alone
    }

    /// The shards that are this process's; `None` if it has all.
    pub(crate) fn mine(&self) -> Option<ShardSet> {
        match &*self.view.read() {
            View::Alone => None,
            View::Members { mine, finishing, .. } => Some(mine.iter().chain(finishing.iter()).collect()),
        }
    }

    /// Those of them that stay; `None` if it has all, for good.
    pub(crate) fn staying(&self) -> Option<ShardSet> {
        match &*self.view.read() {
            View::Alone => None,
            View::Members { mine, .. } => Some(mine.clone()),
        }
    }

    /// Whose it is.
    pub fn owner(&self, shard: ShardId) -> Owner {
        if self.is_alone {
            return Owner::Me;
        }
        match &*self.view.read() {
            View::Alone => Owner::Me,
            View::Members { mine, finishing, .. } if mine.contains(shard) || finishing.contains(shard) => Owner::Me,
            View::Members { others, .. } => {
                others.iter().find(|member| member.owned.contains(shard)).map_or(Owner::Nobody, |member| Owner::Member(member.clone()))
            }
        }
    }

    /// Whether it is this process'.
    pub fn is_mine(&self, shard: ShardId) -> bool {
        self.is_alone || matches!(self.owner(shard), Owner::Me)
    }

    /// The member that has a session of the worker with this incarnation.
    pub fn member_of_session(&self, incarnation: u64) -> Option<Arc<Member>> {
        match &*self.view.read() {
            View::Alone => None,
            View::Members { others, .. } => {
                others.iter().find(|member| member.sessions.iter().any(|session| session.incarnation == incarnation)).cloned()
            }
        }
    }

    /// All other members that live.
    pub fn others(&self) -> Vec<Arc<Member>> {
        match &*self.view.read() {
            View::Alone => Vec::new(),
            View::Members { others, .. } => others.clone(),
        }
    }

    /// Changes with everything that is learnt, so that whoever waits for an owner looks again.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// What this process owns now.
    pub fn set_mine(&self, now_mine: ShardSet) {
        if let View::Members { mine, .. } = &mut *self.view.write() {
            *mine = now_mine;
        }
        self.version.send_modify(|version| *version += 1);
    }

    /// What this process hands over as soon as it can.
    pub(crate) fn set_finishing(&self, now_finishing: ShardSet) {
        if let View::Members { finishing, .. } = &mut *self.view.write() {
            *finishing = now_finishing;
        }
        self.version.send_modify(|version| *version += 1);
    }

    /// All other members that live now.
    pub fn set_others(&self, now_others: Vec<Arc<Member>>) {
        if let View::Members { others, .. } = &mut *self.view.write() {
            *others = now_others;
        }
        self.version.send_modify(|version| *version += 1);
    }
}
