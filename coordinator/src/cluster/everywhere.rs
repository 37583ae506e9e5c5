//! Questions whose answers other members have: all of them, or one that is followed.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, timeout};

use super::route::{LOOK_AGAIN, NotAsked, PATIENCE};
use super::{Cluster, ExecutionId, ExecutionSummary, Listed, MOVING, Owner, PeerAnswer, Question, ReadError, RemoteWatch};
use crate::shard::Answer;
use crate::store::{Member, ShardId};

/// A member that has not answered by then is asked again, if it still has what is asked for.
const ALL_MAX: Duration = Duration::from_secs(2);

impl Cluster {
    /// What all members have in memory of a state machine's executions: an answer for every shard. One that is on its way from one member to another,
    /// or whose owner does not answer, is waited for.
    pub(super) async fn list_anywhere(&self, state_machine_arn: &Arc<str>) -> Result<Vec<ExecutionSummary>, NotAsked> {
        if self.is_alone() {
            return Ok(self.list_here(state_machine_arn).await.executions);
        }
        let mut changes = self.inner.directory.changes();
        let until = Instant::now() + PATIENCE;
        loop {
            changes.borrow_and_update();
            let listed = self.list_of_all(state_machine_arn).await;
            if (0..self.inner.store.shard_count()).all(|shard| listed.shards.contains(ShardId(shard))) {
                return Ok(listed.executions);
            }
            if Instant::now() >= until {
                return Err(NotAsked::Unavailable(MOVING));
            }
            let _ = timeout(LOOK_AGAIN, changes.changed()).await;
        }
    }

    /// The same, of the shards for which a member speaks just now.
    async fn list_of_all(&self, state_machine_arn: &Arc<str>) -> Listed {
        let question = Question::List { state_machine_arn: state_machine_arn.clone() };
        let (mut all, answers) = tokio::join!(self.list_here(state_machine_arn), self.ask_all(&question));
        for answer in answers.into_iter().flatten() {
            if let PeerAnswer::Listed(mut listed) = answer {
                listed.shards.iter().for_each(|shard| _ = all.shards.insert(shard));
                all.executions.append(&mut listed.executions);
            }
        }
        all
    }

    /// The answers of all other members, as far as they come in time.
    pub(super) async fn ask_all(&self, question: &Question) -> Vec<Option<PeerAnswer>> {
        let asked = self.inner.directory.others().into_iter().map(|member| async move { self.ask_one(&member, question.clone()).await });
        join_all(asked).await
    }

    async fn ask_one(&self, member: &Arc<Member>, question: Question) -> Option<PeerAnswer> {
        match timeout(ALL_MAX, self.inner.remote.ask(member, question)).await {
            Ok(Ok(answer)) => Some(answer),
            Ok(Err(error)) => {
                tracing::debug!(member = %member.name, %error, "a member has not answered");
                None
            }
            Err(_) => {
                tracing::debug!(member = %member.name, "a member has not answered in time");
                None
            }
        }
    }

    /// Follows an execution at the owner of its shard.
    pub(super) async fn follow_anywhere(&self, id: ExecutionId) -> Result<RemoteWatch, ReadError> {
        let shard = self.shard_of(id);
        let watch = |route: Owner| async move {
            match route {
                Owner::Me => {
                    let (answer, live) = self.follow(shard, id).await;
                    match answer {
                        PeerAnswer::Shard(Answer::History(seen)) => Some(Ok(RemoteWatch { seen, live })),
                        PeerAnswer::NotHere | PeerAnswer::Shard(Answer::NotHere) => None,
                        PeerAnswer::Throttled => Some(Err(NotAsked::Throttled)),
                        PeerAnswer::Unavailable(text) | PeerAnswer::Shard(Answer::Unavailable(text)) => {
                            Some(Err(NotAsked::Unavailable(text)))
                        }
                        _ => unreachable!("following an execution is answered with what has happened so far"),
                    }
                }
                Owner::Member(member) => match timeout(ALL_MAX, self.inner.remote.watch(&member, id)).await {
                    Ok(Ok(Some(watch))) => Some(Ok(watch)),
                    Ok(Ok(None) | Err(_)) | Err(_) => None,
                },
                Owner::Nobody => None,
            }
        };
        Ok(self.until_answered(shard, watch).await?)
    }
}
