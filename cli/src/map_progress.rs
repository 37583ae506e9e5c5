//! How far a Map Run is: its counters, how fast they move, and how long that leaves.

use std::collections::VecDeque;

use owo_colors::OwoColorize;
use serde_json::Value;

use crate::output::duration;

/// The rate is that of the last so many milliseconds.
const RATE_OVER_MS: i64 = 15_000;
/// Cells of a bar.
const BAR: u64 = 24;

/// A Map Run as it is looked at again and again.
#[derive(Debug)]
pub(crate) struct MapProgress {
    arn: String,
    counts: Counts,
    status: String,
    /// When, and how many items had ended then.
    seen: VecDeque<(i64, u64)>,
    /// The run has said that items wait: it knows how many there are.
    is_total_known: bool,
}

/// `itemCounts` of DescribeMapRun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    total: u64,
    running: u64,
    succeeded: u64,
    failed: u64,
    timed_out: u64,
    aborted: u64,
    pending: u64,
    pending_redrive: u64,
}

impl Counts {
    fn of(run: &Value) -> Self {
        let count = |name: &str| run["itemCounts"][name].as_u64().unwrap_or_default();
        Self {
            total: count("total"),
            running: count("running"),
            succeeded: count("succeeded"),
            failed: count("failed"),
            timed_out: count("timedOut"),
            aborted: count("aborted"),
            pending: count("pending"),
            pending_redrive: count("pendingRedrive"),
        }
    }

    fn ended(&self) -> u64 {
        self.succeeded + self.failed + self.timed_out + self.aborted
    }
}

impl MapProgress {
    pub(crate) fn new(arn: &str) -> Self {
        Self { arn: arn.to_owned(), counts: Counts::default(), status: String::new(), seen: VecDeque::new(), is_total_known: false }
    }

    pub(crate) fn arn(&self) -> &str {
        &self.arn
    }

    /// Whether there is nothing more to see.
    pub(crate) fn has_ended(&self) -> bool {
        !self.status.is_empty() && self.status != "RUNNING"
    }

    /// It goes on: what it came to is no end any more.
    pub(crate) fn reopen(&mut self) {
        self.status.clear();
        self.seen.clear();
    }

    /// Takes an answer of DescribeMapRun, in milliseconds since 1970.
    pub(crate) fn update(&mut self, run: &Value, now: i64) {
        self.counts = Counts::of(run);
        self.status = run["status"].as_str().unwrap_or_default().to_owned();
        // Items that are still to be read from their source count only then.
        self.is_total_known |= self.counts.pending > 0 || self.counts.pending_redrive > 0 || self.has_ended();
        self.seen.push_back((now, self.counts.ended()));
        while self.seen.len() > 2 && self.seen[1].0 <= now - RATE_OVER_MS {
            self.seen.pop_front();
        }
    }

    /// Items that end in a second, of late.
    fn rate(&self) -> Option<f64> {
        let ((from, before), (to, now)) = (*self.seen.front()?, *self.seen.back()?);
        (to > from && now > before).then(|| (now - before) as f64 * 1e3 / (to - from) as f64)
    }

    fn left_ms(&self) -> Option<i64> {
        let left = self.counts.total.saturating_sub(self.counts.ended());
        self.rate().filter(|_| self.is_total_known && !self.has_ended()).map(|rate| (left as f64 / rate * 1e3) as i64)
    }

    /// One line, coloured: a bar where the end is known, counters, rate and time left.
    pub(crate) fn line(&self) -> String {
        if self.status.is_empty() {
            return String::new();
        }
        let Counts { total, running, .. } = self.counts;
        let ended = self.counts.ended();
        let mut parts = Vec::new();
        if self.is_total_known {
            // Of nothing all has ended, unless nothing came of it because its items could not be read.
            let of_nothing = u64::from(!self.has_bad_end());
            let share = (ended * 100).checked_div(total).unwrap_or(100 * of_nothing);
            let filled = (ended * BAR).checked_div(total).unwrap_or(BAR * of_nothing) as usize;
            let bar = format!("{}{}", "█".repeat(filled), "░".repeat(BAR as usize - filled));
            parts.push(format!("{} {share:>3} %", if self.has_bad_end() { bar.red().to_string() } else { bar.green().to_string() }));
            parts.push(format!("{} of {} items", grouped(ended), grouped(total)));
        } else {
            parts.push(format!("{} items", grouped(ended)));
        }
        if !self.has_ended() && running > 0 {
            parts.push(format!("{} running", grouped(running)));
        }
        parts.extend(self.unsuccessful());
        if let Some(rate) = self.rate().filter(|_| !self.has_ended()) {
            parts.push(rate_text(rate).dimmed().to_string());
        }
        if let Some(left) = self.left_ms() {
            parts.push(format!("{} left", duration(left)).dimmed().to_string());
        }
        parts.join("  ")
    }

