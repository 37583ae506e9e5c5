//! What a run of the scenario found, as a table and as JSON.

use comfy_table::{Table, presets};
use serde::Serialize;

use super::watch::{Counts, Seen};
use super::{CONCURRENCY, NAME, count_problems, expected, results::Written};
use crate::cli::RunArgs;
use crate::server_process::Usage;

/// The whole report; its JSON form is what `--json` writes.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct MapReport {
    pub(crate) scenario: &'static str,
    pub(crate) endpoint: String,
    pub(crate) items: u64,
    pub(crate) max_concurrency: u32,
    /// From the first item that was seen to have ended to the last.
    pub(crate) seconds: f64,
    pub(crate) items_per_second: f64,
    /// From the start of the execution to its end, with all results written.
    pub(crate) seconds_until_end: f64,
    pub(crate) counts: Counts,
    pub(crate) expected_succeeded: u64,
    pub(crate) expected_failed: u64,
    /// Entries in the files of results.
    pub(crate) results_written: Option<u64>,
    /// Resident memory of the server from the first item to the last.
    pub(crate) server_rss: Option<Rss>,
    pub(crate) server: Option<Figures>,
    pub(crate) worker: Option<Figures>,
    pub(crate) problems: Vec<String>,
}

/// Bytes.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Rss {
    pub(crate) first: u64,
    pub(crate) at_a_tenth: u64,
    pub(crate) last: u64,
    pub(crate) max: u64,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) peak_rss_bytes: u64,
    pub(crate) cpu_seconds: f64,
    pub(crate) cpu_us_per_item: f64,
}

impl MapReport {
    pub(super) fn new(args: &RunArgs, items: u64, seen: &Seen) -> Self {
        let (between, count) = seen.between;
        let seconds = between.as_secs_f64();
        let figures = |usage: Option<Usage>| {
            usage.map(|usage| Figures {
                peak_rss_bytes: usage.peak_rss_bytes,
                cpu_seconds: usage.cpu_seconds,
                cpu_us_per_item: usage.cpu_seconds * 1e6 / items as f64,
            })
        };
        let (expected_succeeded, expected_failed) = expected(items);
        Self {
            scenario: NAME,
            endpoint: args.endpoint.url(),
            items,
            max_concurrency: args.in_flight.unwrap_or(CONCURRENCY),
            seconds,
            items_per_second: if seconds > 0.0 { count as f64 / seconds } else { 0.0 },
            seconds_until_end: seen.until_end.as_secs_f64(),
            counts: seen.items,
            expected_succeeded,
            expected_failed,
            results_written: None,
            server_rss: Rss::of(&seen.server_rss),
            server: figures(seen.server),
            worker: figures(seen.worker),
            problems: Vec::new(),
        }
    }

    /// Counters exactly as they must be, and results of every item.
    pub(super) fn judge(&mut self, seen: &Seen, written: Result<&Written, &anyhow::Error>) {
        self.problems = count_problems(seen, self.items);
        match written {
            Ok(written) => {
                self.results_written = Some(written.succeeded + written.failed);
                self.problems.extend(written.problems.clone());
                if (written.succeeded, written.failed) != (self.expected_succeeded, self.expected_failed) {
                    self.problems.push(format!("the results have {} successes and {} failures", written.succeeded, written.failed));
                }
            }
            Err(error) => self.problems.push(format!("the results cannot be read: {error:#}")),
        }
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    pub(crate) fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        for (name, value) in self.rows() {
            table.add_row([name.to_owned(), value]);
        }
        table.trim_fmt()
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = vec![
            ("scenario", format!("{}, {} items, {} at once", self.scenario, self.items, self.max_concurrency)),
            ("throughput", format!("{:.0} items/s over {:.2} s", self.items_per_second, self.seconds)),
            ("until the end", format!("{:.2} s, results written", self.seconds_until_end)),
        ];
        if let Some(rss) = self.server_rss {
            let [first, tenth, last, max] = [rss.first, rss.at_a_tenth, rss.last, rss.max].map(mebibytes);
            rows.push(("server's RSS", format!("{first} at the first item, {tenth} at a tenth, {last} at the last, {max} at most")));
        }
        for (name, figures) in [("server", self.server), ("worker", self.worker)] {
            rows.extend(
                figures.map(|figures| (name, format!("{:.2} s of CPU, {:.0} µs an item", figures.cpu_seconds, figures.cpu_us_per_item))),
            );
        }
        let Counts { succeeded, failed, .. } = self.counts;
        let (right, wrong) = (self.expected_succeeded, self.expected_failed);
        rows.push(("counters", format!("{succeeded} succeeded of {right}, {failed} failed of {wrong}")));
        rows.extend(self.results_written.map(|count| ("results", format!("{count} entries"))));
        rows.push(("problems", self.problems.len().to_string()));
        rows.extend(self.problems.iter().map(|problem| ("", problem.clone())));
        rows
    }
}

impl Rss {
    fn of(looks: &[(f64, u64)]) -> Option<Self> {
        let ((_, first), (until, last)) = (*looks.first()?, *looks.last()?);
        let tenth = looks.iter().find(|(at, _)| *at >= until / 10.0).map_or(first, |(_, bytes)| *bytes);
        let max = looks.iter().map(|(_, bytes)| *bytes).max().unwrap_or(last);
        Some(Self { first, at_a_tenth: tenth, last, max })
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / (1024.0 * 1024.0))
}
