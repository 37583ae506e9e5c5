//! What a run found, as a table and as JSON.

use std::collections::BTreeMap;

use comfy_table::{CellAlignment, Table, presets};
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::probe::Probes;
use crate::run::Tally;
use crate::scenario::{Finish, Scenario};
use crate::server_process::Usage;

/// The whole report; its JSON form is what `--json` writes.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) scenario: String,
    pub(crate) endpoint: String,
    /// `closed` (a free lane starts the next execution) or `open` (starts come at their rate, whatever the server does).
    #[serde(rename = "loop")]
    pub(crate) form: &'static str,
    pub(crate) in_flight: u32,
    pub(crate) rate_per_second: Option<u32>,
    /// First start to last end.
    pub(crate) seconds: f64,
    pub(crate) started: u64,
    pub(crate) ended: u64,
    pub(crate) throughput_per_second: f64,
    /// What `latency` spans, and by whose clock.
    pub(crate) latency_of: &'static str,
    pub(crate) latency: Option<Latency>,
    /// Until StartExecution was answered.
    pub(crate) start_latency: Option<Latency>,
    /// From the beginning until a worker had the first task, of the histories that were read, by their dates, which are whole milliseconds.
    pub(crate) first_task_latency: Option<Latency>,
    pub(crate) checked: Checked,
    /// Starts that were repeated, by error.
    pub(crate) retries: BTreeMap<String, u64>,
    pub(crate) server: Option<ProcessFigures>,
    pub(crate) worker: Option<ProcessFigures>,
    pub(crate) generator: Option<ProcessFigures>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) probes: Option<Probes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sleepers: Option<Sleepers>,
}

/// Milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Latency {
    count: u64,
    p50_ms: f64,
    p90_ms: f64,
    p99_ms: f64,
    p99_9_ms: f64,
    max_ms: f64,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Checked {
    /// Executions that were looked at and were as expected.
    pub(crate) as_expected: u64,
    /// Histories that were read whole and found gap-free.
    pub(crate) histories: u64,
    /// Whether there are histories to read.
    #[serde(skip)]
    are_kept: bool,
    pub(crate) not_accepted: u64,
    pub(crate) problem_count: u64,
    /// The first of them.
    pub(crate) problems: Vec<String>,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct ProcessFigures {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pid: Option<u32>,
    pub(crate) peak_rss_bytes: u64,
    /// User and system time during the load.
    pub(crate) cpu_seconds: f64,
    pub(crate) cpu_us_per_workflow: f64,
}

/// Figures of waiting executions.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Sleepers {
    pub(crate) base_rss_bytes: Option<u64>,
    /// After the settling time, in which a server may put idle executions away.
    pub(crate) resting_rss_bytes: Option<u64>,
    pub(crate) bytes_per_execution: Option<f64>,
    /// Kill -9, restart, first right answer about a waiting execution.
    pub(crate) kill_to_answer_ms: Option<f64>,
    pub(crate) rss_after_restart_bytes: Option<u64>,
}

/// Usage of every process that takes part, at one moment or between two.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usages {
    pub(crate) server: Option<Usage>,
    pub(crate) worker: Option<Usage>,
    pub(crate) generator: Option<Usage>,
}

impl Usages {
    /// Processor time since `before`; memory as it is now.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let since = |now: Option<Usage>, before: Option<Usage>| {
            let (now, before) = (now?, before?);
            Some(Usage { cpu_seconds: now.cpu_seconds - before.cpu_seconds, ..now })
        };
        Self {
            server: since(self.server, before.server),
            worker: since(self.worker, before.worker),
            generator: since(self.generator, before.generator),
        }
    }
}

/// What a report is made of, beside the tally.
#[derive(Debug)]
pub(crate) struct Measured<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) endpoint: String,
    pub(crate) rate: Option<u32>,
    pub(crate) in_flight: u32,
    pub(crate) server_pid: Option<u32>,
    pub(crate) histories: u64,
    pub(crate) used: Usages,
}

impl Report {
    pub(crate) fn new(measured: &Measured<'_>, tally: &Tally) -> Self {
        let (seconds, count) = span(measured.scenario.finish, tally);
        let figures = |usage: Option<Usage>, pid: Option<u32>| {
            usage.map(|usage| ProcessFigures {
                pid,
                peak_rss_bytes: usage.peak_rss_bytes,
                cpu_seconds: usage.cpu_seconds,
                cpu_us_per_workflow: usage.cpu_seconds * 1e6 / tally.accepted.max(1) as f64,
            })
        };
        Self {
            scenario: measured.scenario.name.clone(),
            endpoint: measured.endpoint.clone(),
            form: if measured.rate.is_some() { "open" } else { "closed" },
            in_flight: measured.in_flight,
            rate_per_second: measured.rate,
            seconds,
            started: tally.accepted,
            ended: tally.ended,
            throughput_per_second: if seconds > 0.0 { count as f64 / seconds } else { 0.0 },
            latency_of: latency_of(measured.scenario.finish),
            latency: Latency::of(&tally.end_latency),
            start_latency: Latency::of(&tally.start_latency),
            first_task_latency: Latency::of(&tally.first_task_latency),
            checked: Checked {
                as_expected: tally.as_expected,
                histories: measured.histories,
                are_kept: !measured.scenario.finish.is_express(),
                not_accepted: tally.not_accepted.len() as u64,
                problem_count: tally.problem_count,
                problems: tally.problems.clone(),
            },
            retries: tally.retries.clone(),
            server: figures(measured.used.server, measured.server_pid),
            worker: figures(measured.used.worker, None),
            generator: figures(measured.used.generator, None),
            probes: None,
            sleepers: None,
        }
    }

