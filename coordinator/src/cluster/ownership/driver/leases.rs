//! Leases of the shards that are here: renewed in time, or lost.

use super::{Driver, Event};
use crate::cluster::host::HostMessage;
use crate::cluster::ownership::{BEAT_MS, Input};
use crate::store::{ShardId, StoreError, Token};

impl Driver {
    pub(super) fn renew_if_due(&mut self) {
        let now = self.now();
        if self.is_renewing || now < self.next_renewal || self.tokens.is_empty() {
            return;
        }
        (self.is_renewing, self.next_renewal) = (true, now + BEAT_MS);
        let held: Vec<_> = self.tokens.iter().map(|(shard, token)| (*shard, *token)).collect();
        let store = self.store.clone();
        self.under_way.spawn(async move {
            let answers = store.renew(held.clone()).await;
            Event::Renewed(held.into_iter().zip(answers).map(|((shard, token), answer)| (shard, token, answer)).collect())
        });
    }

    /// A shard that is another member's now is told so; how it ends here is heard of it.
    pub(super) fn renewed(&mut self, answers: Vec<(ShardId, Token, Result<(), StoreError>)>) {
        self.is_renewing = false;
        for (shard, token, answer) in answers {
            match answer {
                Ok(()) => {}
                Err(error) if error.is_retryable() => tracing::debug!(%shard, %error, "a lease was not renewed"),
                Err(_) if self.tokens.get(&shard) != Some(&token) => {}
                Err(error) if shard == ShardId::CATALOG => {
                    tracing::warn!(%error, "the catalog is another member's now");
                    self.lost(shard, token);
                }
                Err(error) => self.host_of(shard).push(HostMessage::Renewed(vec![(shard, token, Err(error))])),
            }
        }
    }

    /// The store has given the shard to somebody else.
    pub(super) fn lost(&mut self, shard: ShardId, token: Token) {
        if self.tokens.get(&shard) != Some(&token) {
            return;
        }
        self.tokens.remove(&shard);
        self.figures.lost(shard);
        if let Some(catalog) = self.member.catalog.as_ref().filter(|_| shard == ShardId::CATALOG) {
            catalog.lost();
        }
        self.step(Input::Lost(shard));
    }
}
