//! The simulated site: virtual time, clients, workers, a store with faults, and the shard between them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use baton_coordinator::shard::codec::{EntryKind, read_batch};
use baton_coordinator::shard::{
    Answer, ExecutionId, Grant, HeldClaim, Output, Recovering, Shard, ShardInput, StartError, Started, StoredEnded, read_events,
};
use baton_coordinator::store::keys::{ExecutionKey, HistoryKey, TimerKey};
use baton_coordinator::store::{KvOp, ShardId, StoreError, Table};
use baton_engine::{Execution, Input, Payload, Start, Status, TaskRef};
use bytes::Bytes;

use super::express::{Book, EXPRESS_ORDERS};
use super::machine;
use super::random::Random;
use super::redrives::{Care, Redrives};
use super::world::{Asker, SimWorld};

const SHARD: ShardId = ShardId(0);
const ORDERS: u64 = 25;
const SLOTS: usize = 3;
/// When it begins; executions that are older than RedriveExecution could not be redriven.
const BEGIN: i64 = 1_800_000_000_000;
/// Everything must have ended by then: a day.
const END: i64 = BEGIN + 86_400_000;
/// An Express execution that is run again from its beginning must get to its end between two crashes, so that there is a last one.
const LAST_CRASH: i64 = BEGIN + 300_000;
/// All timers are asked for at once; the driver's paging of far ones is not simulated here.
const HORIZON: i64 = i64::MAX;
/// A worker that has lost the server comes back within this time.
const GRACE: i64 = 10_000;

/// Which faults there are; each is the mean number of events between two, 0 for none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    pub(crate) crash: u64,
    pub(crate) full: u64,
    pub(crate) worker_death: u64,
    pub(crate) duplicate: u64,
    /// Grants, not events, between two that do not leave.
    pub(crate) grant_loss: u64,
}

impl Faults {
    pub(crate) const NONE: Self = Self { crash: 0, full: 0, worker_death: 0, duplicate: 0, grant_loss: 0 };
    pub(crate) const ALL: Self = Self { crash: 60, full: 40, worker_death: 80, duplicate: 5, grant_loss: 4 };
}

/// Things to come.
pub(crate) enum Happening {
    Start(u64),
    /// A client looks after its order: it stops it, or redrives it if it has not succeeded.
    Care(u64),
    HistoryLoaded(ExecutionId, StoredEnded),
    StartExpress(u64),
    StartSync(u64),
    /// The store has finished with the oldest append.
    Flushed,
    Checkpointed(Result<(), StoreError>),
    Retry,
    Due(ExecutionId),
    /// Some Express execution is due.
    Wake,
    /// The session that a grant was meant for was gone before the grant had left.
    GrantLost(ExecutionId, TaskRef, u64),
    /// A handler has finished.
    Finished(u64),
    /// A worker says its outcome, or says it again.
    Report(u64),
    /// Workers have come back after a crash of the server.
    Reconnect,
    /// What nobody asserted in time is lost.
    GraceOver,
    Tick,
    Crash,
    WorkerDeath,
}

/// A claim on the worker's side.
struct Held {
    execution: ExecutionId,
    task: TaskRef,
    outcome: Option<Input>,
    claim: baton_engine::Claim,
}

pub(crate) struct Site {
    pub(crate) random: Random,
    faults: Faults,
    pub(crate) now: i64,
    sequence: u64,
    agenda: BTreeMap<(i64, u64), Happening>,
    pub(crate) world: SimWorld,
    pub(crate) shard: Option<Shard<SimWorld>>,
    // The store.
    log: Vec<(u64, Bytes)>,
    under_way: Vec<(u64, Bytes)>,
    /// Public events of each execution that were ever durable.
    durable_events: BTreeMap<ExecutionId, u64>,
    /// Standard executions that have begun and not ended, as the log says.
    open: BTreeSet<ExecutionId>,
    refusing: bool,
    pub(crate) table: BTreeMap<(Table, Vec<u8>), Bytes>,
    checkpoint_seq: u64,
    writing: Option<(u64, Vec<KvOp>)>,
    // Clients and workers.
    /// Orders that are known to exist, and their start dates if those were told.
    acknowledged: BTreeMap<u64, Option<i64>>,
    redrives: Redrives,
    pub(crate) express: Book,
    held: BTreeMap<u64, Held>,
    unasserted: Vec<HeldClaim>,
    /// Every run of a handler: execution, entry, attempt.
    ledger: BTreeSet<(ExecutionId, u64, u32)>,
    pub(crate) crashes: u64,
    pub(crate) lost_grants: u64,
}

