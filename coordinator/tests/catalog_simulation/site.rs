//! The members, whose catalog it is, and what befalls them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use baton_coordinator::catalog::Catalog;
use baton_coordinator::cluster::CatalogShard;
use baton_coordinator::store::memory::MemoryStore;
use baton_coordinator::store::{Acquired, ShardId, ShardStore, StoreError};
use futures_util::future::join_all;
use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep, timeout};

use crate::client::Client;
use crate::expected::Told;
use crate::link::{Fates, Leases, Link};
use crate::random::Random;

const MEMBERS: usize = 3;
const CLIENTS: u64 = 6;
const MISHAPS: usize = 40;
const LEASE: Duration = Duration::from_secs(3);

/// One process.
pub(crate) struct Member {
    pub(crate) catalog: Catalog,
    link: Link,
    has_crashed: watch::Sender<bool>,
    /// What it was given when it acquired the catalog last.
    acquired: Mutex<Option<Acquired>>,
}

impl Member {
    async fn start(store: &Arc<MemoryStore>, random: &mut Random, fates: &Arc<Fates>) -> Arc<Self> {
        let link = Link::new(store.clone(), random.next(), [0, 4, 10, 30][random.below(4) as usize], fates.clone());
        let catalog = loop {
            match Catalog::follow(Arc::new(link.clone())).await {
                Ok(catalog) => break catalog,
                Err(_) => sleep(Duration::from_millis(100)).await,
            }
        };
        Arc::new(Self { catalog, link, has_crashed: watch::Sender::new(false), acquired: Mutex::new(None) })
    }

    /// Returns when it has.
    pub(crate) async fn crashed(&self) {
        let mut crashed = self.has_crashed.subscribe();
        let _ = crashed.wait_for(|has_crashed| *has_crashed).await;
    }

    /// Acquires the catalog when nobody's lease stands against it. Whether it has it now.
    async fn take(self: &Arc<Self>) -> bool {
        if self.acquired.lock().take().is_some() {
            self.catalog.lost();
        }
        let Some(acquired) = self.acquire().await else { return false };
        let (loss, lost) = oneshot::channel();
        if self.catalog.acquired(acquired, loss).await.is_err() {
            return false;
        }
        *self.acquired.lock() = Some(acquired);
        tokio::spawn(self.clone().keep(acquired, lost));
        true
    }

    async fn acquire(&self) -> Option<Acquired> {
        let begun = Instant::now();
        loop {
            match self.link.acquire(ShardId::CATALOG).await {
                Ok(acquired) => return Some(acquired),
                Err(StoreError::Held { .. }) if begun.elapsed() < 2 * LEASE => sleep(Duration::from_millis(200)).await,
                Err(_) => return None,
            }
        }
    }

    /// Renews the lease until the catalog is not this member's any more.
    async fn keep(self: Arc<Self>, acquired: Acquired, mut lost: oneshot::Receiver<()>) {
        let is_still = || self.acquired.lock().is_some_and(|now| now.token == acquired.token);
        while is_still() {
            let renewed = tokio::select! {
                _ = &mut lost => Err(StoreError::Fenced { shard: ShardId::CATALOG }),
                renewed = self.link.renew(vec![(ShardId::CATALOG, acquired.token)]) => renewed[0].clone(),
            };
            if renewed.is_err_and(|error| error.is_loss()) && is_still() {
                self.catalog.lost();
                *self.acquired.lock() = None;
            }
            sleep(LEASE / 4).await;
        }
    }

    /// Gives the catalog up in order, or as far as it can.
    async fn give_up(&self) {
        let given_up = timeout(Duration::from_secs(30), self.catalog.give_up()).await;
        assert!(given_up.is_ok(), "a hand-over hangs");
        let acquired = self.acquired.lock().take();
        if let Some(acquired) = acquired {
            let _ = self.link.release(ShardId::CATALOG, acquired.token).await;
        }
    }
}

/// How often what has happened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    done: usize,
    refused: usize,
    unknown: usize,
    taken_over: usize,
    handed_over: usize,
    crashed: usize,
    calls_lost: usize,
    answers_lost: usize,
    late: usize,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Tally) {
        self.done += other.done;
        self.refused += other.refused;
        self.unknown += other.unknown;
        self.taken_over += other.taken_over;
        self.handed_over += other.handed_over;
        self.crashed += other.crashed;
        self.calls_lost += other.calls_lost;
        self.answers_lost += other.answers_lost;
        self.late += other.late;
    }

    pub(crate) fn is_worth_something(&self) -> bool {
        let all =
            [self.done, self.refused, self.unknown, self.taken_over, self.handed_over, self.crashed, self.calls_lost, self.answers_lost];
        all.iter().chain([&self.late]).all(|count| *count > 0)
    }
}

/// See the module.
pub(crate) struct Site {
    store: Arc<MemoryStore>,
    members: Mutex<Vec<Arc<Member>>>,
    owner: Mutex<Option<Arc<Member>>>,
    is_over: AtomicBool,
    tally: Mutex<Tally>,
    fates: Arc<Fates>,
}

