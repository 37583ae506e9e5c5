//! The standing of a member as the owner of a run's shard.

use std::time::Duration;

use baton_engine::Start;

use super::Cluster;
use crate::cluster::route::NotAsked;
use crate::cluster::{Question, Revisions, StartError, Started};
use crate::shard::Answer;
use crate::store::{ShardId, Token};

/// What cannot be done now is tried again after this time, and after twice as much each time, up to a second.
pub(super) const RETRY_AFTER: Duration = Duration::from_millis(20);
const RETRY_AFTER_MAX: Duration = Duration::from_secs(1);
/// How often the lease is looked at while something is tried.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// See the module.
#[derive(Clone)]
pub(super) struct Standing {
    pub(super) cluster: Cluster,
    pub(super) shard: ShardId,
    pub(super) token: Token,
}

impl Standing {
    /// Tries until there is an answer. While the lease has lapsed nothing is tried, and what was tried is given up: another owner may have begun to
    /// stop what this one would start. The end of the process's work ends this too, and so does the shard's leaving.
    pub(super) async fn until_done<T, F: Future<Output = Option<T>>>(&self, attempt: impl Fn() -> F) -> T {
        until_done(|| self.cluster.inner.store.is_held(self.shard, self.token), attempt).await
    }

    /// Starts a child, if it has not been started before.
    pub(super) async fn begin(&self, start: Start) {
        let attempt = || async {
            match self.start_child(start.clone()).await {
                Ok(_) | Err(StartError::AlreadyExists { .. }) => Some(()),
                Err(StartError::Throttled | StartError::Unavailable(_)) => None,
            }
        };
        self.until_done(attempt).await;
    }

    /// Starts a child, once however often it is asked for.
    async fn start_child(&self, start: Start) -> Result<Started, StartError> {
        let catalog_position = self.cluster.inner.revisions.position();
        match self.cluster.ask(Question::Start { start: Box::new(start), is_repeated: true, catalog_position }).await {
            Ok(Answer::Started(result)) => result,
            Ok(_) => unreachable!("a start is answered as a start is"),
            Err(NotAsked::Throttled) => Err(StartError::Throttled),
            Err(NotAsked::Unavailable(text)) => Err(StartError::Unavailable(text)),
        }
    }
}

async fn until_done<T, F: Future<Output = Option<T>>>(is_owner: impl Fn() -> bool, attempt: impl Fn() -> F) -> T {
    let mut delay = RETRY_AFTER;
    loop {
        if is_owner() {
            let answer = tokio::select! {
                answer = attempt() => answer,
                () = lapse(&is_owner) => None,
            };
            if let Some(answer) = answer {
                return answer;
            }
        }
        tokio::time::sleep(delay).await;
        delay = (delay * 2).min(RETRY_AFTER_MAX);
    }
}

async fn lapse(is_owner: impl Fn() -> bool) {
    while is_owner() {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_tried_is_given_up_with_the_lease_and_tried_again_when_it_is_back() {
        let (is_owner, is_reached, tries) = (AtomicBool::new(true), AtomicBool::new(false), AtomicU32::new(0));
        let attempt = || async {
            tries.fetch_add(1, Ordering::Relaxed);
            // As a question to a member that does not answer.
            while !is_reached.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Some("done")
        };
        let lapses_and_comes_back = async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            is_owner.store(false, Ordering::Relaxed);
            is_reached.store(true, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_secs(60)).await;
            assert_eq!(tries.load(Ordering::Relaxed), 1, "nothing is tried without the lease");
            is_owner.store(true, Ordering::Relaxed);
        };
        let doing = until_done(|| is_owner.load(Ordering::Relaxed), attempt);
        let (answer, ()) = tokio::join!(doing, lapses_and_comes_back);
        assert_eq!((answer, tries.load(Ordering::Relaxed)), ("done", 2));
    }
}
