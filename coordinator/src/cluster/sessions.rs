//! The door of workers' sessions: claims, outcomes and signs of life that come over a session.
//!
//! None of it is refused for lack of room: it is what running work brings with it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use baton_engine::{Claim, Input, TaskRef, Verdict};
use foldhash::fast::FixedState;
use hashbrown::HashSet;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::route::NotAsked;
use super::world::HostWorld;
use super::{
    ClaimName, ClaimOutcome, Cluster, ExecutionId, Notice, Owner, PeerAnswer, Question, ReplyTo, SendError, count_claim, report_code, sent,
};
use crate::dispatch::{GRACE, Session, SessionItem, Slot};
use crate::shard::{Grant, HeldClaim, ShardInput};

/// A claim is repeated for so long until it has an answer.
const CLAIM_MAX: Duration = Duration::from_secs(60);
const CLAIM_PAUSE: Duration = Duration::from_millis(200);

/// An outcome that a session reports.
pub(crate) struct SessionReport {
    /// Which execution.
    pub(crate) execution: ExecutionId,
    /// Which attempt.
    pub(crate) task: TaskRef,
    /// The claim that it is reported under.
    pub(crate) claim_id: u64,
    /// What happens to the execution.
    pub(crate) input: Input,
    /// What the worker calls the report.
    pub(crate) report_id: u64,
}

/// Claims that were asked for and are not answered, by the incarnation of the worker that asks.
#[derive(Debug, Default)]
pub(super) struct UnderWay(Mutex<HashSet<(u64, ClaimName), FixedState>>);

impl Cluster {
    /// A worker says that it still holds a claim: `Applied` if it does.
    pub(crate) async fn assert_claim(&self, id: ExecutionId, task: TaskRef, claim: Claim) -> Result<Verdict, SendError> {
        sent(self.ask(Question::Assert { id, task, claim }).await)
    }

    /// A worker claims what it was offered, under an id of its own. Its session is granted the task, or told that it is not; then `answered`,
    /// of an offer that came from elsewhere, is told too.
    pub(crate) fn claim(
        &self,
        id: ExecutionId,
        task: TaskRef,
        session: &Arc<Session>,
        claim: Claim,
        answered: Option<oneshot::Sender<()>>,
    ) {
        let shard = self.shard_of(id);
        if answered.is_none() && self.inner.directory.is_mine(shard) {
            self.push(shard, ShardInput::Claim { id, task, slot: Slot::Asked(session.clone()), claim });
        } else {
            tokio::spawn(self.clone().claim_for(session.clone(), id, task, claim, answered));
        }
    }

    /// Somebody has had an offer and does not claim it: whoever owns the task offers it again.
    pub(crate) fn hand_back(&self, id: ExecutionId, task: TaskRef) {
        match self.inner.directory.owner(self.shard_of(id)) {
            Owner::Me => self.task_queues().hand_back(id, task),
            Owner::Member(member) => self.inner.remote.tell(&member, Notice::HandedBack { execution: id, task }),
            // Whoever will be the owner offers everything anew.
            Owner::Nobody => {}
        }
    }

    /// Claims the task at its owner until there is an answer. Answers what is granted; `None` if it is denied.
    pub(crate) async fn claim_at_owner(&self, id: ExecutionId, task: TaskRef, claim: Claim) -> Result<Option<Box<Grant>>, SendError> {
        let since = Instant::now();
        loop {
            match self.ask_any(Question::Claim { id, task, claim: claim.clone() }).await {
                Ok(PeerAnswer::Claimed(grant)) => return Ok(grant),
                Ok(_) => unreachable!("a claim is answered as a claim is"),
                Err(NotAsked::Unavailable(_) | NotAsked::Throttled) if since.elapsed() < CLAIM_MAX && !self.is_closing() => {
                    tokio::time::sleep(CLAIM_PAUSE).await;
                }
                Err(NotAsked::Throttled) => return Err(SendError::Throttled),
                Err(NotAsked::Unavailable(text)) => return Err(SendError::Unavailable(text)),
            }
        }
    }

    /// Whether tasks are offered through a broker.
    pub(crate) fn has_broker(&self) -> bool {
        self.inner.broker.is_some()
    }

    /// In which namespace of the broker.
    pub(crate) fn broker_namespace(&self) -> Option<&str> {
        self.inner.broker.as_ref()?.namespace()
    }

    /// Whoever asks what the worker holds hears of this claim as long as the answer lives.
    pub(crate) fn list_claim(&self, incarnation: u64, claim: ClaimName) -> ListedClaim {
        self.inner.under_way.0.lock().insert((incarnation, claim));
        ListedClaim { cluster: self.clone(), name: (incarnation, claim) }
    }

