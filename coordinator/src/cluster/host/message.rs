//! What comes into a host.

use std::collections::BTreeSet;
use std::sync::Arc;

use baton_engine::Timestamp;
use tokio::sync::oneshot;

use super::{Adoption, Input, Parted};
use crate::cluster::inbox::Laned;
use crate::cluster::remote::Listed;
use crate::shard::{ExecutionId, HeldClaim};
use crate::store::{ShardId, StoreError, Token};

/// See the module.
pub(crate) enum HostMessage {
    /// For one of its shards, which need not be here.
    Shard(ShardId, Input),
    /// What the store has answered the owner of one of its shards that has this token.
    Own(ShardId, Token, Input),
    /// A shard that has been read back is this host's from now on.
    Adopt(Box<Adoption>),
    /// A shard is to be let go soon: answered when nobody waits for what runs in it and nowhere else could.
    Finish { shard: ShardId, reply: oneshot::Sender<()> },
    /// A shard is to be settled and let go.
    GiveUp { shard: ShardId, reply: oneshot::Sender<Parted> },
    /// Who holds claims of its shards? Incarnations.
    Holders { reply: oneshot::Sender<BTreeSet<u64>> },
    /// What does the worker of this incarnation hold?
    HeldBy { worker: u64, reply: oneshot::Sender<Vec<HeldClaim>> },
    /// Nobody has these: they have never reached whoever they were meant for.
    NotHeld(Vec<HeldClaim>),
    /// The worker of this incarnation is lost.
    WorkerLost(u64),
    /// Executions of a state machine that the index does not show as they stand.
    List { state_machine_arn: Arc<str>, reply: oneshot::Sender<Listed> },
    /// How many executions are in memory?
    Count { reply: oneshot::Sender<usize> },
    /// Rows of timers that have come near.
    TimerRows { shard: ShardId, rows: Vec<(Timestamp, ExecutionId)> },
    /// The ends of a call for checkpoints.
    Checkpointed(Vec<(ShardId, Token, Result<(), StoreError>)>),
    /// Whether these shards are still this process's.
    Renewed(Vec<(ShardId, Token, Result<(), StoreError>)>),
    /// A sweep of executions whose retention is over has ended, after so many groups of them.
    Swept { groups: usize },
    /// Everything is to be settled and written.
    Close { reply: oneshot::Sender<()> },
}

impl Laned for HostMessage {
    /// What concerns a whole shard, or all of them, keeps its order with everybody's work; bulk that is overtaken by it is turned back, or asked again.
    fn is_bulk(&self) -> bool {
        matches!(self, HostMessage::Shard(_, input) if input.is_of_map_run())
    }
}