    fn has_bad_end(&self) -> bool {
        matches!(self.status.as_str(), "FAILED" | "ABORTED")
    }

    fn unsuccessful(&self) -> impl Iterator<Item = String> {
        let Counts { failed, timed_out, aborted, pending_redrive, .. } = self.counts;
        let named = [(failed, "failed"), (timed_out, "timed out"), (aborted, "aborted"), (pending_redrive, "to be redriven")];
        named.into_iter().filter(|(count, _)| *count > 0).map(|(count, name)| format!("{} {name}", grouped(count)).red().to_string())
    }
}

/// A number with a comma before each three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let mut out = digits[..first].to_owned();
    for group in digits.as_bytes()[first..].chunks(3) {
        if !out.is_empty() {
            out.push(',');
        }
        out.extend(group.iter().map(|digit| char::from(*digit)));
    }
    out
}

fn rate_text(rate: f64) -> String {
    if rate >= 10.0 { format!("{}/s", grouped(rate.round() as u64)) } else { format!("{rate:.1}/s") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(status: &str, succeeded: u64, failed: u64, running: u64, pending: u64) -> Value {
        let total = succeeded + failed + running + pending;
        let counts = json!({"succeeded": succeeded, "failed": failed, "running": running, "pending": pending, "total": total});
        json!({"status": status, "itemCounts": counts})
    }

    fn plain(progress: &MapProgress) -> String {
        anstream::adapter::strip_str(&progress.line()).to_string()
    }

    #[test]
    fn a_bar_has_counters_rate_and_time_left() {
        let mut progress = MapProgress::new("arn");
        assert_eq!(plain(&progress), "");
        progress.update(&run("RUNNING", 0, 0, 1_000, 9_000), 10_000);
        assert_eq!(plain(&progress), "░░░░░░░░░░░░░░░░░░░░░░░░   0 %  0 of 10,000 items  1,000 running");
        progress.update(&run("RUNNING", 2_450, 50, 1_000, 6_500), 12_000);
        let half = "██████░░░░░░░░░░░░░░░░░░  25 %  2,500 of 10,000 items  1,000 running  50 failed  1,250/s  6.0 s left";
        assert_eq!(plain(&progress), half);
        progress.update(&run("SUCCEEDED", 9_800, 200, 0, 0), 20_000);
        assert!(progress.has_ended());
        assert_eq!(plain(&progress), "████████████████████████ 100 %  10,000 of 10,000 items  200 failed");
    }

    #[test]
    fn a_run_whose_items_could_not_be_read_has_done_nothing() {
        let mut progress = MapProgress::new("arn");
        progress.update(&run("FAILED", 0, 0, 0, 0), 10_000);
        assert_eq!(plain(&progress), "░░░░░░░░░░░░░░░░░░░░░░░░   0 %  0 of 0 items");
        progress.update(&run("SUCCEEDED", 0, 0, 0, 0), 11_000);
        assert_eq!(plain(&progress), "████████████████████████ 100 %  0 of 0 items");
    }

    #[test]
    fn where_the_end_is_not_known_nothing_is_promised() {
        let mut progress = MapProgress::new("arn");
        progress.update(&run("RUNNING", 10, 0, 5, 0), 0);
        progress.update(&run("RUNNING", 20, 0, 5, 0), 4_000);
        assert_eq!(plain(&progress), "20 items  5 running  2.5/s");
    }

    #[test]
    fn the_rate_is_of_late() {
        let mut progress = MapProgress::new("arn");
        for second in 0..100 {
            let done = if second < 50 { second * 100 } else { 5_000 + (second - 50) * 10 };
            progress.update(&run("RUNNING", done as u64, 0, 1, 100_000), second * 1_000);
        }
        assert!(plain(&progress).contains("  10/s"), "{}", plain(&progress));
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 12, 123, 1_234, 123_456, 1_234_567].map(grouped), ["0", "12", "123", "1,234", "123,456", "1,234,567"]);
    }
}