    /// Nothing is taken back here whatever comes of it: the worker may have claimed again elsewhere, under the same id, and been answered there.
    async fn claim_for(self, session: Arc<Session>, id: ExecutionId, task: TaskRef, claim: Claim, answered: Option<oneshot::Sender<()>>) {
        let claim_id = claim.claim_id;
        let _listed = self.list_claim(claim.incarnation, ClaimName { execution: id, task, claim_id });
        let item = match self.claim_at_owner(id, task, claim).await {
            Ok(Some(grant)) => {
                count_claim(ClaimOutcome::Granted);
                SessionItem::Grant { grant, queue: "".into(), is_claimed: true }
            }
            Ok(None) => {
                count_claim(ClaimOutcome::Denied);
                SessionItem::Denied { execution: id, task, claim_id }
            }
            Err(error) => return tracing::warn!(execution = %id, %error, "a claim has no answer; its worker asks again"),
        };
        // A session that has ended needs no answer: its worker asks again over another. Where there are others, the owner asks who holds the task.
        if let Err(SessionItem::Grant { grant, .. }) = session.push(item)
            && self.is_alone()
        {
            let held = HeldClaim { execution: id, task, claim: grant.claim };
            self.sessions().disconnect(&session, vec![held], Instant::now() + GRACE);
        }
        // Whoever passed the offer on may be gone.
        let _ = answered.map(|answered| answered.send(()));
    }

    /// Of these claims, those that the worker's session holds or has asked for; `None` if it has no session here, or has not said yet
    /// what it holds.
    pub(super) fn holding(&self, incarnation: u64, claims: &[ClaimName]) -> Option<Vec<ClaimName>> {
        let session = self.sessions().session_of(incarnation).filter(|session| session.is_settled())?;
        // Who asks while an answer becomes a grant finds it in one or the other: it leaves the first only after it is in the second.
        let asked: Vec<_> = {
            let under_way = self.inner.under_way.0.lock();
            claims.iter().map(|claim| under_way.contains(&(incarnation, *claim))).collect()
        };
        let held =
            claims.iter().zip(asked).filter(|(claim, is_asked)| *is_asked || session.has(claim.execution, claim.task, claim.claim_id));
        Some(held.map(|(claim, _)| *claim).collect())
    }

    /// Hands in outcomes; the session is told what became of each.
    pub(crate) fn report_all(&self, session: &Arc<Session>, reports: Vec<SessionReport>) {
        let mut here = Vec::with_capacity(reports.len());
        for report in reports {
            let shard = self.shard_of(report.execution);
            if self.inner.directory.is_mine(shard) {
                let SessionReport { execution: id, task, claim_id, input, report_id } = report;
                let reply = ReplyTo::Report { session: session.clone(), execution: id, task, report_id };
                here.push((shard, ShardInput::Send { id, input, claim_id: Some(claim_id), reply: Some(reply) }));
            } else {
                tokio::spawn(self.clone().report_for(session.clone(), report));
            }
        }
        self.push_all(here);
    }

    async fn report_for(self, session: Arc<Session>, report: SessionReport) {
        let SessionReport { execution, task, claim_id, input, report_id } = report;
        let result = sent(self.ask(Question::Report { id: execution, input, claim_id: Some(claim_id) }).await);
        // A session that has ended needs no answer: its worker reports again.
        drop(session.push(SessionItem::Ack { execution, task, report_id, code: report_code(result).into() }));
    }

    /// A sign of life of a task that wants them. Nobody waits for an answer.
    pub(crate) fn heartbeat_claim(&self, id: ExecutionId, task: TaskRef, claim_id: u64) {
        let shard = self.shard_of(id);
        match self.inner.directory.owner(shard) {
            Owner::Me => self.push(shard, heartbeat(id, task, claim_id)),
            Owner::Member(member) => {
                self.inner.remote.tell(&member, Notice::Heartbeat(ClaimName { execution: id, task, claim_id }));
            }
            // The next one finds an owner, who counts from his beginning.
            Owner::Nobody => {}
        }
    }
}

/// A sign of life, for the task's shard.
pub(super) fn heartbeat(id: ExecutionId, task: TaskRef, claim_id: u64) -> ShardInput<HostWorld> {
    ShardInput::Send { id, input: Input::TaskHeartbeat { task }, claim_id: Some(claim_id), reply: None }
}

/// A claim that was asked for.
pub(crate) struct ListedClaim {
    cluster: Cluster,
    name: (u64, ClaimName),
}

impl Drop for ListedClaim {
    fn drop(&mut self) {
        self.cluster.inner.under_way.0.lock().remove(&self.name);
    }
}
