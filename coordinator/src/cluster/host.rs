//! A host: one task that runs some of the shards. It takes everything that is in its inbox, steps the shards, sends one batch per shard to
//! the store, and does what the shards ask for. All waiting and all IO of shards is here.

mod apart;
mod checkpoints;
mod held;
mod mail;
mod measure;
mod membership;
mod message;
mod outputs;
mod ownership;
mod pace;
mod set_aside;
mod share;
mod timers;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use baton_engine::Timestamp;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Sleep;
use tokio_util::sync::CancellationToken;

use super::figures::HostGauges;
use super::inbox::Inbox;
use super::map_runs::MapRunSink;
use super::world::HostWorld;
use crate::clock;
use crate::dispatch::{Queues, Sessions};
use crate::shard::{ExecutionId, Grant, HeldClaim, Output, Recovering, Shard, ShardInput};
use crate::store::{Append, DurableSender, ShardId, ShardStore, Token};
use apart::Apart;
use checkpoints::Checkpoints;
use mail::Mail;
use membership::Leaving;
pub(crate) use membership::{Adoption, Parted};
pub(crate) use message::HostMessage;
pub(crate) use outputs::{read_history, report_code};
pub(crate) use ownership::LostShards;
use ownership::Renewal;
pub(super) use pace::{Pace, Turn};
pub(crate) use set_aside::SetAside;
use timers::Timers;
pub(crate) use timers::{HORIZON_MS, read_rows};

/// Inputs of shards.
pub(crate) type Input = ShardInput<HostWorld>;
/// Outputs of shards.
pub(crate) type Asked = Output<HostWorld>;
/// Where tasks go that an endpoint does.
pub(crate) type Deliver = Arc<dyn Fn(Box<Grant>) + Send + Sync>;

/// How often a host looks after checkpoints and refused batches.
const CARE_INTERVAL: Duration = Duration::from_millis(50);
/// And how often while nothing happens.
const CARE_INTERVAL_IDLE: Duration = Duration::from_millis(500);
/// Bytes of the log that wait for their checkpoints, in all hosts. With more, no new work is taken.
const UNSAVED_BYTES_MAX: usize = 256 * 1024 * 1024;
/// How often it looks for those who have gone away.
const ABSENT_INTERVAL: Duration = Duration::from_secs(5);
/// How long the end may take before what is left is left to the log.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(6);

/// What all hosts share.
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn ShardStore>,
    pub(crate) queues: Arc<Queues>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) deliver: Option<Deliver>,
    /// Where orders of Map Runs go.
    pub(crate) map_runs: MapRunSink,
    pub(crate) lost: Arc<LostShards>,
    pub(crate) set_aside: Arc<SetAside>,
    /// How each host stands.
    pub(crate) gauges: Arc<[HostGauges]>,
    /// How long ended executions are kept, milliseconds.
    pub(crate) retention_ms: i64,
    pub(crate) host_count: usize,
    /// Where it is told that a shard is lost, in a process that shares its store with others.
    pub(crate) losses: Option<mpsc::UnboundedSender<(ShardId, Token)>>,
    /// Everything is to end. Hosts see it between messages, however many of these are before the one that says so.
    pub(crate) closing: CancellationToken,
}

/// One host. See the module.
pub(crate) struct Host {
    shared: Arc<Shared>,
    inbox: Arc<Inbox<HostMessage>>,
    world: HostWorld,
    /// Shard `n` of host `h` is shard `n * host_count + h` of all. Those of other members have empty places.
    shards: Vec<Option<Owned>>,
    number: usize,
    /// What a step asks for, before it is done.
    asked: Vec<Asked>,
    /// Batches that are still to be handed to the store.
    appends: Vec<Append>,
    /// What came out of doing so, for the same round.
    next: VecDeque<(usize, Input)>,
    mail: Mail,
    /// Shards that have something to send or to go on with.
    touched: Vec<usize>,
    timers: Timers,
    /// How long the last round took, if it was a slow one, milliseconds.
    kept_others_ms: i64,
    checkpoints: Checkpoints,
    background: FuturesUnordered<BoxFuture<'static, HostMessage>>,
    sleep: Pin<Box<Sleep>>,
    /// Inputs that the shards held back when they were looked after last.
    shards_held_back: usize,
    next_care: Instant,
    next_absent: Instant,
    renewal: Renewal,
    /// Shards that are to be let go, and those that are soon.
    leaving: usize,
    finishing: usize,
    /// Counts the rounds.
    round: u64,
    /// Who wants to know of the end.
    closing: Option<oneshot::Sender<()>>,
    /// When whatever is left is left to the log.
    close_by: Option<Instant>,
    apart: Apart,
}

