//! What a host measures of itself.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::{Host, Input, Owned};
use crate::shard::{Shard, ShardInput};

impl Owned {
    /// A batch goes to the store. One of each shard is measured at a time.
    pub(super) fn measure_append(&mut self, seq: u64) {
        self.measured.get_or_insert_with(|| (seq, Instant::now()));
    }
}

impl Host {
    /// An input is about to be handled: it may be the end of an append that is measured.
    pub(super) fn measure_durable(&mut self, index: usize, input: &Input) {
        let ShardInput::Durable { seq, result } = input else { return };
        let Some(owned) = &mut self.shards[index] else { return };
        if let Some((_, began)) = owned.measured.take_if(|(of, _)| *of <= *seq)
            && result.is_ok()
        {
            self.world.figures.appended(began.elapsed());
        }
    }

    /// The round is through: what was counted in it is shown.
    pub(super) fn show_round(&mut self) {
        self.world.figures.flush();
        let gauges = &self.shared.gauges[self.number];
        let (count, next) = self.timers.pending();
        gauges.set_timers(count, next);
        gauges.inbox.store(self.mail.len() + self.inbox.len(), Ordering::Relaxed);
    }

    /// What is shown less often, since it has to be added up.
    pub(super) fn show_care(&self, unsaved_bytes: usize) {
        let gauges = &self.shared.gauges[self.number];
        gauges.unsaved_bytes.store(unsaved_bytes, Ordering::Relaxed);
        let shards = || self.shards.iter().flatten().map(|owned| &owned.shard);
        gauges.in_memory.store(shards().map(Shard::live_count).sum(), Ordering::Relaxed);
        let open: u64 = shards().map(Shard::open_count).sum();
        gauges.open.store(usize::try_from(open).unwrap_or(usize::MAX), Ordering::Relaxed);
    }
}
