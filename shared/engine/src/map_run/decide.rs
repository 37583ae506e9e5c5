//! What a Map Run wants, and what follows from what it is told. Nothing here changes it: events do.

use std::collections::BTreeSet;

use super::{ChildEnd, ChildInput, Chunk, ItemPosition, ItemSource, MapRun, MapRunEvent, MapRunOutcome, Stop};
use crate::{Failure, state::map::tolerance::Tolerance};

/// Children that are issued at once.
const CHUNK_CHILDREN_MAX: u64 = 256;
/// Items that are read at once.
const CHUNK_ITEMS_MAX: u64 = 4_096;

/// What a Map Run wants next. Asked again, it wants the same until it is told more.
#[derive(Clone, Debug, PartialEq)]
pub enum MapRunWant {
    /// It waits for what goes on.
    Nothing,
    /// Items for more children.
    Read(ReadOrder),
    /// These children, which had not succeeded, begin again.
    Redrive(Vec<u64>),
    /// It has failed, and is to say so.
    Fail(Failure),
    /// Its children are to stop.
    StopChildren,
    /// Its results are to be written.
    Write,
    /// It has ended.
    End,
}

/// Items to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadOrder {
    /// From here.
    pub position: ItemPosition,
    /// Index of the first one.
    pub first_item: u64,
    /// So many at most.
    pub items: u64,
    /// Which make so many children at most.
    pub children: u64,
}

impl MapRun {
    /// What it wants next.
    pub fn wanted(&self) -> MapRunWant {
        match &self.stop {
            _ if self.ended.is_some() => MapRunWant::Nothing,
            Some(_) if self.children.running > 0 => MapRunWant::StopChildren,
            Some(_) => self.wanted_at_the_end(),
            None => self.wanted_while_it_goes_on(),
        }
    }

    fn wanted_while_it_goes_on(&self) -> MapRunWant {
        if let Some(failure) = &self.spec.refused {
            return MapRunWant::Fail(failure.clone());
        }
        if self.limits.is_exceeded(self.items.intolerable(), self.total_items()) {
            return MapRunWant::Fail(Tolerance::exceeded());
        }
        let room = self.limits.concurrency().saturating_sub(self.children.running);
        let is_worth_it = room >= (self.limits.concurrency() / 8).clamp(1, CHUNK_CHILDREN_MAX);
        let to_redrive = self.redriven_upto < self.redrive_end;
        if is_worth_it && to_redrive {
            let children = room.min(CHUNK_CHILDREN_MAX) as usize;
            return MapRunWant::Redrive(self.outcomes.unsuccessful(self.redriven_upto, self.redrive_end).take(children).collect());
        }
        if is_worth_it && !self.is_read {
            return MapRunWant::Read(self.read_order(room));
        }
        let is_done = self.is_read && !to_redrive && self.children.running == 0;
        if is_done { self.wanted_at_the_end() } else { MapRunWant::Nothing }
    }

    fn read_order(&self, room: u64) -> ReadOrder {
        let children = room.min(CHUNK_CHILDREN_MAX);
        let batch = self.spec.batch_items.unwrap_or(1);
        // Whole batches, so that nothing is left over of what is read.
        let items_max = if batch < CHUNK_ITEMS_MAX { CHUNK_ITEMS_MAX - CHUNK_ITEMS_MAX % batch } else { CHUNK_ITEMS_MAX };
        let items = children.saturating_mul(batch).min(items_max);
        let left = self.spec.items_max(u64::MAX).saturating_sub(self.next_item);
        ReadOrder { position: self.position.clone(), first_item: self.next_item, items: items.min(left).max(1), children }
    }

    /// Results are written also of a run that has failed.
    fn wanted_at_the_end(&self) -> MapRunWant {
        let has_nothing = self.stop.is_some() && self.children.begun() == 0;
        let is_written = self.written.is_some() || self.spec.results.is_none() || has_nothing;
        if is_written { MapRunWant::End } else { MapRunWant::Write }
    }