impl Site {
    pub(crate) fn new(seed: u64, faults: Faults) -> Self {
        let mut site = Self {
            random: Random(seed),
            faults,
            now: BEGIN,
            sequence: 0,
            agenda: BTreeMap::new(),
            world: SimWorld::new(SLOTS),
            shard: None,
            log: Vec::new(),
            under_way: Vec::new(),
            durable_events: BTreeMap::new(),
            open: BTreeSet::new(),
            refusing: false,
            table: BTreeMap::new(),
            checkpoint_seq: 0,
            writing: None,
            acknowledged: BTreeMap::new(),
            redrives: Redrives::default(),
            express: Book::default(),
            held: BTreeMap::new(),
            unasserted: Vec::new(),
            ledger: BTreeSet::new(),
            crashes: 0,
            lost_grants: 0,
        };
        site.recover();
        for n in 0..ORDERS {
            let after = site.random.below(30_000) as i64;
            site.later(after, Happening::Start(n));
        }
        for n in 0..EXPRESS_ORDERS {
            site.soon(30_000, Happening::StartExpress(n));
            site.soon(30_000, Happening::StartSync(n));
        }
        site.later(500, Happening::Tick);
        site
    }

    /// All bytes that ever became durable.
    pub(crate) fn log(&self) -> &[(u64, Bytes)] {
        &self.log
    }

    /// Until everybody has what they wanted, and everything is written down.
    pub(crate) fn run(&mut self) {
        while !self.is_over() {
            let ((at, _), happening) = self.agenda.pop_first().expect("something is always to come");
            self.now = self.now.max(at);
            assert!(self.now < END, "executions are stuck: {:?}", self.stuck());
            self.happen(happening);
            self.draw_faults();
            self.match_queues();
            self.resume();
        }
    }

    fn is_over(&self) -> bool {
        let all_acknowledged = self.acknowledged.len() as u64 == ORDERS;
        all_acknowledged && (0..ORDERS).all(|n| self.ended_in_table(n)) && self.express.is_over() && self.express_rows_left() == 0
    }

    fn ended_in_table(&self, n: u64) -> bool {
        let segments = self.segments(ExecutionId::of_arn(&arn_of(n)));
        let events = segments.last().map(|last| read_events(last).expect("a history can be read")).unwrap_or_default();
        events.last().is_some_and(|event| matches!(event.kind, baton_engine::EventKind::ExecutionSucceeded { .. }))
    }

    fn stuck(&self) -> Vec<String> {
        let open = (0..ORDERS).filter(|n| !self.ended_in_table(*n));
        let open = open.map(|n| format!("{n}: {:?}", self.events(n).last().map(|event| event.kind.clone())));
        open.chain(self.express.open()).collect()
    }

    fn later(&mut self, after: i64, happening: Happening) {
        self.sequence += 1;
        self.agenda.insert((self.now + after, self.sequence), happening);
    }

