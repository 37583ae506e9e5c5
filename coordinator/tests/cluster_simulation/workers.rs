//! Workers: they take offers out of the broker, claim them, run what they are granted, and report until they are heard.

use std::collections::BTreeMap;

use baton_coordinator::shard::{Grant, QueuedTask};
use baton_coordinator::store::ShardId;
use baton_engine::{Claim, Holder, Input, Payload};
use bytes::Bytes;

use super::cluster::{Cluster, Happening, MEMBERS, Place};
use super::member::{Ask, ToMember, What};
use super::mutants::Mutant;
use super::world::{Asker, Slot};

/// What a worker runs at a time.
const SLOTS: usize = 2;
/// How often it looks at the time.
const TICK: i64 = 100;
/// How often it says again what was not answered.
const AGAIN: i64 = 700;

/// What reaches a worker.
#[derive(Clone)]
pub(crate) enum ToWorker {
    Tick,
    Granted {
        slot: Slot,
        grant: Box<Grant>,
    },
    Denied {
        claim_id: u64,
    },
    Acknowledged {
        claim_id: u64,
    },
    Finished {
        claim_id: u64,
    },
    /// Does it hold this claim, or wait for it?
    Holding {
        member: usize,
        shard: ShardId,
        claim_id: u64,
        question: u64,
    },
}

enum State {
    Claiming,
    Running,
    Done(Input),
}

struct Taken {
    task: QueuedTask,
    message: u64,
    state: State,
    sent_at: i64,
    /// The session over which it was claimed last.
    session: u64,
    tries: u64,
}

pub(crate) struct Worker {
    pub(crate) incarnation: u64,
    pub(crate) is_up: bool,
    pub(crate) paused_until: i64,
    /// Where it has its session.
    pub(crate) member: usize,
    pub(crate) session: u64,
    claims: BTreeMap<u64, Taken>,
    /// Offers of a message that are not answered yet.
    open: BTreeMap<u64, usize>,
}

impl Worker {
    pub(crate) fn new(number: usize) -> Self {
        let incarnation = number as u64 + 1;
        let (claims, open) = (BTreeMap::new(), BTreeMap::new());
        Self { incarnation, is_up: true, paused_until: 0, member: number % MEMBERS, session: incarnation * 1_000_000, claims, open }
    }

    pub(crate) fn reconnect(&mut self, member: usize) {
        self.member = member;
        self.session += 1;
    }
}

impl Cluster {
    pub(crate) fn worker_soon(&mut self, worker: usize) {
        self.worker_later(worker, 1, ToWorker::Tick);
    }

    fn worker_later(&mut self, worker: usize, after: i64, what: ToWorker) {
        let incarnation = self.workers[worker].incarnation;
        self.later(after, Happening::Worker { worker, incarnation, what });
    }

    /// Another process in the old one's place.
    pub(crate) fn worker_back(&mut self, worker: usize) {
        self.incarnations += 1;
        let member = self.random.below(MEMBERS as u64) as usize;
        let incarnation = self.incarnations;
        self.workers[worker] = Worker { incarnation, member, session: incarnation * 1_000_000, ..Worker::new(worker) };
        self.worker_soon(worker);
    }

    pub(crate) fn at_worker(&mut self, worker: usize, what: ToWorker) {
        match what {
            ToWorker::Tick => self.worker_tick(worker),
            ToWorker::Granted { slot, grant } => self.granted(worker, slot, &grant),
            ToWorker::Denied { claim_id } => {
                let is_waiting = self.workers[worker].claims.get(&claim_id).is_some_and(|taken| matches!(taken.state, State::Claiming));
                match is_waiting {
                    true if self.has(Mutant::RunsWhatIsDenied) => self.run_task(worker, claim_id),
                    true => self.forget(worker, claim_id),
                    false => {}
                }
            }
            ToWorker::Acknowledged { claim_id } => drop(self.workers[worker].claims.remove(&claim_id)),
            ToWorker::Finished { claim_id } => self.finished(worker, claim_id),
            ToWorker::Holding { member, shard, claim_id, question } => self.say_holding(worker, member, shard, claim_id, question),
        }
    }

    fn worker_tick(&mut self, worker: usize) {
        self.worker_later(worker, TICK, ToWorker::Tick);
        // A worker whose member is down finds another one.
        let member = self.workers[worker].member;
        if !self.members[member].is_up {
            let other = self.random.below(MEMBERS as u64) as usize;
            self.workers[worker].reconnect(other);
        }
        while self.workers[worker].claims.len() < SLOTS
            && let Some(message) = self.broker.take(worker, &mut self.random)
        {
            self.workers[worker].open.insert(message.number, message.offers.len());
            for task in message.offers {
                self.take_offer(worker, message.number, task);
            }
        }
        self.say_again(worker);
    }

    fn take_offer(&mut self, worker: usize, message: u64, task: QueuedTask) {
        let claim_id = match self.has(Mutant::ClaimIdIsWorker) {
            true => 1 + worker as u64,
            false => 1_000 + self.random.next() % 1_000_000_000_000,
        };
        let taken = Taken { task, message, state: State::Claiming, sent_at: 0, session: 0, tries: 0 };
        if self.workers[worker].claims.insert(claim_id, taken).is_some() {
            return;
        }
        if self.has(Mutant::RunsBeforeGrant) {
            self.run_task(worker, claim_id);
        }
    }

