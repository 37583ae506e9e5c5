//! Express executions in the simulation: asynchronous ones, which run at least once, and synchronous ones, which run once at most.

use std::collections::{BTreeMap, BTreeSet};

use baton_coordinator::shard::codec::{Entry, EntryKind};
use baton_coordinator::shard::{Answer, ExecutionId, ExpressEnd, ExpressStart, Grant, Output, Seen, ShardInput};
use baton_coordinator::store::Table;
use baton_coordinator::store::keys::{ExecutionKey, MetaKey};
use baton_engine::Status;

use super::machine;
use super::site::{Happening, Site, start_of};
use super::world::{Asker, SimWorld};

/// Orders that are run as Express executions, in each way.
pub(crate) const EXPRESS_ORDERS: u64 = 8;

/// What clients, workers and the log know of Express executions.
#[derive(Default)]
pub(crate) struct Book {
    /// Starts so far; each has an ARN of its own.
    starts: u64,
    orders: BTreeMap<ExecutionId, u64>,
    /// Orders whose start was answered, with the execution that it was answered with.
    acknowledged: BTreeMap<u64, ExecutionId>,
    /// Orders whose end was answered, or whose caller was told, or saw, that there will be no answer.
    answered: BTreeSet<u64>,
    waiting: BTreeMap<u64, ExecutionId>,
    /// Which attempts ran in which life of the server.
    ledger: BTreeSet<(u64, ExecutionId, u64, u32)>,
    begun: BTreeSet<ExecutionId>,
    ended: BTreeSet<ExecutionId>,
}

impl Book {
    pub(crate) fn knows(&self, id: ExecutionId) -> bool {
        self.orders.contains_key(&id)
    }

    pub(crate) fn is_over(&self) -> bool {
        let all_ended = self.acknowledged.values().all(|id| self.ended.contains(id));
        all_ended && self.acknowledged.len() as u64 == EXPRESS_ORDERS && self.answered.len() as u64 == EXPRESS_ORDERS
    }

    pub(crate) fn open(&self) -> Vec<String> {
        let open = self.acknowledged.iter().filter(|(_, id)| !self.ended.contains(*id)).map(|(n, id)| format!("express {n}: {id}"));
        open.chain(self.waiting.iter().map(|(n, id)| format!("sync {n}: {id}"))).collect()
    }

    /// An entry has become durable.
    pub(crate) fn logged(&mut self, entry: &Entry<'_>) {
        match entry.kind() {
            EntryKind::Events(_) => assert!(!self.knows(entry.id), "of an Express execution the log has its beginning and its end"),
            EntryKind::MapRun(_) => panic!("no machine here has a Distributed Map"),
            EntryKind::ExpressStarted => assert!(self.begun.insert(entry.id), "an execution begins once in the log"),
            EntryKind::ExpressEnded => {
                assert!(self.begun.contains(&entry.id), "what has not begun does not end");
                assert!(self.ended.insert(entry.id), "an execution ends once in the log");
            }
        }
    }

    /// Whoever waits for an end when the server dies waits in vain.
    pub(crate) fn crashed(&mut self) {
        self.answered.extend(std::mem::take(&mut self.waiting).into_keys());
    }
}

impl Site {
    pub(crate) fn start_express(&mut self, n: u64) {
        if self.express.acknowledged.contains_key(&n) {
            return;
        }
        let (id, start) = self.express_start(n);
        self.step(ShardInput::StartExpress { start: Box::new(start), how: ExpressStart::Recorded(Asker::Express(id)) });
        // A client that hears nothing starts another one.
        self.soon(5_000, Happening::StartExpress(n));
    }

    pub(crate) fn start_sync(&mut self, n: u64) {
        let (id, start) = self.express_start(n);
        self.express.waiting.insert(n, id);
        self.step(ShardInput::StartExpress { start: Box::new(start), how: ExpressStart::Awaited(Asker::Sync(id)) });
    }

