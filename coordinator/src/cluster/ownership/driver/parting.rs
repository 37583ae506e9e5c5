//! A shard on its way out: what runs there for somebody who waits may end, its host settles it, and the store gets it back.

use std::time::Duration;

use tokio::sync::oneshot;

use super::{Driver, Event};
use crate::cluster::host::{HostMessage, Parted};
use crate::cluster::ownership::Input;
use crate::store::{ShardId, Token};

/// How long a shard that is to be handed over waits for synchronous Express executions, which nobody else can answer.
const FINISH_MAX: Duration = Duration::from_secs(5);

impl Driver {
    /// Before a shard is given up, what runs there for somebody who waits for the answer may end, for a while.
    pub(super) fn finish(&mut self, shard: ShardId) {
        if shard == ShardId::CATALOG {
            return self.give_up(shard);
        }
        self.finishing.insert(shard);
        self.directory.set_finishing(self.finishing.clone());
        let (reply, finished) = oneshot::channel();
        self.host_of(shard).push(HostMessage::Finish { shard, reply });
        self.under_way.spawn(async move {
            // A host that has lost the shard meanwhile needs no time.
            let _ = tokio::time::timeout(FINISH_MAX, finished).await;
            Event::Finished(shard)
        });
    }

    pub(super) fn finished(&mut self, shard: ShardId) {
        self.finishing.remove(shard);
        self.directory.set_finishing(self.finishing.clone());
        self.give_up(shard);
    }

    fn give_up(&mut self, shard: ShardId) {
        let Some(token) = self.tokens.get(&shard).copied() else { return self.step(Input::Lost(shard)) };
        self.figures.leaves(shard);
        match (shard, self.member.catalog.clone()) {
            (ShardId::CATALOG, Some(catalog)) => {
                self.under_way.spawn(async move {
                    catalog.give_up().await;
                    Event::Parted(shard, token, Parted::Settled)
                });
            }
            _ => {
                let (reply, parted) = oneshot::channel();
                self.host_of(shard).push(HostMessage::GiveUp { shard, reply });
                self.under_way.spawn(async move { Event::Parted(shard, token, parted.await.unwrap_or(Parted::Lost)) });
            }
        }
    }

    pub(super) fn parted(&mut self, shard: ShardId, token: Token, parted: Parted) {
        match parted {
            Parted::Settled => {
                self.figures.gave(shard);
                self.release(shard, token, Input::GivenUp(shard));
            }
            Parted::Lost => {
                self.figures.lost(shard);
                self.tokens.remove(&shard);
                self.step(Input::Lost(shard));
            }
        }
    }

    /// Gives the shard back to the store, then says so to the machine.
    pub(super) fn release(&mut self, shard: ShardId, token: Token, input: Input) {
        let store = self.store.clone();
        self.under_way.spawn(async move {
            if let Err(error) = store.release(shard, token).await {
                tracing::debug!(%shard, %error, "a shard was not given back; its lease ends by itself");
            }
            Event::Released(shard, input)
        });
    }
}
