//! How events change a Map Run: total and pure, live and in a replay alike. An event that does not fit changes nothing but the count.

use super::{ChildEnd, Chunk, ItemPosition, MapRun, MapRunEvent, MapRunSpec, MapRunStatus, Outcomes, Stop, Tally, outputs::Outputs};
use crate::Timestamp;

impl MapRun {
    /// The run that begins so.
    pub fn begin(spec: MapRunSpec, at: Timestamp) -> (Self, MapRunEvent) {
        let event = MapRunEvent::Started { spec: Box::new(spec.clone()), at };
        (Self::new(Box::new(spec), at), event)
    }

    /// The run whose first event this is; `None` if it is another.
    pub fn recover(first: MapRunEvent) -> Option<Self> {
        match first {
            MapRunEvent::Started { spec, at } => Some(Self::new(spec, at)),
            _ => None,
        }
    }

    fn new(spec: Box<MapRunSpec>, at: Timestamp) -> Self {
        Self {
            limits: spec.limits,
            started_at: at,
            stopped_at: None,
            ended: None,
            events: 1,
            position: ItemPosition::default(),
            is_read: false,
            next_child: 0,
            next_item: 0,
            unsent: Default::default(),
            outcomes: Outcomes::default(),
            items: Tally::default(),
            children: Tally::default(),
            outputs: Outputs::default(),
            stop: None,
            written: None,
            redrives: 0,
            redriven_at: None,
            redrive_end: 0,
            redriven_upto: 0,
            unsent_redrives: Default::default(),
            spec,
        }
    }

    /// Makes of the run what the event says has happened to it.
    pub fn apply(&mut self, event: &MapRunEvent) {
        self.events += 1;
        match event {
            MapRunEvent::Started { .. } => {}
            MapRunEvent::ChildrenIssued { chunk, position, is_read } => self.issued_chunk(chunk, position, *is_read),
            MapRunEvent::ChildrenSent { first } => drop(self.unsent.remove(first)),
            MapRunEvent::ChildrenEnded { ends } => ends.iter().for_each(|end| self.child_ended(end)),
            MapRunEvent::LimitsUpdated { limits } => self.limits = *limits,
            MapRunEvent::Stopping { stop } => self.stop = Some(stop.clone()),
            MapRunEvent::ResultsWritten { result, executions, items } => {
                self.written = Some(result.clone());
                (self.children.results_written, self.items.results_written) = (*executions, *items);
            }
            MapRunEvent::Ended { at } => self.end(*at),
            MapRunEvent::Redriven { at } => self.redriven(*at),
            MapRunEvent::ChildrenRedriven { indices } => self.children_redriven(indices),
            MapRunEvent::RedrivesSent { indices } => self.unsent_redrives.retain(|index| !indices.contains(index)),
        }
    }

    fn issued_chunk(&mut self, chunk: &Chunk, position: &ItemPosition, is_read: bool) {
        self.position = position.clone();
        self.is_read = is_read;
        self.next_child = chunk.first + u64::from(chunk.count);
        self.next_item = chunk.first_item + u64::from(chunk.items);
        self.children.running += u64::from(chunk.count);
        self.items.running += u64::from(chunk.items);
        if chunk.count > 0 {
            self.unsent.insert(chunk.first, chunk.clone());
        }
    }

    fn child_ended(&mut self, end: &ChildEnd) {
        if self.outcomes.get(end.index).is_some() || end.index >= self.next_child {
            return;
        }
        self.outcomes.set(end.index, Some(end.outcome == super::ChildOutcome::Succeeded));
        self.children.end(end.outcome, 1);
        self.unsent_redrives.remove(&end.index);
        let items = u64::from(end.items);
        if end.index < self.redrive_end {
            // Of a redriven child it is not known before its end how many items it has.
            self.items.pending_redrive = self.items.pending_redrive.saturating_sub(items);
            self.items.running += items;
        }
        self.items.end(end.outcome, items);
        self.outputs.add(end, self.spec.result_bytes_max);
    }

    /// What was read last is the state's own, or on its way to it: of a run that has ended, only the account stays.
    fn end(&mut self, at: Timestamp) {
        self.ended = Some(match &self.stop {
            None => MapRunStatus::Succeeded,
            Some(Stop::Failed(_)) => MapRunStatus::Failed,
            Some(Stop::Aborted) => MapRunStatus::Aborted,
        });
        self.stopped_at = Some(at);
        // Without a ResultWriter AWS counts what has ended, as recorded of a run that has succeeded.
        if self.spec.results.is_none() && self.ended == Some(MapRunStatus::Succeeded) {
            (self.children.results_written, self.items.results_written) = (self.children.ended(), self.items.ended());
        }
    }

    fn redriven(&mut self, at: Timestamp) {
        self.ended = None;
        self.stopped_at = None;
        self.stop = None;
        self.written = None;
        self.redrives += 1;
        self.redriven_at = Some(at);
        self.outputs.redrive();
        self.items.redrive();
        self.children.redrive();
        (self.redrive_end, self.redriven_upto) = (self.next_child, 0);
        self.unsent_redrives.clear();
    }

    /// An empty list says that there are no more.
    fn children_redriven(&mut self, indices: &[u64]) {
        for index in indices {
            self.outcomes.set(*index, None);
            self.unsent_redrives.insert(*index);
        }
        let count = indices.len() as u64;
        self.children.running += count;
        self.children.pending_redrive = self.children.pending_redrive.saturating_sub(count);
        self.redriven_upto = indices.last().map_or(self.redrive_end, |last| last + 1);
    }
}