    fn express_start(&mut self, n: u64) -> (ExecutionId, baton_engine::Start) {
        self.express.starts += 1;
        let mut start = start_of(n);
        start.execution_arn = format!("arn:aws:states:us-east-1:123456789012:express:orders:order-{n}:{}", self.express.starts).into();
        let id = ExecutionId::of_arn(&start.execution_arn);
        self.express.orders.insert(id, n);
        (id, start)
    }

    pub(crate) fn express_answered(&mut self, id: ExecutionId, answer: Answer) {
        let n = self.express.orders[&id];
        match answer {
            Answer::Started(Ok(_)) => {
                assert!(self.express.begun.contains(&id), "a start is answered when it is durable");
                self.express.acknowledged.entry(n).or_insert(id);
            }
            Answer::ExpressEnded(end) => {
                check_end(n, &end);
                assert_eq!(self.express.waiting.remove(&n), Some(id), "an end is answered once");
                assert!(self.express.answered.insert(n));
            }
            other => panic!("a start is not answered with {other:?}"),
        }
    }

    /// A handler runs.
    pub(crate) fn express_granted(&mut self, grant: &Grant) {
        let (id, task) = (grant.execution, grant.activation.task);
        let is_first = self.express.ledger.insert((self.crashes, id, task.entry, task.attempt));
        assert!(is_first, "attempt {} of entry {} runs twice in one life of the server", task.attempt, task.entry);
        assert!(!self.express.ended.contains(&id), "what has ended does not run again");
    }

    /// One that has begun and not ended is there from the first moment after a restart, before it runs again by itself.
    pub(crate) fn look_for_express(&mut self, out: &mut Vec<Output<SimWorld>>) {
        let open: Vec<_> = self.express.begun.difference(&self.express.ended).copied().collect();
        if open.is_empty() || self.random.once_in(2) {
            return;
        }
        let id = open[self.random.below(open.len() as u64) as usize];
        let asked = ShardInput::Describe { id, reply: Asker::Inspector };
        let mut said = Vec::new();
        self.shard.as_mut().expect("it has just come").step(self.now, asked, &mut self.world, &mut said);
        let answer = said.extract_if(.., |output| matches!(output, Output::Reply(Asker::Inspector, _))).next();
        assert!(
            matches!(answer, Some(Output::Reply(_, Answer::Seen(Seen::Here(_))))),
            "an open Express execution is there after a restart"
        );
        out.extend(said);
    }

    /// What ran, and what is left of it.
    pub(crate) fn verify_express(&self) {
        let book = &self.express;
        let lives = |id: ExecutionId| book.ledger.iter().filter(|(_, of, ..)| *of == id).map(|(life, ..)| *life).collect::<BTreeSet<_>>();
        for id in book.orders.keys().filter(|id| !book.begun.contains(*id)) {
            assert!(lives(*id).len() <= 1, "what the log does not know is not run again");
        }
        let is_kept = |id: &ExecutionId| self.table.contains_key(&(Table::Executions, ExecutionKey { execution: id.0 }.encode()));
        assert!(!book.orders.keys().any(is_kept), "of what has ended nothing stays");
    }

    /// Rows of Express executions that have ended.
    pub(crate) fn express_rows_left(&self) -> usize {
        let rows = self.table.keys().filter(|(table, _)| *table == Table::Meta).filter_map(|(_, key)| MetaKey::decode(key));
        let of_ended = |name: &str| self.express.ended.iter().any(|id| name == format!("express/{id}"));
        rows.filter(|key| of_ended(key.name)).count()
    }
}

fn check_end(n: u64, end: &ExpressEnd) {
    let output = end.record.output.as_ref().map(|output| output.text().to_owned());
    match end.record.status {
        Status::Succeeded => assert_eq!(output, Some(machine::order(n, false).1), "order {n}"),
        // The workers did not get to it within five minutes.
        Status::TimedOut => assert!(end.record.stop_at.is_some_and(|stop| stop - end.record.start.at >= 300_000)),
        // A task has failed more often than it is retried.
        Status::Failed => assert!(end.record.failure.as_ref().is_some_and(|failure| failure.error.is_some())),
        status @ (Status::Running | Status::Aborted) => panic!("order {n} ended {status:?}: {:?}", end.record.failure),
    }
}
