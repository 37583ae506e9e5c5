//! The world of the model, and its steps.

use std::collections::BTreeSet;

use stateright::{Model, Property};

use super::{Rules, Scope};

const ITEMS_MAX: usize = 3;

/// What the parent knows of a child.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Bit {
    #[default]
    Pending,
    Running,
    Succeeded,
    Failed,
}

/// What the children's shard knows of one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Child {
    #[default]
    Absent,
    Running {
        generation: u8,
    },
    Ended {
        generation: u8,
        has_succeeded: bool,
    },
}

/// What one shard says to the other, again and again until it hears that the other has it. So it can arrive at any time, and any number of times,
/// as long as it stands in the sender's outbox; losing it changes nothing. Arriving after that takes a copy that was held up on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Message {
    Start { item: u8, generation: u8 },
    Done { item: u8, generation: u8, has_succeeded: bool },
}

/// The parent's shard. What it has to send is part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Parent {
    cursor: u8,
    in_flight: i8,
    succeeded: u8,
    failed: u8,
    generation: u8,
    bits: [Bit; ITEMS_MAX],
    has_ended: bool,
    outbox: BTreeSet<Message>,
}

/// The children's shard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Children {
    states: [Child; ITEMS_MAX],
    outbox: BTreeSet<Message>,
}

/// A shard's memory, and what of it is durable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Shard<T> {
    memory: T,
    durable: T,
}

impl<T: Clone + PartialEq> Shard<T> {
    fn is_settled(&self) -> bool {
        self.memory == self.durable
    }

    fn crash(&mut self) {
        self.memory = self.durable.clone();
    }

    fn commit(&mut self) {
        self.durable = self.memory.clone();
    }

    /// What leaves depends on this.
    fn seen_from_outside(&self, after_commit: bool) -> &T {
        if after_commit { &self.durable } else { &self.memory }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    parent: Shard<Parent>,
    children: Shard<Children>,
    /// Copies of messages, held up.
    late: BTreeSet<Message>,
    /// What a child's work has come to, per generation: nobody's memory, so it survives everything.
    outcomes: [[Option<bool>; 2]; ITEMS_MAX],
    runs: [[u8; 2]; ITEMS_MAX],
    disturbances: u8,
    parent_crashes: u8,
    child_crashes: u8,
    redrives: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Issue,
    Redrive,
    CommitParent,
    CommitChildren,
    Deliver(Message),
    /// The other side says that it has it.
    Confirm(Message),
    HoldUp(Message),
    DeliverLate(Message),
    Run {
        item: u8,
        succeeds: bool,
    },
    Report {
        item: u8,
    },
    CrashParent,
    CrashChildren,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct MapAccounting {
    pub(crate) rules: Rules,
    pub(crate) scope: Scope,
}

impl Model for MapAccounting {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let scope = self.scope;
        let state = State {
            parent: Shard::default(),
            children: Shard::default(),
            late: BTreeSet::new(),
            outcomes: Default::default(),
            runs: Default::default(),
            disturbances: scope.disturbances,
            parent_crashes: scope.parent_crashes,
            child_crashes: scope.child_crashes,
            redrives: scope.redrives,
        };
        vec![state]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.progress(state, actions);
        if state.disturbances > 0 {
            actions.extend(self.sent(state).map(Action::HoldUp));
        }
        if state.parent_crashes > 0 {
            actions.push(Action::CrashParent);
        }
        if state.child_crashes > 0 {
            actions.push(Action::CrashChildren);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Issue => self.issue(&mut state),
            Action::Redrive => state.redrive(),
            Action::CommitParent => state.parent.commit(),
            Action::CommitChildren => state.children.commit(),
            Action::Deliver(message) => self.deliver(&mut state, message),
            Action::Confirm(message) => self.confirm(&mut state, message),
            Action::HoldUp(message) => {
                state.disturbances -= 1;
                state.late.insert(message);
            }
            Action::DeliverLate(message) => {
                state.late.remove(&message);
                self.deliver(&mut state, message);
            }
            Action::Run { item, succeeds } => state.run(item, succeeds),
            Action::Report { item } => state.report(item),
            Action::CrashParent => {
                state.parent_crashes -= 1;
                state.parent.crash();
            }
            Action::CrashChildren => {
                state.child_crashes -= 1;
                state.children.crash();
            }
        }
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(RUNS_ONCE, |_, state: &State| state.runs.as_flattened().iter().all(|runs| *runs <= 1)),
            Property::always(COUNTERS, |model: &Self, state: &State| model.counts(state)),
            Property::always(WINDOW, |model: &Self, state: &State| {
                let running = state.children.durable.states.iter().filter(|child| matches!(child, Child::Running { .. })).count();
                running <= usize::from(model.scope.window)
            }),
            Property::always(NEVER_STUCK, |model: &Self, state: &State| {
                let mut possible = Vec::new();
                model.progress(state, &mut possible);
                let goes_on = possible.into_iter().any(|action| model.next_state(state, action).is_some());
                goes_on || state.parent.durable.has_ended
            }),
        ]
    }
}

