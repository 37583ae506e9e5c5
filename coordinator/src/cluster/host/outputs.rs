//! Does what shards ask for.

use std::ops::Bound;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use baton_engine::{Holder, Rejected, Verdict};
use baton_proto::worker::v1::Code;
use bytes::Bytes;
use futures_util::FutureExt;

use super::{Asked, Host, HostMessage};
use crate::cluster::world::ReplyTo;
use crate::cluster::{ClaimOutcome, count_claim};
use crate::dispatch::{GRACE, Session, SessionItem, Slot};
use crate::shard::{Answer, ExecutionId, Grant, HeldClaim, MapRunMessage, Output, SendError, ShardInput, StoredEnded};
use crate::store::keys::{ExecutionKey, HistoryKey};
use crate::store::{Append, Checkpoint, ShardId, ShardStore, StoreError, Table, Token};

/// Segments of a history that are read at once.
const HISTORY_PAGE: usize = 256;

impl Host {
    /// Does everything that the shard has asked for.
    pub(super) fn do_asked(&mut self, index: usize) {
        let mut asked = std::mem::take(&mut self.asked);
        for output in asked.drain(..) {
            self.do_one(index, output);
        }
        self.asked = asked;
    }

    fn do_one(&mut self, index: usize, output: Asked) {
        let Some(owned) = &mut self.shards[index] else { unreachable!("a shard asks for nothing before it is there") };
        let (shard, token) = (owned.shard.id(), owned.token);
        match output {
            Output::Append { expected_seq, batch } => {
                self.appends.push(Append { shard, token, expected_seq, batch, done: owned.done.clone() });
                owned.measure_append(expected_seq + 1);
            }
            Output::Load(id) => self.load(index, (shard, token), id),
            Output::LoadHistory { id, stored } => self.load_history((shard, token), id, stored),
            Output::Checkpoint { upto_seq, ops } => {
                self.checkpoints.asked.push(Checkpoint { shard, token, upto_seq, ops });
                self.write_checkpoints();
            }
            Output::MapRun(order) => self.shared.map_runs.order(order, token),
            Output::ChildEnded(report) => self.shared.map_runs.child_ended(report),
            Output::LoadMapRun(id) => self.load_map_run((shard, token), id),
            Output::Reply(reply, answer) => answer_to(reply, answer),
            Output::Grant(slot, grant) => self.grant(index, slot, grant),
            Output::Return(slot) => self.give_back(slot),
            Output::Deny { slot, id, task, claim_id } => self.deny(slot, id, task, claim_id),
            Output::Stray { slot, id, task, claim } => self.stray(slot, id, task, claim),
            Output::Deliver(grant) => self.deliver(index, grant),
            Output::Cancel { id, task, claim } => self.cancel(id, task, &claim),
            Output::Timer { due, id } => self.timers.ask(due, shard, id),
            Output::Wake { due } => self.timers.ask_to_wake(due, shard),
            Output::Watched(watcher, chunk) => watcher.tell(chunk),
            Output::WatchedEnd(watcher) => watcher.end(),
            Output::Announce(announcement) => announcement.tell(),
        }
    }

    /// Most stores answer at once, in which case the shard goes on in the same round.
    fn load(&mut self, index: usize, (shard, token): (ShardId, Token), id: ExecutionId) {
        let key = ExecutionKey { execution: id.0 }.encode();
        let store = self.shared.store.clone();
        let ready = store.get(Table::Executions, &key).as_mut().poll(&mut Context::from_waker(Waker::noop()));
        match ready {
            Poll::Ready(result) => self.next.push_back((index, ShardInput::Loaded { id, result })),
            Poll::Pending => {
                let load = async move {
                    let result = store.get(Table::Executions, &key).await;
                    HostMessage::Own(shard, token, ShardInput::Loaded { id, result })
                };
                self.background.push(load.boxed());
            }
        }
    }

    fn load_map_run(&mut self, (shard, token): (ShardId, Token), id: ExecutionId) {
        let store = self.shared.store.clone();
        let load = async move {
            let result = store.get(Table::Executions, &ExecutionKey { execution: id.0 }.encode()).await;
            HostMessage::Own(shard, token, ShardInput::MapRun { id, message: MapRunMessage::Loaded { result }, reply: None })
        };
        self.background.push(load.boxed());
    }

    /// A redrive is rare, and a history may be long: it is read beside everything else.
    fn load_history(&mut self, (shard, token): (ShardId, Token), id: ExecutionId, stored: StoredEnded) {
        let store = self.shared.store.clone();
        let load = async move {
            let result = read_history(&*store, id).await;
            HostMessage::Own(shard, token, ShardInput::HistoryLoaded { id, stored, result })
        };
        self.background.push(load.boxed());
    }

    fn grant(&mut self, index: usize, slot: Slot, grant: Box<Grant>) {
        let (execution, task, claim_id) = (grant.execution, grant.activation.task, grant.claim.claim_id);
        let lost = match slot {
            Slot::Session { session, queue } => session.push(SessionItem::Grant { grant, queue, is_claimed: false }).is_err(),
            Slot::Poller(poller) => poller.reply.send(grant).is_err(),
            Slot::Asked(session) => return self.answer_claim(&session, grant),
            // Whoever has gone away may have asked again, and been answered.
            Slot::Claimant(reply) => return drop(reply.send(Some(grant))),
        };
        if lost {
            // It has provably not left: the session was gone before.
            self.next.push_back((index, ShardInput::GrantLost { id: execution, task, claim_id }));
        }
    }