/// A shard and what is needed to write for it.
struct Owned {
    shard: Shard<HostWorld>,
    token: Token,
    /// Where the store says what is durable.
    done: DurableSender,
    is_touched: bool,
    /// The batch whose way to the disk is measured.
    measured: Option<(u64, Instant)>,
    /// When it was last looked whether the owner may speak for it, and whether it may.
    held: (u64, bool),
    /// It is to be let go.
    leaving: Option<Leaving>,
    /// It is to be let go soon; who hears when it can be.
    finishing: Option<oneshot::Sender<()>>,
    /// What others held of its tasks when it came, as far as the executions are not in memory.
    held_when_it_came: Vec<HeldClaim>,
}

impl Drop for Host {
    /// However it ends: nobody waits for answers that cannot come.
    fn drop(&mut self) {
        self.inbox.end();
    }
}

impl Host {
    pub(crate) fn new(shared: Arc<Shared>, inbox: Arc<Inbox<HostMessage>>, world: HostWorld, number: usize, horizon: Timestamp) -> Self {
        let now = Instant::now();
        let shard_count = usize::from(shared.store.shard_count());
        let places = shard_count.saturating_sub(number).div_ceil(shared.host_count);
        Self {
            shared,
            mail: Mail::new(inbox.clone()),
            inbox,
            world,
            shards: (0..places).map(|_| None).collect(),
            number,
            asked: Vec::new(),
            appends: Vec::new(),
            next: VecDeque::new(),
            touched: Vec::new(),
            timers: Timers::new(horizon),
            kept_others_ms: 0,
            checkpoints: Checkpoints::default(),
            background: FuturesUnordered::new(),
            sleep: Box::pin(tokio::time::sleep(CARE_INTERVAL)),
            shards_held_back: 0,
            next_care: now,
            next_absent: now + ABSENT_INTERVAL,
            renewal: Renewal::new(now),
            leaving: 0,
            finishing: 0,
            round: 0,
            closing: None,
            close_by: None,
            apart: Apart::default(),
        }
    }

    /// The world, for the recovery of its shards.
    pub(crate) fn world(&mut self) -> &mut HostWorld {
        &mut self.world
    }

    /// Takes a shard that has been read back; answers what others held of it.
    pub(crate) fn adopt(&mut self, recovering: Recovering<HostWorld>, token: Token, rows: Vec<(Timestamp, ExecutionId)>) -> Vec<HeldClaim> {
        let (shard, held) = recovering.finish(&mut self.world, &mut self.asked);
        let (id, index) = (shard.id(), self.index(shard.id()));
        assert!(self.shards[index].is_none(), "a shard is adopted once");
        let done = self.done_of(token);
        self.shards[index] = Some(Owned {
            shard,
            token,
            done,
            is_touched: false,
            measured: None,
            held: (0, false),
            leaving: None,
            finishing: None,
            held_when_it_came: Vec::new(),
        });
        rows.into_iter().for_each(|(due, execution)| self.timers.ask(due, id, execution));
        self.do_asked(index);
        self.append_meanwhile();
        self.touch(index);
        held
    }

    fn done_of(&self, token: Token) -> DurableSender {
        let into = self.inbox.clone();
        DurableSender::new(move |durable| {
            let input = ShardInput::Durable { seq: durable.seq, result: durable.result };
            into.push(HostMessage::Own(durable.shard, token, input));
        })
    }

    /// Runs until everything is closed.
    pub(crate) async fn run(mut self) {
        // Only a runtime with threads of its own can have others go on meanwhile.
        let can_stand_apart = Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread;
        loop {
            poll_fn(|cx| self.poll_work(cx)).await;
            if can_stand_apart && self.world.pace.is_slow() {
                let Some(host) = self.round_apart().await else { return };
                self = host;
            } else {
                self.round();
            }
            if self.is_closed() {
                return self.leave().await;
            }
            // Whoever has been woken by this round gets its turn.
            tokio::task::yield_now().await;
        }
    }

    /// Ready when there is something to do: messages, timers, work of its own.
    fn poll_work(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Poll::Ready(Some(message)) = self.background.poll_next_unpin(cx) {
            self.mail.push(message);
        }
        if self.mail.poll_take(self.kept_others_ms, cx).is_ready() || !self.touched.is_empty() {
            return Poll::Ready(());
        }
        let goes_on_at = self.mail.goes_on_at();
        let due = [self.timers.next_instant(goes_on_at.is_some()), goes_on_at].into_iter().flatten().fold(self.next_care, Instant::min);
        self.sleep.as_mut().reset(due.into());
        self.sleep.as_mut().poll(cx)
    }

