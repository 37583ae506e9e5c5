//! Whether the host's shards are still its own.
//!
//! A shard whose token the store refuses has another owner, or none: what it decides here would never become durable. A shard that writes
//! learns so by itself; one that only waits is asked for.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use baton_engine::Timestamp;
use futures_util::FutureExt;
use parking_lot::Mutex;

use super::{Host, HostMessage, Owned};
use crate::shard::ShardInput;
use crate::store::{ShardId, StoreError, Token};

/// How often the store is asked whether the shards are still this process's.
const RENEW_INTERVAL: Duration = Duration::from_secs(2);

/// Shards that the store has taken from this process, and why.
#[derive(Debug, Default)]
pub(crate) struct LostShards(Mutex<BTreeMap<ShardId, StoreError>>);

impl LostShards {
    /// All of them, in the order of their numbers.
    pub(crate) fn all(&self) -> Vec<(ShardId, StoreError)> {
        self.0.lock().iter().map(|(shard, error)| (*shard, error.clone())).collect()
    }

    fn note(&self, shard: ShardId, error: &StoreError) {
        let is_new = self.0.lock().insert(shard, error.clone()).is_none();
        if is_new {
            tracing::error!(
                %shard, %error,
                "a shard is lost: its executions stand still here. End whatever else uses the same store, then restart this server; \
                 nothing that was acknowledged is lost"
            );
        }
    }
}

/// When the shards were asked for last.
#[derive(Debug)]
pub(super) struct Renewal {
    next: Instant,
    is_under_way: bool,
}

impl Renewal {
    pub(super) fn new(now: Instant) -> Self {
        Self { next: now + RENEW_INTERVAL, is_under_way: false }
    }
}

impl Host {
    /// Notes what is lost, and asks for the rest from time to time. Where members share the store, somebody else asks.
    pub(super) fn look_after_ownership(&mut self, instant: Instant) {
        if self.shared.losses.is_some() {
            return self.drop_lost();
        }
        self.note_lost();
        if self.renewal.is_under_way || instant < self.renewal.next || self.close_by.is_some() {
            return;
        }
        self.renewal.is_under_way = true;
        let is_held = |owned: &&Owned| owned.shard.lost().is_none();
        let held: Vec<_> = self.shards.iter().flatten().filter(is_held).map(|owned| (owned.shard.id(), owned.token)).collect();
        let store = self.shared.store.clone();
        let renew = async move {
            let answers = store.renew(held.clone()).await;
            HostMessage::Renewed(held.into_iter().zip(answers).map(|((shard, token), answer)| (shard, token, answer)).collect())
        };
        self.background.push(renew.boxed());
    }

    /// The store has answered.
    pub(super) fn renewed(&mut self, now: Timestamp, answers: Vec<(ShardId, Token, Result<(), StoreError>)>) {
        self.renewal = Renewal::new(Instant::now());
        for (shard, token, answer) in answers {
            match answer {
                Ok(()) => {}
                Err(error) if error.is_retryable() => tracing::debug!(%shard, %error, "a shard could not be asked for; it will be again"),
                Err(error) => self.step_own(now, shard, token, ShardInput::Lost { error }),
            }
        }
        match self.shared.losses {
            Some(_) => self.drop_lost(),
            None => self.note_lost(),
        }
    }

    fn note_lost(&self) {
        for owned in self.shards.iter().flatten() {
            match owned.shard.lost() {
                // A store that has been closed takes nothing from anybody: the process is going away.
                None | Some(StoreError::Closed) => {}
                Some(error) => self.shared.lost.note(owned.shard.id(), error),
            }
        }
    }
}
