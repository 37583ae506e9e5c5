//! Which shards are this member's, and what it does about it.
//!
//! There is no leader. Every member hears of all that live and places the shards among them in the same way; what it should
//! have and nobody has it acquires, what it has and another should have it hands over. Members may hear of each other at different times and
//! disagree for a moment: the store's leases and tokens alone say who writes, so that the worst that comes of it is a detour.
//!
//! [`Ownership`] decides. It knows no clock and does nothing: what has happened and the time are given to it, and it answers what is to be
//! done. The driver does that.

mod driver;
mod figures;
mod membered;
mod placement;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub(super) use driver::{DriverParts, LocalHolding, join};
pub(super) use membered::Membered;

use crate::store::{Member, ShardId, ShardSet};
use placement::Candidates;

/// Milliseconds of a clock that never goes back.
pub type Moment = u64;

/// How often a member says that it lives.
pub const BEAT_MS: u64 = 400;
/// And how often while shards are on their way to it or from it.
const BEAT_MOVING_MS: u64 = 100;
/// What was heard of others is good for so long; with older news nothing is begun.
const NEWS_MS: u64 = 1_500;
/// A member that has come is handed shards after this time: one that comes and goes is not worth the way.
const HYSTERESIS_MS: u64 = 5_000;
/// A shard stays this long at least where it has come to.
const STAY_MS: u64 = 5_000;
/// Shards that are handed over at the same time.
const HAND_OVERS_MAX: usize = 8;
/// A shard that was handed over counts until its new owner is heard to have it, or for this time.
const PICKED_UP_MS: u64 = 1_000;
/// Shards that are acquired and read back at the same time.
const ACQUIRES_MAX: usize = 16;
/// How long to wait at most before asking for a shard again whose lease has not ended: it may be given up in order before that.
const HELD_RETRY_MS: u64 = 200;
/// How long to wait after a failure; twice as long after each further one, up to the second.
const FAILED_RETRY_MS: u64 = 250;
const FAILED_RETRY_MAX_MS: u64 = 5_000;

/// Something that has happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// Time has passed. To be told every 50 ms or so.
    Tick,
    /// The beat was answered: these live, in the order of their incarnations.
    Members(Vec<Arc<Member>>),
    /// The beat was not answered.
    Unheard,
    /// The store has given the shard, which is being read now.
    Acquired(ShardId),
    /// Another owner's lease of the shard has not ended.
    Held {
        /// Of this shard.
        shard: ShardId,
        /// What is left of it, milliseconds.
        for_ms: u64,
    },
    /// The shard could not be acquired, or not be read; it has been released.
    Failed(ShardId),
    /// The shard has been read and is at work.
    Adopted(ShardId),
    /// The shard has been settled and released.
    GivenUp(ShardId),
    /// The store has given the shard to somebody else, or nobody knows what became of it.
    Lost(ShardId),
    /// This member is going away: it is to own nothing.
    Leave,
    /// Another member says that what it has is not what it was.
    Look,
}

/// Something that is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Acquire and read the shard. Answered with [`Input::Acquired`] and then [`Input::Adopted`], or with [`Input::Held`] or
    /// [`Input::Failed`].
    Acquire(ShardId),
    /// Settle and release the shard. Answered with [`Input::GivenUp`] or [`Input::Lost`].
    GiveUp(ShardId),
    /// These are at work here from now on, no others. To be done before what comes after it.
    Publish(ShardSet),
    /// Say that this member lives, that it has [`Ownership::owned`], and whether it [is leaving](Ownership::is_leaving). Answered with
    /// [`Input::Members`] or [`Input::Unheard`].
    Beat,
    /// Nothing is left here, and others have picked up what was handed over. Comes once, after [`Input::Leave`].
    Left,
}

/// See the module.
#[derive(Debug)]
pub struct Ownership {
    me: u64,
    shards: Vec<Shard>,
    members: Vec<Known>,
    heard_at: Option<Moment>,
    is_beating: bool,
    next_beat: Moment,
    published: ShardSet,
    is_leaving: bool,
    has_left: bool,
    living: Targets,
    settled: Targets,
}

/// A member, and since when it is heard of.
#[derive(Debug)]
struct Known {
    member: Arc<Member>,
    /// From then on it is worth handing shards to.
    settled_at: Moment,
}

#[derive(Debug)]
struct Shard {
    id: ShardId,
    place: Place,
    /// Times that it could not be had in a row.
    failures: u32,
}

/// Where a shard is, seen from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Not here, and not to be asked for before that.
    Elsewhere { until: Moment },
    /// The store has been asked for it.
    Acquiring,
    /// It is being read.
    Recovering,
    /// It is at work here.
    Owned { since: Moment },
    /// It is being settled and released.
    Leaving,
    /// It was released, and nobody has been heard to have it yet.
    HandedOver { at: Moment },
}

/// Whose each shard should be, among some of the members.
#[derive(Debug, Default)]
struct Targets {
    candidates: Candidates,
    /// In the order of [`Ownership::shards`].
    owners: Vec<Option<u64>>,
}

