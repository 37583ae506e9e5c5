//! The world of the model, and its steps.

use stateright::{Model, Property};

use super::store::{Op, Store};
use super::{Rules, Scope};

/// Two owners are enough for one to be in the other's way.
pub(super) const OWNERS: usize = 2;

/// How far an append has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    /// On its way to the store.
    Sent,
    /// In the primary's stream, which is this long with it; the copies are waited for.
    Written { len: u8 },
    /// The answer stays out.
    Unknown,
}

/// An append.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Request {
    pub(super) token: u8,
    pub(super) expected: u8,
    pub(super) id: u8,
    pub(super) base: u8,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Owner {
    /// 0: none.
    pub(crate) token: u8,
    /// Length that the stream must have on enough copies before it serves; 0: it serves.
    pub(super) joining: u8,
    /// It takes its lease for valid.
    pub(super) is_leased: bool,
    /// Of the last batch that it knows to be durable.
    pub(super) seq: u8,
    pub(super) last: u8,
    pub(super) pending: Option<(Request, Phase)>,
    /// What is still on its way although its sender has given up waiting.
    pub(super) ghost: Option<Request>,
    pub(super) checkpoint: Option<(u8, u8)>,
    pub(super) release: Option<u8>,
    /// It still talks to the deposed primary.
    pub(super) is_behind: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(super) stream: Vec<Op>,
    /// How much of it each copy has.
    pub(super) copies: [u8; 2],
    /// The deposed primary's.
    pub(super) deposed: Option<Vec<Op>>,
    /// The store still counts the lease of the token that it has.
    pub(super) is_leased: bool,
    pub(super) owners: [Owner; OWNERS],
    pub(super) acknowledged: u16,
    pub(super) tokens: u8,
    pub(super) batches: u8,
    pub(super) left: Left,
}

/// What may still happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Left {
    pub(super) takes: u8,
    pub(super) failovers: u8,
    pub(super) crashes: u8,
    pub(super) checkpoints: u8,
    pub(super) releases: u8,
    pub(super) unknown: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Copy(usize),
    Failover(usize),
    /// It learns of the new primary.
    Reconnect(usize),
    LeaseEnds,
    OwnLeaseEnds(usize),
    Acquire(usize),
    Joined(usize),
    Append(usize),
    Deliver(usize),
    /// The copies have it.
    Acknowledge(usize),
    GiveUpWaiting(usize),
    Repeat(usize),
    DeliverGhost(usize),
    Checkpoint(usize),
    DeliverCheckpoint(usize),
    Release(usize),
    DeliverRelease(usize),
    Crash(usize),
}

/// The model: a variant, and its bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShardFence {
    pub(crate) rules: Rules,
    pub(crate) scope: Scope,
}

impl Model for ShardFence {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let scope = self.scope;
        let left = Left {
            takes: scope.takes,
            failovers: scope.failovers,
            crashes: scope.crashes,
            checkpoints: scope.checkpoints,
            releases: scope.releases,
            unknown: scope.unknown,
        };
        let state = State {
            stream: Vec::new(),
            copies: [0; 2],
            deposed: None,
            is_leased: false,
            owners: Default::default(),
            acknowledged: 0,
            tokens: 0,
            batches: 0,
            left,
        };
        vec![state]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions.extend((0..self.rules.copies).map(Action::Copy));
        if state.left.failovers > 0 {
            actions.extend((0..self.rules.copies).map(Action::Failover));
        }
        actions.push(Action::LeaseEnds);
        for owner in 0..OWNERS {
            actions.extend(
                [
                    Action::Reconnect,
                    Action::OwnLeaseEnds,
                    Action::Acquire,
                    Action::Joined,
                    Action::Append,
                    Action::Deliver,
                    Action::Acknowledge,
                    Action::GiveUpWaiting,
                    Action::Repeat,
                    Action::DeliverGhost,
                    Action::Checkpoint,
                    Action::DeliverCheckpoint,
                    Action::Release,
                    Action::DeliverRelease,
                    Action::Crash,
                ]
                .map(|act| act(owner)),
            );
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        let is_possible = match action {
            Action::Copy(copy) => state.copy(copy),
            Action::Failover(copy) => self.fail_over(&mut state, copy),
            Action::Reconnect(owner) => state.owners[owner].reconnect(),
            Action::LeaseEnds => self.lease_ends(&mut state),
            Action::OwnLeaseEnds(owner) => std::mem::take(&mut state.owners[owner].is_leased),
            Action::Acquire(owner) => self.acquire(&mut state, owner),
            Action::Joined(owner) => self.joined(&mut state, owner),
            Action::Append(owner) => self.append(&mut state, owner),
            Action::Deliver(owner) => self.deliver(&mut state, owner),
            Action::Acknowledge(owner) => self.acknowledge(&mut state, owner),
            Action::GiveUpWaiting(owner) => self.give_up_waiting(&mut state, owner),
            Action::Repeat(owner) => state.repeat(owner),
            Action::DeliverGhost(owner) => self.deliver_ghost(&mut state, owner),
            Action::Checkpoint(owner) => state.begin_checkpoint(owner),
            Action::DeliverCheckpoint(owner) => self.deliver_checkpoint(&mut state, owner),
            Action::Release(owner) => state.begin_release(owner),
            Action::DeliverRelease(owner) => self.deliver_release(&mut state, owner),
            Action::Crash(owner) => state.crash(owner),
        };
        (is_possible && state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(LOST, |_, state: &State| {
                let store = Store::of(&state.stream);
                (1..=state.batches).filter(|id| state.acknowledged & (1 << id) != 0).all(|id| store.can_be_read(id))
            }),
            Property::always(ZOMBIE, |_, state: &State| state.is_written_by_owners()),
            Property::always(TWICE, |_, state: &State| {
                let batches = Store::of(&state.stream).batches;
                batches.iter().enumerate().all(|(place, (_, id))| batches[..place].iter().all(|(_, other)| other != id))
            }),
            Property::always(TWO_SERVE, |_, state: &State| {
                state.owners.iter().filter(|owner| owner.token != 0 && owner.joining == 0 && owner.is_leased).count() <= 1
            }),
        ]
    }
}