pub(crate) const RUNS_ONCE: &str = "no child runs twice";
pub(crate) const COUNTERS: &str = "counters are what the bits say, and the bits what the children came to";
pub(crate) const WINDOW: &str = "no more children run than may";
pub(crate) const NEVER_STUCK: &str = "nothing waits for ever";

impl MapAccounting {
    /// What happens without any fault.
    fn progress(&self, state: &State, actions: &mut Vec<Action>) {
        let parent = &state.parent.memory;
        let has_room = parent.in_flight < self.scope.window as i8;
        if has_room && self.next_item(parent).is_some() {
            actions.push(Action::Issue);
        }
        if state.redrives > 0 && state.parent.durable.has_ended && state.parent.is_settled() && parent.failed > 0 {
            actions.push(Action::Redrive);
        }
        actions.extend([Action::CommitParent, Action::CommitChildren]);
        actions.extend(self.sent(state).flat_map(|message| [Action::Deliver(message), Action::Confirm(message)]));
        actions.extend(state.late.iter().copied().map(Action::DeliverLate));
        for item in 0..self.scope.items as u8 {
            if let Child::Running { generation } = state.children.durable.states[usize::from(item)] {
                match state.outcomes[usize::from(item)][usize::from(generation)] {
                    None => actions.extend([true, false].map(|succeeds| Action::Run { item, succeeds })),
                    Some(_) => actions.push(Action::Report { item }),
                }
            }
        }
    }

    /// The next child to issue: by the cursor, then what a redrive has set back.
    fn next_item(&self, parent: &Parent) -> Option<u8> {
        let has_more = usize::from(parent.cursor) < self.scope.items;
        if has_more {
            return Some(parent.cursor);
        }
        (0..self.scope.items as u8).find(|item| parent.bits[usize::from(*item)] == Bit::Pending && parent.generation > 0)
    }

    fn issue(&self, state: &mut State) {
        let parent = &mut state.parent.memory;
        let Some(item) = self.next_item(parent) else { return };
        let is_first = parent.cursor == item;
        parent.cursor += u8::from(is_first);
        parent.in_flight += 1;
        parent.bits[usize::from(item)] = Bit::Running;
        let generation = parent.generation;
        parent.outbox.insert(Message::Start { item, generation });
        if !self.rules.commits_cursor && is_first {
            // The reader keeps its place by itself, before the batch.
            state.parent.durable.cursor = state.parent.memory.cursor;
        }
    }

