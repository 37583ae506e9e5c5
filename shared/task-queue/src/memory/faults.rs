//! What goes wrong, and how often: drawn from a seed, so that a run can be repeated.

/// How often, out of 1000 messages, something goes wrong with one. All zero by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Taken, confirmed, and never seen again.
    pub lost: u16,
    /// In the queue twice.
    pub repeated: u16,
    /// Put before others that were there first.
    pub reordered: u16,
    /// Not taken: [`QueueError::Refused`](crate::QueueError::Refused).
    pub refused: u16,
    /// Taken, but the publisher hears [`QueueError::Away`](crate::QueueError::Away).
    pub unconfirmed: u16,
}

/// A small generator of numbers (SplitMix64): the same seed, the same numbers.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// True `per_mille` times out of 1000. Zero draws nothing, so that switching one fault on does not move the others.
    pub(super) fn hits(&mut self, per_mille: u16) -> bool {
        per_mille > 0 && self.below(1000) < usize::from(per_mille)
    }

    /// A number below `bound`, which is at least 1.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
