//! Questions that are answered here: those of this process, and those of other members. None of them goes any further.

use std::sync::Arc;

use baton_engine::Input;
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::inbox::Full;
use super::ownership::Membered;
use super::sessions::heartbeat;
use super::watch::Watcher;
use super::world::{HostWorld, ReplyTo};
use super::{CLOSING, ClaimName, Cluster, ExecutionId, HostMessage, Listed, Notice, PeerAnswer, Question, RemoteWatch, TaskName};
use crate::dispatch::{SessionItem, Shape, Slot};
use crate::shard::{Answer, ExpressStart, Revisions, ShardInput};
use crate::store::ShardId;
use crate::telemetry::names;

/// Tasks that are lent at once.
const LENT_MAX: usize = 1_024;

impl Cluster {
    /// Answers another member's question, if what it is about is here.
    pub async fn answer(&self, question: Question) -> PeerAnswer {
        let shard = match &question {
            Question::List { .. } | Question::Holding { .. } | Question::ReachCatalog { .. } | Question::Borrow { .. } => None,
            Question::RegisterFunction { .. } => Some(ShardId::CATALOG),
            question => question.execution().map(|id| self.shard_of(id)),
        };
        if shard.is_some_and(|shard| !self.inner.directory.is_mine(shard)) || (self.is_closing() && shard.is_some()) {
            return PeerAnswer::NotHere;
        }
        if let Question::Start { catalog_position, .. } = &question {
            // What the start relies on is known here before it comes to its shard.
            self.inner.revisions.reach(*catalog_position).await;
        }
        self.answer_here(question).await
    }

    /// Hears what another member says.
    pub fn hear(&self, notice: Notice) {
        match notice {
            Notice::Heartbeat(ClaimName { execution, task, claim_id }) => {
                self.push(self.shard_of(execution), heartbeat(execution, task, claim_id));
            }
            Notice::HandedBack { execution, task } => self.task_queues().hand_back(execution, task),
            Notice::Cancel { incarnation, claim: ClaimName { execution, task, claim_id } } => {
                // A session that is not here any more is not looked for: the worker tells what it held when it comes back.
                if let Some(session) = self.sessions().session_of(incarnation) {
                    drop(session.push(SessionItem::Cancel { execution, task, claim_id, shape: Shape::Offered }));
                }
            }
            Notice::Look => self.inner.member.iter().for_each(Membered::look),
        }
    }

    /// Another member follows an execution; `None` if that is not here.
    pub async fn watch_here(&self, id: ExecutionId) -> Option<RemoteWatch> {
        let shard = self.shard_of(id);
        if !self.inner.directory.is_mine(shard) || self.is_closing() {
            return None;
        }
        let (answer, live) = self.follow(shard, id).await;
        match answer {
            PeerAnswer::Shard(Answer::History(seen)) => Some(RemoteWatch { seen, live }),
            _ => None,
        }
    }

    pub(super) async fn follow(&self, shard: ShardId, id: ExecutionId) -> (PeerAnswer, mpsc::Receiver<Bytes>) {
        let (watcher, live) = Watcher::new();
        (self.refusable(shard, |reply| ShardInput::Watch { id, watcher, reply }).await, live)
    }

    /// Answers from what this process has, whether it is said to own it or not: a shard that is not here says so.
    pub(super) async fn answer_here(&self, question: Question) -> PeerAnswer {
        let shard = question.execution().map_or(ShardId::CATALOG, |id| self.shard_of(id));
        match question {
            Question::Start { start, .. } if start.map_child.as_ref().is_some_and(|child| child.is_express) => {
                self.refusable(shard, |reply| ShardInput::StartExpress { start, how: ExpressStart::Child(reply) }).await
            }
            Question::MapRun { id, question } => self.map_run_here(id, question).await,
            Question::Start { start, is_repeated: false, .. } => self.refusable(shard, |reply| ShardInput::Start { start, reply }).await,
            Question::Start { start, is_repeated: true, .. } => {
                self.refusable(shard, |reply| ShardInput::StartAgain { start, reply }).await
            }
            Question::Redrive { id, client_token } => self.refusable(shard, |reply| ShardInput::Redrive { id, client_token, reply }).await,
            Question::Send { id, input, claim_id } => self.refusable(shard, |reply| send(id, input, claim_id, reply)).await,
            Question::Report { id, input, claim_id } => {
                self.has_space().await;
                self.told(shard, |reply| send(id, input, claim_id, reply)).await
            }
            Question::Task { id, task } => self.told(shard, |reply| ShardInput::Task { id, task, reply }).await,
            Question::Assert { id, task, claim } => self.told(shard, |reply| ShardInput::Assert { id, task, claim, reply }).await,
            Question::Claim { id, task, claim } => self.claimed(shard, |slot| ShardInput::Claim { id, task, slot, claim }).await,
            Question::GrantLost { id, task, claim_id } => {
                self.push(shard, ShardInput::GrantLost { id, task, claim_id });
                self.done()
            }
            Question::Describe { id } => self.refusable(shard, |reply| ShardInput::Describe { id, reply }).await,
            Question::History { id } => self.refusable(shard, |reply| ShardInput::History { id, reply }).await,
            Question::WaitEnd { id } => self.end_here(id).await,
            Question::List { state_machine_arn } => PeerAnswer::Listed(self.list_here(&state_machine_arn).await),
            Question::Holding { incarnation, claims } => PeerAnswer::Holding(self.holding(incarnation, &claims)),
            Question::RegisterFunction { name } => self.register_here(&name).await,
            Question::ReachCatalog { position } => {
                self.inner.revisions.reach(position).await;
                self.done()
            }
            Question::Borrow { wanted, is_cut_off } => PeerAnswer::Lent(self.lend(&wanted, is_cut_off)),
        }
    }

