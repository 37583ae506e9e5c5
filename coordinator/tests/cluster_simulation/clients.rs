//! Clients: they start, stop, redrive and look, try again until they are answered, and remember every answer, so that it can be held against the
//! history in the end.

use std::collections::BTreeMap;
use std::sync::Arc;

use baton_coordinator::shard::ExecutionId;
use baton_engine::{Payload, Start, Status};
use bytes::Bytes;

use super::cluster::{Cluster, Happening, MEMBERS, Place};
use super::machine;
use super::member::{Ask, What};
use super::mutants::Mutant;

/// How long a client waits for an answer before it tries again.
const TRY_AGAIN: i64 = 1_000;
/// Times that a client stops one order for nothing.
const STOPS_MAX: u64 = 2;

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Start,
    Stop,
    Redrive(Arc<str>),
    Describe,
}

/// What a client was told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    /// Started at that time.
    Started(i64),
    Exists,
    Stopped,
    NotStopped,
    Redriven(i64),
    NotRedrivable,
    Seen(Option<Status>),
}

/// One operation, from its first try to its answer.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) n: u64,
    pub(crate) kind: Kind,
    pub(crate) invoked_at: i64,
    pub(crate) told: Option<(i64, Told)>,
    tries: u64,
}

#[derive(Default)]
pub(crate) struct Clients {
    pub(crate) operations: Vec<Operation>,
    tokens: u64,
    stops: BTreeMap<u64, u64>,
}

impl Clients {
    pub(crate) fn id_of(&self, operation: usize) -> ExecutionId {
        ExecutionId::of_arn(&arn_of(self.operations[operation].n))
    }

    fn is_started(&self, n: u64) -> bool {
        let is_start = |operation: &&Operation| operation.n == n && operation.kind == Kind::Start;
        self.operations.iter().filter(is_start).any(|operation| operation.told.is_some())
    }
}

impl Cluster {
    /// The client of order `n` goes on: it starts the order, then looks after it until it has succeeded.
    pub(crate) fn client(&mut self, n: u64) {
        let kind = if !self.clients.is_started(n) {
            Kind::Start
        } else if self.has_succeeded(n) {
            return;
        } else if *self.clients.stops.entry(n).or_default() < STOPS_MAX && self.random.once_in(5) {
            *self.clients.stops.entry(n).or_default() += 1;
            Kind::Stop
        } else {
            self.clients.tokens += 1;
            Kind::Redrive(format!("{n}-{}", self.clients.tokens).into())
        };
        self.begin(n, kind);
    }

    /// Somebody else looks at the order from time to time.
    pub(crate) fn reader(&mut self, n: u64) {
        if !self.has_succeeded(n) {
            self.begin(n, Kind::Describe);
        }
    }

    fn begin(&mut self, n: u64, kind: Kind) {
        self.clients.operations.push(Operation { n, kind, invoked_at: self.now, told: None, tries: 0 });
        let operation = self.clients.operations.len() - 1;
        self.try_operation(operation);
    }

    pub(crate) fn try_operation(&mut self, operation: usize) {
        let id = self.clients.id_of(operation);
        let each_try = self.has(Mutant::RedrivesEachTry);
        let Operation { n, kind, told, tries, .. } = &mut self.clients.operations[operation];
        if told.is_some() {
            return;
        }
        *tries += 1;
        let what = match kind {
            Kind::Start => What::Start { n: *n, is_again: *tries > 1, seed: *n, operation },
            Kind::Stop => What::Stop { operation },
            Kind::Redrive(token) if each_try => What::Redrive { token: format!("{token}-{tries}").into(), operation },
            Kind::Redrive(token) => What::Redrive { token: token.clone(), operation },
            Kind::Describe => What::Describe { operation },
        };
        let ask = Ask { id, what };
        let member = self.random.below(MEMBERS as u64) as usize;
        self.send(Place::Clients, Place::Member(member), || Happening::Ask { member, ask: ask.clone(), hops: 0 });
        self.later(TRY_AGAIN, Happening::Retry { operation });
    }

    /// An answer has come. The first one counts.
    pub(crate) fn told(&mut self, operation: usize, told: Told) {
        let now = self.now;
        let Operation { n, kind, told: first, .. } = &mut self.clients.operations[operation];
        if first.is_some() {
            return;
        }
        *first = Some((now, told));
        let (n, is_reader) = (*n, *kind == Kind::Describe);
        let after = 1 + self.random.below(if is_reader { 6_000 } else { 25_000 }) as i64;
        self.later(after, if is_reader { Happening::Reader(n) } else { Happening::Client(n) });
    }
}

pub(crate) fn arn_of(n: u64) -> String {
    format!("arn:aws:states:us-east-1:123456789012:execution:orders:order-{n}")
}

pub(crate) fn start_of(n: u64, seed: u64) -> Start {
    let text = |text: &str| Arc::<str>::from(text);
    Start {
        execution_arn: arn_of(n).into(),
        state_machine_arn: text("arn:aws:states:us-east-1:123456789012:stateMachine:orders"),
        state_machine_name: text("orders"),
        name: format!("order-{n}").into(),
        revision: machine::DIGEST,
        version_arn: None,
        alias_arn: None,
        role_arn: text("arn:aws:iam::123456789012:role/r"),
        input: Payload::from_validated(Bytes::from(machine::order(n, true).0)),
        trace_header: None,
        seed,
        at: 0,
        deadline: None,
        test_case: None,
        map_child: None,
    }
}
