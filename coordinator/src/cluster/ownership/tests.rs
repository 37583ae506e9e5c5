//! Members that decide for themselves over a store with leases, in virtual time: they come, crash, pause, and leave.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::dispatch::Random;

const SHARDS: u16 = 32;
const LEASE_MS: Moment = 1_500;
const LIFETIME_MS: Moment = 1_500;
const RENEW_MS: Moment = 400;
const STEP_MS: Moment = 10;
/// After this time without anything happening everything is where it belongs.
const QUIET_MS: Moment = 25_000;

struct Node {
    machine: Ownership,
    name: Arc<str>,
    weight: u32,
    paused_until: Moment,
    next_renewal: Moment,
    published: ShardSet,
    has_left: bool,
    given_up: u32,
}

struct World {
    now: Moment,
    random: Random,
    nodes: BTreeMap<u64, Node>,
    heard: BTreeMap<u64, (Arc<Member>, Moment)>,
    /// Whose each shard is, and until when.
    leases: BTreeMap<ShardId, (u64, Moment)>,
    /// What is on its way to whom.
    agenda: BTreeMap<(Moment, u64), (u64, Input)>,
    next: u64,
    incarnations: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            now: 0,
            random: Random::from_seed(seed),
            nodes: BTreeMap::new(),
            heard: BTreeMap::new(),
            leases: BTreeMap::new(),
            agenda: BTreeMap::new(),
            next: 0,
            incarnations: 0,
        }
    }

    fn join(&mut self, name: &str, weight: u32) -> u64 {
        self.incarnations += 1;
        // Spread out, so that their order is not the order in which they came.
        let incarnation = Random::from_seed(self.incarnations).next_u64();
        let node = Node {
            machine: Ownership::new(incarnation, SHARDS, true),
            name: name.into(),
            weight,
            paused_until: 0,
            next_renewal: 0,
            published: ShardSet::default(),
            has_left: false,
            given_up: 0,
        };
        self.nodes.insert(incarnation, node);
        incarnation
    }

    fn kill(&mut self, incarnation: u64) {
        self.nodes.remove(&incarnation);
    }

    fn pick(&mut self, below: usize) -> usize {
        (self.random.next_u64() % below.max(1) as u64) as usize
    }

    fn soon(&mut self, at_most: Moment, to: u64, input: Input) {
        let at = self.now + 1 + self.random.next_u64() % at_most;
        self.next += 1;
        self.agenda.insert((at, self.next), (to, input));
    }

    fn run(&mut self, time: Moment) {
        let end = self.now + time;
        while self.now < end {
            self.now += STEP_MS;
            while let Some(entry) = self.agenda.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let (to, input) = entry.remove();
                self.deliver(to, input);
            }
            for incarnation in self.nodes.keys().copied().collect::<Vec<_>>() {
                self.renew(incarnation);
                if self.now.is_multiple_of(50) {
                    self.deliver(incarnation, Input::Tick);
                }
            }
        }
    }

    fn deliver(&mut self, to: u64, input: Input) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(&to) else { return };
        if node.paused_until > now {
            let (at, is_tick) = (node.paused_until, matches!(input, Input::Tick));
            self.next += 1;
            if !is_tick {
                self.agenda.insert((at, self.next), (to, input));
            }
            return;
        }
        for action in node.machine.step(now, input) {
            self.act(to, action);
        }
    }

    fn act(&mut self, of: u64, action: Action) {
        match action {
            Action::Acquire(shard) => self.acquire(of, shard),
            Action::GiveUp(shard) => {
                let node = self.nodes.get_mut(&of).expect("it has just asked");
                node.given_up += 1;
                assert!(!node.published.contains(shard), "it takes nothing in any more");
                let is_mine = self.leases.get(&shard).is_some_and(|(owner, _)| *owner == of);
                if is_mine {
                    self.leases.remove(&shard);
                }
                self.soon(60, of, if is_mine { Input::GivenUp(shard) } else { Input::Lost(shard) });
            }
            Action::Publish(mine) => self.nodes.get_mut(&of).expect("it has just asked").published = mine,
            Action::Beat => self.beat(of),
            Action::Left => {
                self.nodes.get_mut(&of).expect("it has just asked").has_left = true;
                self.heard.remove(&of);
            }
        }
    }

    fn acquire(&mut self, of: u64, shard: ShardId) {
        let fails = self.pick(20) == 0;
        match self.leases.get(&shard).copied() {
            Some((owner, until)) if owner != of && until > self.now => {
                let for_ms = until - self.now;
                self.soon(10, of, Input::Held { shard, for_ms });
            }
            Some(_) | None if fails => self.soon(10, of, Input::Failed(shard)),
            Some(_) | None => {
                self.leases.insert(shard, (of, self.now + LEASE_MS));
                self.soon(10, of, Input::Acquired(shard));
                self.now += 10;
                self.soon(50, of, Input::Adopted(shard));
                self.now -= 10;
            }
        }
    }

    fn beat(&mut self, of: u64) {
        let node = &self.nodes[&of];
        let member = Member {
            name: node.name.clone(),
            incarnation: of,
            address: "".into(),
            weight: node.weight,
            level: 1,
            is_leaving: node.machine.is_leaving(),
            owned: node.machine.owned(),
            sessions: Arc::new([]),
        };
        if self.pick(50) == 0 {
            return self.soon(50, of, Input::Unheard);
        }
        self.heard.insert(of, (Arc::new(member), self.now));
        let now = self.now;
        self.heard.retain(|_, (_, at)| *at + LIFETIME_MS > now);
        let members = self.heard.values().map(|(member, _)| member.clone()).collect();
        self.soon(20, of, Input::Members(members));
    }

    fn renew(&mut self, of: u64) {
        let now = self.now;
        let node = self.nodes.get_mut(&of).expect("it was just listed");
        if node.paused_until > now || node.next_renewal > now {
            return;
        }
        node.next_renewal = now + RENEW_MS;
        for shard in node.published.clone().iter() {
            match self.leases.get_mut(&shard) {
                Some((owner, until)) if *owner == of => *until = now + LEASE_MS,
                Some(_) | None => self.deliver(of, Input::Lost(shard)),
            }
        }
        // What is being read is kept as well.
        self.leases.values_mut().filter(|(owner, until)| *owner == of && *until > now).for_each(|(_, until)| *until = now + LEASE_MS);
    }

    /// Who should have what.
    fn wanted(&self) -> BTreeMap<ShardId, u64> {
        let staying = self.nodes.iter().filter(|(_, node)| !node.machine.is_leaving());
        let members: Vec<_> = staying
            .map(|(incarnation, node)| Member {
                name: node.name.clone(),
                incarnation: *incarnation,
                address: "".into(),
                weight: node.weight,
                level: 1,
                is_leaving: false,
                owned: ShardSet::default(),
                sessions: Arc::new([]),
            })
            .collect();
        let candidates = Candidates::of(members.iter());
        let all = (0..SHARDS).map(ShardId).chain([ShardId::CATALOG]);
        all.filter_map(|shard| Some((shard, candidates.owner(shard)?))).collect()
    }

    /// Who has what at work.
    fn at_work(&self) -> BTreeMap<ShardId, u64> {
        let mut owners = BTreeMap::new();
        for (incarnation, node) in &self.nodes {
            for shard in node.published.iter() {
                assert_eq!(owners.insert(shard, *incarnation), None, "shard {shard} is at work twice");
            }
        }
        owners
    }

    fn assert_settled(&self) {
        assert_eq!(self.at_work(), self.wanted(), "at {} ms", self.now);
    }

    fn moves(&self) -> u32 {
        self.nodes.values().map(|node| node.given_up).sum()
    }
}

