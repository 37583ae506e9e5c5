//! Strands: the machine's own flow, and one more for every running Parallel branch and Map iteration. A strand is in one state
//! at a time.

use std::{collections::BTreeMap, sync::Arc};

use baton_asl::StateId;

use crate::{Claim, Failure, Payload, PayloadTable, TaskRef, ThreadId, Timestamp, variables::VariableScope};

/// One strand.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
pub(crate) struct Strand {
    /// The strand whose Parallel or Map state this one runs inside of.
    pub(crate) parent: Option<ThreadId>,
    /// Which branch or iteration it is.
    pub(crate) index: u64,
    /// Id of the event that the next one chains to.
    pub(crate) last: u64,
    /// What was assigned in it.
    pub(crate) variables: VariableScope,
    /// Where it is.
    pub(crate) position: Position,
    /// Whether it stands in the queue of strands that want a turn.
    pub(crate) is_queued: bool,
}

/// Where a strand is.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
pub(crate) enum Position {
    /// About to enter a state.
    Entering { state: StateId, input: Payload },
    /// In a state.
    Inside(Visit),
    /// Through.
    Ended { output: Payload },
}

/// One stay in a state, from its StateEntered to its StateExited, all attempts included.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
pub(crate) struct Visit {
    pub(crate) state: StateId,
    /// Id of the StateEntered event.
    pub(crate) entry: u64,
    /// What the StateEntered event chains to; an EvaluationFailed event chains to the same.
    pub(crate) entry_previous: u64,
    pub(crate) entered_at: Timestamp,
    /// Raw input.
    pub(crate) input: Payload,
    /// How often each retrier has fired; empty until one has.
    pub(crate) retries: Vec<u32>,
    /// Tasks: attempts scheduled so far.
    pub(crate) attempts: u32,
    pub(crate) activity: Activity,
}

/// What goes on in a state.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
pub(crate) enum Activity {
    /// Something has happened and the rest of the same decision says what follows.
    Deciding,
    /// A Wait state waits.
    Waiting { until: Timestamp },
    /// A task is out.
    Working(Work),
    /// A retrier's delay.
    BackingOff { since: Timestamp, until: Timestamp, failure: Failure },
    /// The branches of a Parallel state run.
    Branching(Branches),
    /// The iterations of a Map state run.
    Iterating(Box<Iterations>),
    /// A redrive has the state's work done again.
    Redriven,
    /// A Map Run does the work of a Map state.
    Mapping(Box<Mapping>),
}

/// The Map Run of a Map state.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
pub(crate) struct Mapping {
    pub(crate) map_run_arn: Arc<str>,
    /// Id of the MapRunStarted event.
    pub(crate) started: u64,
    pub(crate) redrives: u32,
    /// It has ended, well or not, or nobody waits for it any more.
    pub(crate) is_settled: bool,
    /// It is to go on: the execution is redriven.
    pub(crate) is_redriven: bool,
}

/// An attempt of a task.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
pub(crate) struct Work {
    pub(crate) input: Payload,
    pub(crate) scheduled_at: Timestamp,
    pub(crate) started_at: Option<Timestamp>,
    /// When it times out.
    pub(crate) deadline: Option<Timestamp>,
    pub(crate) heartbeat_seconds: Option<u64>,
    pub(crate) role_arn: Option<Arc<str>>,
    pub(crate) claim: Option<Claim>,
    /// The service has answered the request.
    pub(crate) is_submitted: bool,
}

/// Branches of a Parallel state.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
pub(crate) struct Branches {
    /// The first branch's strand; the others follow.
    pub(crate) first: ThreadId,
    pub(crate) running: u32,
    /// By branch.
    pub(crate) outputs: Vec<Option<Payload>>,
    /// The state is through with them, well or not. The strands that did not come to an end are at rest.
    pub(crate) is_settled: bool,
}

/// Iterations of a Map state.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
pub(crate) struct Iterations {
    /// Id of the MapStateStarted event.
    pub(crate) started: u64,
    /// Effective input, what an ItemSelector reads.
    pub(crate) input: Payload,
    /// An array.
    pub(crate) items: Payload,
    /// Each item is `{"Key", "Value"}`.
    pub(crate) is_keyed: bool,
    pub(crate) length: u64,
    pub(crate) concurrency: u32,
    /// The next index to start.
    pub(crate) next: u64,
    /// Strands of the running iterations, by index.
    pub(crate) running: BTreeMap<u64, ThreadId>,
    /// Strands of failed and aborted iterations, by index; they are at rest.
    pub(crate) stopped: BTreeMap<u64, ThreadId>,
    pub(crate) succeeded: u64,
    /// The last inner event of the iteration that ended last: what the next one chains to when they run one at a time.
    pub(crate) last_inner: u64,
    /// By index.
    pub(crate) outputs: Vec<Option<Payload>>,
    /// The state is through with them, well or not: none begins any more.
    pub(crate) is_settled: bool,
}

impl Branches {
    /// All have come to their ends, and nobody has put the result together yet.
    pub(crate) fn is_done(&self) -> bool {
        !self.is_settled && self.running == 0
    }

    fn threads(&self) -> impl DoubleEndedIterator<Item = ThreadId> {
        (0..self.outputs.len() as u32).map(|index| ThreadId(self.first.0.saturating_add(index)))
    }
}

impl Iterations {
    pub(crate) fn can_start(&self) -> bool {
        !self.is_settled && self.next < self.length && self.running.len() < self.concurrency as usize
    }