    /// How many items there are, when that is known.
    fn total_items(&self) -> Option<u64> {
        match &self.spec.source {
            ItemSource::State { length, .. } => Some(self.spec.items_max(*length)),
            ItemSource::Reader { .. } => self.is_read.then_some(self.next_item),
        }
    }

    /// Chunks of which not every child is known to have begun, in order.
    pub fn unsent(&self) -> impl Iterator<Item = &Chunk> {
        self.unsent.values()
    }

    /// Whether the child has not succeeded, and its turn to be redriven is still to come.
    pub fn is_redriven_later(&self, index: u64) -> bool {
        (self.redriven_upto..self.redrive_end).contains(&index) && self.outcomes.get(index) == Some(false)
    }

    /// The chunk that the child is of, while not every one of it is known to have begun.
    pub fn unsent_chunk(&self, index: u64) -> Option<&Chunk> {
        self.unsent.range(..=index).next_back().map(|(_, chunk)| chunk).filter(|chunk| chunk.has(index))
    }

    /// Redriven children that are not known to have begun again.
    pub fn unsent_redrives(&self) -> impl Iterator<Item = u64> + '_ {
        self.unsent_redrives.iter().copied()
    }

    /// Whether what was read from `position` is what it wants.
    pub fn wants_items_from(&self, position: &ItemPosition) -> bool {
        self.stop.is_none() && self.ended.is_none() && !self.is_read && self.position == *position
    }

    /// Children get the items that were read from where the run stands; the next ones come from `position`.
    pub fn issue(&self, children: &[ChildInput], position: ItemPosition, digest: u64, is_last: bool) -> MapRunEvent {
        let items: u32 = children.iter().map(|child| child.items).sum();
        let chunk = Chunk {
            first: self.next_child,
            count: children.len() as u32,
            first_item: self.next_item,
            items,
            position: self.position.clone(),
            digest,
            batches: self.spec.batch_items.map(|_| children.iter().map(|child| child.items).collect()).unwrap_or_default(),
        };
        let is_read = is_last || self.spec.items_max(u64::MAX) <= self.next_item + u64::from(items);
        MapRunEvent::ChildrenIssued { chunk, position, is_read }
    }

    /// Children have ended. `None` if it has known all that. Before a run is redriven all of its children have ended, so that those that are open
    /// are of its last redrive; what is told of an earlier one comes late.
    pub fn children_ended(&self, mut ends: Vec<ChildEnd>) -> Option<MapRunEvent> {
        let mut seen = BTreeSet::new();
        let is_open = |end: &ChildEnd| end.index < self.next_child && self.outcomes.get(end.index).is_none();
        ends.retain(|end| end.redrive == self.redrives && is_open(end) && seen.insert(end.index));
        (!ends.is_empty() && self.ended.is_none()).then_some(MapRunEvent::ChildrenEnded { ends })
    }

    /// Nothing is to begin any more. `None` if that is so already.
    pub fn stop(&self, stop: Stop) -> Option<MapRunEvent> {
        (self.stop.is_none() && self.ended.is_none()).then_some(MapRunEvent::Stopping { stop })
    }

    /// How it has ended, for the state that waits for it; `None` where none does.
    pub fn state_outcome(&self) -> Option<MapRunOutcome> {
        match &self.stop {
            Some(Stop::Aborted) => None,
            Some(Stop::Failed(failure)) => Some(MapRunOutcome::Failed { failure: failure.clone() }),
            None => {
                let result = self.written.clone().or_else(|| self.outputs.array());
                Some(result.map_or(MapRunOutcome::TooLarge, |result| MapRunOutcome::Succeeded { result }))
            }
        }
    }

    /// Whether a redrive has something to go on with.
    pub fn can_be_redriven(&self) -> bool {
        self.ended.is_some_and(|status| status != super::MapRunStatus::Succeeded)
    }
}