    pub(crate) fn soon(&mut self, within: u64, happening: Happening) {
        let after = 1 + self.random.below(within) as i64;
        self.later(after, happening);
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Start(n) => self.start(n),
            Happening::Care(n) => self.care(n),
            Happening::HistoryLoaded(id, stored) => {
                let result = Ok(self.segments(id));
                self.step(ShardInput::HistoryLoaded { id, stored, result });
            }
            Happening::StartExpress(n) => self.start_express(n),
            Happening::StartSync(n) => self.start_sync(n),
            Happening::Flushed => self.flushed(),
            Happening::Checkpointed(result) => self.checkpointed(result),
            Happening::Retry => {
                self.refusing = false;
                self.step(ShardInput::Retry);
            }
            Happening::Due(id) => self.step(ShardInput::Due { id, until: self.now }),
            Happening::Wake => self.step(ShardInput::Wake),
            Happening::GrantLost(id, task, claim_id) => self.step(ShardInput::GrantLost { id, task, claim_id }),
            Happening::Finished(claim) => self.finished(claim),
            Happening::Report(claim) => self.report(claim),
            Happening::Reconnect => self.reconnect(),
            Happening::GraceOver => self.grace_over(),
            Happening::Tick => self.tick(),
            Happening::Crash => self.crash(),
            Happening::WorkerDeath => self.worker_death(),
        }
    }

    fn draw_faults(&mut self) {
        if self.faults.crash > 0 && self.now < LAST_CRASH && self.random.once_in(self.faults.crash) {
            self.later(0, Happening::Crash);
        }
        if self.faults.worker_death > 0 && self.random.once_in(self.faults.worker_death) {
            self.later(0, Happening::WorkerDeath);
        }
        if self.faults.full > 0 && self.random.once_in(self.faults.full) {
            self.refusing = true;
        }
    }

    // Clients.

    fn start(&mut self, n: u64) {
        if self.acknowledged.contains_key(&n) && !self.random.once_in(2) {
            return;
        }
        let start = start_of(n);
        self.step(ShardInput::Start { start: Box::new(start), reply: Asker::Client(n) });
        // A client that hears nothing asks again; some ask again although they have heard.
        self.soon(5_000, Happening::Start(n));
    }

    fn started(&mut self, n: u64, result: Result<Started, StartError>) {
        match result {
            Ok(started) => {
                let first = *self.acknowledge(n).get_or_insert(started.start_at);
                assert_eq!(first, started.start_at, "a repeated start meets its twin");
            }
            Err(StartError::AlreadyExists { .. }) => assert!(self.events_or_memory_know(n), "only what exists can exist already"),
            Err(StartError::Throttled | StartError::Unavailable(_)) => {}
        }
    }

    /// Clients look after their orders until they have succeeded.
    fn care(&mut self, n: u64) {
        if self.ended_in_table(n) {
            return;
        }
        self.soon(20_000, Happening::Care(n));
        let id = ExecutionId::of_arn(&arn_of(n));
        match self.redrives.care(n, self.now, &mut self.random) {
            Care::Stop => {
                let input = Input::Stop { error: None, cause: None };
                self.step(ShardInput::Send { id, input, claim_id: None, reply: None });
            }
            Care::Redrive(token) => {
                self.step(ShardInput::Redrive { id, client_token: Some(token.clone()), reply: Asker::Redriver(n, token) });
            }
        }
    }

    /// Redrives that clients were told of.
    pub(crate) fn redrives(&self) -> u64 {
        self.redrives.count()
    }

    /// An execution that exists already but was never acknowledged (the answer was lost in a crash) counts as acknowledged now.
    fn events_or_memory_know(&mut self, n: u64) -> bool {
        self.acknowledge(n);
        !self.log.is_empty()
    }

    /// From now on the client looks after its order.
    fn acknowledge(&mut self, n: u64) -> &mut Option<i64> {
        if !self.acknowledged.contains_key(&n) {
            self.soon(20_000, Happening::Care(n));
        }
        self.acknowledged.entry(n).or_insert(None)
    }

    // The shard.

    pub(crate) fn step(&mut self, input: ShardInput<SimWorld>) {
        let mut out = Vec::new();
        self.shard.as_mut().expect("the server is up").step(self.now, input, &mut self.world, &mut out);
        self.carry_out(out);
    }

    fn resume(&mut self) {
        let mut out = Vec::new();
        let shard = self.shard.as_mut().expect("the server is up");
        shard.resume(self.now, &mut self.world, &mut out);
        if self.writing.is_none() && shard.wants_checkpoint(self.now) {
            shard.begin_checkpoint(&mut out);
        }
        self.carry_out(out);
    }

    fn carry_out(&mut self, out: Vec<Output<SimWorld>>) {
        for output in out {
            match output {
                Output::Append { expected_seq, batch } => self.append(expected_seq + 1, batch),
                Output::Load(id) => {
                    let result = Ok(self.table.get(&(Table::Executions, ExecutionKey { execution: id.0 }.encode())).cloned());
                    self.step(ShardInput::Loaded { id, result });
                }
                Output::MapRun(_) | Output::ChildEnded(_) | Output::LoadMapRun(_) => panic!("no machine here has a Distributed Map"),
                Output::LoadHistory { id, stored } => self.soon(30, Happening::HistoryLoaded(id, stored)),
                Output::Checkpoint { upto_seq, ops } => {
                    assert!(self.log.last().is_some_and(|last| last.0 >= upto_seq), "a checkpoint covers durable batches only");
                    self.writing = Some((upto_seq, ops));
                    self.soon(50, Happening::Checkpointed(Ok(())));
                }
                Output::Reply(Asker::Client(n), Answer::Started(result)) => self.started(n, result),
                Output::Reply(Asker::Redriver(n, token), Answer::Redriven(result)) => self.redrives.told(n, token, result),
                Output::Reply(Asker::Express(id) | Asker::Sync(id), answer) => self.express_answered(id, answer),
                Output::Reply(Asker::Worker(claim), Answer::Sent(result)) => self.acknowledged_report(claim, result.is_err()),
                Output::Reply(..) | Output::Watched(..) | Output::WatchedEnd(()) => {}
                Output::Announce((id, last_event)) => {
                    let is_express = self.express.knows(id);
                    assert!(
                        is_express || self.durable_events.get(&id).is_some_and(|events| last_event <= *events),
                        "only what is durable is announced"
                    );
                }
                Output::Grant((), grant) => self.granted(*grant),
                Output::Return(()) | Output::Deny { .. } | Output::Stray { .. } => self.world.slots += 1,
                Output::Deliver(_) => panic!("nothing is delivered here"),
                Output::Cancel { claim, .. } => self.cancelled(claim.claim_id),
                Output::Timer { due, id } => self.later((due - self.now).max(0), Happening::Due(id)),
                Output::Wake { due } => self.later((due - self.now).max(0), Happening::Wake),
            }
        }
    }

    // The store.

    fn append(&mut self, seq: u64, batch: Bytes) {
        if self.refusing {
            self.soon(3_000, Happening::Retry);
            return self.step(ShardInput::Durable { seq, result: Err(StoreError::Full) });
        }
        self.under_way.push((seq, batch));
        self.soon(20, Happening::Flushed);
    }

    fn flushed(&mut self) {
        if self.under_way.is_empty() {
            return;
        }
        let (seq, batch) = self.under_way.remove(0);
        assert_eq!(seq, self.log.last().map_or(0, |last| last.0) + 1, "batches follow each other");
        self.keep(seq, batch);
        self.step(ShardInput::Durable { seq, result: Ok(()) });
    }

    fn checkpointed(&mut self, result: Result<(), StoreError>) {
        let Some((upto_seq, ops)) = self.writing.take() else { return };
        self.write(ops);
        self.checkpoint_seq = upto_seq;
        self.step(ShardInput::Checkpointed { result });
    }

    fn write(&mut self, ops: Vec<KvOp>) {
        for op in ops {
            match op {
                KvOp::Put { table, key, value } => {
                    self.table.insert((table, key), value);
                }
                KvOp::Delete { table, key } => {
                    self.table.remove(&(table, key));
                }
            }
        }
    }

    fn tick(&mut self) {
        self.later(500, Happening::Tick);
    }

    // Crashes.

    /// The batch is durable.
    fn keep(&mut self, seq: u64, batch: Bytes) {
        for entry in read_batch(&batch).expect("a batch that was just written") {
            self.express.logged(&entry);
            let events = entry.chunk.events().expect("a batch that was just written");
            if matches!(entry.kind(), EntryKind::Events(_)) {
                self.note_open(entry.id, &events);
            }
            *self.durable_events.entry(entry.id).or_default() += events.iter().filter(|event| event.kind.is_public()).count() as u64;
        }
        self.log.push((seq, batch));
    }

    fn note_open(&mut self, id: ExecutionId, events: &[baton_engine::Event]) {
        for change in events.iter().filter_map(|event| event.kind.execution_change()) {
            let has_changed = if change.is_end() { self.open.remove(&id) } else { self.open.insert(id) };
            assert!(has_changed, "an execution ends once, and goes on once");
        }
    }

    /// kill -9: memory is gone, and of what was not flushed yet any first part may have reached the disk. A checkpoint that was being
    /// written may have got any part of it done, but does not count.
    fn crash(&mut self) {
        self.crashes += 1;
        let kept = self.random.below(self.under_way.len() as u64 + 1) as usize;
        let kept: Vec<_> = self.under_way.drain(..).take(kept).collect();
        kept.into_iter().for_each(|(seq, batch)| self.keep(seq, batch));
        if let Some((_, ops)) = self.writing.take() {
            let done = self.random.below(ops.len() as u64 + 1) as usize;
            self.write(ops.into_iter().take(done).collect());
        }
        self.refusing = false;
        self.agenda.retain(|_, happening| {
            !matches!(
                happening,
                Happening::Flushed
                    | Happening::Checkpointed(_)
                    | Happening::Retry
                    | Happening::Due(_)
                    | Happening::Wake
                    | Happening::GrantLost(..)
                    | Happening::Reconnect
                    | Happening::GraceOver
                    | Happening::HistoryLoaded(..)
            )
        });
        self.express.crashed();
        self.world.queues.clear();
        self.world.slots = 0;
        self.recover();
        let back = 1 + self.random.below(8_000) as i64;
        self.later(back, Happening::Reconnect);
        self.later(GRACE, Happening::GraceOver);
    }

    fn recover(&mut self) {
        let seq = self.log.last().map_or(0, |last| last.0);
        let mut recovering = Recovering::new(SHARD, seq, self.now, HORIZON);
        for ((table, key), value) in &self.table {
            if *table == Table::Meta {
                recovering.record(key, value).expect("a record can be read");
            }
        }
        for (seq, batch) in self.log.iter().filter(|(seq, _)| *seq > self.checkpoint_seq) {
            for id in recovering.missing(batch).expect("a batch can be read") {
                if let Some(value) = self.table.get(&(Table::Executions, ExecutionKey { execution: id.0 }.encode())) {
                    recovering.snapshot(id, value, &mut self.world).expect("a snapshot can be read");
                }
            }
            for id in recovering.redriven(batch).expect("a batch can be read") {
                let segments = segments(&self.table, id);
                recovering.history(id, &segments, &mut self.world).expect("an execution can be rebuilt");
            }
            recovering.replay(*seq, batch, &mut self.world).expect("a batch can be replayed");
        }
        let mut out = Vec::new();
        let (shard, held) = recovering.finish(&mut self.world, &mut out);
        assert_eq!(shard.open_count(), self.open.len() as u64, "open executions are counted, whatever part of a checkpoint was written");
        self.shard = Some(shard);
        self.unasserted = held;
        self.look_for_express(&mut out);
        let rows: Vec<_> =
            self.table.keys().filter(|(table, _)| *table == Table::Timers).filter_map(|(_, key)| TimerKey::decode(key)).collect();
        for row in rows {
            self.later((row.due_ms - self.now).max(0), Happening::Due(ExecutionId(row.execution)));
        }
        self.carry_out(out);
    }

    // Workers.

    fn match_queues(&mut self) {
        while let Some(task) = self.world.matched() {
            let claim = self.world.claim();
            self.step(ShardInput::SlotFree { id: task.execution, task: task.task, slot: (), claim });
        }
    }

    fn granted(&mut self, grant: Grant) {
        let task = grant.activation.task;
        if self.faults.grant_loss > 0 && self.random.once_in(self.faults.grant_loss) {
            return self.lose_grant(grant.execution, task, grant.claim.claim_id);
        }
        if self.express.knows(grant.execution) {
            self.express_granted(&grant);
        } else {
            self.standard_granted(&grant);
        }
        let claim = grant.claim.claim_id;
        self.held.insert(claim, Held { execution: grant.execution, task, outcome: None, claim: grant.claim });
        self.soon(4_000, Happening::Finished(claim));
    }

    fn standard_granted(&mut self, grant: &Grant) {
        let task = grant.activation.task;
        let is_first = self.ledger.insert((grant.execution, task.entry, task.attempt));
        assert!(is_first, "attempt {} of entry {} runs twice", task.attempt, task.entry);
        assert!(self.events_durable(grant), "a task is granted only after its start is durable");
    }

    /// The grant does not leave; the shard is told, sometimes twice. Its worker is back at once and has the slot.
    fn lose_grant(&mut self, execution: ExecutionId, task: TaskRef, claim: u64) {
        self.lost_grants += 1;
        self.world.slots = (self.world.slots + 1).min(SLOTS);
        self.soon(100, Happening::GrantLost(execution, task, claim));
        if self.faults.duplicate > 0 && self.random.once_in(self.faults.duplicate) {
            self.soon(5_000, Happening::GrantLost(execution, task, claim));
        }
    }

    /// The start of the attempt stands in the log.
    fn events_durable(&self, grant: &Grant) -> bool {
        !self.log.is_empty() && grant.claim.claim_id > 0
    }

    fn finished(&mut self, claim: u64) {
        let outcome = self.random.below(8);
        let Some(held) = self.held.get_mut(&claim) else { return };
        let task = held.task;
        held.outcome = Some(match outcome {
            0 => Input::TaskFailed { task, error: Some("Flaky".into()), cause: Some("drawn".into()) },
            _ => Input::TaskSucceeded { task, output: Payload::from_validated(Bytes::from_static(b"{\"done\":true}")) },
        });
        self.report(claim);
    }

    fn report(&mut self, claim: u64) {
        let Some(Held { execution, outcome: Some(outcome), .. }) = self.held.get(&claim) else { return };
        let (id, input) = (*execution, outcome.clone());
        // The answer to this may be lost in a crash; a worker reports until it has one.
        self.later(3_000, Happening::Report(claim));
        let twice = self.faults.duplicate > 0 && self.random.once_in(self.faults.duplicate);
        if twice {
            self.step(ShardInput::Send { id, input: input.clone(), claim_id: Some(claim), reply: Some(Asker::Worker(claim)) });
        }
        self.step(ShardInput::Send { id, input, claim_id: Some(claim), reply: Some(Asker::Worker(claim)) });
    }

    fn acknowledged_report(&mut self, claim: u64, _refused: bool) {
        self.free(claim);
    }

    fn cancelled(&mut self, claim: u64) {
        self.free(claim);
    }

    fn free(&mut self, claim: u64) {
        if let Some(held) = self.held.get(&claim)
            && (held.outcome.is_some() || held.claim.incarnation == self.world.incarnation)
        {
            self.held.remove(&claim);
            self.world.slots = (self.world.slots + 1).min(SLOTS);
        }
    }

    /// After a crash of the server the workers say what they still hold. What the same process was to hold and does not name has never
    /// reached it; another process's is lost when its time is over.
    fn reconnect(&mut self) {
        let claims: Vec<_> = self.held.iter().map(|(claim, held)| (*claim, held.execution, held.task, held.claim.clone())).collect();
        for (claim, execution, task, held) in claims {
            self.unasserted.retain(|unasserted| unasserted.claim.claim_id != claim);
            self.step(ShardInput::Assert { id: execution, task, claim: held, reply: Asker::Inspector });
        }
        let incarnation = self.world.incarnation;
        let unnamed: Vec<_> = self.unasserted.extract_if(.., |unasserted| unasserted.claim.incarnation == incarnation).collect();
        for HeldClaim { execution: id, task, claim } in unnamed {
            self.step(ShardInput::GrantLost { id, task, claim_id: claim.claim_id });
        }
        self.world.slots = SLOTS.saturating_sub(self.held.len());
    }

    fn grace_over(&mut self) {
        for HeldClaim { execution: id, task, claim } in std::mem::take(&mut self.unasserted) {
            self.step(ShardInput::HolderLost { id, task, claim_id: claim.claim_id });
        }
    }

    /// The workers' process dies and comes back as another one.
    fn worker_death(&mut self) {
        self.world.incarnation += 1;
        let lost: Vec<_> = std::mem::take(&mut self.held).into_iter().collect();
        for (claim_id, held) in lost {
            self.step(ShardInput::HolderLost { id: held.execution, task: held.task, claim_id });
        }
        self.world.slots = SLOTS;
    }

    // The inspection.

    fn events(&self, n: u64) -> Vec<baton_engine::Event> {
        let segments = self.segments(ExecutionId::of_arn(&arn_of(n)));
        segments.iter().flat_map(|value| read_events(value).expect("a history can be read")).collect()
    }

    fn segments(&self, id: ExecutionId) -> Vec<Bytes> {
        segments(&self.table, id)
    }

    /// Every accepted order has come to what it must, by a history without gaps that replays to the same end.
    pub(crate) fn verify(&self) {
        self.verify_express();
        assert_eq!(self.shard.as_ref().map(Shard::open_count), Some(0), "all have ended");
        let revision = machine::revision(None);
        for n in self.acknowledged.keys() {
            let events = self.events(*n);
            self.redrives.verify(*n, &events);
            let mut execution = Execution::recover(&revision.machine, &events[0]);
            for event in &events[1..] {
                assert!(event.previous < execution.next_event_id(), "an event follows one before it");
                execution.apply(&revision.machine, event);
            }
            assert_eq!(execution.status(), Status::Succeeded, "order {n}");
            assert_eq!(execution.output().map(|output| output.text().to_owned()), Some(machine::order(*n, false).1), "order {n}");
        }
    }
}

/// The segments of an execution's history.
fn segments(table: &BTreeMap<(Table, Vec<u8>), Bytes>, id: ExecutionId) -> Vec<Bytes> {
    let range = HistoryKey::of_execution(id.0);
    let of_range = |bound: std::ops::Bound<Vec<u8>>| match bound {
        std::ops::Bound::Included(key) => std::ops::Bound::Included((Table::History, key)),
        std::ops::Bound::Excluded(key) => std::ops::Bound::Excluded((Table::History, key)),
        std::ops::Bound::Unbounded => std::ops::Bound::Unbounded,
    };
    table.range((of_range(range.0), of_range(range.1))).map(|(_, value)| value.clone()).collect()
}

fn arn_of(n: u64) -> String {
    format!("arn:aws:states:us-east-1:123456789012:execution:orders:order-{n}")
}

pub(crate) fn start_of(n: u64) -> Start {
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
        input: Payload::from_validated(Bytes::from(machine::order(n, false).0)),
        trace_header: None,
        seed: n,
        at: 0,
        deadline: None,
        test_case: None,
        map_child: None,
    }
}