impl Site {
    /// From the first member to the last look at all of them.
    pub(crate) async fn run(seed: u64, leases: Leases) -> Tally {
        let mut random = Random(seed);
        let (store, fates) = (store(), Arc::new(Fates { leases, ..Fates::default() }));
        let mut members = Vec::new();
        for _ in 0..MEMBERS {
            members.push(Member::start(&store, &mut random, &fates).await);
        }
        let site = Arc::new(Site {
            store,
            members: Mutex::new(members),
            owner: Mutex::new(None),
            is_over: AtomicBool::new(false),
            tally: Mutex::default(),
            fates,
        });
        let clients: Vec<_> = (0..CLIENTS).map(|number| tokio::spawn(Client::new(number, random.next()).live(site.clone()))).collect();
        for _ in 0..MISHAPS {
            sleep(Duration::from_millis(random.below(3_000))).await;
            site.mishap(&mut random).await;
        }
        site.is_over.store(true, Ordering::Relaxed);
        let clients =
            join_all(clients).await.into_iter().map(|client| client.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic())));
        site.finish(clients.collect(), &mut random).await;
        site.tally()
    }

    fn member(&self, random: &mut Random) -> Arc<Member> {
        self.members.lock()[random.below(MEMBERS as u64) as usize].clone()
    }

    async fn mishap(self: &Arc<Self>, random: &mut Random) {
        let member = self.member(random);
        match random.below(8) {
            0..=2 => self.take_over(&member, random).await,
            3 | 4 => self.hand_over(&member).await,
            5 => self.crash(random).await,
            6 => for_a_while(random, move |is_so| member.link.cut(is_so)),
            _ => for_a_while(random, move |is_so| member.link.fill(is_so)),
        }
    }

    /// The one that has it is cut off from the store until another has it, and for a while longer; from clients too, if it is the whole process that stands
    /// still.
    async fn take_over(&self, member: &Arc<Member>, random: &mut Random) {
        let before = self.owner.lock().clone().filter(|before| !Arc::ptr_eq(before, member));
        if let Some(before) = &before {
            before.link.cut(true);
            self.owner.lock().take_if(|_| random.once_in(2));
        }
        if member.take().await {
            *self.owner.lock() = Some(member.clone());
            self.tally.lock().taken_over += 1;
        } else if before.is_some() {
            self.owner.lock().clone_from(&before);
        }
        if let Some(before) = before {
            for_a_while(random, move |is_so| before.link.cut(is_so));
        }
    }

    async fn hand_over(&self, to: &Arc<Member>) {
        let from = self.owner.lock().take();
        if let Some(from) = from {
            from.give_up().await;
            self.tally.lock().handed_over += 1;
        }
        if to.take().await {
            *self.owner.lock() = Some(to.clone());
        }
    }

    async fn crash(&self, random: &mut Random) {
        let index = random.below(MEMBERS as u64) as usize;
        let gone = self.members.lock()[index].clone();
        gone.link.die();
        gone.has_crashed.send_replace(true);
        gone.catalog.lost();
        self.owner.lock().take_if(|owner| Arc::ptr_eq(owner, &gone));
        let started = Member::start(&self.store, random, &self.fates).await;
        self.members.lock()[index] = started;
        self.tally.lock().crashed += 1;
    }

    /// Everything works again, and stays with one owner: whoever asks is answered, and all members and one that has just come know the same.
    async fn finish(self: &Arc<Self>, clients: Vec<Client>, random: &mut Random) {
        let members = self.members.lock().clone();
        members.iter().for_each(|member| member.link.heal());
        // What is cut or full for a while is so no longer than that.
        sleep(Duration::from_secs(6)).await;
        members.iter().for_each(|member| member.link.heal());
        let stays = random.once_in(2) && self.owner.lock().as_ref().is_some_and(|owner| owner.catalog.is_owner());
        if !stays {
            self.hand_over(&members[0]).await;
        }
        let owner = self.owner.lock().clone().expect("a store without faults gives the catalog");
        let late = Member::start(&self.store, random, &self.fates).await;
        late.link.heal();
        let others: Vec<_> = members.iter().chain([&late]).map(|member| &**member).collect();
        for client in clients {
            client.finish(self, &owner, &others).await;
        }
    }

    /// Whom clients take for the owner: mostly the one that is.
    pub(crate) fn whoever_owns(&self, random: &mut Random) -> Option<Arc<Member>> {
        if random.once_in(8) { Some(self.member(random)) } else { self.owner.lock().clone() }
    }

    /// Whether nobody has acquired the catalog since it did.
    pub(crate) fn is_owner(&self, member: &Member) -> bool {
        self.owner.lock().as_ref().is_some_and(|owner| std::ptr::eq(&**owner, member)) && member.catalog.is_owner()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    pub(crate) fn count(&self, told: Told) {
        let mut tally = self.tally.lock();
        match told {
            Told::Done => tally.done += 1,
            Told::Exists | Told::Missing => tally.refused += 1,
            Told::Unknown => tally.unknown += 1,
        }
    }

    fn tally(&self) -> Tally {
        let of = |count: &std::sync::atomic::AtomicUsize| count.load(Ordering::Relaxed);
        let fates = &self.fates;
        let (calls_lost, answers_lost, late) = (of(&fates.calls_lost), of(&fates.answers_lost), of(&fates.late));
        Tally { calls_lost, answers_lost, late, ..*self.tally.lock() }
    }
}

fn store() -> Arc<MemoryStore> {
    let begun = Instant::now();
    Arc::new(MemoryStore::shared_by_clock(4, LEASE, Arc::new(move || begun.elapsed())))
}

fn for_a_while(random: &mut Random, set: impl Fn(bool) + Send + 'static) {
    let length = Duration::from_millis(random.below(5_000));
    set(true);
    tokio::spawn(async move {
        sleep(length).await;
        set(false);
    });
}
