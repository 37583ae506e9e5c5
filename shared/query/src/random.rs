//! Random numbers from a seed, so that an evaluation can be repeated: SplitMix64, whose state is one counter.

use std::cell::Cell;

/// The step of the counter: 2^64 divided by the golden ratio, made odd.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A generator of deterministic random numbers. Not for secrets.
#[derive(Debug)]
pub struct Random {
    counter: Cell<u64>,
}

impl Random {
    /// The generator of an execution's `seed` at `position`, the number of the place that draws (an event id, say).
    /// Neighbouring positions give unrelated numbers.
    pub fn new(seed: u64, position: u64) -> Self {
        Random { counter: Cell::new(mix(seed) ^ mix(position.wrapping_mul(STEP).wrapping_add(1))) }
    }

    /// The next number, all 64 bits random.
    pub fn next_u64(&self) -> u64 {
        let counter = self.counter.get().wrapping_add(STEP);
        self.counter.set(counter);
        mix(counter)
    }

    /// The next number `x` with `0 <= x < 1`.
    pub fn next_f64(&self) -> f64 {
        unit_interval(self.next_u64())
    }

    /// The next whole number `x` with `start <= x < end`; `start` when the range is empty.
    pub fn next_in(&self, start: i64, end: i64) -> i64 {
        let width = end.saturating_sub(start).max(1).unsigned_abs();
        // The high half of the product is evenly spread over the width but for a bias of width / 2^64.
        let offset = (u128::from(self.next_u64()) * u128::from(width)) >> 64;
        start.saturating_add(i64::try_from(offset).unwrap_or(i64::MAX))
    }

    /// The next UUID: version 4, lower case with hyphens.
    pub fn uuid(&self) -> String {
        uuid_text(self.next_u64(), self.next_u64())
    }

    pub(crate) fn counter(&self) -> u64 {
        self.counter.get()
    }

    pub(crate) fn set_counter(&self, counter: u64) {
        self.counter.set(counter);
    }
}

/// SplitMix64's output function: every bit of the result depends on every bit of `x`.
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The 53 high bits, as a fraction of 2^53.
fn unit_interval(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

fn uuid_text(high: u64, low: u64) -> String {
    let high = (high & !0xf000) | 0x4000;
    let low = (low & !(0b11 << 62)) | (0b10 << 62);
    format!("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, (high >> 16) & 0xffff, high & 0xffff, low >> 48, low & 0xffff_ffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_position_give_the_same_numbers() {
        let draw = |seed, position| {
            let random = Random::new(seed, position);
            [random.next_u64(), random.next_u64(), random.next_u64()]
        };
        assert_eq!(draw(7, 3), draw(7, 3));
        assert_ne!(draw(7, 3), draw(7, 4));
        assert_ne!(draw(7, 3), draw(8, 3));
        assert_ne!(draw(0, 0)[0], draw(0, 0)[1]);
    }

    #[test]
    fn fractions_and_ranges_stay_inside() {
        let random = Random::new(1, 1);
        let mut seen = [0; 3];
        for _ in 0..3000 {
            let x = random.next_f64();
            assert!((0.0..1.0).contains(&x));
            let n = random.next_in(-1, 2);
            seen[usize::try_from(n + 1).expect("from -1 to 1")] += 1;
        }
        assert!(seen.iter().all(|count| (800..1200).contains(count)), "{seen:?}");
        assert_eq!(random.next_in(5, 5), 5);
        assert!(random.next_in(i64::MIN, i64::MAX) < i64::MAX);
    }

    #[test]
    fn a_uuid_is_version_4_variant_1() {
        let text = Random::new(42, 0).uuid();
        let parts: Vec<&str> = text.split('-').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert!(text.chars().all(|c| c == '-' || c.is_ascii_digit() || ('a'..='f').contains(&c)));
        assert!(parts[2].starts_with('4'));
        assert!(parts[3].starts_with(['8', '9', 'a', 'b']));
    }
}
