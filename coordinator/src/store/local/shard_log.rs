//! One shard's part of the log: its head, and where its batches stand.

use std::collections::VecDeque;

use crate::store::head::Head;
use crate::store::{ShardId, StoreError, Token};

/// Where a batch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Generation of its segment.
    pub(crate) generation: u32,
    /// Offset of its frame.
    pub(crate) offset: u32,
    /// Length of the batch, bytes.
    pub(crate) len: u32,
}

/// The batches of a shard that no checkpoint has covered, and who may add to them.
#[derive(Debug)]
pub(crate) struct ShardLog {
    head: Head,
    checkpoint_seq: u64,
    /// Of the batches `checkpoint_seq + 1` to the head's last one.
    places: VecDeque<Place>,
}

impl ShardLog {
    /// A shard whose key-value side stands at `checkpoint_seq`, with nothing in the log yet.
    pub(crate) fn new(shard: ShardId, epoch: u64, checkpoint_seq: u64) -> Self {
        Self { head: Head::new(shard, epoch, checkpoint_seq), checkpoint_seq, places: VecDeque::new() }
    }

    pub(crate) fn checkpoint_seq(&self) -> u64 {
        self.checkpoint_seq
    }

    pub(crate) fn last_seq(&self) -> u64 {
        self.head.last_seq()
    }

    pub(crate) fn acquire(&mut self) -> Token {
        self.head.acquire()
    }

    pub(crate) fn release(&mut self, token: Token) -> Result<(), StoreError> {
        self.head.release(token)
    }

    pub(crate) fn check_owner(&self, token: Token) -> Result<(), StoreError> {
        self.head.check_owner(token)
    }

    /// See [`Head::check`].
    pub(crate) fn check(&self, token: Token, expected_seq: u64) -> Result<u64, StoreError> {
        self.head.check(token, expected_seq)
    }

    /// The batch that was checked last will not be written.
    pub(crate) fn refuse(&mut self, reason: StoreError) {
        self.head.refuse(reason);
    }

    /// The next batch goes to `place`.
    pub(crate) fn push(&mut self, place: Place) {
        self.places.push_back(place);
        self.head.queued();
    }

    /// The last batch could not be written after all.
    pub(crate) fn unpush(&mut self, reason: StoreError) {
        let unwritten = self.places.pop_back();
        assert!(unwritten.is_some(), "only a batch that was pushed is taken back");
        self.head.unqueue(reason);
    }

    /// Everything up to `upto_seq` is covered; `left` sees the generation of each batch that is.
    pub(crate) fn trim(&mut self, upto_seq: u64, mut left: impl FnMut(u32)) {
        let covered = upto_seq.saturating_sub(self.checkpoint_seq);
        let covered = usize::try_from(covered).map_or(self.places.len(), |n| n.min(self.places.len()));
        for place in self.places.drain(..covered) {
            left(place.generation);
        }
        self.checkpoint_seq += covered as u64;
        self.places.shrink_to(self.places.len() * 2);
    }

    /// Generation of the oldest batch that is still needed.
    pub(crate) fn oldest_generation(&self) -> Option<u32> {
        self.places.front().map(|place| place.generation)
    }

    /// The batches after `after_seq`.
    pub(crate) fn places_after(&self, after_seq: u64) -> Vec<(u64, Place)> {
        let skipped = after_seq.saturating_sub(self.checkpoint_seq);
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
        (self.checkpoint_seq + 1..).zip(self.places.iter().copied()).skip(skipped).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(offset: u32) -> Place {
        Place { generation: offset / 10, offset, len: 1 }
    }

    #[test]
    fn places_are_found_by_number_and_go_with_the_checkpoint() {
        let mut log = ShardLog::new(ShardId(1), 0, 100);
        (0..25).for_each(|offset| log.push(place(offset)));
        assert_eq!(log.last_seq(), 125);
        assert_eq!(log.places_after(0).len(), 25);
        assert_eq!(log.places_after(123), [(124, place(23)), (125, place(24))]);
        assert_eq!(log.places_after(200), []);

        let mut left = Vec::new();
        log.trim(90, |generation| left.push(generation));
        assert_eq!((left.len(), log.checkpoint_seq()), (0, 100));
        log.trim(112, |generation| left.push(generation));
        assert_eq!(left, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(log.oldest_generation(), Some(1));
        assert_eq!(log.places_after(124), [(125, place(24))]);
        log.trim(125, |_| {});
        assert_eq!(log.oldest_generation(), None);
        assert_eq!((log.last_seq(), log.checkpoint_seq()), (125, 125));
    }
}
