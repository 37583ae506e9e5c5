//! The world of the model: what there is, what can happen, and what must hold.

use std::collections::BTreeSet;

use stateright::{Model, Property};

use super::owner::Owner;
use super::worker::{Hand, Worker};
use super::{Rules, Scope};

pub(crate) const WORKERS: usize = 2;
const ATTEMPTS_MAX: usize = 2;

/// Who claims what, over which session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Claim {
    pub(crate) id: u8,
    pub(crate) attempt: u8,
    pub(crate) worker: u8,
    pub(crate) incarnation: u8,
    pub(crate) session: u8,
}

/// What is on its way. Claims and outcomes are repeated until they are answered, and answered whenever they come: as long as their sender waits, they
/// can arrive at any time, any number of times, and losing them changes nothing. So of those only copies that are held up are here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Message {
    Claim(Claim),
    Granted(Claim),
    Report {
        claim: Claim,
        has_succeeded: bool,
    },
    /// Somebody holds the claim that was asked for, or nobody does. There is one question at a time.
    Holding {
        is_held: bool,
        session: u8,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) owner: Owner,
    pub(crate) workers: [Worker; WORKERS],
    /// What the gateway does for the worker that it serves.
    pub(crate) desk: Hand,
    /// Offers that wait in the broker, by attempt.
    pub(crate) ready: [u8; ATTEMPTS_MAX],
    pub(crate) network: BTreeSet<Message>,
    pub(crate) runs: [u8; ATTEMPTS_MAX],
    /// A grant has left that was not durable.
    pub(crate) was_rash: bool,
    pub(crate) claims: u8,
    pub(crate) left: Left,
}

/// What may still happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Left {
    pub(crate) owner_crashes: u8,
    pub(super) worker_crashes: u8,
    pub(super) cuts: u8,
    pub(super) disturbances: u8,
    pub(super) broker_faults: u8,
    pub(super) hand_backs: u8,
    pub(crate) rash_offers: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Publish,
    OfferAgain,
    Commit,
    LookForLoss,
    Ask,
    Receive {
        worker: usize,
    },
    /// It takes the offer and gives it back.
    HandBack {
        worker: usize,
    },
    /// The claim reaches the owner.
    Claim {
        worker: usize,
    },
    /// The owner's answer to it reaches the worker.
    AnswerClaim {
        worker: usize,
    },
    HandOn,
    Finish {
        worker: usize,
        succeeds: bool,
    },
    /// The outcome reaches the owner.
    Report {
        worker: usize,
    },
    /// The owner's answer to it reaches the worker.
    AnswerReport {
        worker: usize,
    },
    Deliver(Message),
    /// A copy of a message is held up.
    HoldUp(Message),
    Lose(Message),
    BrokerLoses,
    BrokerRepeats {
        attempt: u8,
    },
    CrashOwner,
    CrashWorker {
        worker: usize,
    },
    /// Its session ends, with the gateway that has it if there is one.
    Cut {
        worker: usize,
    },
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct OfferClaim {
    pub(crate) rules: Rules,
    pub(crate) scope: Scope,
}

pub(crate) const RUNS_ONCE: &str = "no attempt runs twice";
pub(crate) const DURABLE_FIRST: &str = "what is granted is durable";
pub(crate) const COMES_TO_AN_END: &str = "the task comes to an end";