impl Targets {
    fn update(&mut self, candidates: Candidates, shards: &[Shard]) {
        if self.candidates != candidates || self.owners.len() != shards.len() {
            self.owners = shards.iter().map(|shard| candidates.owner(shard.id)).collect();
            self.candidates = candidates;
        }
    }
}

impl Ownership {
    /// Of the member with this incarnation, which owns nothing yet. The catalog's shard is placed with the others if there is one.
    pub fn new(me: u64, shard_count: u16, has_catalog: bool) -> Self {
        let catalog = has_catalog.then_some(ShardId::CATALOG);
        let shard = |id| Shard { id, place: Place::Elsewhere { until: 0 }, failures: 0 };
        Self {
            me,
            shards: catalog.into_iter().chain((0..shard_count).map(ShardId)).map(shard).collect(),
            members: Vec::new(),
            heard_at: None,
            is_beating: false,
            next_beat: 0,
            published: ShardSet::default(),
            is_leaving: false,
            has_left: false,
            living: Targets::default(),
            settled: Targets::default(),
        }
    }

    /// What has happened, and when; answers what is to be done about it, in this order. `now` never goes back.
    pub fn step(&mut self, now: Moment, input: Input) -> Vec<Action> {
        let mut actions = Vec::new();
        self.note(now, input);
        self.place_shards(now);
        let given_up = self.hand_over(now);
        self.publish(&mut actions);
        actions.extend(given_up);
        self.acquire(now, &mut actions);
        self.beat(now, &mut actions);
        self.leave(&mut actions);
        actions
    }

    /// What this member has, whether it is at work already, or still on its way out.
    pub fn owned(&self) -> ShardSet {
        let is_owned = |shard: &&Shard| matches!(shard.place, Place::Recovering | Place::Owned { .. } | Place::Leaving);
        self.shards.iter().filter(is_owned).map(|shard| shard.id).collect()
    }

    /// Whether this member is going away.
    pub fn is_leaving(&self) -> bool {
        self.is_leaving
    }

    fn note(&mut self, now: Moment, input: Input) {
        match input {
            Input::Tick => {}
            Input::Members(members) => self.heard(now, members),
            Input::Unheard => self.is_beating = false,
            Input::Acquired(shard) => self.moved(shard, Place::Recovering),
            Input::Held { shard, for_ms } => {
                self.moved(shard, Place::Elsewhere { until: now + for_ms.clamp(1, HELD_RETRY_MS) });
            }
            Input::Failed(shard) => self.failed(now, shard),
            Input::Adopted(shard) => {
                self.moved(shard, Place::Owned { since: now });
                self.shard_mut(shard).failures = 0;
                self.next_beat = now;
            }
            Input::GivenUp(shard) => {
                self.moved(shard, Place::HandedOver { at: now });
                self.next_beat = now;
            }
            Input::Lost(shard) => {
                self.moved(shard, Place::Elsewhere { until: now + HELD_RETRY_MS });
                self.next_beat = now;
            }
            Input::Leave => {
                self.is_leaving = true;
                self.next_beat = now;
            }
            Input::Look => self.next_beat = now,
        }
    }

    fn heard(&mut self, now: Moment, members: Vec<Arc<Member>>) {
        let is_first = self.heard_at.is_none();
        self.is_beating = false;
        self.heard_at = Some(now);
        let before = std::mem::take(&mut self.members);
        let known = |member: Arc<Member>| {
            let settled_at = match before.iter().find(|known| known.member.incarnation == member.incarnation) {
                Some(known) => known.settled_at,
                // Whoever was there before this member did not come just now.
                None if is_first && member.incarnation != self.me => now,
                None => now + HYSTERESIS_MS,
            };
            Known { member, settled_at }
        };
        self.members = members.into_iter().map(known).collect();
    }

    fn failed(&mut self, now: Moment, shard: ShardId) {
        let failures = &mut self.shard_mut(shard).failures;
        let wait = FAILED_RETRY_MS.saturating_mul(1 << (*failures).min(8)).min(FAILED_RETRY_MAX_MS);
        *failures = failures.saturating_add(1);
        self.moved(shard, Place::Elsewhere { until: now + wait });
        self.next_beat = now;
    }

    fn moved(&mut self, shard: ShardId, place: Place) {
        self.shard_mut(shard).place = place;
    }

    fn shard_mut(&mut self, id: ShardId) -> &mut Shard {
        self.shards.iter_mut().find(|shard| shard.id == id).expect("only shards of this store are spoken of")
    }

    /// Finds out whose each shard should be.
    fn place_shards(&mut self, now: Moment) {
        let is_leaving = |known: &Known| known.member.is_leaving || (self.is_leaving && known.member.incarnation == self.me);
        let living = |known: &&Known| !is_leaving(known);
        // Whoever decides about what it has counts itself in, however short it has been there.
        let settled = |known: &&Known| known.settled_at <= now || known.member.incarnation == self.me;
        let all = self.members.iter().filter(living);
        let settled = Candidates::of(all.clone().filter(settled).map(|known| &*known.member));
        let all = Candidates::of(all.map(|known| &*known.member));
        self.living.update(all, &self.shards);
        self.settled.update(settled, &self.shards);
    }

