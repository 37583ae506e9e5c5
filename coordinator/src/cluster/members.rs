//! What a process must be told to be one of several that share a store.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use crate::shard::HeldClaim;
use crate::store::{Acquired, Member, Membership, StoreError};

/// The newest version of what members tell each other and write that this release knows.
pub(crate) const LEVEL: u32 = 1;

/// Who this process is among those that share its store, and what it shares with them beside executions.
#[derive(Clone)]
pub struct MemberConfig {
    /// Says to the others that this process lives, and hears who does.
    pub membership: Arc<dyn Membership>,
    /// For people, and the same after a restart. What a member owns follows from it, so that it comes back to what it had.
    pub name: Arc<str>,
    /// Where other members reach this one: `http://host:port`.
    pub address: Arc<str>,
    /// Its share of the shards, relative to others': its cores.
    pub weight: u32,
    /// Runs the catalog's shard while it is this member's; `None` where there is no catalog.
    pub catalog: Option<Arc<dyn CatalogShard>>,
    /// Asks other members what the workers hold whose sessions they have.
    pub holding: Option<Arc<dyn Holding>>,
}

/// The catalog, as the owner of its shard and its followers need it. Its shard is handed from member to member as any other.
pub trait CatalogShard: Send + Sync + 'static {
    /// The shard has been acquired: what is read from here on follows from its log, and commands are carried out here. Answers when they are.
    /// `loss` hears of it when the store takes nothing for it from here any more.
    fn acquired(&self, acquired: Acquired, loss: oneshot::Sender<()>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Ends the writing in order: what is decided becomes durable, then a checkpoint. The shard is released by the caller.
    fn give_up(&self) -> BoxFuture<'_, ()>;

    /// The shard is lost: what is decided here will never be durable.
    fn lost(&self);

    /// Answers when everything can be read here that was durable in the catalog when it was asked: a shard that is read back finds the
    /// revisions that its executions are pinned to.
    fn refresh(&self) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// Asks what workers hold whose sessions other members have.
pub trait Holding: Send + Sync + 'static {
    /// Which of `claims`, all of the worker with this incarnation, its session at `member` does not hold, and has no claim under way for: they
    /// have never reached the worker. `None` if the member cannot tell at the moment, or has no such session any more.
    fn not_held<'a>(&'a self, member: &'a Arc<Member>, incarnation: u64, claims: Vec<HeldClaim>) -> BoxFuture<'a, Option<Vec<HeldClaim>>>;
}
