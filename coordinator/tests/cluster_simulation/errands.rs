//! What Map Runs ask for, done by the member at which they were when they asked: children are started, redriven and stopped, and the ends of
//! children told. As in a real member all of it is in memory, is tried until it is answered, outlives the shard that asked, and ends with the
//! member.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use baton_coordinator::shard::{
    Answer, ChildReport, ExecutionId, MapRunAnswer, MapRunContext, MapRunMessage, MapRunOrder, MapRunOrderKind, MapRunQuestion,
    RedriveError, Seen, SendError, ShardInput,
};
use baton_engine::{ChildEnd, ChildOutcome, Input, NotRedrivable, Rejected, Start, redrive_token};

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
    order: Option<u64>,
}

/// What is wanted of an execution, or of a run.
#[derive(Clone, Debug)]
pub(crate) enum Wish {
    Start(Box<Start>),
    Redrive(Child),
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
    run: ExecutionId,
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
    RedrivesSent { indices: Vec<u64> },
}

/// What an owner has answered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Said {
    Done,
    Nothing,
    Running,
    InRedrive(u32),
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
            Answer::Seen(Seen::Here(record)) => Some(Self::InRedrive(record.map_run_redrive)),
            _ => None,
        }
    }
}

impl Wish {
    /// As the owner's shard hears it.
    pub(crate) fn input(self, id: ExecutionId, asker: Asker) -> ShardInput<MemberWorld> {
        match self {
            Self::Start(start) => ShardInput::StartAgain { start, reply: asker },
            Self::Redrive(child) => ShardInput::Redrive { id, client_token: Some(redrive_token(child.redrive)), reply: asker },
            Self::Look(_) => ShardInput::Describe { id, reply: asker },
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
                    (child.id, Wish::Redrive(child))
                });
                let wishes = wishes.collect();
                self.begin_order(member, run.id, wishes, Some(Then::RedrivesSent { indices }));
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
        self.begin_errand(member, map_run, Wish::Tell { end, child: Some(child) }, None);
    }

    fn begin_order(&mut self, member: usize, run: ExecutionId, wishes: Vec<(ExecutionId, Wish)>, then: Option<Then>) {
        let number = self.members[member].errands.number();
        if wishes.is_empty() || self.has(Mutant::TakesOrdersForDone) {
            self.tell_run(member, run, then);
            wishes.into_iter().for_each(|(id, wish)| self.begin_errand(member, id, wish, None));
            return;
        }
        self.members[member].errands.orders.insert(number, Order { run, left: wishes.len(), then });
        wishes.into_iter().for_each(|(id, wish)| self.begin_errand(member, id, wish, Some(number)));
    }

    /// Those before which nothing is left to do.
    fn begin_stops(&mut self, member: usize) {
        let errands = &mut self.members[member].errands;
        let busy: BTreeSet<ExecutionId> = errands.orders.values().map(|order| order.run).collect();
        let due: Vec<_> = errands.stops.extract_if(.., |stop| !busy.contains(&stop.run.id)).collect();
        for Stop { run, children, redrive } in due {
            for (index, items) in children {
                let child = child(&run, index, items, redrive, &BTreeSet::new());
                self.begin_errand(member, child.id, Wish::Stop(child), None);
            }
        }
    }

    fn begin_errand(&mut self, member: usize, id: ExecutionId, wish: Wish, order: Option<u64>) {
        let errands = &mut self.members[member].errands;
        let number = errands.number();
        errands.open.insert(number, Errand { id, wish, stage: 0, asked_at: 0, order });
        self.ask_for(member, number);
    }

    fn ask_for(&mut self, member: usize, number: u64) {
        let (now, incarnation) = (self.now, self.members[member].incarnation);
        let Some(errand) = self.members[member].errands.open.get_mut(&number) else { return };
        errand.asked_at = now;
        let asker = Asker::Errand { member, incarnation, number, stage: errand.stage };
        let ask = Ask { id: errand.id, what: What::Errand { wish: errand.wish.clone(), asker } };
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
            (Wish::Redrive(child), Said::Running) => self.becomes(member, number, child.id, Wish::Look(child)),
            (Wish::Look(child), Said::InRedrive(redrive)) if redrive != child.redrive => {
                self.becomes(member, number, child.id, Wish::EndFirst { child, redrive });
            }
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
        self.becomes(member, number, run, Wish::Tell { end, child: None });
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
            Some(Then::RedrivesSent { indices }) => MapRunMessage::RedrivesSent { indices },
            None => return,
        };
        self.step_here(member, run, ShardInput::MapRun { id: run, message, reply: None });
    }

    fn ends_heard(&mut self, member: usize, child: ExecutionId, redrive: u32) {
        self.step_here(member, child, ShardInput::EndsHeard(vec![(child, redrive)]));
    }

    pub(crate) fn errand_told(&mut self, owner: usize, asker: Asker, said: Said) {
        let Asker::Errand { member, incarnation, number, stage } = asker else { return };
        let what = || Happening::Member { member, incarnation, what: ToMember::Errand { number, stage, said } };
        self.send(Place::Member(owner), Place::Member(member), what);
    }
}

impl Errands {
    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }
}

fn child(run: &MapRunContext, index: u64, items: u32, redrive: u32, unsent: &BTreeSet<u64>) -> Child {
    Child { run: run.id, id: run.child(index, redrive), index, items, redrive, is_unsent: unsent.contains(&index) }
}
