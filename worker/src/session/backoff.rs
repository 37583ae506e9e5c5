//! Pauses between attempts to connect: doubling, with jitter, never longer than five seconds, for ever.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
const MAX: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The next pause. `random` is any random number; between half and all of the doubled pause is taken, so that many workers do not come back at once.
    pub(super) fn next(&mut self, random: u64) -> Duration {
        let pause = FIRST.saturating_mul(1 << self.failures.min(7)).min(MAX);
        self.failures = self.failures.saturating_add(1);
        let share = 0.5 + (random % 1_000) as f64 / 2_000.0;
        pause.mul_f64(share)
    }

    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_bound_and_start_over() {
        let mut backoff = Backoff::default();
        let longest: Vec<_> = (0..10).map(|_| backoff.next(999).as_millis()).collect();
        assert_eq!(longest, [49, 99, 199, 399, 799, 1_599, 3_198, 4_997, 4_997, 4_997]);
        assert_eq!(backoff.next(0), MAX / 2);
        backoff.reset();
        assert_eq!(backoff.next(0), FIRST / 2);
    }
}