pub(crate) const LOST: &str = "what was acknowledged can be read";
pub(crate) const ZOMBIE: &str = "every batch is its owner's, on top of the last one";
pub(crate) const TWICE: &str = "no batch is there twice";
pub(crate) const TWO_SERVE: &str = "one owner answers reads";

impl Owner {
    /// The shard is not its own any more; its memory of it goes.
    pub(super) fn lose(&mut self) {
        let Owner { ghost, checkpoint, release, is_behind, .. } = *self;
        *self = Owner { ghost, checkpoint, release, is_behind, ..Owner::default() };
    }

    /// It finds the new primary. What the old connection was waited for will not be answered on this one.
    pub(super) fn reconnect(&mut self) -> bool {
        if let Some((_, phase @ Phase::Written { .. })) = &mut self.pending {
            *phase = Phase::Unknown;
        }
        if self.joining != 0 {
            self.lose();
        }
        std::mem::take(&mut self.is_behind)
    }

    pub(super) fn serves(&self) -> bool {
        self.token != 0 && self.joining == 0
    }
}

impl State {
    pub(super) fn copy(&mut self, copy: usize) -> bool {
        if usize::from(self.copies[copy]) >= self.stream.len() {
            return false;
        }
        self.copies[copy] += 1;
        true
    }

    pub(super) fn repeat(&mut self, owner: usize) -> bool {
        let Some((_, phase @ Phase::Unknown)) = &mut self.owners[owner].pending else { return false };
        *phase = Phase::Sent;
        true
    }

    /// The owner writes down what it knows to be durable.
    pub(super) fn begin_checkpoint(&mut self, owner: usize) -> bool {
        let me = &mut self.owners[owner];
        if self.left.checkpoints == 0 || !me.serves() || me.checkpoint.is_some() || me.seq == 0 {
            return false;
        }
        self.left.checkpoints -= 1;
        me.checkpoint = Some((me.token, me.seq));
        true
    }

    /// The owner has drained what was under way, and gives the shard up.
    pub(super) fn begin_release(&mut self, owner: usize) -> bool {
        let me = &mut self.owners[owner];
        if self.left.releases == 0 || !me.serves() || me.pending.is_some() || me.release.is_some() {
            return false;
        }
        self.left.releases -= 1;
        let token = me.token;
        me.lose();
        me.release = Some(token);
        true
    }

    /// Its memory goes. What it has sent is still on its way.
    pub(super) fn crash(&mut self, owner: usize) -> bool {
        if self.left.crashes == 0 || self.owners[owner].token == 0 {
            return false;
        }
        self.left.crashes -= 1;
        let me = &mut self.owners[owner];
        let sent = me.pending.and_then(|(request, phase)| (phase == Phase::Sent).then_some(request));
        me.lose();
        me.ghost = sent.or(me.ghost);
        true
    }

    /// Each batch stands behind the taking of its owner, and on what that owner had seen.
    fn is_written_by_owners(&self) -> bool {
        let (mut owner, mut last) = (0, 0);
        self.stream.iter().all(|op| match *op {
            Op::Acquire { token } => {
                owner = token;
                true
            }
            Op::Batch { token, id, base } => {
                let is_right = token == owner && base == last;
                last = id;
                is_right
            }
            Op::Checkpoint { .. } | Op::Release => true,
        })
    }
}
