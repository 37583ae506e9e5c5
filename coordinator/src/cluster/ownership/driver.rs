//! Does what [`Ownership`] decides: beats, acquires and reads shards, hands them to their hosts and takes them back, renews leases, and
//! writes down in the [`Directory`] whose each shard is.

mod beats;
mod census;
mod leases;
mod parting;
mod taking;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::figures::LeaseFigures;
use super::membered::Leaving;
use super::{Action, Input, Moment, Ownership};
use crate::cluster::directory::Directory;
use crate::cluster::holders::{self, Holders};
use crate::cluster::host::{HostMessage, Parted};
use crate::cluster::inbox::Inbox;
use crate::cluster::members::MemberConfig;
use crate::cluster::remote::Remote;
use crate::cluster::world::WorldParts;
use crate::dispatch::Sessions;
use crate::shard::HeldClaim;
use crate::store::{Acquired, Member, ShardId, ShardSet, ShardStore, StoreError, Token};
use taking::Recovered;

/// How often it looks at the time.
const TICK: Duration = Duration::from_millis(50);

/// What the driver is made of.
pub(crate) struct DriverParts {
    pub(crate) store: Arc<dyn ShardStore>,
    pub(crate) member: MemberConfig,
    pub(crate) incarnation: u64,
    pub(crate) directory: Arc<Directory>,
    pub(crate) hosts: Vec<Arc<Inbox<HostMessage>>>,
    /// For the shards that are read back.
    pub(crate) world: WorldParts,
    pub(crate) sessions: Arc<Sessions>,
    /// Hosts say here what the store has taken from them.
    pub(crate) losses: mpsc::UnboundedReceiver<(ShardId, Token)>,
    /// What workers hold whose sessions are here.
    pub(crate) local: LocalHolding,
    /// Ways to the other members.
    pub(crate) remote: Arc<dyn Remote>,
    /// Another member has said that it is worth looking at the others.
    pub(crate) look: Arc<Notify>,
}

/// Which of these claims the worker's session here does not hold; `None` if that cannot be told.
pub(crate) type LocalHolding = Box<dyn Fn(u64, &[HeldClaim]) -> Option<Vec<HeldClaim>> + Send>;

/// Begins to be a member. Ends with [`Membered::leave`](super::Membered::leave), or when that is dropped: as a process that is killed does.
pub(crate) fn join(parts: DriverParts, leaving: Leaving) {
    tokio::spawn(Driver::new(parts, leaving).run());
}

/// Something has come.
enum Event {
    Tick,
    Heard(Option<Vec<Arc<Member>>>),
    Acquired(ShardId, Result<Acquired, StoreError>),
    Recovered(ShardId, Token, Result<Box<Recovered>, String>),
    Adopted(ShardId, Token, Option<Vec<HeldClaim>>),
    /// Nobody waits any more for what runs in a shard that is to be handed over, or for too long.
    Finished(ShardId),
    Parted(ShardId, Token, Parted),
    Released(ShardId, Input),
    Renewed(Vec<(ShardId, Token, Result<(), StoreError>)>),
    Lost(ShardId, Token),
    /// Who holds claims here.
    Holding(BTreeSet<u64>),
    /// What the worker holds here, and the members that have its sessions.
    Held(u64, BTreeSet<u64>, Vec<HeldClaim>),
    /// What of it none of the members knows.
    NotHeld(u64, Option<Vec<HeldClaim>>),
    Leave(oneshot::Sender<()>),
    /// What others have has changed.
    Look,
    /// Everybody who held this system has gone.
    Abandoned,
}

struct Driver {
    machine: Ownership,
    began: Instant,
    store: Arc<dyn ShardStore>,
    member: MemberConfig,
    incarnation: u64,
    directory: Arc<Directory>,
    hosts: Vec<Arc<Inbox<HostMessage>>>,
    world: WorldParts,
    sessions: Arc<Sessions>,
    losses: mpsc::UnboundedReceiver<(ShardId, Token)>,
    leaving: Leaving,
    /// Of the shards that are here, or on their way here or out.
    tokens: BTreeMap<ShardId, Token>,
    under_way: JoinSet<Event>,
    /// Of these, the ones that are handed over as soon as nobody waits for what runs there.
    finishing: ShardSet,
    next_renewal: Moment,
    is_renewing: bool,
    left: Vec<oneshot::Sender<()>>,
    has_ended: bool,
    holders: Holders,
    local: LocalHolding,
    /// Who lives, as heard last.
    members: Vec<Arc<Member>>,
    next_census: Moment,
    heard_at: Moment,
    sent_away_at: Option<Moment>,
    remote: Arc<dyn Remote>,
    look: Arc<Notify>,
    /// What the last beat has told of this member, and what of that the others have been told to look at.
    beaten: Standing,
    shown: Standing,
    figures: LeaseFigures,
}

