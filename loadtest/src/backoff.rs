//! Pauses between tries that get longer, up to a limit in all.

use std::time::Duration;

use tokio::time::{Instant, sleep};

const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// The pauses of one call.
#[derive(Debug)]
pub(crate) struct Backoff {
    deadline: Option<Instant>,
    patience: Duration,
    pause: Duration,
}

impl Backoff {
    /// Gives up `patience` after the first pause.
    pub(crate) fn new(patience: Duration) -> Self {
        Self { deadline: None, patience, pause: FIRST_PAUSE }
    }

    /// Pauses; false if patience has run out.
    pub(crate) async fn wait(&mut self) -> bool {
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + self.patience);
        if Instant::now() >= deadline {
            return false;
        }
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        true
    }

    pub(crate) fn has_waited(&self) -> bool {
        self.deadline.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn gives_up_after_its_patience() {
        let begun = Instant::now();
        let mut backoff = Backoff::new(Duration::from_secs(3));
        assert!(!backoff.has_waited());
        while backoff.wait().await {}
        assert!(backoff.has_waited());
        let taken = begun.elapsed();
        assert!(taken >= Duration::from_secs(3) && taken < Duration::from_secs(4), "{taken:?}");
    }
}
