//! Does what [`Ownership`] decides: beats, acquires and reads shards, hands them to their hosts and takes them back, renews leases, and
//! writes down in the [`Directory`] whose each shard is.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::figures::LeaseFigures;
use super::{Action, BEAT_MS, Input, Moment, Ownership};
use crate::clock;
use crate::cluster::directory::Directory;
use crate::cluster::holders::{self, Holders};
use crate::cluster::host::{Adoption, HORIZON_MS, HostMessage, Parted};
use crate::cluster::inbox::Inbox;
use crate::cluster::members::{CatalogShard, Holding, LEVEL, MemberConfig};
use crate::cluster::recover::{Found, find, replay};
use crate::cluster::remote::{Notice, Remote};
use crate::cluster::world::{HostWorld, WorldParts};
use crate::dispatch::{SessionItem, Sessions};
use crate::shard::{HeldClaim, Recovering};
use crate::store::{Acquired, Member, MemberSession, ShardId, ShardSet, ShardStore, StoreError, Token};

/// How often it looks at the time.
const TICK: Duration = Duration::from_millis(50);
/// How often hosts are asked who holds something, milliseconds.
const CENSUS_MS: Moment = 1_000;
/// A member that has not been heard of for this long is none to the others, milliseconds: it sends its workers to them, before they take them for lost.
const CUT_OFF_MS: Moment = 3_000;
/// And again after this time those who have come nevertheless, milliseconds.
const SEND_AWAY_MS: Moment = 5_000;
/// How long a shard that is to be handed over waits for synchronous Express executions, which nobody else can answer.
const FINISH_MAX: Duration = Duration::from_secs(5);
/// How long it may take to leave in order, before what is left is left to the leases' end.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(20);

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

/// This process among the members.
pub(crate) struct Membered {
    leave: mpsc::Sender<oneshot::Sender<()>>,
    look: Arc<Notify>,
}

/// Where it is heard that this process is to leave.
pub(crate) type Leaving = mpsc::Receiver<oneshot::Sender<()>>;

impl Membered {
    /// Of a process that is about to [join](join).
    pub(crate) fn new() -> (Self, Leaving) {
        let (leave, leaving) = mpsc::channel(1);
        (Self { leave, look: Arc::default() }, leaving)
    }

    /// What the others have has changed.
    pub(crate) fn look(&self) {
        self.look.notify_one();
    }

    /// Where that is heard.
    pub(crate) fn looking(&self) -> Arc<Notify> {
        self.look.clone()
    }

    /// Hands everything over in order and says goodbye to the others.
    pub(crate) async fn leave(&self) {
        let (reply, left) = oneshot::channel();
        if self.leave.send(reply).await.is_err() {
            return;
        }
        if tokio::time::timeout(LEAVE_TIMEOUT, left).await.is_err() {
            tracing::warn!("not all shards were handed over in time; others take them over when their leases have ended");
        }
    }
}

/// Begins to be a member. Ends with [`Membered::leave`], or when that is dropped: as a process that is killed does.
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

/// A shard that has been read back.
struct Recovered {
    found: Found,
    recovering: Recovering<HostWorld>,
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