/// What others have to know of a member to have what it has not: its shards, and whether it is leaving.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Standing(ShardSet, bool);

impl Driver {
    fn new(parts: DriverParts, leaving: Leaving) -> Self {
        let DriverParts { store, member, incarnation, directory, hosts, world, sessions, losses, local, remote, look } = parts;
        Self {
            machine: Ownership::new(incarnation, store.shard_count(), member.catalog.is_some()),
            began: Instant::now(),
            store,
            member,
            incarnation,
            directory,
            hosts,
            world,
            sessions,
            losses,
            leaving,
            tokens: BTreeMap::new(),
            under_way: JoinSet::new(),
            finishing: ShardSet::default(),
            next_renewal: 0,
            is_renewing: false,
            left: Vec::new(),
            has_ended: false,
            holders: Holders::default(),
            local,
            members: Vec::new(),
            next_census: 0,
            heard_at: 0,
            sent_away_at: None,
            remote,
            look,
            beaten: Standing::default(),
            shown: Standing::default(),
            figures: LeaseFigures::new(),
        }
    }

    async fn run(mut self) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.has_ended {
            let event = tokio::select! {
                _ = ticks.tick() => Event::Tick,
                Some(done) = self.under_way.join_next() => match done {
                    Ok(event) => event,
                    // What is done beside this task catches its own panics; the rest ends with the runtime.
                    Err(_) => continue,
                },
                Some((shard, token)) = self.losses.recv() => Event::Lost(shard, token),
                () = self.look.notified() => Event::Look,
                leave = self.leaving.recv() => leave.map_or(Event::Abandoned, Event::Leave),
            };
            self.handle(event);
            self.renew_if_due();
            self.census_if_due();
        }
        if let Err(error) = self.member.membership.leave(self.incarnation).await {
            tracing::debug!(%error, "the other members were not told that this one has gone");
        }
        // Whoever has gone away needs no answer.
        self.left.drain(..).for_each(|left| left.send(()).unwrap_or_default());
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Tick => self.step(Input::Tick),
            Event::Heard(members) => self.heard(members),
            Event::Acquired(shard, answer) => self.acquired(shard, answer),
            Event::Recovered(shard, token, result) => self.recovered(shard, token, result),
            Event::Adopted(shard, token, held) => self.adopted(shard, token, held),
            Event::Finished(shard) => self.finished(shard),
            Event::Parted(shard, token, parted) => self.parted(shard, token, parted),
            Event::Released(shard, input) => {
                self.tokens.remove(&shard);
                self.step(input);
            }
            Event::Renewed(answers) => self.renewed(answers),
            Event::Lost(shard, token) => self.lost(shard, token),
            Event::Holding(workers) => self.step_holders(holders::Input::Holding(workers)),
            Event::Held(worker, members, claims) => self.ask_members(worker, &members, claims),
            Event::NotHeld(worker, claims) => self.not_held(worker, claims),
            Event::Leave(reply) => {
                self.left.push(reply);
                self.step(Input::Leave);
            }
            Event::Look => self.step(Input::Look),
            Event::Abandoned => self.has_ended = true,
        }
    }

    fn now(&self) -> Moment {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(Moment::MAX)
    }

    fn step(&mut self, input: Input) {
        for action in self.machine.step(self.now(), input) {
            match action {
                Action::Acquire(shard) => self.acquire(shard),
                Action::GiveUp(shard) => self.finish(shard),
                Action::Publish(mine) => self.directory.set_mine(mine),
                Action::Beat => self.beat(),
                Action::Left => self.has_ended = true,
            }
        }
    }

    fn host_of(&self, shard: ShardId) -> &Inbox<HostMessage> {
        &self.hosts[usize::from(shard.0) % self.hosts.len()]
    }
}
