//! The simulated cluster: virtual time, who is there, what is on its way between them, and what goes wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::offers::Batch;
use baton_coordinator::shard::{ExecutionId, Revision};
use baton_coordinator::store::ShardId;

use super::broker::Broker;
use super::clients::{Clients, Told};
use super::machine;
use super::member::{Ask, Mate, ToMember};
use super::mutants::Mutant;
use super::random::Random;
use super::shared_store::{Request, Store};
use super::workers::{ToWorker, Worker};

pub(crate) const MEMBERS: usize = 3;
pub(crate) const WORKERS: usize = 3;
pub(crate) const SHARD_BITS: u32 = 2;
pub(crate) const ORDERS: u64 = 6;
/// When it begins; executions that are older than RedriveExecution could not be redriven.
pub(crate) const BEGIN: i64 = 1_800_000_000_000;
/// From then on nothing goes wrong any more.
const LAST_FAULT: i64 = BEGIN + 240_000;
/// Everything must have ended by then.
const END: i64 = BEGIN + 1_500_000;

/// Who sends and receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Member(usize),
    Worker(usize),
    Store,
    Broker,
    Clients,
}

/// Things to come.
pub(crate) enum Happening {
    /// Something reaches a member, if it is still the one that was meant.
    Member {
        member: usize,
        incarnation: u64,
        what: ToMember,
    },
    /// A request reaches whoever is that member now.
    Ask {
        member: usize,
        ask: Ask,
        hops: u32,
    },
    Store {
        member: usize,
        incarnation: u64,
        sent_at: i64,
        request: Request,
    },
    Worker {
        worker: usize,
        incarnation: u64,
        what: ToWorker,
    },
    Broker {
        member: usize,
        incarnation: u64,
        queue: Arc<str>,
        batch: Batch,
    },
    Told {
        operation: usize,
        told: Told,
    },
    Client(u64),
    Reader(u64),
    Retry {
        operation: usize,
    },
    MemberBack(usize),
    WorkerBack(usize),
    BrokerBack,
    Fault,
}

pub(crate) struct Cluster {
    pub(crate) random: Random,
    pub(crate) mutant: Option<Mutant>,
    pub(crate) has_faults: bool,
    pub(crate) now: i64,
    sequence: u64,
    agenda: BTreeMap<(i64, u64), Happening>,
    pub(crate) revision: Arc<Revision>,
    /// Children of Map Runs are.
    pub(crate) is_express: bool,
    pub(crate) store: Store,
    pub(crate) broker: Broker,
    pub(crate) members: Vec<Mate>,
    pub(crate) workers: Vec<Worker>,
    pub(crate) clients: Clients,
    /// Ways on which nothing arrives until then. They are cut in one direction.
    cuts: BTreeMap<(Place, Place), i64>,
    store_is_slow_until: i64,
    /// When the last thing arrives on this way: what is sent later arrives later.
    arrivals: BTreeMap<(Place, Place), i64>,
    pub(crate) incarnations: u64,
    /// Every run of a handler: execution, entry, attempt. An Express child's may run again.
    pub(crate) ledger: BTreeSet<(ExecutionId, u64, u32)>,
    pub(crate) faults: BTreeMap<&'static str, u64>,
    pub(crate) steps: u64,
}

