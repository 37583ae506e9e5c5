//! Questions whose answers other members have: all of them, or one that is followed.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;

use super::route::NotAsked;
use super::{Cluster, ExecutionId, ExecutionSummary, Owner, PeerAnswer, Question, ReadError, RemoteWatch};
use crate::shard::Answer;
use crate::store::{Member, ShardId};

/// A member that has not answered by then is left out.
const ALL_MAX: Duration = Duration::from_secs(2);

impl Cluster {
    /// What all members have in memory of a state machine's executions. Whoever does not answer is left out: what it has shows as it stood at
    /// its last checkpoint. Answers also whether nobody was left out, and every shard has an owner.
    pub(super) async fn list_anywhere(&self, state_machine_arn: &Arc<str>) -> (Vec<ExecutionSummary>, bool) {
        let mut all = self.list_here(state_machine_arn).await;
        if self.is_alone() {
            return (all, true);
        }
        let mut shards = (0..self.inner.store.shard_count()).map(ShardId);
        let mut is_whole = shards.all(|shard| self.inner.directory.owner(shard) != Owner::Nobody);
        for answer in self.ask_all(&Question::List { state_machine_arn: state_machine_arn.clone() }).await {
            match answer {
                Some(PeerAnswer::Listed(mut listed)) => all.append(&mut listed),
                Some(_) | None => is_whole = false,
            }
        }
        (all, is_whole)
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
