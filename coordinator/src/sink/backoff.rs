//! Trying again, later and later.

use std::time::Duration;

/// Pauses between the tries of one call: they double, and are drawn at random from their upper half so that callers do not march in step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    next: Duration,
    longest: Duration,
    /// Tries that are left after the first.
    left: u32,
}

impl Backoff {
    /// About six seconds in all: longer than a restart of whoever is called, shorter than anybody's patience at the end of a server.
    pub(crate) fn usual() -> Self {
        Self::new(Duration::from_millis(200), Duration::from_secs(3), 6)
    }

    fn new(first: Duration, longest: Duration, tries: u32) -> Self {
        Self { next: first, longest, left: tries - 1 }
    }

    /// Waits for the next try; false if there is none.
    pub(crate) async fn again(&mut self) -> bool {
        if self.left == 0 {
            return false;
        }
        tokio::time::sleep(drawn(self.next)).await;
        self.left -= 1;
        self.next = (self.next * 2).min(self.longest);
        true
    }
}

fn drawn(pause: Duration) -> Duration {
    let random = getrandom::u32().expect("the operating system gives random numbers");
    pause.mul_f64(0.5 + f64::from(random) / f64::from(u32::MAX) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pauses_double_up_to_the_longest_and_end() {
        let mut backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(3), 4);
        let mut pauses = Vec::new();
        while backoff.again().await {
            pauses.push(backoff.next.as_millis());
        }
        assert_eq!(pauses, [2, 3, 3]);
    }

    #[test]
    fn what_is_drawn_is_in_the_upper_half() {
        let pause = Duration::from_millis(100);
        assert!((0..1_000).map(|_| drawn(pause)).all(|drawn| drawn >= pause / 2 && drawn <= pause));
    }
}