impl Cluster {
    pub(crate) fn new(seed: u64, has_faults: bool, mutant: Option<Mutant>) -> Self {
        let is_express = seed % 2 == 1;
        let revision = machine::revision(Some(if is_express { "EXPRESS" } else { "STANDARD" }));
        let mut cluster = Self {
            random: Random(seed),
            mutant,
            has_faults,
            now: BEGIN,
            sequence: 0,
            agenda: BTreeMap::new(),
            store: Store::new(1 << SHARD_BITS, mutant),
            broker: Broker::default(),
            members: Vec::new(),
            workers: (0..WORKERS).map(Worker::new).collect(),
            clients: Clients::default(),
            cuts: BTreeMap::new(),
            store_is_slow_until: 0,
            arrivals: BTreeMap::new(),
            incarnations: 100,
            ledger: BTreeSet::new(),
            faults: BTreeMap::new(),
            steps: 0,
            revision,
            is_express,
        };
        cluster.broker.is_up = true;
        for member in 0..MEMBERS {
            let mate = cluster.fresh_member(member);
            cluster.members.push(mate);
            cluster.boot(member);
        }
        (0..WORKERS).for_each(|worker| cluster.worker_soon(worker));
        for n in 0..ORDERS {
            let (at, read_at) = (cluster.random.below(20_000) as i64, cluster.random.below(30_000) as i64);
            cluster.later(at, Happening::Client(n));
            cluster.later(read_at, Happening::Reader(n));
        }
        cluster.later(1_000, Happening::Fault);
        cluster
    }

    pub(crate) fn has(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// Until everybody has what they wanted, and everything is written down.
    pub(crate) fn run(&mut self) {
        while !self.is_over() {
            let ((at, _), happening) = self.agenda.pop_first().expect("something is always to come");
            self.now = self.now.max(at);
            assert!(self.now < END, "I10: executions are stuck: {:?}", self.stuck());
            self.steps += 1;
            self.happen(happening);
        }
    }

    pub(crate) fn later(&mut self, after: i64, happening: Happening) {
        self.sequence += 1;
        self.agenda.insert((self.now + after, self.sequence), happening);
    }

    /// On its way from one to another: it takes its time, may be lost, and may come twice.
    pub(crate) fn send(&mut self, from: Place, to: Place, happening: impl Fn() -> Happening) {
        let is_rough = self.is_rough();
        if self.cuts.get(&(from, to)).is_some_and(|until| *until > self.now) || (is_rough && self.random.once_in(50)) {
            return;
        }
        let slow = if to == Place::Store && self.store_is_slow_until > self.now { 1_200 } else { 8 };
        let arrival = self.now + 1 + self.random.below(slow) as i64;
        let arrival = arrival.max(*self.arrivals.get(&(from, to)).unwrap_or(&0));
        self.arrivals.insert((from, to), arrival);
        let after = arrival - self.now;
        self.later(after, happening());
        if is_rough && self.random.once_in(20) {
            // Over another connection: it overtakes, or comes late.
            let after = 1 + self.random.below(3_000) as i64;
            self.later(after, happening());
        }
    }

    fn is_rough(&self) -> bool {
        self.has_faults && self.now < LAST_FAULT
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Member { member, incarnation, what } => {
                let mate = &self.members[member];
                if !mate.is_up || mate.incarnation != incarnation {
                    return;
                }
                match mate.paused_until - self.now {
                    after if after > 0 => self.later(after, Happening::Member { member, incarnation, what }),
                    _ => self.at_member(member, what),
                }
            }
            Happening::Ask { member, ask, hops } => {
                let mate = &self.members[member];
                match mate.paused_until - self.now {
                    _ if !mate.is_up => {}
                    after if after > 0 => self.later(after, Happening::Ask { member, ask, hops }),
                    _ => self.asked(member, ask, hops),
                }
            }
            Happening::Store { member, incarnation, sent_at, request } => {
                let reply = self.store.handle(self.now, request);
                self.store.check_tokens();
                let what = || Happening::Member { member, incarnation, what: ToMember::FromStore { sent_at, reply: reply.clone() } };
                self.send(Place::Store, Place::Member(member), what);
            }
            Happening::Worker { worker, incarnation, what } => {
                let to = &self.workers[worker];
                match to.paused_until - self.now {
                    _ if !to.is_up || to.incarnation != incarnation => {}
                    after if after > 0 => self.later(after, Happening::Worker { worker, incarnation, what }),
                    _ => self.at_worker(worker, what),
                }
            }
            Happening::Broker { member, incarnation, queue, batch } => self.at_broker(member, incarnation, queue, batch),
            Happening::Told { operation, told } => self.told(operation, told),
            Happening::Client(n) => self.client(n),
            Happening::Reader(n) => self.reader(n),
            Happening::Retry { operation } => self.try_operation(operation),
            Happening::MemberBack(member) => {
                self.members[member] = self.fresh_member(member);
                self.boot(member);
            }
            Happening::WorkerBack(worker) => self.worker_back(worker),
            Happening::BrokerBack => self.broker_back(),
            Happening::Fault => self.fault(),
        }
    }