    /// What is on its way, or may be.
    fn sent<'a>(&self, state: &'a State) -> impl Iterator<Item = Message> + use<'a> {
        let after_commit = self.rules.sends_after_commit;
        let of_parent = &state.parent.seen_from_outside(after_commit).outbox;
        of_parent.iter().chain(&state.children.seen_from_outside(after_commit).outbox).copied()
    }

    fn deliver(&self, state: &mut State, message: Message) {
        match message {
            Message::Start { item, generation } => self.start(state, item, generation),
            Message::Done { item, generation, has_succeeded } => self.done(state, item, generation, has_succeeded),
        }
    }

    /// The receiver has it for good, says so, and the sender need not repeat it any more.
    fn confirm(&self, state: &mut State, message: Message) {
        let after_commit = self.rules.confirms_after_commit;
        match message {
            Message::Start { item, generation } => {
                if generation_of(state.children.seen_from_outside(after_commit).states[usize::from(item)]) >= Some(generation) {
                    state.parent.memory.outbox.remove(&message);
                }
            }
            Message::Done { item, generation, .. } => {
                let parent = state.parent.seen_from_outside(after_commit);
                let is_counted = matches!(parent.bits[usize::from(item)], Bit::Succeeded | Bit::Failed) || parent.generation > generation;
                if is_counted {
                    state.children.memory.outbox.remove(&message);
                }
            }
        }
    }

    fn start(&self, state: &mut State, item: u8, generation: u8) {
        let child = &mut state.children.memory.states[usize::from(item)];
        let is_new = generation_of(*child) < Some(generation);
        if is_new || !self.rules.child_knows_repeats {
            *child = Child::Running { generation };
        }
        if !is_new && !self.rules.child_knows_repeats {
            // Nobody remembers that it has run.
            state.outcomes[usize::from(item)][usize::from(generation)] = None;
        }
    }

    fn done(&self, state: &mut State, item: u8, generation: u8, has_succeeded: bool) {
        let parent = &mut state.parent.memory;
        let bit = &mut parent.bits[usize::from(item)];
        let is_of_now = generation == parent.generation || !self.rules.names_generation;
        if (*bit == Bit::Running && is_of_now) || !self.rules.parent_knows_repeats {
            *bit = if has_succeeded { Bit::Succeeded } else { Bit::Failed };
            parent.in_flight -= 1;
            parent.succeeded += u8::from(has_succeeded);
            parent.failed += u8::from(!has_succeeded);
        }
        let is_over = |bit: &Bit| matches!(bit, Bit::Succeeded | Bit::Failed);
        parent.has_ended = parent.bits[..self.scope.items].iter().all(is_over);
    }

    /// Counters, bits and children say the same.
    fn counts(&self, state: &State) -> bool {
        let parent = &state.parent.durable;
        let count = |wanted: Bit| parent.bits.iter().filter(|bit| **bit == wanted).count();
        let agree = usize::from(parent.succeeded) == count(Bit::Succeeded)
            && usize::from(parent.failed) == count(Bit::Failed)
            && usize::try_from(parent.in_flight) == Ok(count(Bit::Running));
        agree && (!parent.has_ended || (0..self.scope.items).all(|item| state.came_to(item, parent.bits[item])))
    }
}

fn generation_of(child: Child) -> Option<u8> {
    match child {
        Child::Absent => None,
        Child::Running { generation } | Child::Ended { generation, .. } => Some(generation),
    }
}

impl State {
    /// What had failed is issued again, in the next generation.
    fn redrive(&mut self) {
        self.redrives -= 1;
        let parent = &mut self.parent.memory;
        parent.generation += 1;
        parent.has_ended = false;
        parent.failed = 0;
        for bit in parent.bits.iter_mut().filter(|bit| **bit == Bit::Failed) {
            *bit = Bit::Pending;
        }
    }

    fn run(&mut self, item: u8, succeeds: bool) {
        let Child::Running { generation } = self.children.durable.states[usize::from(item)] else { return };
        self.runs[usize::from(item)][usize::from(generation)] += 1;
        self.outcomes[usize::from(item)][usize::from(generation)] = Some(succeeds);
    }

    /// The work's outcome reaches the child; whoever has it repeats it until then.
    fn report(&mut self, item: u8) {
        let children = &mut self.children.memory;
        let Child::Running { generation } = children.states[usize::from(item)] else { return };
        let Some(has_succeeded) = self.outcomes[usize::from(item)][usize::from(generation)] else { return };
        children.states[usize::from(item)] = Child::Ended { generation, has_succeeded };
        children.outbox.insert(Message::Done { item, generation, has_succeeded });
    }

    /// The last run of the item has come to what its bit says.
    fn came_to(&self, item: usize, bit: Bit) -> bool {
        let last = self.outcomes[item].iter().rev().find_map(|outcome| *outcome);
        match bit {
            Bit::Succeeded => last == Some(true),
            Bit::Failed => last == Some(false),
            Bit::Pending | Bit::Running => true,
        }
    }
}