    /// Whether something was started and everything was as it must be.
    pub(crate) fn is_sound(&self) -> bool {
        let has_read = self.checked.histories > 0 || !self.checked.are_kept;
        self.started > 0 && self.checked.problem_count == 0 && self.checked.as_expected == self.started && has_read
    }

    pub(crate) fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        for (name, value) in self.rows() {
            table.add_row([name, value]);
        }
        if let Some(column) = table.column_mut(1) {
            column.set_cell_alignment(CellAlignment::Left);
        }
        table.trim_fmt()
    }

    fn rows(&self) -> Vec<(String, String)> {
        let mut rows = vec![
            ("scenario".to_owned(), format!("{}, {} loop, {} in flight", self.scenario, self.form, self.in_flight)),
            ("executions".to_owned(), format!("{} started, {} ended in {:.2} s", self.started, self.ended, self.seconds)),
            ("throughput".to_owned(), format!("{:.0} /s", self.throughput_per_second)),
        ];
        let latencies =
            [(self.latency_of, self.latency), ("start", self.start_latency), ("beginning to first task", self.first_task_latency)];
        rows.extend(latencies.into_iter().filter_map(|(name, latency)| Some((format!("latency, {name}"), latency?.text()))));
        let processes = [("server", self.server), ("worker", self.worker), ("generator", self.generator)];
        rows.extend(processes.into_iter().filter_map(|(name, figures)| Some((name.to_owned(), figures?.text()))));
        if let Some(probes) = self.probes {
            rows.push(("flush p50".to_owned(), format!("{:.0} µs", probes.flush_p50_us)));
            rows.push(("gRPC round trip p50".to_owned(), format!("{:.0} µs", probes.grpc_round_trip_p50_us)));
        }
        rows.extend(self.sleepers.iter().flat_map(Sleepers::rows));
        rows.extend(self.retries.iter().map(|(error, count)| (format!("retried, {error}"), count.to_string())));
        let checked = &self.checked;
        rows.push((
            "checked".to_owned(),
            format!("{} executions as expected, {} histories gap-free", checked.as_expected, checked.histories),
        ));
        rows.push(("problems".to_owned(), format!("{} ({} starts not accepted)", checked.problem_count, checked.not_accepted)));
        rows.extend(checked.problems.iter().map(|problem| (String::new(), problem.clone())));
        rows
    }
}

/// Seconds that the load took, and how many executions count for its throughput.
fn span(finish: Finish, tally: &Tally) -> (f64, u64) {
    match finish {
        Finish::Wait | Finish::Sync | Finish::Counted => {
            (tally.first_start.zip(tally.last_end).map_or(0.0, |(first, last)| (last - first).as_secs_f64()), tally.ended)
        }
        Finish::Later => (tally.dates.map_or(0.0, |(earliest, latest)| latest - earliest), tally.ended),
        Finish::Sleep => {
            (tally.first_start.zip(tally.last_accepted).map_or(0.0, |(first, last)| (last - first).as_secs_f64()), tally.accepted)
        }
    }
}

fn latency_of(finish: Finish) -> &'static str {
    match finish {
        Finish::Wait | Finish::Sync => "start to end, seen by the client",
        Finish::Counted => "none: ends are counted",
        Finish::Later => "start to end, by the server's dates",
        Finish::Sleep => "none: nothing ends",
    }
}

impl Latency {
    pub(crate) fn of(histogram: &Histogram<u64>) -> Option<Self> {
        let quantile = |q: f64| histogram.value_at_quantile(q) as f64 / 1e3;
        (!histogram.is_empty()).then(|| Self {
            count: histogram.len(),
            p50_ms: quantile(0.5),
            p90_ms: quantile(0.9),
            p99_ms: quantile(0.99),
            p99_9_ms: quantile(0.999),
            max_ms: histogram.max() as f64 / 1e3,
        })
    }

    pub(crate) fn text(&self) -> String {
        format!(
            "p50 {:.2}  p90 {:.2}  p99 {:.2}  p99.9 {:.2}  max {:.2} ms",
            self.p50_ms, self.p90_ms, self.p99_ms, self.p99_9_ms, self.max_ms
        )
    }
}

impl ProcessFigures {
    fn text(&self) -> String {
        let pid = self.pid.map_or(String::new(), |pid| format!("pid {pid}, "));
        let (cpu, each) = (self.cpu_seconds, self.cpu_us_per_workflow);
        format!("{pid}{cpu:.2} s of CPU, {each:.0} µs a workflow, peak RSS {}", mebibytes(self.peak_rss_bytes))
    }
}

impl Sleepers {
    fn rows(&self) -> Vec<(String, String)> {
        let rows = [
            ("RSS before", self.base_rss_bytes.map(mebibytes)),
            ("RSS at rest", self.resting_rss_bytes.map(mebibytes)),
            ("memory each", self.bytes_per_execution.map(|bytes| format!("{bytes:.0} bytes"))),
            ("kill -9 to first answer", self.kill_to_answer_ms.map(|ms| format!("{ms:.0} ms"))),
            ("RSS after restart", self.rss_after_restart_bytes.map(mebibytes)),
        ];
        rows.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / (1024.0 * 1024.0))
}
