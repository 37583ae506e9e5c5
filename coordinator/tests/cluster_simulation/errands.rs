//! What Map Runs ask for, done by the member at which they were when they asked: children are started, redriven and stopped, and the ends of
//! children told. As in a real member all of it is in memory and is tried until it is answered; what a run has asked for ends when its shard leaves,
//! and rests while the lease has lapsed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use baton_coordinator::shard::{
    Answer, ChildReport, ExecutionId, ExpressStart, MapRunAnswer, MapRunContext, MapRunMessage, MapRunOrder, MapRunOrderKind,
    MapRunQuestion, RedriveError, Seen, SendError, ShardInput, read_events,
};
use baton_coordinator::store::ShardId;
use baton_engine::{ChildEnd, ChildOutcome, EventKind, Input, NotRedrivable, Rejected, Start, redrive_token};

use super::cluster::{Cluster, Happening, Place};
use super::member::{Ask, ToMember, What};
use super::mutants::Mutant;
use super::world::{Asker, MemberWorld};

/// What is not answered in this time is asked for again.
const AGAIN: i64 = 1_000;

/// What a member is about to get done for Map Runs.
#[derive(Default)]
pub(crate) struct Errands {
    last: u64,
    open: BTreeMap<u64, Errand>,
    orders: BTreeMap<u64, Order>,
    /// Stops that wait until what was ordered before has been done.
    stops: Vec<Stop>,
}

struct Stop {
    run: Arc<MapRunContext>,
    /// Indices, and how many items each has.
    children: Vec<(u64, u32)>,
    redrive: u32,
}

struct Errand {
    /// Whose owner is asked.
    id: ExecutionId,
    wish: Wish,
    /// How often the wish has become another one: what was answered before does not count.
    stage: u32,
    asked_at: i64,
    /// The run that has asked for it; none when a child's end is told.
    run: Option<ExecutionId>,
    order: Option<u64>,
}

/// What is wanted of an execution, or of a run.
#[derive(Clone, Debug)]
pub(crate) enum Wish {
    Start(Box<Start>),
    Redrive(Child),
    /// An Express child: is it there, in this redrive or in an earlier one?
    Find {
        child: Child,
        redrive: u32,
    },
    /// It runs: is it in this redrive?
    Look(Child),
    /// It runs in an earlier one, and is to end first.
    EndFirst {
        child: Child,
        redrive: u32,
    },
    Stop(Child),
    Tell {
        end: ChildEnd,
        /// Who hears that it has been told: a child that ended.
        child: Option<ExecutionId>,
    },
}

/// A child of a run, in one redrive.
#[derive(Clone, Debug)]
pub(crate) struct Child {
    run: Arc<MapRunContext>,
    id: ExecutionId,
    index: u64,
    items: u32,
    redrive: u32,
    /// It may be on its way into the world: that it is not there says nothing.
    is_unsent: bool,
}

/// What was ordered at once, and what its run hears when all of it is done.
struct Order {
    run: ExecutionId,
    left: usize,
    then: Option<Then>,
}

enum Then {
    ChildrenSent { first: u64 },
    RedrivesSent { indices: Vec<u64>, redrive: u32 },
}

/// What an owner has answered.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    Done,
    Nothing,
    Running,
    /// It is there, and was redriven last with its run in this redrive.
    There(u32, Arc<Start>),
    /// It is not in memory.
    Elsewhere,
}

impl Said {
    /// `None`: not now, the errand comes again.
    pub(crate) fn of(answer: &Answer) -> Option<Self> {
        match answer {
            Answer::Started(Ok(_) | Err(baton_coordinator::shard::StartError::AlreadyExists { .. })) => Some(Self::Done),
            Answer::Sent(Ok(_) | Err(SendError::Rejected(Rejected::Ended | Rejected::Cancelled))) => Some(Self::Done),
            Answer::Redriven(Ok(_)) | Answer::MapRun(MapRunAnswer::Heard) => Some(Self::Done),
            Answer::Redriven(Err(RedriveError::NotRedrivable(NotRedrivable::Running))) => Some(Self::Running),
            Answer::Redriven(Err(RedriveError::NotRedrivable(_) | RedriveError::NoSuchExecution)) => Some(Self::Nothing),
            Answer::Sent(Err(SendError::NoSuchExecution)) => Some(Self::Nothing),
            Answer::Seen(Seen::Here(record)) => Some(Self::There(record.map_run_redrive, record.start.clone())),
            Answer::Seen(Seen::Elsewhere { .. }) => Some(Self::Elsewhere),
            _ => None,
        }
    }
}