    /// Something goes wrong, and something else soon.
    fn fault(&mut self) {
        if !self.is_rough() {
            // The last thing that goes wrong is one of which nobody is told.
            if self.has_faults {
                self.broker.lose_everything();
            }
            return;
        }
        let next = 500 + self.random.below(12_000) as i64;
        self.later(next, Happening::Fault);
        let (member, worker) = (self.random.below(MEMBERS as u64) as usize, self.random.below(WORKERS as u64) as usize);
        let long = 200 + self.random.below(15_000) as i64;
        let until = self.now + long;
        let name = match self.random.below(11) {
            0 => self.kill_member(member, long),
            1 => {
                self.members[member].paused_until = until;
                "member paused"
            }
            2 => {
                self.cuts.insert((Place::Member(member), Place::Store), until);
                "member does not reach the store"
            }
            3 => {
                self.cuts.insert((Place::Store, Place::Member(member)), until);
                "the store does not reach the member"
            }
            4 => {
                let other = (member + 1 + self.random.below(MEMBERS as u64 - 1) as usize) % MEMBERS;
                self.cuts.insert((Place::Member(member), Place::Member(other)), until);
                "one member does not reach another"
            }
            5 => {
                self.store_is_slow_until = until;
                "the store is slow"
            }
            6 => self.kill_worker(worker, long),
            7 => {
                self.workers[worker].paused_until = until;
                "worker paused"
            }
            8 => {
                self.workers[worker].reconnect((member + 1) % MEMBERS);
                "worker goes to another member"
            }
            9 => self.broker_down(long),
            _ => {
                let place = Place::Worker(worker);
                let way = if self.random.once_in(2) { (place, Place::Member(member)) } else { (Place::Member(member), place) };
                self.cuts.insert(way, until);
                "a way between worker and member is cut"
            }
        };
        *self.faults.entry(name).or_default() += 1;
        if self.random.once_in(6) {
            self.broker.repeat();
        }
        if self.random.once_in(8) {
            *self.faults.entry("the broker loses everything").or_default() += 1;
            self.broker.lose_everything();
        }
    }

    fn kill_member(&mut self, member: usize, back_after: i64) -> &'static str {
        if self.members[member].is_up {
            self.members[member].is_up = false;
            self.later(back_after, Happening::MemberBack(member));
        }
        "member killed"
    }

    fn kill_worker(&mut self, worker: usize, back_after: i64) -> &'static str {
        if self.workers[worker].is_up {
            self.workers[worker].is_up = false;
            self.broker.consumer_gone(worker);
            self.later(back_after, Happening::WorkerBack(worker));
            self.session_ended(worker);
        }
        "worker killed"
    }

    fn broker_down(&mut self, back_after: i64) -> &'static str {
        if self.broker.is_up {
            self.broker.is_up = false;
            (0..WORKERS).for_each(|worker| self.broker.consumer_gone(worker));
            self.link_changed(false);
            self.later(back_after, Happening::BrokerBack);
        }
        "broker restarted"
    }

    fn broker_back(&mut self) {
        self.broker.is_up = true;
        self.link_changed(true);
    }

    fn link_changed(&mut self, is_up: bool) {
        let now_ms = self.now as u64;
        let ignores = self.has(Mutant::NeverOffersAgain);
        for mate in &mut self.members {
            mate.world.is_link_up = is_up;
            mate.world.queues.values_mut().filter(|_| !ignores).for_each(|queue| queue.outbox.link_changed(is_up, now_ms));
        }
    }

    pub(crate) fn shard_of(id: ExecutionId) -> ShardId {
        ShardId(id.shard(SHARD_BITS))
    }
}
