//! A shard on its way here: its lease is taken, it is read back, and its host adopts it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::sync::oneshot;

use super::{Driver, Event};
use crate::clock;
use crate::cluster::holders;
use crate::cluster::host::{Adoption, HORIZON_MS, HostMessage};
use crate::cluster::members::CatalogShard;
use crate::cluster::ownership::Input;
use crate::cluster::recover::{Found, find, replay};
use crate::cluster::world::{HostWorld, WorldParts};
use crate::shard::{HeldClaim, Recovering};
use crate::store::{Acquired, ShardId, ShardStore, StoreError, Token};

/// A shard that has been read back.
pub(super) struct Recovered {
    found: Found,
    recovering: Recovering<HostWorld>,
}

impl Driver {
    pub(super) fn acquire(&mut self, shard: ShardId) {
        let store = self.store.clone();
        self.under_way.spawn(async move { Event::Acquired(shard, store.acquire(shard).await) });
    }

    pub(super) fn acquired(&mut self, shard: ShardId, answer: Result<Acquired, StoreError>) {
        match answer {
            Ok(acquired) => {
                self.tokens.insert(shard, acquired.token);
                self.figures.acquired(shard);
                self.step(Input::Acquired(shard));
                self.read_back(shard, acquired);
            }
            Err(StoreError::Held { for_ms, .. }) => {
                self.figures.awaits(shard);
                self.step(Input::Held { shard, for_ms });
            }
            Err(error) => {
                tracing::warn!(%shard, %error, "a shard could not be acquired; it will be tried again");
                self.step(Input::Failed(shard));
            }
        }
    }

    fn read_back(&mut self, shard: ShardId, acquired: Acquired) {
        let (token, catalog) = (acquired.token, self.member.catalog.clone());
        match (shard, catalog) {
            (ShardId::CATALOG, Some(catalog)) => {
                let (loss, lost) = oneshot::channel();
                self.under_way.spawn(async move {
                    // Given up in order, it is not lost.
                    lost.await.map_or(Event::Tick, |()| Event::Lost(shard, token))
                });
                self.under_way.spawn(async move {
                    let result = catalog.acquired(acquired, loss).await;
                    let result = result.inspect_err(|error| tracing::error!(%error, "the catalog cannot be read; it will be tried again"));
                    Event::Adopted(shard, token, result.is_ok().then(Vec::new))
                });
            }
            (_, catalog) => {
                let (store, world) = (self.store.clone(), self.world.clone());
                self.under_way.spawn(async move {
                    let recovered = AssertUnwindSafe(recover(store, catalog, shard, acquired, world)).catch_unwind().await;
                    let recovered = recovered.unwrap_or_else(|_| Err("a defect met its recovery".to_owned()));
                    Event::Recovered(shard, token, recovered.map(Box::new))
                });
            }
        }
    }

    pub(super) fn recovered(&mut self, shard: ShardId, token: Token, result: Result<Box<Recovered>, String>) {
        match result {
            Ok(recovered) if self.tokens.get(&shard) == Some(&token) => self.adopt(shard, token, *recovered),
            Ok(_) => self.step(Input::Failed(shard)),
            Err(error) => {
                tracing::error!(%shard, %error, "a shard cannot be read back; it will be tried again");
                self.release(shard, token, Input::Failed(shard));
            }
        }
    }

    fn adopt(&mut self, shard: ShardId, token: Token, recovered: Recovered) {
        let Recovered { found, recovering } = recovered;
        let (reply, adopted) = oneshot::channel();
        let adoption = Adoption { recovering, token, timers: found.timers, horizon: found.horizon, reply };
        self.host_of(shard).push(HostMessage::Adopt(Box::new(adoption)));
        self.under_way.spawn(async move { Event::Adopted(shard, token, adopted.await.ok()) });
    }

    /// `held` is `None` if nobody has taken it.
    pub(super) fn adopted(&mut self, shard: ShardId, token: Token, held: Option<Vec<HeldClaim>>) {
        match held {
            Some(held) if self.tokens.get(&shard) == Some(&token) => {
                self.figures.runs(shard);
                self.step(Input::Adopted(shard));
                self.step_holders(holders::Input::Adopted(held.iter().map(|held| held.claim.incarnation).collect()));
            }
            Some(_) => self.step(Input::Lost(shard)),
            None => self.release(shard, token, Input::Failed(shard)),
        }
    }
}

/// Reads a shard back, beside everything else that goes on.
async fn recover(
    store: Arc<dyn ShardStore>,
    catalog: Option<Arc<dyn CatalogShard>>,
    shard: ShardId,
    acquired: Acquired,
    world: WorldParts,
) -> Result<Recovered, String> {
    if let Some(catalog) = catalog {
        catalog.refresh().await.map_err(|error| error.to_string())?;
    }
    let found = find(&store, shard, acquired, clock::now() + HORIZON_MS).await.map_err(|error| error.to_string())?;
    let mut world = HostWorld::new(world);
    let recovering = replay(&store, &found, &mut world).await.map_err(|error| error.to_string())?;
    Ok(Recovered { found, recovering })
}
