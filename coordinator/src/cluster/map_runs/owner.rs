//! The member in its standing as the owner of a run's shard.

use std::time::Duration;

use baton_engine::Start;

use super::Cluster;
use crate::cluster::StartError;
use crate::store::{ShardId, Token};

/// What cannot be done now is tried again after this time, and after twice as much each time, up to a second.
pub(super) const RETRY_AFTER: Duration = Duration::from_millis(20);
const RETRY_AFTER_MAX: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Clone)]
pub(super) struct Owner {
    pub(super) cluster: Cluster,
    pub(super) shard: ShardId,
    pub(super) token: Token,
}

impl Owner {
    /// Tries until there is an answer. While the lease has lapsed nothing is tried: another owner may have begun to stop what this one would start.
    /// The end of the process's work ends this too, and so does the shard's leaving.
    pub(super) async fn until_done<T, F: Future<Output = Option<T>>>(&self, attempt: impl Fn() -> F) -> T {
        let mut delay = RETRY_AFTER;
        loop {
            if self.is_owner()
                && let Some(answer) = attempt().await
            {
                return answer;
            }
            tokio::time::sleep(delay).await;
            delay = (delay * 2).min(RETRY_AFTER_MAX);
        }
    }

    fn is_owner(&self) -> bool {
        self.cluster.inner.store.is_held(self.shard, self.token)
    }

    /// Starts a child, if it has not been started before.
    pub(super) async fn begin(&self, start: Start) {
        let attempt = || async {
            match self.cluster.start_child(start.clone()).await {
                Ok(_) | Err(StartError::AlreadyExists { .. }) => Some(()),
                Err(StartError::Throttled | StartError::Unavailable(_)) => None,
            }
        };
        self.until_done(attempt).await;
    }
}