    pub(crate) fn is_done(&self) -> bool {
        !self.is_settled && self.succeeded == self.length
    }
}

impl Strand {
    /// The stay in a state that the strand is in.
    pub(crate) fn visit(&self) -> Option<&Visit> {
        match &self.position {
            Position::Inside(visit) => Some(visit),
            Position::Entering { .. } | Position::Ended { .. } => None,
        }
    }

    /// As [`visit`](Self::visit), to be changed.
    pub(crate) fn visit_mut(&mut self) -> Option<&mut Visit> {
        match &mut self.position {
            Position::Inside(visit) => Some(visit),
            Position::Entering { .. } | Position::Ended { .. } => None,
        }
    }

    /// Whether it can go on by itself.
    pub(crate) fn wants_turn(&self) -> bool {
        match &self.position {
            Position::Entering { .. } => true,
            Position::Ended { .. } => false,
            Position::Inside(visit) => match &visit.activity {
                Activity::Redriven => true,
                Activity::Branching(branches) => branches.is_done(),
                Activity::Iterating(iterations) => iterations.can_start() || iterations.is_done(),
                Activity::Mapping(mapping) => mapping.is_redriven,
                Activity::Deciding | Activity::Waiting { .. } | Activity::Working(_) | Activity::BackingOff { .. } => false,
            },
        }
    }

    /// When time alone moves it.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        match &self.visit()?.activity {
            Activity::Waiting { until } | Activity::BackingOff { until, .. } => Some(*until),
            Activity::Working(work) => work.deadline,
            Activity::Deciding | Activity::Redriven | Activity::Branching(_) | Activity::Iterating(_) | Activity::Mapping(_) => None,
        }
    }

    /// The Map Run that it waits for.
    pub(crate) fn mapping(&self) -> Option<&Mapping> {
        match &self.visit()?.activity {
            Activity::Mapping(mapping) if !mapping.is_settled => Some(mapping),
            _ => None,
        }
    }

    /// The attempt that is out, if one is.
    pub(crate) fn task(&self) -> Option<TaskRef> {
        let visit = self.visit()?;
        matches!(visit.activity, Activity::Working(_)).then_some(TaskRef { entry: visit.entry, attempt: visit.attempts })
    }

    /// The strands that run inside of this one's state, in the order of branches or items.
    pub(crate) fn children(&self) -> Vec<ThreadId> {
        match self.visit().map(|visit| &visit.activity) {
            Some(Activity::Branching(branches)) if !branches.is_settled => branches.threads().collect(),
            Some(Activity::Iterating(iterations)) => iterations.running.values().copied().collect(),
            _ => Vec::new(),
        }
    }

    /// The strands at rest that this one's state keeps for a redrive.
    pub(crate) fn resting_children(&self) -> Vec<ThreadId> {
        match self.visit().map(|visit| &visit.activity) {
            Some(Activity::Branching(branches)) if branches.is_settled => branches.threads().collect(),
            Some(Activity::Iterating(iterations)) => iterations.stopped.values().copied().collect(),
            _ => Vec::new(),
        }
    }
}

impl Visit {
    /// Attempts that a retrier has granted so far: `$$.State.RetryCount`.
    pub(crate) fn retry_count(&self) -> u32 {
        self.retries.iter().sum()
    }

    /// The attempt that is out.
    pub(crate) fn work(&self) -> Option<&Work> {
        match &self.activity {
            Activity::Working(work) => Some(work),
            _ => None,
        }
    }

    /// As [`work`](Self::work), to be changed.
    pub(crate) fn work_mut(&mut self) -> Option<&mut Work> {
        match &mut self.activity {
            Activity::Working(work) => Some(work),
            _ => None,
        }
    }
}

/// The strands of an execution by number. The machine's own lies apart: most executions have no other.
#[derive(Clone, Debug, Default, PartialEq, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
pub(crate) struct Strands {
    root: Option<Strand>,
    others: BTreeMap<ThreadId, Box<Strand>>,
}

impl Strands {
    pub(crate) fn get(&self, thread: ThreadId) -> Option<&Strand> {
        match thread {
            ThreadId::ROOT => self.root.as_ref(),
            _ => self.others.get(&thread).map(Box::as_ref),
        }
    }

    pub(crate) fn get_mut(&mut self, thread: ThreadId) -> Option<&mut Strand> {
        match thread {
            ThreadId::ROOT => self.root.as_mut(),
            _ => self.others.get_mut(&thread).map(Box::as_mut),
        }
    }

    pub(crate) fn insert(&mut self, thread: ThreadId, strand: Strand) {
        match thread {
            ThreadId::ROOT => self.root = Some(strand),
            _ => {
                self.others.insert(thread, Box::new(strand));
            }
        }
    }

    pub(crate) fn remove(&mut self, thread: ThreadId) -> Option<Strand> {
        match thread {
            ThreadId::ROOT => self.root.take(),
            _ => self.others.remove(&thread).map(|strand| *strand),
        }
    }

    /// All of them in the order of their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ThreadId, &Strand)> {
        let root = self.root.iter().map(|strand| (ThreadId::ROOT, strand));
        root.chain(self.others.iter().map(|(thread, strand)| (*thread, strand.as_ref())))
    }

    /// As [`iter`](Self::iter), to be changed.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (ThreadId, &mut Strand)> {
        let root = self.root.iter_mut().map(|strand| (ThreadId::ROOT, strand));
        root.chain(self.others.iter_mut().map(|(thread, strand)| (*thread, strand.as_mut())))
    }
}