impl Wish {
    /// As the owner's shard hears it.
    pub(crate) fn input(self, id: ExecutionId, asker: Asker) -> ShardInput<MemberWorld> {
        match self {
            Self::Start(start) if start.map_child.as_ref().is_some_and(|child| child.is_express) => {
                ShardInput::StartExpress { start, how: ExpressStart::Child(asker) }
            }
            Self::Start(start) => ShardInput::StartAgain { start, reply: asker },
            Self::Redrive(child) => ShardInput::Redrive { id, client_token: Some(redrive_token(child.redrive)), reply: asker },
            Self::Find { .. } | Self::Look(_) => ShardInput::Describe { id, reply: asker },
            Self::EndFirst { redrive, .. } | Self::Stop(Child { redrive, .. }) => {
                ShardInput::Send { id, input: Input::StopChild { redrive }, claim_id: None, reply: Some(asker) }
            }
            Self::Tell { end, .. } => {
                let message = MapRunMessage::Asked(MapRunQuestion::ChildrenEnded(vec![end]));
                ShardInput::MapRun { id, message, reply: Some(asker) }
            }
        }
    }
}

impl Cluster {
    pub(crate) fn map_run_orders(&mut self, member: usize, order: MapRunOrder) {
        let MapRunOrder { run, kind } = order;
        match kind {
            MapRunOrderKind::Start { first, starts } => {
                let then = first.map(|first| Then::ChildrenSent { first });
                let wishes = starts.into_iter().map(|start| (ExecutionId::of_arn(&start.execution_arn), Wish::Start(Box::new(start))));
                self.begin_order(member, run.id, wishes.collect(), then);
            }
            MapRunOrderKind::Redrive { indices, unsent, redrive } => {
                let wishes = indices.iter().map(|index| {
                    let child = child(&run, *index, 1, redrive, &unsent);
                    (child.id, if run.spec.is_express { Wish::Find { child, redrive } } else { Wish::Redrive(child) })
                });
                let wishes = wishes.collect();
                self.begin_order(member, run.id, wishes, Some(Then::RedrivesSent { indices, redrive }));
            }
            MapRunOrderKind::Stop { children, redrive } => {
                self.members[member].errands.stops.push(Stop { run, children, redrive });
                self.begin_stops(member);
            }
            MapRunOrderKind::Ended => {}
            MapRunOrderKind::Read(_) | MapRunOrderKind::ReadAgain(_) => panic!("items here are in the input of their state"),
            MapRunOrderKind::Write { .. } => panic!("no machine here has a ResultWriter"),
        }
    }

    /// A child has ended: its run is told.
    pub(crate) fn child_ended(&mut self, member: usize, report: ChildReport) {
        let ChildReport { child, map_run, end } = report;
        if self.has(Mutant::TakesEndsForHeard) {
            self.ends_heard(member, child, end.redrive);
        }
        self.begin_errand(member, map_run, Wish::Tell { end, child: Some(child) }, None, None);
    }

    fn begin_order(&mut self, member: usize, run: ExecutionId, wishes: Vec<(ExecutionId, Wish)>, then: Option<Then>) {
        let number = self.members[member].errands.number();
        if wishes.is_empty() || self.has(Mutant::TakesOrdersForDone) {
            self.tell_run(member, run, then);
            wishes.into_iter().for_each(|(id, wish)| self.begin_errand(member, id, wish, Some(run), None));
            return;
        }
        self.members[member].errands.orders.insert(number, Order { run, left: wishes.len(), then });
        wishes.into_iter().for_each(|(id, wish)| self.begin_errand(member, id, wish, Some(run), Some(number)));
    }

