//! How long a host may go on before others get their turn.
//!
//! What executions evaluate may take long, and hosts share their threads with everything that waits for sockets and timers. So a decision
//! ends after its turn, a round after its time, and a host that has been slow runs its rounds apart from the runtime until it is quick again.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// What one decision may take before it yields. What it evaluates then is still evaluated to its end.
const TURN: Duration = Duration::from_millis(5);
/// What messages, and then turns, may take in one round.
const ROUND: Duration = Duration::from_millis(10);
/// A single message or turn that takes so long makes a host slow,
const SLOW: Duration = Duration::from_millis(20);
/// for this long at least.
const SLOW_FOR: Duration = Duration::from_secs(1);

/// The turn of one decision. It begins when it is first asked about.
#[derive(Debug, Default)]
pub(in crate::cluster) struct Turn {
    began: Cell<Option<Instant>>,
}

impl Turn {
    /// Another decision is about to begin.
    pub(in crate::cluster) fn begin(&self) {
        self.began.set(None);
    }

    pub(in crate::cluster) fn is_over(&self) -> bool {
        let now = Instant::now();
        match self.began.get() {
            Some(began) => now - began >= TURN,
            None => {
                self.began.set(Some(now));
                false
            }
        }
    }
}

/// The time of a round, and how a host has done lately.
#[derive(Debug)]
pub(in crate::cluster) struct Pace {
    round_began: Cell<Instant>,
    /// When it was last asked whether the round is over.
    looked: Cell<Instant>,
    slow_until: Cell<Option<Instant>>,
}

impl Default for Pace {
    fn default() -> Self {
        let now = Instant::now();
        Self { round_began: Cell::new(now), looked: Cell::new(now), slow_until: Cell::new(None) }
    }
}

impl Pace {
    /// A round begins. Until now the host has waited.
    pub(in crate::cluster) fn begin_round(&self) -> Instant {
        let now = Instant::now();
        self.round_began.set(now);
        self.looked.set(now);
        now
    }

    /// A part of the round is through: timers, and those who go on by themselves, have as much time again.
    pub(in crate::cluster) fn begin_turns(&self) {
        let now = Instant::now();
        self.note_slowness(now);
        self.round_began.set(now);
        self.looked.set(now);
    }

    /// The round is through. Answers how long it has kept others from their work, milliseconds; 0 if that is not worth speaking of.
    pub(in crate::cluster) fn end_round(&self, began: Instant) -> i64 {
        let now = Instant::now();
        self.note_slowness(now);
        let took = now - began;
        if took >= SLOW { i64::try_from(took.as_millis()).unwrap_or(i64::MAX) } else { 0 }
    }

    /// Whether the rest is to be done in the next round. Asked before each message and each turn.
    pub(in crate::cluster) fn is_round_over(&self) -> bool {
        let now = Instant::now();
        self.note_slowness(now);
        self.looked.set(now);
        now - self.round_began.get() >= ROUND
    }

    /// Whether rounds are better run apart from the runtime's other tasks.
    pub(in crate::cluster) fn is_slow(&self) -> bool {
        self.slow_until.get().is_some_and(|until| Instant::now() < until)
    }

    fn note_slowness(&self, now: Instant) {
        if now - self.looked.get() >= SLOW {
            self.slow_until.set(Some(now + SLOW_FOR));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_begins_when_it_is_asked_about_and_ends_after_its_time() {
        let turn = Turn::default();
        assert!(!turn.is_over());
        std::thread::sleep(TURN);
        assert!(turn.is_over());
        turn.begin();
        assert!(!turn.is_over());
    }

    #[test]
    fn one_slow_message_makes_a_host_slow_and_waiting_does_not() {
        let pace = Pace::default();
        std::thread::sleep(SLOW);
        pace.begin_round();
        assert!(!pace.is_slow(), "it has only waited");
        std::thread::sleep(SLOW);
        assert!(pace.is_round_over());
        assert!(pace.is_slow());
    }
}
