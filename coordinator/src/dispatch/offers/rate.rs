//! How often something has happened of late.

/// Over which time it is counted, milliseconds.
const WINDOW_MS: u64 = 1_000;

/// Counts over about the last second.
#[derive(Debug, Default)]
pub(super) struct Rate {
    /// The window that `count` is of: its number since the beginning.
    window: u64,
    count: u64,
    before: u64,
}

impl Rate {
    /// It has happened once more.
    pub(super) fn add(&mut self, now_ms: u64) {
        self.advance(now_ms);
        self.count += 1;
    }

    /// How often it has happened in a second up to now.
    pub(super) fn per_second(&mut self, now_ms: u64) -> u64 {
        self.advance(now_ms);
        let part = now_ms % WINDOW_MS;
        // The window before counts as far as it lies within a second from now.
        self.count + self.before * (WINDOW_MS - part) / WINDOW_MS
    }

    fn advance(&mut self, now_ms: u64) {
        let window = now_ms / WINDOW_MS;
        if window > self.window {
            self.before = if window == self.window + 1 { self.count } else { 0 };
            (self.window, self.count) = (window, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_ago_does_not_count() {
        let mut rate = Rate::default();
        (0..100).for_each(|step| rate.add(10_000 + step));
        assert_eq!(rate.per_second(10_500), 100);
        assert_eq!(rate.per_second(11_500), 50);
        assert_eq!(rate.per_second(12_000), 0);
    }
}
