//! When the next execution is started, and which one it is.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Timers tick in milliseconds. A lane that was free and slept starts its execution late by up to this much through no fault of the
/// server; anything beyond it counts.
const TIMER_GRAIN: Duration = Duration::from_millis(2);

/// Leave to start one execution.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket {
    pub(crate) number: u64,
    /// Latencies count from here. In an open loop this is when the execution was due: an execution that waits for a free lane
    /// because the server is slow has been waiting since then (otherwise a stall would hide the very latencies it causes).
    pub(crate) intended: Instant,
}

/// Hands out tickets to all lanes.
#[derive(Debug)]
pub(crate) struct Pace {
    begun: Instant,
    deadline: Option<Instant>,
    /// Executions in all.
    limit: u64,
    /// Starts a second in an open loop; `None` in a closed one, where a free lane starts at once.
    rate: Option<u32>,
    next: Cell<u64>,
    stopped: Cell<bool>,
}

impl Pace {
    pub(crate) fn new(seconds: Option<u64>, executions: Option<u64>, rate: Option<u32>) -> Self {
        let begun = Instant::now();
        Self {
            begun,
            deadline: seconds.map(|seconds| begun + Duration::from_secs(seconds)),
            limit: executions.unwrap_or(u64::MAX),
            rate,
            next: Cell::new(0),
            stopped: Cell::new(false),
        }
    }

    /// The next ticket as soon as it is due, `None` when the run is over.
    pub(crate) async fn ticket(&self) -> Option<Ticket> {
        let number = self.next.get();
        let now = Instant::now();
        let due = self.rate.map_or(now, |rate| self.begun + Duration::from_secs_f64(number as f64 / f64::from(rate)));
        let over = self.deadline.is_some_and(|deadline| due >= deadline) || number >= self.limit;
        if over || self.stopped.get() {
            return None;
        }
        self.next.set(number + 1);
        if due <= now {
            return Some(Ticket { number, intended: due });
        }
        sleep_until(due).await;
        Some(Ticket { number, intended: Instant::now().min(due + TIMER_GRAIN) })
    }

    /// Tickets handed out so far.
    pub(crate) fn handed_out(&self) -> u64 {
        self.next.get()
    }

    /// How much of the run is over, 0 to 1.
    pub(crate) fn progress(&self) -> f64 {
        let by_time = self.deadline.map(|deadline| self.begun.elapsed().as_secs_f64() / (deadline - self.begun).as_secs_f64().max(0.001));
        let by_count = self.handed_out() as f64 / self.limit as f64;
        by_time.unwrap_or(0.0).max(by_count).min(1.0)
    }

    /// No more tickets: the run has failed.
    pub(crate) fn stop(&self) {
        self.stopped.set(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_closed_loop_hands_out_tickets_until_its_limit() {
        let pace = Pace::new(None, Some(3), None);
        let mut numbers = Vec::new();
        while let Some(ticket) = pace.ticket().await {
            numbers.push(ticket.number);
        }
        assert_eq!(numbers, [0, 1, 2]);
        assert_eq!(pace.progress(), 1.0);
    }

    #[tokio::test(start_paused = true)]
    async fn an_open_loop_counts_from_the_time_a_start_was_due() {
        let pace = Pace::new(Some(1), None, Some(10));
        let begun = Instant::now();
        pace.ticket().await.expect("the first is due at once");
        // The only lane is busy for half a second; the next four starts have been due meanwhile.
        tokio::time::advance(Duration::from_millis(450)).await;
        let late = pace.ticket().await.expect("due at 100 ms");
        assert_eq!(late.intended - begun, Duration::from_millis(100));
        let mut last = late;
        while let Some(ticket) = pace.ticket().await {
            last = ticket;
        }
        assert_eq!(last.number, 9);
        assert!((Duration::from_millis(900)..=Duration::from_millis(902)).contains(&(last.intended - begun)));
    }
}
