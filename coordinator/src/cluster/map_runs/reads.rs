//! Reading a run's items, where the last reading ended if that is where it goes on.

use std::collections::VecDeque;
use std::sync::Arc;

use baton_engine::{Failure, ItemPosition, ReadItem};

use super::{MapRunIo, OpenItems};
use crate::shard::{ItemsRead, MapRunContext};

/// Bytes of items that are read at once, but for one item that is longer by itself.
const BYTES_MAX: usize = 8 * 1024 * 1024;

/// Items that are passed over at once.
const SKIPPED_AT_ONCE: usize = 1_024;

/// An open source, and what was read of it and is not behind the run's position yet.
pub(super) struct Reads {
    source: Option<Open>,
}

struct Open {
    items: Box<dyn OpenItems>,
    /// Where `buffer` begins.
    position: ItemPosition,
    /// Read since the cursor of `position`, behind its `skip`.
    buffer: VecDeque<ReadItem>,
    /// Where the source stands.
    cursor: Option<Arc<str>>,
    is_last: bool,
}

impl Reads {
    pub(super) fn new() -> Self {
        Self { source: None }
    }

    /// Up to `count` items from `position` on. Fewer are the last ones before a cursor, or of all.
    pub(super) async fn read(
        &mut self,
        io: &dyn MapRunIo,
        run: &Arc<MapRunContext>,
        position: &ItemPosition,
        count: u64,
    ) -> Result<ItemsRead, Failure> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let there = self.source.take().and_then(|mut open| open.seek(position).then_some(open));
        let mut open = match there {
            Some(open) => open,
            None => Open::at(io, run, position).await?,
        };
        open.fill(count).await?;
        let read = open.first(count);
        self.source = Some(open);
        Ok(read)
    }
}

impl Open {
    async fn at(io: &dyn MapRunIo, run: &Arc<MapRunContext>, position: &ItemPosition) -> Result<Self, Failure> {
        let items = io.open(run, position.cursor.clone()).await?;
        let from = ItemPosition { cursor: position.cursor.clone(), skip: 0 };
        let mut open = Self { items, position: from, buffer: VecDeque::new(), cursor: position.cursor.clone(), is_last: false };
        let mut left = usize::try_from(position.skip).unwrap_or(usize::MAX);
        while left > 0 && !(open.is_last && open.buffer.is_empty()) {
            open.fill(left.min(SKIPPED_AT_ONCE)).await?;
            let passed = left.min(open.buffer.len());
            open.buffer.drain(..passed);
            left -= passed;
        }
        open.position.skip = position.skip;
        Ok(open)
    }

    /// Goes forward to a position that what was read reaches; false if that is elsewhere.
    fn seek(&mut self, position: &ItemPosition) -> bool {
        if position.cursor == self.cursor && position.skip == 0 {
            self.buffer.clear();
            self.position = position.clone();
            return true;
        }
        let ahead = position.skip.checked_sub(self.position.skip).map(|ahead| ahead as usize);
        match ahead.filter(|ahead| position.cursor == self.position.cursor && *ahead <= self.buffer.len()) {
            Some(ahead) => {
                self.buffer.drain(..ahead);
                self.position = position.clone();
                true
            }
            None => false,
        }
    }

    /// Reads on until there is enough. The cursor is behind all that was read.
    async fn fill(&mut self, count: usize) -> Result<(), Failure> {
        let mut bytes = 0;
        while self.buffer.len() < count && !self.is_last && bytes < BYTES_MAX {
            let ItemsRead { items, cursor, is_last } = match self.items.next(count - self.buffer.len()).await {
                Ok(read) => read,
                // What comes before a fault is mapped; the fault is there again afterwards.
                Err(_) if !self.buffer.is_empty() => return Ok(()),
                Err(failure) => return Err(failure),
            };
            bytes += items.iter().map(|item| item.value.len()).sum::<usize>();
            self.buffer.extend(items);
            (self.cursor, self.is_last) = (cursor, is_last);
        }
        Ok(())
    }

    fn first(&self, count: usize) -> ItemsRead {
        let items: Vec<_> = self.buffer.iter().take(count).cloned().collect();
        let is_all = items.len() == self.buffer.len();
        let cursor = if is_all { self.cursor.clone() } else { self.position.cursor.clone() };
        ItemsRead { items, cursor: cursor.filter(|_| is_all), is_last: is_all && self.is_last }
    }
}
