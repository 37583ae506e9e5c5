//! Retriers: which one takes a fault, and when the next attempt comes.

use baton_asl::{Jitter, Retrier};
use baton_query::Random;

use super::{Fault, matching::matches};
use crate::{Timestamp, evaluator::Evaluator};

/// Set apart from the positions that expressions draw at, so that a jitter and a `States.UUID()` share no numbers.
const JITTER_STREAM: u64 = 0x006a_6974_7465_7221;

/// The retrier (by position) that takes the fault, and when the next attempt comes. The first that names the fault decides: when
/// its attempts are used up, later ones are not asked.
pub(crate) fn next(at: &Evaluator<'_>, fault: &Fault) -> Option<(u32, Timestamp)> {
    let (index, retrier) = naming(at, fault)?;
    let used = u64::from(at.visit.retries.get(index).copied().unwrap_or(0));
    if used >= retrier.max_attempts {
        return None;
    }
    let random = Random::new(at.execution.start.seed ^ JITTER_STREAM, at.execution.next_event_id);
    Some((index as u32, at.now.saturating_add(delay_ms(retrier, used, &random))))
}

/// The first retrier that names the fault, and its position.
pub(crate) fn naming<'a>(at: &Evaluator<'a>, fault: &Fault) -> Option<(usize, &'a Retrier)> {
    at.state.retry.iter().enumerate().find(|(_, retrier)| matches(&retrier.error_equals, fault))
}

/// The delay before retry number `used + 1`: IntervalSeconds × BackoffRate ^ used, at most MaxDelaySeconds, and with FULL jitter
/// anywhere between nothing and that.
fn delay_ms(retrier: &Retrier, used: u64, random: &Random) -> i64 {
    let rising = retrier.interval_seconds as f64 * retrier.backoff_rate.powf(used as f64);
    let seconds = rising.min(retrier.max_delay_seconds.map_or(f64::INFINITY, |seconds| seconds as f64));
    let drawn = match retrier.jitter {
        Jitter::None => seconds,
        Jitter::Full => seconds * random.next_f64(),
    };
    // A cast from a float saturates: a delay without bound becomes one beyond any deadline.
    (drawn * 1_000.0).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retrier(interval_seconds: u64, backoff_rate: f64, max_delay_seconds: Option<u64>, jitter: Jitter) -> Retrier {
        Retrier { error_equals: Vec::new(), interval_seconds, max_attempts: 9, backoff_rate, max_delay_seconds, jitter }
    }

    #[test]
    fn delays_rise_to_their_maximum() {
        let random = Random::new(1, 1);
        let delays = |retrier: Retrier| (0..4).map(|used| delay_ms(&retrier, used, &random)).collect::<Vec<_>>();
        assert_eq!(delays(retrier(2, 2.0, None, Jitter::None)), [2_000, 4_000, 8_000, 16_000]);
        assert_eq!(delays(retrier(3, 2.0, Some(5), Jitter::None)), [3_000, 5_000, 5_000, 5_000]);
        assert_eq!(delays(retrier(1, 1.5, None, Jitter::None)), [1_000, 1_500, 2_250, 3_375]);
        assert_eq!(delay_ms(&retrier(99_999_999, 10.0, None, Jitter::None), 5_000, &random), i64::MAX);
    }

    #[test]
    fn full_jitter_is_even_over_the_whole_delay() {
        let retrier = retrier(10, 1.0, None, Jitter::Full);
        let drawn: Vec<i64> = (0..10_000).map(|position| delay_ms(&retrier, 0, &Random::new(7, position))).collect();
        assert!(drawn.iter().all(|delay| (0..=10_000).contains(delay)));
        for tenth in 0..10 {
            let count = drawn.iter().filter(|delay| (tenth * 1_000..(tenth + 1) * 1_000).contains(*delay)).count();
            assert!((850..1_150).contains(&count), "tenth {tenth} was drawn {count} times");
        }
    }
}