    /// One round: everything that has come is handled, then each touched shard sends what it has.
    fn round(&mut self) {
        let now = clock::now();
        let began = self.world.pace.begin_round();
        self.round += 1;
        self.look_for_close();
        while !self.is_out_of_time()
            && let Some(message) = self.mail.next()
        {
            self.handle(now, message);
            self.settle(now);
            self.append_meanwhile();
        }
        self.world.pace.begin_turns();
        self.fire_timers(now);
        for shard in self.timers.wakes(now) {
            self.next.push_back((self.index(shard), ShardInput::Wake));
        }
        self.settle(now);
        self.world.pace.begin_turns();
        self.resume_touched(now);
        self.append_last();
        self.look_after_finishing();
        if self.leaving > 0 {
            self.look_after_leaving();
        }
        let instant = Instant::now();
        if instant >= self.next_care {
            self.next_care = instant + if self.is_idle() { CARE_INTERVAL_IDLE } else { CARE_INTERVAL };
            self.care(now, instant);
            self.append_meanwhile();
        }
        self.mail.end_round(self.shards_held_back);
        self.show_round();
        self.kept_others_ms = self.world.pace.end_round(began);
    }

    /// Whether other tasks, or the end, come before the next message.
    fn is_out_of_time(&self) -> bool {
        self.world.pace.is_round_over() || self.close_by.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Timers are judged by the time up to which everything that came has been handled: what says that a task lives may stand in the inbox.
    fn fire_timers(&mut self, now: Timestamp) {
        let caught_up = self.mail.caught_up();
        while let Some((due, shard, id, until)) = self.timers.next_due(caught_up) {
            self.world.figures.timer_fired(now - due);
            self.step(now, self.index(shard), ShardInput::Due { id, until });
            self.settle(now);
            if self.is_out_of_time() {
                break;
            }
        }
    }

    /// Once everything is to end, no execution gets another turn: those that could go on for ever would hold the end up.
    fn look_for_close(&mut self) {
        if self.close_by.is_none() && self.shared.closing.is_cancelled() {
            let now = Instant::now();
            self.close_by = Some(now + CLOSE_TIMEOUT);
            self.next_care = now;
            self.shards.iter_mut().flatten().for_each(|owned| owned.shard.stop_turns());
        }
    }

    fn handle(&mut self, now: Timestamp, message: HostMessage) {
        match message {
            HostMessage::Shard(shard, input) => self.take_in(now, self.index(shard), input),
            HostMessage::Own(shard, token, input) => self.step_own(now, shard, token, input),
            HostMessage::Adopt(adoption) => self.adopt_late(*adoption),
            HostMessage::Finish { shard, reply } => self.begin_finishing(self.index(shard), reply),
            HostMessage::GiveUp { shard, reply } => self.begin_leaving(self.index(shard), reply),
            HostMessage::Holders { reply } => drop(reply.send(self.holders())),
            HostMessage::HeldBy { worker, reply } => drop(reply.send(self.held_by(worker))),
            HostMessage::NotHeld(claims) => self.not_held(claims),
            HostMessage::WorkerLost(worker) => self.worker_lost(worker),
            HostMessage::List { state_machine_arn, reply } => {
                // Whoever has gone away needs no answer.
                let _ = reply.send(self.list(&state_machine_arn));
            }
            HostMessage::Count { reply } => drop(reply.send(self.shards.iter().flatten().map(|owned| owned.shard.live_count()).sum())),
            HostMessage::TimerRows { shard, rows } => rows.into_iter().for_each(|(due, id)| self.timers.ask(due, shard, id)),
            HostMessage::Checkpointed(results) => self.checkpointed(now, results),
            HostMessage::Renewed(answers) => self.renewed(now, answers),
            HostMessage::Swept { groups } => self.swept(now, groups),
            HostMessage::Close { reply } => self.closing = Some(reply),
        }
    }

    fn step(&mut self, now: Timestamp, index: usize, input: Input) {
        self.measure_durable(index, &input);
        let Some(owned) = &mut self.shards[index] else { return self.turn_back(input) };
        owned.shard.step(now, input, &mut self.world, &mut self.asked);
        if !std::mem::replace(&mut owned.is_touched, true) {
            self.touched.push(index);
        }
        self.do_asked(index);
    }

    /// What the store has answered an owner; nobody waits for it when the shard has another one by now.
    fn step_own(&mut self, now: Timestamp, shard: ShardId, token: Token, input: Input) {
        let index = self.index(shard);
        if self.shards[index].as_ref().is_some_and(|owned| owned.token == token) {
            self.step(now, index, input);
        }
    }

    /// What came out of the last steps and needs no waiting.
    fn settle(&mut self, now: Timestamp) {
        while let Some((index, input)) = self.next.pop_front() {
            self.step(now, index, input);
        }
    }

    /// What is full goes to the store while more is decided.
    fn append_meanwhile(&mut self) {
        for append in self.appends.drain(..) {
            self.shared.store.append(append);
        }
    }

    /// The last batches of a round: if there is nothing else to do, the host waits for them.
    fn append_last(&mut self) {
        if self.mail.is_empty() && self.touched.is_empty() && self.inbox.is_empty() && !self.appends.is_empty() {
            self.shared.store.append_and_wait(std::mem::take(&mut self.appends));
        } else {
            self.append_meanwhile();
        }
    }

    fn touch(&mut self, index: usize) {
        let Some(owned) = &mut self.shards[index] else { return };
        if !std::mem::replace(&mut owned.is_touched, true) {
            self.touched.push(index);
        }
    }

    /// Each touched shard goes on with what it holds back and sends its batch. Those that have more stay touched.
    fn resume_touched(&mut self, now: Timestamp) {
        let mut served = Vec::new();
        for index in std::mem::take(&mut self.touched) {
            let is_late = self.world.pace.is_round_over();
            let Some(owned) = &mut self.shards[index] else { continue };
            owned.is_touched = false;
            owned.shard.resume(now, &mut self.world, &mut self.asked);
            self.do_asked(index);
            self.settle(now);
            match self.shards[index].as_ref().is_some_and(|owned| owned.shard.wants_turn()) {
                true if is_late => self.touch(index),
                true => served.push(index),
                false => {}
            }
        }
        // Those that had no time left come first in the next round.
        served.into_iter().for_each(|index| self.touch(index));
    }

    /// Looks after what no message speaks of.
    fn care(&mut self, now: Timestamp, instant: Instant) {
        self.begin_checkpoints(now);
        self.advance_horizon(now);
        self.sweep_retention(now);
        self.retry_refused(now);
        self.look_after_ownership(instant);
        self.note_set_aside();
        if instant >= self.next_absent {
            self.next_absent = instant + ABSENT_INTERVAL;
            for owned in self.shards.iter_mut().flatten() {
                owned.shard.forget_absent(super::world::ReplyTo::is_gone, super::watch::Watcher::is_gone);
            }
        }
        self.settle(now);
        self.shards_held_back = self.shards.iter().flatten().map(|owned| owned.shard.backlog_len()).sum();
        let unsaved: usize = self.shards.iter().flatten().map(|owned| owned.shard.unsaved_bytes()).sum();
        self.show_care(unsaved);
        if unsaved > UNSAVED_BYTES_MAX / self.shared.host_count {
            // The key-value side does not keep up, or takes nothing more. New work waits for it, else memory would grow without an end.
            self.shards_held_back = usize::MAX / 2;
        }
    }

    /// Whether nothing has to be written or tried again.
    fn is_idle(&self) -> bool {
        self.close_by.is_none() && self.shards.iter().flatten().all(|owned| !owned.shard.is_dirty() && !owned.shard.wants_retry())
    }

    /// Batches that the store has refused come again.
    fn retry_refused(&mut self, now: Timestamp) {
        for index in 0..self.shards.len() {
            if self.shards[index].as_ref().is_some_and(|owned| owned.shard.wants_retry()) {
                self.step(now, index, ShardInput::Retry);
            }
        }
    }

    fn is_closed(&self) -> bool {
        let Some(deadline) = self.close_by else { return false };
        let is_settled = |owned: &Owned| owned.shard.is_settled() && !owned.shard.is_dirty();
        if self.closing.is_some() && self.shards.iter().flatten().all(is_settled) {
            return true;
        }
        let is_late = Instant::now() >= deadline;
        if is_late {
            tracing::warn!(
                host = self.number,
                messages = self.mail.len(),
                "shards are left to their log: not all of it was checkpointed in time"
            );
        }
        is_late
    }

    /// Gives the shards up.
    async fn leave(mut self) {
        for owned in self.shards.iter().flatten() {
            if let Err(error) = self.shared.store.release(owned.shard.id(), owned.token).await {
                tracing::debug!(shard = %owned.shard.id(), %error, "a shard was not given up");
            }
        }
        if let Some(reply) = self.closing.take() {
            // Whoever has gone away needs no answer.
            let _ = reply.send(());
        }
    }

    fn index(&self, shard: ShardId) -> usize {
        debug_assert_eq!(usize::from(shard.0) % self.shared.host_count, self.number, "a host is given its own shards");
        usize::from(shard.0) / self.shared.host_count
    }
}