    /// Lets go of what others should have, some at a time.
    fn hand_over(&mut self, now: Moment) -> Vec<Action> {
        let mut given_up = Vec::new();
        self.see_picked_up(now);
        let under_way = |shard: &&Shard| matches!(shard.place, Place::Leaving | Place::HandedOver { .. });
        let mut free = HAND_OVERS_MAX.saturating_sub(self.shards.iter().filter(under_way).count());
        let has_news = self.has_news(now);
        for (shard, target) in self.shards.iter_mut().zip(&self.settled.owners) {
            let Place::Owned { since } = shard.place else { continue };
            let is_anothers = has_news && target.is_some_and(|target| target != self.me) && now.saturating_sub(since) >= STAY_MS;
            if free > 0 && (self.is_leaving || is_anothers) {
                free -= 1;
                shard.place = Place::Leaving;
                given_up.push(Action::GiveUp(shard.id));
            }
        }
        given_up
    }

    /// Shards that were handed over are no longer on their way when somebody has them, or nobody comes for them.
    fn see_picked_up(&mut self, now: Moment) {
        let Self { members, living, me, shards, .. } = self;
        for (shard, target) in shards.iter_mut().zip(&living.owners) {
            let Place::HandedOver { at } = shard.place else { continue };
            let is_over = owner_among(members, *me, shard.id).is_some() || target.is_none_or(|target| target == *me);
            if is_over || now.saturating_sub(at) >= PICKED_UP_MS {
                shard.place = Place::Elsewhere { until: now };
            }
        }
    }

    /// Asks for what this member should have and nobody has.
    fn acquire(&mut self, now: Moment, actions: &mut Vec<Action>) {
        if self.is_leaving || !self.has_news(now) {
            return;
        }
        let under_way = |shard: &&Shard| matches!(shard.place, Place::Acquiring | Place::Recovering);
        let mut free = ACQUIRES_MAX.saturating_sub(self.shards.iter().filter(under_way).count());
        let Self { members, living, me, shards, .. } = self;
        for (shard, target) in shards.iter_mut().zip(&living.owners) {
            let Place::Elsewhere { until } = shard.place else { continue };
            if free > 0 && until <= now && *target == Some(*me) && owner_among(members, *me, shard.id).is_none() {
                free -= 1;
                shard.place = Place::Acquiring;
                actions.push(Action::Acquire(shard.id));
            }
        }
    }

    /// Says what is at work here, if that has changed.
    fn publish(&mut self, actions: &mut Vec<Action>) {
        let at_work = |shard: &&Shard| matches!(shard.place, Place::Owned { .. });
        let mine: ShardSet = self.shards.iter().filter(at_work).map(|shard| shard.id).collect();
        if mine != self.published {
            self.published = mine.clone();
            actions.push(Action::Publish(mine));
        }
    }

    fn beat(&mut self, now: Moment, actions: &mut Vec<Action>) {
        if self.is_beating || now < self.next_beat || self.has_left {
            return;
        }
        self.is_beating = true;
        self.next_beat = now + if self.is_moving(now) { BEAT_MOVING_MS } else { BEAT_MS };
        actions.push(Action::Beat);
    }

    fn leave(&mut self, actions: &mut Vec<Action>) {
        let is_gone = |shard: &Shard| matches!(shard.place, Place::Elsewhere { .. });
        if self.is_leaving && !self.has_left && self.shards.iter().all(is_gone) {
            self.has_left = true;
            actions.push(Action::Left);
        }
    }

    /// Whether what was heard of the others is fresh enough to act upon.
    fn has_news(&self, now: Moment) -> bool {
        self.heard_at.is_some_and(|at| now.saturating_sub(at) < NEWS_MS)
    }

    /// Whether shards are on their way from here or should come here from another: then it is worth hearing of it soon.
    fn is_moving(&self, now: Moment) -> bool {
        let is_settled = self.members.iter().any(|known| known.member.incarnation == self.me && known.settled_at <= now);
        let is_coming = |(shard, target): (&Shard, &Option<u64>)| match shard.place {
            Place::Leaving | Place::HandedOver { .. } => true,
            Place::Elsewhere { .. } => is_settled && *target == Some(self.me),
            Place::Acquiring | Place::Recovering | Place::Owned { .. } => false,
        };
        self.shards.iter().zip(&self.settled.owners).any(is_coming)
    }
}

/// Who else says that it has the shard.
fn owner_among(members: &[Known], me: u64, shard: ShardId) -> Option<u64> {
    let has = |known: &&Known| known.member.incarnation != me && known.member.owned.contains(shard);
    members.iter().find(has).map(|known| known.member.incarnation)
}
