//! Calls to whichever server has the keys.
//!
//! There are two lanes besides the connections of appends ([`pipeline`](super::pipeline)), so that none waits behind another's work: one for small
//! calls on which leases depend, and one for data. What is sent over a lane may be executed twice: every call is idempotent.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, try_join_all};
use hashbrown::HashMap;
use parking_lot::Mutex;
use redis::{Cmd, Pipeline, Value};
use tokio::time::Instant;

use super::layout::{Layout, Slot};
use super::line::Line;
use super::server::Server;
use crate::store::StoreError;

/// How long a call may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// In all.
    pub(super) total: Duration,
    /// For one attempt, after which the connection counts as broken.
    pub(super) attempt: Duration,
}

impl Patience {
    /// Small calls.
    pub(super) const CALL: Patience = Patience { total: Duration::from_secs(3), attempt: Duration::from_millis(1200) };
    /// Calls that are made again soon in any case.
    pub(super) const BEAT: Patience = Patience { total: Duration::from_secs(1), attempt: Duration::from_millis(900) };
    /// Calls that carry much.
    pub(super) const DATA: Patience = Patience { total: Duration::from_secs(12), attempt: Duration::from_secs(6) };
}

/// What a server has answered to each of several commands.
type Answers = Vec<Result<Value, StoreError>>;

/// Commands, each with the slot of its keys. Those of one slot are done in their order.
#[derive(Default)]
pub(super) struct Calls(Vec<(Slot, Cmd)>);

impl Calls {
    pub(super) fn add(&mut self, slot: Slot, command: Cmd) {
        self.0.push((slot, command));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A line to each server.
pub(super) struct Lane {
    server: Arc<Server>,
    lines: Mutex<HashMap<String, Arc<Line>>>,
}

/// Commands for one server.
struct Group {
    line: Arc<Line>,
    pipeline: Pipeline,
    slots: Vec<Slot>,
    /// Of each among all answers.
    places: Vec<usize>,
}

impl Lane {
    pub(super) fn new(server: Arc<Server>) -> Self {
        Self { server, lines: Mutex::default() }
    }

    /// The answer to one command.
    pub(super) async fn query(&self, slot: Slot, command: Cmd, patience: Patience) -> Result<Value, StoreError> {
        let mut answers = self.calls(Calls(vec![(slot, command)]), patience).await?;
        answers.pop().expect("a command has an answer")
    }

    /// The answers to all commands, each by itself.
    pub(super) async fn calls(&self, calls: Calls, patience: Patience) -> Result<Answers, StoreError> {
        self.until(calls.0, Instant::now() + patience.total, patience.attempt).await
    }

    /// What each server answers.
    pub(super) async fn everywhere(&self, command: &Cmd, patience: Patience) -> Result<Vec<Value>, StoreError> {
        let (layout, give_up) = (self.server.layout(), Instant::now() + patience.total);
        let lines: Vec<_> = (0..layout.nodes().len()).map(|place| self.line(&layout, place)).collect();
        let ask = |line: Arc<Line>| async move {
            let mut pipeline = Pipeline::with_capacity(1);
            pipeline.add_command(command.clone());
            let mut answers = line.calls(&pipeline, give_up, patience.attempt, || true).await.map_err(StoreError::Failed)?;
            answers.pop().expect("a command has an answer")
        };
        try_join_all(lines.into_iter().map(ask)).await
    }

    fn until(&self, calls: Vec<(Slot, Cmd)>, give_up: Instant, attempt: Duration) -> BoxFuture<'_, Result<Answers, StoreError>> {
        async move {
            let (layout, len) = (self.server.layout(), calls.len());
            let groups = self.groups(&layout, calls);
            let answered = try_join_all(groups.into_iter().map(|group| self.group(&layout, group, give_up, attempt))).await?;
            let mut all: Vec<_> = std::iter::repeat_with(|| Ok(Value::Nil)).take(len).collect();
            for (place, answer) in answered.into_iter().flatten() {
                all[place] = answer;
            }
            Ok(all)
        }
        .boxed()
    }

    fn groups(&self, layout: &Layout, calls: Vec<(Slot, Cmd)>) -> Vec<Group> {
        let mut groups: Vec<Option<Group>> = std::iter::repeat_with(|| None).take(layout.nodes().len()).collect();
        for (place, (slot, command)) in calls.into_iter().enumerate() {
            let at = layout.place_of(slot);
            let empty = || Group { line: self.line(layout, at), pipeline: Pipeline::new(), slots: Vec::new(), places: Vec::new() };
            let group = groups[at].get_or_insert_with(empty);
            group.pipeline.add_command(command);
            group.slots.push(slot);
            group.places.push(place);
        }
        groups.into_iter().flatten().collect()
    }

    /// What the servers that have these slots answer, even if others have them than when the groups were made.
    async fn group(
        &self,
        layout: &Arc<Layout>,
        group: Group,
        give_up: Instant,
        attempt: Duration,
    ) -> Result<Vec<(usize, Result<Value, StoreError>)>, StoreError> {
        let Group { line, pipeline, slots, places } = group;
        let is_current = || Arc::ptr_eq(layout, &self.server.layout());
        let answers = match line.calls(&pipeline, give_up, attempt, is_current).await {
            Ok(answers) => answers,
            Err(error) if is_current() => return Err(StoreError::Failed(error)),
            Err(_) => self.until(slots.into_iter().zip(pipeline.cmd_iter().cloned()).collect(), give_up, attempt).await?,
        };
        Ok(places.into_iter().zip(answers).collect())
    }

    /// To the server at this place.
    fn line(&self, layout: &Layout, place: usize) -> Arc<Line> {
        let node = &layout.nodes()[place];
        let mut lines = self.lines.lock();
        // Where sentinels say who it is there is one, whatever its address is.
        let name = if layout.is_cluster() { node.address() } else { String::new() };
        lines.entry(name).or_insert_with(|| Arc::new(Line::new(self.server.clone(), node.clone()))).clone()
    }
}