    /// That a session has ended does not say that its worker does not get the task: it may have claimed again over another, under the same id.
    fn answer_claim(&mut self, session: &Arc<Session>, grant: Box<Grant>) {
        count_claim(ClaimOutcome::Granted);
        if let Err(SessionItem::Grant { grant, .. }) = session.push(SessionItem::Grant { grant, queue: "".into(), is_claimed: true }) {
            let held = HeldClaim { execution: grant.execution, task: grant.activation.task, claim: grant.claim };
            self.shared.sessions.disconnect(session, vec![held], Instant::now() + GRACE);
        }
    }

    pub(super) fn give_back(&mut self, slot: Slot) {
        let name = match &slot {
            Slot::Session { queue, .. } => self.world.queue_name(queue),
            Slot::Poller(poller) => poller.queue.to_string(),
            // It comes again.
            Slot::Asked(_) | Slot::Claimant(_) => return,
        };
        self.shared.queues.give_back(slot, &name);
    }

    fn deny(&mut self, slot: Slot, execution: ExecutionId, task: baton_engine::TaskRef, claim_id: u64) {
        match slot {
            // A session that is gone needs no answer.
            Slot::Session { session, .. } => drop(session.push(SessionItem::Denied { execution, task, claim_id })),
            Slot::Asked(session) => {
                count_claim(ClaimOutcome::Denied);
                drop(session.push(SessionItem::Denied { execution, task, claim_id }));
            }
            Slot::Poller(_) => self.give_back(slot),
            // Who has gone away asks again.
            Slot::Claimant(reply) => drop(reply.send(None)),
        }
    }

    /// A claim has come to a shard that is not here.
    pub(super) fn stray(&mut self, slot: Slot, execution: ExecutionId, task: baton_engine::TaskRef, claim: baton_engine::Claim) {
        match slot {
            // One that came from elsewhere looks for the owner by itself, and a worker claims again.
            Slot::Asked(_) | Slot::Claimant(_) => {}
            // Not granted here; whoever has the shard offers the task again.
            Slot::Session { .. } | Slot::Poller(_) => self.deny(slot, execution, task, claim.claim_id),
        }
    }

    fn deliver(&mut self, index: usize, grant: Box<Grant>) {
        match &self.shared.deliver {
            Some(deliver) => deliver(grant),
            None => {
                // The claim was committed when there was an endpoint; there is none after this start.
                let (id, task, claim_id) = (grant.execution, grant.activation.task, grant.claim.claim_id);
                self.next.push_back((index, ShardInput::HolderLost { id, task, claim_id }));
            }
        }
    }

    fn cancel(&mut self, execution: ExecutionId, task: baton_engine::TaskRef, claim: &baton_engine::Claim) {
        match claim.holder {
            Holder::Poller => {}
            Holder::Session | Holder::Process => self.shared.sessions.cancel(claim.incarnation, execution, task, claim.claim_id),
        }
    }
}

/// All segments of an execution's history, in order.
pub(crate) async fn read_history(store: &dyn ShardStore, id: ExecutionId) -> Result<Vec<Bytes>, StoreError> {
    let mut segments = Vec::new();
    let (mut start, end) = HistoryKey::of_execution(id.0);
    loop {
        let page = store.scan(Table::History, (start, end.clone()), HISTORY_PAGE, false).await?;
        let is_last = page.len() < HISTORY_PAGE;
        let last = page.last().map(|(key, _)| key.to_vec());
        segments.extend(page.into_iter().map(|(_, segment)| segment));
        match last {
            Some(key) if !is_last => start = Bound::Excluded(key),
            Some(_) | None => return Ok(segments),
        }
        tokio::task::yield_now().await;
    }
}

pub(super) fn answer_to(reply: ReplyTo, answer: Answer) {
    match reply {
        // Whoever has gone away needs no answer.
        ReplyTo::Once(reply) => drop(reply.send(answer)),
        ReplyTo::Report { session, execution, task, report_id } => {
            let code = code_of(answer).into();
            drop(session.push(SessionItem::Ack { execution, task, report_id, code }));
        }
    }
}

/// What a worker is told about the outcome that it has reported.
fn code_of(answer: Answer) -> Code {
    match answer {
        Answer::Sent(result) => report_code(result),
        Answer::Unavailable(_) | Answer::NotHere => Code::RetryLater,
        Answer::Started(_)
        | Answer::ExpressEnded(_)
        | Answer::Redriven(_)
        | Answer::Seen(_)
        | Answer::History(_)
        | Answer::Task(_)
        | Answer::MapRun(_) => {
            unreachable!("a report is answered as an input is")
        }
    }
}

/// What became of a report, in the words of the contract.
pub(crate) fn report_code(result: Result<Verdict, SendError>) -> Code {
    match result {
        Ok(Verdict::Applied) => Code::Applied,
        Ok(Verdict::Duplicate) => Code::Duplicate,
        Err(SendError::NoSuchExecution) => Code::UnknownTask,
        Err(SendError::Rejected(rejected)) => match rejected {
            Rejected::Ended | Rejected::TimedOut => Code::TimedOut,
            Rejected::Cancelled => Code::Cancelled,
            Rejected::UnknownTask | Rejected::AlreadyClaimed => Code::UnknownTask,
            Rejected::NotSubmitted => Code::RetryLater,
        },
        Err(SendError::Throttled | SendError::Unavailable(_)) => Code::RetryLater,
    }
}
