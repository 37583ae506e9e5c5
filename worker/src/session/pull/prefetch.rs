//! How many messages of a queue are asked for at a time.
//!
//! Short tasks free their slots faster than a broker can be told, so as many messages are wanted as there are slots. Long ones do not: a message
//! that found no slot in time went back, and from then on only as many are wanted as there are free slots, until tasks are short again.

use std::time::Duration;

use tokio::time::Instant;

/// A change costs the broker a round trip or two; it is told of the next one only after this time.
const CHANGE_PAUSE: Duration = Duration::from_millis(10);
/// Tasks are short when a slot is freed so often in this time.
const WINDOW: Duration = Duration::from_secs(1);
const SHORT_TASKS_PER_WINDOW: u32 = 20;
const PREFETCH_MAX: u32 = 2_048;

/// See the module.
pub(super) struct Prefetch {
    told: u16,
    told_at: Option<Instant>,
    /// A change is due that came too soon.
    is_due: bool,
    /// Only free slots count.
    is_exact: bool,
    /// Offers that a message carries, as of late; at least 1.
    offers_per_message: f64,
    freed: u32,
    window_began: Instant,
}

impl Prefetch {
    pub(super) fn new(now: Instant) -> Self {
        Self { told: 0, told_at: None, is_due: false, is_exact: false, offers_per_message: 1.0, freed: 0, window_began: now }
    }

    /// A message has come.
    pub(super) fn delivered(&mut self, offers: usize) {
        self.offers_per_message += (offers as f64 - self.offers_per_message) / 8.0;
    }

    /// A message has gone back, since no slot came free for it.
    pub(super) fn returned(&mut self) {
        self.is_exact = true;
        self.freed = 0;
    }

    /// So many slots have come free.
    pub(super) fn freed(&mut self, slots: u32, capacity: u32, now: Instant) {
        if now.duration_since(self.window_began) > WINDOW {
            (self.freed, self.window_began) = (0, now);
        }
        self.freed += slots;
        if self.is_exact && self.freed >= capacity.saturating_mul(SHORT_TASKS_PER_WINDOW) {
            self.is_exact = false;
        }
    }

    /// What the broker is to be told now, if anything: of the queue's slots, so many are free and wait for no offer in hand; so many
    /// messages are in hand.
    pub(super) fn change(&mut self, capacity: u32, free: u32, messages: usize, now: Instant) -> Option<u16> {
        let wanted = if self.is_exact { messages as u32 + self.messages_for(free) } else { self.messages_for(capacity) };
        let wanted = wanted.min(PREFETCH_MAX) as u16;
        self.is_due = wanted != self.told;
        if !self.is_due || self.told_at.is_some_and(|at| now < at + CHANGE_PAUSE) {
            return None;
        }
        (self.told, self.told_at, self.is_due) = (wanted, Some(now), false);
        Some(wanted)
    }

    /// When a change that came too soon is to be told.
    pub(super) fn due(&self) -> Option<Instant> {
        self.told_at.filter(|_| self.is_due).map(|at| at + CHANGE_PAUSE)
    }

    fn messages_for(&self, slots: u32) -> u32 {
        (f64::from(slots) / self.offers_per_message.max(1.0)).ceil() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_tasks_are_asked_for_one_by_one_and_short_ones_ahead() {
        let mut now = Instant::now();
        let mut prefetch = Prefetch::new(now);
        assert_eq!(prefetch.change(4, 4, 0, now), Some(4));
        assert_eq!(prefetch.change(4, 0, 4, now), None, "as long as everything finds a slot");
        prefetch.returned();
        assert_eq!(prefetch.change(4, 0, 0, now), None, "too soon after the last change");
        now = prefetch.due().expect("it is due");
        assert_eq!(prefetch.change(4, 0, 0, now), Some(0));
        now += CHANGE_PAUSE;
        assert_eq!(prefetch.change(4, 1, 0, now), Some(1));
        now += CHANGE_PAUSE;
        assert_eq!(prefetch.change(4, 0, 1, now), None, "the message in hand is the one");
        for _ in 0..80 {
            prefetch.freed(1, 4, now);
        }
        assert_eq!(prefetch.change(4, 1, 0, now), Some(4));
    }

    #[test]
    fn messages_with_many_offers_are_wanted_less_often() {
        let now = Instant::now();
        let mut prefetch = Prefetch::new(now);
        for _ in 0..100 {
            prefetch.delivered(10);
        }
        assert_eq!(prefetch.change(64, 64, 0, now), Some(7));
        assert_eq!(Prefetch::new(now).change(1, 1, 0, now), Some(1));
    }
}