    fn beat(&mut self) {
        let me = self.me();
        self.beaten = Standing(me.owned.clone(), me.is_leaving);
        let (membership, duration) = (self.member.membership.clone(), self.figures.beat.clone());
        self.under_way.spawn(async move {
            let began = Instant::now();
            match tokio::time::timeout(membership.lifetime(), membership.beat(&me)).await {
                Ok(Ok(members)) => {
                    duration.observe(began.elapsed());
                    Event::Heard(Some(members))
                }
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the other members could not be told that this one lives");
                    Event::Heard(None)
                }
                Err(_) => Event::Heard(None),
            }
        });
    }

    /// How this member stands.
    fn me(&self) -> Member {
        let session = |session: Arc<crate::dispatch::Session>| {
            let info = session.info();
            MemberSession { incarnation: info.incarnation, session_id: info.session_id }
        };
        let mut sessions: Vec<_> = self.sessions.all().into_iter().map(session).collect();
        sessions.sort_unstable();
        Member {
            name: self.member.name.clone(),
            incarnation: self.incarnation,
            address: self.member.address.clone(),
            weight: self.member.weight,
            level: LEVEL,
            is_leaving: self.machine.is_leaving(),
            owned: self.machine.owned(),
            sessions: sessions.into(),
        }
    }

    fn heard(&mut self, members: Option<Vec<Arc<Member>>>) {
        let Some(members) = members else {
            self.send_workers_away_if_cut_off();
            return self.step(Input::Unheard);
        };
        (self.heard_at, self.sent_away_at) = (self.now(), None);
        self.figures.stands(members.len(), self.machine.owned().len());
        self.directory.set_others(members.iter().filter(|member| member.incarnation != self.incarnation).cloned().collect());
        self.members.clone_from(&members);
        self.show_others();
        let sessions = members.iter().flat_map(|member| member.sessions.iter().map(|session| (member.incarnation, *session)));
        let heard =
            holders::Input::Heard { members: members.iter().map(|member| member.incarnation).collect(), sessions: sessions.collect() };
        self.step(Input::Members(members));
        self.step_holders(heard);
    }

    /// The others need not wait for their next beats to hear of what has changed here.
    fn show_others(&mut self) {
        if self.shown == self.beaten {
            return;
        }
        self.shown.clone_from(&self.beaten);
        for member in self.members.iter().filter(|member| member.incarnation != self.incarnation) {
            self.remote.tell(member, Notice::Look);
        }
    }

    /// The others do not hear of the sessions here, and would take their workers for lost although they live.
    fn send_workers_away_if_cut_off(&mut self) {
        let now = self.now();
        let was_just_done = self.sent_away_at.is_some_and(|at| now < at + SEND_AWAY_MS);
        if now < self.heard_at + CUT_OFF_MS || was_just_done {
            return;
        }
        self.sent_away_at = Some(now);
        let sessions = self.sessions.all();
        tracing::warn!(workers = sessions.len(), "the store has not been reached for seconds: workers are sent to other coordinators");
        for session in sessions {
            // A session that has ended needs not be told.
            drop(session.push(SessionItem::Drain));
        }
    }

    fn acquire(&mut self, shard: ShardId) {
        let store = self.store.clone();
        self.under_way.spawn(async move { Event::Acquired(shard, store.acquire(shard).await) });
    }

    fn acquired(&mut self, shard: ShardId, answer: Result<Acquired, StoreError>) {
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
                self.under_way.spawn(async move {
                    let result = catalog.acquired(acquired).await;
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

    fn recovered(&mut self, shard: ShardId, token: Token, result: Result<Box<Recovered>, String>) {
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
    fn adopted(&mut self, shard: ShardId, token: Token, held: Option<Vec<HeldClaim>>) {
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

    /// Before a shard is given up, what runs there for somebody who waits for the answer may end, for a while.
    fn finish(&mut self, shard: ShardId) {
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

    fn finished(&mut self, shard: ShardId) {
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

    fn parted(&mut self, shard: ShardId, token: Token, parted: Parted) {
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
    fn release(&mut self, shard: ShardId, token: Token, input: Input) {
        let store = self.store.clone();
        self.under_way.spawn(async move {
            if let Err(error) = store.release(shard, token).await {
                tracing::debug!(%shard, %error, "a shard was not given back; its lease ends by itself");
            }
            Event::Released(shard, input)
        });
    }

    fn renew_if_due(&mut self) {
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
    fn renewed(&mut self, answers: Vec<(ShardId, Token, Result<(), StoreError>)>) {
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
    fn lost(&mut self, shard: ShardId, token: Token) {
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

    /// Asks the hosts from time to time who holds something here.
    fn census_if_due(&mut self) {
        let now = self.now();
        if now < self.next_census {
            return;
        }
        self.next_census = now + CENSUS_MS;
        let asked = self.hosts.iter().map(|host| {
            let (reply, holders) = oneshot::channel();
            host.push(HostMessage::Holders { reply });
            holders
        });
        let asked: Vec<_> = asked.collect();
        self.under_way.spawn(async move {
            let holders = join_all(asked).await;
            Event::Holding(holders.into_iter().flatten().flatten().collect())
        });
    }

    fn step_holders(&mut self, input: holders::Input) {
        for action in self.holders.step(self.now(), input) {
            match action {
                holders::Action::Ask { worker, members } => self.ask_hosts(worker, members),
                holders::Action::Lost { worker } => self.hosts.iter().for_each(|host| host.push(HostMessage::WorkerLost(worker))),
            }
        }
    }

    /// What the worker holds here, as far as it has left.
    fn ask_hosts(&mut self, worker: u64, members: BTreeSet<u64>) {
        let asked = self.hosts.iter().map(|host| {
            let (reply, held) = oneshot::channel();
            host.push(HostMessage::HeldBy { worker, reply });
            held
        });
        let asked: Vec<_> = asked.collect();
        self.under_way.spawn(async move {
            let held = join_all(asked).await;
            Event::Held(worker, members, held.into_iter().flatten().flatten().collect())
        });
    }

    /// What none of the members knows has never reached the worker.
    fn ask_members(&mut self, worker: u64, members: &BTreeSet<u64>, claims: Vec<HeldClaim>) {
        let mut unknown = Some(claims);
        if members.contains(&self.incarnation) {
            unknown = unknown.and_then(|claims| (self.local)(worker, &claims));
        }
        let others: Vec<_> = self
            .members
            .iter()
            .filter(|member| member.incarnation != self.incarnation && members.contains(&member.incarnation))
            .cloned()
            .collect();
        let has_all = others.len() == members.iter().filter(|member| **member != self.incarnation).count();
        let holding = self.member.holding.clone();
        self.under_way.spawn(async move {
            let unknown = if has_all { unknown_at_all(holding, worker, &others, unknown).await } else { None };
            Event::NotHeld(worker, unknown)
        });
    }

    fn not_held(&mut self, worker: u64, claims: Option<Vec<HeldClaim>>) {
        let Some(claims) = claims else { return self.step_holders(holders::Input::Unanswered { worker }) };
        if !claims.is_empty() {
            tracing::info!(worker, claims = claims.len(), "grants have not reached their worker and go to others");
            self.hosts.iter().for_each(|host| host.push(HostMessage::NotHeld(claims.clone())));
        }
        self.step_holders(holders::Input::Answered { worker });
    }

    fn host_of(&self, shard: ShardId) -> &Inbox<HostMessage> {
        &self.hosts[usize::from(shard.0) % self.hosts.len()]
    }
}

/// What no member knows of; `None` if one of them cannot tell.
async fn unknown_at_all(
    holding: Option<Arc<dyn Holding>>,
    worker: u64,
    members: &[Arc<Member>],
    mut unknown: Option<Vec<HeldClaim>>,
) -> Option<Vec<HeldClaim>> {
    for member in members {
        let claims = unknown.take()?;
        unknown = holding.as_ref()?.not_held(member, worker, claims).await;
    }
    unknown
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