#[derive(Clone, Debug)]
enum Event {
    Join { name: u8, weight: u32 },
    Kill(u64),
    Leave(u64),
    Pause(u64, Moment),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => (0..6_u8, 1..9_u32).prop_map(|(name, weight)| Event::Join { name, weight }),
        1 => any::<u64>().prop_map(Event::Kill),
        1 => any::<u64>().prop_map(Event::Leave),
        1 => (any::<u64>(), 100..6_000_u64).prop_map(|(which, time)| Event::Pause(which, time)),
    ]
}

impl World {
    fn happen(&mut self, event: Event) {
        let of = |world: &Self, which: u64| {
            let alive: Vec<u64> = world.nodes.keys().copied().collect();
            alive.get((which % alive.len().max(1) as u64) as usize).copied()
        };
        match event {
            Event::Join { name, weight } => drop(self.join(&format!("member-{name}"), weight)),
            Event::Kill(which) => {
                of(self, which).into_iter().for_each(|incarnation| self.kill(incarnation));
            }
            Event::Leave(which) => {
                of(self, which).into_iter().for_each(|incarnation| self.deliver(incarnation, Input::Leave));
            }
            Event::Pause(which, time) => {
                let until = self.now + time;
                of(self, which).into_iter().for_each(|incarnation| {
                    self.nodes.get_mut(&incarnation).expect("it lives").paused_until = until;
                });
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_every_shard_ends_where_it_belongs(
        seed: u64,
        events in prop::collection::vec((event(), 0..4_000_u64), 1..14),
    ) {
        let mut world = World::new(seed);
        world.join("first", 4);
        for (event, pause) in events {
            world.run(pause);
            world.happen(event);
        }
        world.run(QUIET_MS);
        world.assert_settled();
        let before = (world.at_work(), world.moves());
        world.run(QUIET_MS);
        prop_assert_eq!((world.at_work(), world.moves()), before, "nothing moves without a reason");
        for node in world.nodes.values().filter(|node| node.machine.is_leaving()) {
            prop_assert!(node.has_left && node.machine.owned().is_empty());
        }
    }

    #[test]
    fn who_comes_is_handed_its_part_and_nothing_else_moves(seed: u64, weights in prop::collection::vec(1..9_u32, 1..5), weight in 1..9_u32) {
        let mut world = World::new(seed);
        for (number, weight) in weights.iter().enumerate() {
            world.join(&format!("member-{number}"), *weight);
        }
        world.run(QUIET_MS);
        let (before, moves) = (world.at_work(), world.moves());
        let newcomer = world.join("newcomer", weight);
        world.run(QUIET_MS);
        world.assert_settled();
        let after = world.at_work();
        let moved: BTreeSet<_> = after.iter().filter(|(shard, owner)| before[*shard] != **owner).collect();
        prop_assert!(moved.iter().all(|(_, owner)| **owner == newcomer));
        prop_assert_eq!(world.moves() - moves, moved.len() as u32);
    }
}

#[test]
fn the_first_member_takes_everything_at_once() {
    let mut world = World::new(1);
    world.join("a", 4);
    world.run(800);
    world.assert_settled();
}

#[test]
fn what_a_member_had_that_crashed_is_taken_over_when_its_lease_has_ended() {
    let mut world = World::new(2);
    let crashed = world.join("a", 4);
    world.join("b", 4);
    world.join("c", 4);
    world.run(QUIET_MS);
    let had: Vec<_> = world.at_work().into_iter().filter(|(_, owner)| *owner == crashed).collect();
    assert!(!had.is_empty());
    world.kill(crashed);
    world.run(2_700);
    world.assert_settled();
}

#[test]
fn who_comes_is_handed_nothing_before_its_time() {
    let mut world = World::new(3);
    let first = world.join("a", 4);
    world.run(QUIET_MS);
    world.join("b", 4);
    world.run(HYSTERESIS_MS - 100);
    assert!(world.at_work().values().all(|owner| *owner == first));
    world.run(5_000);
    world.assert_settled();
}

#[test]
fn at_most_some_are_on_their_way_at_once() {
    let mut world = World::new(4);
    let first = world.join("a", 4);
    world.run(QUIET_MS);
    world.join("b", 4);
    for _ in 0..1_000 {
        world.run(STEP_MS);
        let on_their_way = usize::from(SHARDS) + 1 - world.at_work().len();
        assert!(on_their_way <= HAND_OVERS_MAX, "{on_their_way} are");
    }
    assert!(world.nodes[&first].given_up > HAND_OVERS_MAX as u32);
}

#[test]
fn who_leaves_hands_everything_over_in_order_and_soon() {
    let mut world = World::new(5);
    let leaving = world.join("a", 4);
    world.join("b", 4);
    world.run(QUIET_MS);
    world.deliver(leaving, Input::Leave);
    world.run(3_000);
    assert!(world.nodes[&leaving].has_left);
    world.assert_settled();
}

#[test]
fn the_last_one_leaves_with_everything_released() {
    let mut world = World::new(6);
    let last = world.join("a", 4);
    world.run(QUIET_MS);
    world.deliver(last, Input::Leave);
    world.run(2_000);
    assert!(world.nodes[&last].has_left);
    assert!(world.leases.is_empty());
}

#[test]
fn old_news_begins_nothing() {
    let mut machine = Ownership::new(1, 4, false);
    let me = Member {
        name: "a".into(),
        incarnation: 1,
        address: "".into(),
        weight: 1,
        level: 1,
        is_leaving: false,
        owned: ShardSet::default(),
        sessions: Arc::new([]),
    };
    assert_eq!(machine.step(0, Input::Tick), [Action::Beat]);
    let acquired = machine.step(10, Input::Members(vec![Arc::new(me)]));
    assert_eq!(acquired, (0..4).map(|shard| Action::Acquire(ShardId(shard))).collect::<Vec<_>>());
    machine.step(20, Input::Failed(ShardId(0)));
    assert_eq!(machine.step(20 + NEWS_MS, Input::Tick), [], "nothing is asked for before the beat is answered");
}

#[test]
fn who_hears_that_others_have_changed_looks_at_once_and_never_twice_at_a_time() {
    let mut machine = Ownership::new(7, SHARDS, false);
    let beats = |actions: Vec<Action>| actions.iter().filter(|action| **action == Action::Beat).count();
    assert_eq!(beats(machine.step(0, Input::Tick)), 1);
    assert_eq!(beats(machine.step(5, Input::Look)), 0, "one is under way");
    assert_eq!(beats(machine.step(6, Input::Members(Vec::new()))), 1, "it was asked before");
    assert_eq!(beats(machine.step(7, Input::Members(Vec::new()))), 0);
    assert_eq!(beats(machine.step(20, Input::Tick)), 0);
    assert_eq!(beats(machine.step(21, Input::Look)), 1);
}