impl Model for OfferClaim {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let scope = self.scope;
        let left = Left {
            owner_crashes: scope.owner_crashes,
            worker_crashes: scope.worker_crashes,
            cuts: scope.cuts,
            disturbances: scope.disturbances,
            broker_faults: scope.broker_faults,
            hand_backs: scope.hand_backs,
            rash_offers: scope.rash_offers,
        };
        let state = State {
            owner: Owner::default(),
            workers: Default::default(),
            desk: Hand::Free,
            ready: [0; ATTEMPTS_MAX],
            network: BTreeSet::new(),
            runs: [0; ATTEMPTS_MAX],
            was_rash: false,
            claims: 0,
            left,
        };
        vec![state]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.progress(state, actions);
        let left = &state.left;
        if left.disturbances > 0 {
            actions.extend(self.sent(state).into_iter().map(Action::HoldUp));
            actions.extend(state.network.iter().copied().map(Action::Lose));
        }
        if left.broker_faults > 0 {
            actions.push(Action::BrokerLoses);
            actions.extend((0..self.scope.attempts).map(|attempt| Action::BrokerRepeats { attempt }));
        }
        if left.owner_crashes > 0 {
            actions.push(Action::CrashOwner);
        }
        for worker in 0..WORKERS {
            if left.worker_crashes > 0 {
                actions.push(Action::CrashWorker { worker });
            }
            if left.cuts > 0 {
                actions.push(Action::Cut { worker });
            }
            if left.hand_backs > 0 {
                actions.push(Action::HandBack { worker });
            }
        }
        if left.rash_offers > 0 {
            actions.push(Action::OfferAgain);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Publish => self.publish(&mut state),
            Action::OfferAgain => self.offer_again(&mut state),
            Action::Commit => self.commit(&mut state),
            Action::LookForLoss => self.look_for_loss(&mut state),
            Action::Ask => self.ask(&mut state),
            Action::Receive { worker } => self.receive(&mut state, worker),
            Action::HandBack { worker } => self.hand_back(&mut state, worker),
            Action::Claim { worker } => self.send_claim(&mut state, worker),
            Action::AnswerClaim { worker } => self.answer_claim(&mut state, worker),
            Action::HandOn => state.hand_on(self.rules),
            Action::Finish { worker, succeeds } => state.finish(worker, succeeds),
            Action::Report { worker } => self.send_report(&mut state, worker),
            Action::AnswerReport { worker } => self.answer_report(&mut state, worker),
            Action::Deliver(message) => {
                state.network.remove(&message);
                self.deliver(&mut state, message);
            }
            Action::HoldUp(message) => {
                state.left.disturbances -= 1;
                state.network.insert(message);
            }
            Action::Lose(message) => {
                state.left.disturbances -= 1;
                state.network.remove(&message);
            }
            Action::BrokerLoses => {
                state.left.broker_faults -= 1;
                state.ready = [0; ATTEMPTS_MAX];
            }
            Action::BrokerRepeats { attempt } => {
                let is_known = state.owner.durable.attempt >= attempt;
                state.left.broker_faults -= 1;
                state.ready[usize::from(attempt)] += u8::from(is_known);
            }
            Action::CrashOwner => {
                state.left.owner_crashes -= 1;
                state.owner.crash();
            }
            Action::CrashWorker { worker } => state.crash_worker(worker),
            Action::Cut { worker } => self.cut(&mut state, worker),
        }
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(RUNS_ONCE, |_, state: &State| state.runs.iter().all(|runs| *runs <= 1)),
            Property::always(DURABLE_FIRST, |_, state: &State| !state.was_rash),
            Property::always(COMES_TO_AN_END, |model: &Self, state: &State| {
                let mut possible = Vec::new();
                model.progress(state, &mut possible);
                state.owner.durable.is_done || possible.into_iter().any(|action| model.next_state(state, action).is_some())
            }),
        ]
    }
}

impl OfferClaim {
    /// What happens without any fault.
    fn progress(&self, state: &State, actions: &mut Vec<Action>) {
        actions.extend([Action::Publish, Action::Commit, Action::LookForLoss, Action::Ask, Action::HandOn]);
        if state.is_offer_gone() {
            actions.push(Action::OfferAgain);
        }
        for worker in 0..WORKERS {
            actions.extend([
                Action::Receive { worker },
                Action::Claim { worker },
                Action::AnswerClaim { worker },
                Action::Finish { worker, succeeds: true },
                Action::Finish { worker, succeeds: false },
                Action::Report { worker },
                Action::AnswerReport { worker },
            ]);
        }
        actions.extend(state.network.iter().copied().map(Action::Deliver));
    }
}