    /// Tasks for another member's free slots.
    fn lend(&self, wanted: &[(Arc<str>, u32)], is_cut_off: bool) -> Vec<(u32, TaskName)> {
        if self.is_closing() {
            return Vec::new();
        }
        let mut lent = Vec::new();
        for (place, (queue, slots)) in (0..).zip(wanted) {
            let slots = (*slots as usize).min(LENT_MAX - lent.len());
            let tasks = self.inner.queues.lend(queue, slots, is_cut_off);
            lent.extend(tasks.into_iter().map(|task| (place, TaskName { execution: task.execution, task: task.task })));
        }
        lent
    }

    pub(super) fn done(&self) -> PeerAnswer {
        PeerAnswer::Done { catalog_position: self.inner.revisions.position() }
    }

    /// Asks a shard something that may be refused.
    pub(super) async fn refusable(&self, shard: ShardId, input: impl FnOnce(ReplyTo) -> ShardInput<HostWorld>) -> PeerAnswer {
        let (reply, answer) = oneshot::channel();
        self.put(shard, input(ReplyTo::Once(reply)), true, answer, PeerAnswer::Shard).await
    }

    /// Tells a shard what must not be refused, and waits for its answer.
    pub(super) async fn told(&self, shard: ShardId, input: impl FnOnce(ReplyTo) -> ShardInput<HostWorld>) -> PeerAnswer {
        let (reply, answer) = oneshot::channel();
        self.put(shard, input(ReplyTo::Once(reply)), false, answer, PeerAnswer::Shard).await
    }

    async fn claimed(&self, shard: ShardId, input: impl FnOnce(Slot) -> ShardInput<HostWorld>) -> PeerAnswer {
        let (reply, answer) = oneshot::channel();
        self.put(shard, input(Slot::Claimant(reply)), false, answer, PeerAnswer::Claimed).await
    }

    async fn put<T>(
        &self,
        shard: ShardId,
        input: ShardInput<HostWorld>,
        is_refusable: bool,
        answer: oneshot::Receiver<T>,
        as_answer: impl FnOnce(T) -> PeerAnswer,
    ) -> PeerAnswer {
        if self.is_closing() {
            return self.gone();
        }
        let message = HostMessage::Shard(shard, input);
        if !is_refusable {
            self.host_of(shard).push(message);
        } else if let Err(Full) = self.host_of(shard).try_push(message) {
            names::THROTTLE.counter(["inbox"]).increment(1);
            return PeerAnswer::Throttled;
        }
        answer.await.map_or_else(|_| self.gone(), as_answer)
    }

    /// Whoever had the shard here has ended.
    fn gone(&self) -> PeerAnswer {
        if self.is_alone() { PeerAnswer::Unavailable(CLOSING) } else { PeerAnswer::NotHere }
    }

    /// What the hosts have in memory of a state machine's executions. Hosts that are gone have nothing.
    pub(super) async fn list_here(&self, state_machine_arn: &Arc<str>) -> Listed {
        let mine = self.inner.directory.mine();
        let asked: Vec<_> = self
            .inner
            .hosts
            .iter()
            .map(|host| {
                let (reply, listed) = oneshot::channel();
                host.push(HostMessage::List { state_machine_arn: state_machine_arn.clone(), reply });
                listed
            })
            .collect();
        let mut all = Listed::default();
        for listed in asked {
            let mut listed = listed.await.unwrap_or_default();
            let is_mine = |shard: &ShardId| mine.as_ref().is_none_or(|mine| mine.contains(*shard));
            listed.shards.iter().filter(is_mine).for_each(|shard| _ = all.shards.insert(shard));
            all.executions.append(&mut listed.executions);
        }
        all
    }
}

fn send(id: ExecutionId, input: Input, claim_id: Option<u64>, reply: ReplyTo) -> ShardInput<HostWorld> {
    ShardInput::Send { id, input, claim_id, reply: Some(reply) }
}