    /// Those before which nothing is left to do.
    fn begin_stops(&mut self, member: usize) {
        let errands = &mut self.members[member].errands;
        let busy: BTreeSet<ExecutionId> = errands.orders.values().map(|order| order.run).collect();
        let due: Vec<_> = errands.stops.extract_if(.., |stop| !busy.contains(&stop.run.id)).collect();
        for Stop { run, children, redrive } in due {
            for (index, items) in children {
                let child = child(&run, index, items, redrive, &BTreeSet::new());
                self.begin_errand(member, child.id, Wish::Stop(child), Some(run.id), None);
            }
        }
    }

    fn begin_errand(&mut self, member: usize, id: ExecutionId, wish: Wish, run: Option<ExecutionId>, order: Option<u64>) {
        let errands = &mut self.members[member].errands;
        let number = errands.number();
        errands.open.insert(number, Errand { id, wish, stage: 0, asked_at: 0, run, order });
        self.ask_for(member, number);
    }

    fn ask_for(&mut self, member: usize, number: u64) {
        let (now, mate) = (self.now, &mut self.members[member]);
        let incarnation = mate.incarnation;
        let Some(errand) = mate.errands.open.get_mut(&number) else { return };
        errand.asked_at = now;
        let asker = Asker::Errand { member, incarnation, number, stage: errand.stage };
        let run = errand.run;
        let ask = Ask { id: errand.id, what: What::Errand { wish: errand.wish.clone(), asker } };
        if run.is_some_and(|run| !self.members[member].is_owner(Self::shard_of(run), now)) {
            return;
        }
        self.send(Place::Member(member), Place::Member(member), || Happening::Ask { member, ask: ask.clone(), hops: 0 });
    }

    /// What has not been answered is asked for again.
    pub(crate) fn run_errands(&mut self, member: usize) {
        let now = self.now;
        let open = self.members[member].errands.open.iter_mut();
        let due: Vec<u64> = open.filter(|(_, errand)| now - errand.asked_at >= AGAIN).map(|(number, _)| *number).collect();
        for number in due {
            let looks = |errand: &Errand| if let Wish::Look(child) = &errand.wish { Some(child.clone()) } else { None };
            match self.members[member].errands.open.get(&number).and_then(looks) {
                // It has left memory since, and so has ended.
                Some(child) => self.becomes(member, number, child.id, Wish::Redrive(child)),
                None => self.ask_for(member, number),
            }
        }
    }

    pub(crate) fn errand_answered(&mut self, member: usize, number: u64, stage: u32, said: Said) {
        let Some(errand) = self.members[member].errands.open.get(&number).filter(|errand| errand.stage == stage) else { return };
        match (errand.wish.clone(), said) {
            (Wish::Find { child, redrive }, Said::There(_, start)) => self.found(member, number, child, redrive, &start),
            (Wish::Find { child, redrive }, _) => match self.stored_start(child.run.child(child.index, redrive)) {
                Some(start) => self.found(member, number, child, redrive, &start),
                None if redrive > 0 => {
                    let id = child.run.child(child.index, redrive - 1);
                    self.becomes(member, number, id, Wish::Find { child, redrive: redrive - 1 });
                }
                None if child.is_unsent => self.errand_done(member, number),
                None => self.ends_for(member, number, child, ChildOutcome::Failed),
            },
            (Wish::Redrive(child), Said::Running) => self.becomes(member, number, child.id, Wish::Look(child)),
            (Wish::Look(child), Said::There(redrive, _)) if redrive != child.redrive => {
                self.becomes(member, number, child.id, Wish::EndFirst { child, redrive });
            }
            // It has ended since.
            (Wish::Look(child), Said::Elsewhere) => self.becomes(member, number, child.id, Wish::Redrive(child)),
            (Wish::EndFirst { child, .. }, _) => self.becomes(member, number, child.id, Wish::Redrive(child)),
            (Wish::Redrive(child), Said::Nothing) if !child.is_unsent => self.ends_for(member, number, child, ChildOutcome::Failed),
            (Wish::Stop(child), Said::Nothing) => self.ends_for(member, number, child, ChildOutcome::Aborted),
            (Wish::Tell { end, child: Some(child) }, Said::Done) => {
                self.ends_heard(member, child, end.redrive);
                self.errand_done(member, number);
            }
            _ => self.errand_done(member, number),
        }
    }