    fn say_again(&mut self, worker: usize) {
        let now = self.now;
        let due = |taken: &&mut Taken| !matches!(taken.state, State::Running) && now - taken.sent_at >= AGAIN;
        let (incarnation, session, member) = {
            let worker = &self.workers[worker];
            (worker.incarnation, worker.session, worker.member)
        };
        let reports_once = self.has(Mutant::ReportsOnce);
        let mut asks = Vec::new();
        for (claim_id, taken) in self.workers[worker].claims.iter_mut() {
            let Some(taken) = Some(taken).filter(due) else { continue };
            (taken.sent_at, taken.session) = (now, session);
            taken.tries += 1;
            let (id, task) = (taken.task.execution, taken.task.task);
            let what = match &taken.state {
                State::Claiming => {
                    let claim = Claim { worker_name: Some("worker".into()), claim_id: *claim_id, incarnation, holder: Holder::Session };
                    What::Claim { task, claim, slot: Slot { worker, incarnation, session, claim_id: *claim_id } }
                }
                State::Done(_) if reports_once && taken.tries > 1 => continue,
                State::Done(input) => {
                    let asker = Asker::Worker { worker, incarnation, claim_id: *claim_id };
                    What::Report { input: input.clone(), claim_id: *claim_id, asker }
                }
                State::Running => continue,
            };
            asks.push(Ask { id, what });
        }
        for ask in asks {
            self.send(Place::Worker(worker), Place::Member(member), || Happening::Ask { member, ask: ask.clone(), hops: 0 });
        }
    }

    /// The claim has come to nothing.
    fn forget(&mut self, worker: usize, claim_id: u64) {
        if let Some(taken) = self.workers[worker].claims.remove(&claim_id) {
            self.offer_is_over(worker, taken.message);
        }
    }

    /// One offer of a message is answered; with the last one the message is done.
    fn offer_is_over(&mut self, worker: usize, message: u64) {
        let Some(open) = self.workers[worker].open.get_mut(&message) else { return };
        *open -= 1;
        if *open == 0 {
            self.workers[worker].open.remove(&message);
            self.broker.acknowledge(message);
        }
    }

    /// Only what is waited for counts, over the session on which it was asked.
    fn granted(&mut self, worker: usize, slot: Slot, grant: &Grant) {
        let session = self.workers[worker].session;
        let Some(taken) = self.workers[worker].claims.get(&slot.claim_id) else { return };
        let is_it = taken.task.execution == grant.execution && taken.task.task == grant.activation.task;
        let is_worker_id = self.has(Mutant::ClaimIdIsWorker);
        if self.has(Mutant::RunsUnaskedGrants) {
            return self.run_task(worker, slot.claim_id);
        }
        if matches!(taken.state, State::Claiming) && (is_it || is_worker_id) && slot.session == session {
            let message = taken.message;
            self.offer_is_over(worker, message);
            self.run_task(worker, slot.claim_id);
        }
    }

    fn run_task(&mut self, worker: usize, claim_id: u64) {
        let Some(taken) = self.workers[worker].claims.get_mut(&claim_id) else { return };
        taken.state = State::Running;
        let (execution, task) = (taken.task.execution, taken.task.task);
        let is_first = self.ledger.insert((execution, task.entry, task.attempt)) || (self.is_express && execution.is_of_map_run());
        assert!(is_first, "I3: attempt {} of entry {} of {execution} runs twice", task.attempt, task.entry);
        let after = 1 + self.random.below(4_000) as i64;
        self.worker_later(worker, after, ToWorker::Finished { claim_id });
    }

    fn finished(&mut self, worker: usize, claim_id: u64) {
        let fails = self.random.once_in(8);
        let Some(taken) = self.workers[worker].claims.get_mut(&claim_id).filter(|taken| matches!(taken.state, State::Running)) else {
            return;
        };
        let task = taken.task.task;
        taken.state = State::Done(match fails {
            true => Input::TaskFailed { task, error: Some("Flaky".into()), cause: Some("drawn".into()) },
            false => Input::TaskSucceeded { task, output: Payload::from_validated(Bytes::from_static(b"{\"done\":true}")) },
        });
        (taken.sent_at, taken.tries) = (0, 0);
        self.say_again(worker);
    }

    fn say_holding(&mut self, worker: usize, member: usize, shard: ShardId, claim_id: u64, question: u64) {
        let asked = &self.workers[worker];
        let session = asked.session;
        let is_held = asked.claims.get(&claim_id).is_some_and(|taken| match taken.state {
            State::Running | State::Done(_) => true,
            State::Claiming => taken.session == session,
        });
        let incarnation = self.members[member].incarnation;
        let what = || {
            let what = ToMember::Holding { shard, claim_id, question, is_held, session };
            Happening::Member { member, incarnation, what }
        };
        self.send(Place::Worker(worker), Place::Member(member), what);
    }
}
