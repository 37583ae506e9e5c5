//! Starting executions of Express state machines.

use baton_engine::Start;

use super::{Cluster, ExecutionId, ExpressEnd, ExpressPool, MOVING, PeerAnswer, StartError, Started};
use crate::shard::{Answer, ExpressStart, ShardInput};
use crate::store::ShardId;

/// Names that are tried before it is said that nothing runs here: of the smallest part of the largest system one comes up.
const NAMES_MAX: usize = 32_768;

impl Cluster {
    /// StartExecution of an Express state machine: at least once. Answers when the start is durable; after a crash the execution runs again
    /// from its beginning. The ARN must have been made for this start alone. `start.seed` is set here, `start.at` by the shard.
    pub async fn start_express(&self, start: Start) -> Result<Started, StartError> {
        if let Some(why) = self.inner.store.intake_refusal() {
            return Err(StartError::Unavailable(why));
        }
        match self.ask_express(start, ExpressStart::Recorded).await? {
            Answer::Started(result) => result,
            _ => unreachable!("a start is answered as a start is"),
        }
    }

    /// StartSyncExecution: at most once. Answers when the execution has ended, however it has. It goes on when nobody waits for the answer.
    pub async fn start_sync(&self, start: Start) -> Result<ExpressEnd, StartError> {
        match self.ask_express(start, ExpressStart::Awaited).await? {
            Answer::ExpressEnded(end) => Ok(*end),
            Answer::Started(Err(error)) => Err(error),
            _ => unreachable!("a start whose end is waited for is answered with the end or not done"),
        }
    }

    /// A name for an Express execution that runs here, made by `name` of something random. Answers after a moment if nothing can run here.
    pub async fn name_here(&self, name: impl Fn() -> String) -> String {
        if self.is_alone() {
            return name();
        }
        let is_here = |name: &String| {
            let shard = self.shard_of(ExecutionId::of_arn(name));
            self.inner.directory.staying().is_none_or(|staying| staying.contains(shard))
        };
        let named = self.until_answered(ShardId::CATALOG, |_| {
            let can_run = self.inner.directory.staying().is_none_or(|staying| staying.iter().any(|shard| shard != ShardId::CATALOG));
            if !can_run {
                return std::future::ready(None);
            }
            let named = std::iter::repeat_with(&name).take(NAMES_MAX).find(is_here);
            std::future::ready(named.map(Ok))
        });
        named.await.unwrap_or_else(|_| name())
    }

    /// How many Express executions run, and what they hold.
    pub fn express(&self) -> &ExpressPool {
        &self.inner.express
    }

    async fn ask_express(
        &self,
        mut start: Start,
        how: impl FnOnce(super::ReplyTo) -> ExpressStart<super::ReplyTo>,
    ) -> Result<Answer, StartError> {
        start.seed = self.inner.next_seed();
        let shard = self.shard_of(ExecutionId::of_arn(&start.execution_arn));
        match self.refusable(shard, |reply| ShardInput::StartExpress { start: Box::new(start), how: how(reply) }).await {
            PeerAnswer::Shard(Answer::Unavailable(text)) | PeerAnswer::Unavailable(text) => Err(StartError::Unavailable(text)),
            PeerAnswer::Shard(Answer::NotHere) | PeerAnswer::NotHere => Err(StartError::Unavailable(MOVING)),
            PeerAnswer::Shard(answer) => Ok(answer),
            PeerAnswer::Throttled => Err(StartError::Throttled),
            _ => unreachable!("a start is answered by its shard"),
        }
    }
}