    /// An Express child is there in some redrive: if that is an earlier one it begins anew, with the input that it had.
    fn found(&mut self, member: usize, number: u64, child: Child, redrive: u32, before: &Start) {
        if redrive == child.redrive {
            return self.errand_done(member, number);
        }
        let start = child.run.start_like(before, child.index, child.redrive);
        self.becomes(member, number, child.id, Wish::Start(Box::new(start)));
    }

    /// As the key-value side has it.
    fn stored_start(&self, id: ExecutionId) -> Option<Box<Start>> {
        let events = read_events(self.segments(id).first()?).expect("a history can be read");
        match &events.first()?.kind {
            EventKind::ExecutionStarted(start) => Some(start.clone()),
            other => panic!("a history does not begin with {other:?}"),
        }
    }

    fn becomes(&mut self, member: usize, number: u64, id: ExecutionId, wish: Wish) {
        if let Some(errand) = self.members[member].errands.open.get_mut(&number) {
            (errand.id, errand.wish) = (id, wish);
            errand.stage += 1;
            self.ask_for(member, number);
        }
    }

    /// The end of a child that cannot say it by itself.
    fn ends_for(&mut self, member: usize, number: u64, child: Child, outcome: ChildOutcome) {
        let Child { run, index, items, redrive, .. } = child;
        let end = ChildEnd { index, redrive, outcome, items, output: None, failure: None };
        self.becomes(member, number, run.id, Wish::Tell { end, child: None });
    }

    fn errand_done(&mut self, member: usize, number: u64) {
        let errands = &mut self.members[member].errands;
        let order = errands.open.remove(&number).and_then(|errand| errand.order);
        let Some(number) = order else { return };
        let order = errands.orders.get_mut(&number).expect("an order stands until all of it is done");
        order.left -= 1;
        if order.left == 0 {
            let Order { run, then, .. } = errands.orders.remove(&number).expect("it stood there just now");
            self.tell_run(member, run, then);
            self.begin_stops(member);
        }
    }

    /// A run that has left this member is told by nobody: its next owner orders all of it again.
    fn tell_run(&mut self, member: usize, run: ExecutionId, then: Option<Then>) {
        let message = match then {
            Some(Then::ChildrenSent { first }) => MapRunMessage::ChildrenSent { first },
            Some(Then::RedrivesSent { indices, redrive }) => MapRunMessage::RedrivesSent { indices, redrive },
            None => return,
        };
        self.step_here(member, run, ShardInput::MapRun { id: run, message, reply: None });
    }

    fn ends_heard(&mut self, member: usize, child: ExecutionId, redrive: u32) {
        self.step_here(member, child, ShardInput::EndsHeard(vec![(child, redrive)]));
    }

    pub(crate) fn errand_told(&mut self, owner: usize, asker: Asker, said: Said) {
        let Asker::Errand { member, incarnation, number, stage } = asker else { return };
        let what = || Happening::Member { member, incarnation, what: ToMember::Errand { number, stage, said: said.clone() } };
        self.send(Place::Member(owner), Place::Member(member), what);
    }
}

impl Errands {
    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// The shard leaves: whoever has it next does what its runs have asked for.
    pub(crate) fn give_up(&mut self, shard: ShardId) {
        self.open.retain(|_, errand| errand.run.is_none_or(|run| Cluster::shard_of(run) != shard));
        self.orders.retain(|_, order| Cluster::shard_of(order.run) != shard);
        self.stops.retain(|stop| Cluster::shard_of(stop.run.id) != shard);
    }
}

fn child(run: &Arc<MapRunContext>, index: u64, items: u32, redrive: u32, unsent: &BTreeSet<u64>) -> Child {
    Child { run: run.clone(), id: run.child(index, redrive), index, items, redrive, is_unsent: unsent.contains(&index) }
}
