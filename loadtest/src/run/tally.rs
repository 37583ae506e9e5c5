//! What a run has counted and timed.

use std::collections::{BTreeMap, BTreeSet};

use hdrhistogram::Histogram;
use tokio::time::Instant;

use super::pace::Ticket;
use crate::api::{ApiError, Execution};

/// Problems kept word for word; the rest are counted.
const PROBLEMS_KEPT: usize = 20;
/// A run in which more starts than this fail tells nothing.
const NOT_ACCEPTED_MAX: usize = 1000;

/// Counters and histograms of one run. Memory does not grow with the number of executions.
#[derive(Debug)]
pub(crate) struct Tally {
    /// StartExecution calls that were answered with 200.
    pub(crate) accepted: u64,
    /// Executions whose end was seen, as expected or not.
    pub(crate) ended: u64,
    /// Executions that were as expected when they were looked at.
    pub(crate) as_expected: u64,
    /// Starts that had to be repeated, by the error that made it necessary.
    pub(crate) retries: BTreeMap<String, u64>,
    /// Numbers of the executions that the server did not accept.
    pub(crate) not_accepted: BTreeSet<u64>,
    pub(crate) problem_count: u64,
    pub(crate) problems: Vec<String>,
    /// Intended start to the answer of StartExecution, µs.
    pub(crate) start_latency: Histogram<u64>,
    /// Intended start to the end, µs: as the client saw it, or by the server's own dates (ms) where the end was looked at later.
    pub(crate) end_latency: Histogram<u64>,
    /// Beginning to the first task with a worker, µs, of the histories that were read, by their dates (ms).
    pub(crate) first_task_latency: Histogram<u64>,
    pub(crate) first_start: Option<Instant>,
    pub(crate) last_accepted: Option<Instant>,
    pub(crate) last_end: Option<Instant>,
    /// Earliest startDate and latest stopDate, epoch seconds by the server's clock.
    pub(crate) dates: Option<(f64, f64)>,
}

impl Tally {
    pub(crate) fn new() -> Self {
        // An hour is more than any execution under load takes; longer ones saturate.
        let histogram = || Histogram::new_with_max(3_600_000_000, 3).expect("bounds that hdrhistogram accepts");
        Self {
            accepted: 0,
            ended: 0,
            as_expected: 0,
            retries: BTreeMap::new(),
            not_accepted: BTreeSet::new(),
            problem_count: 0,
            problems: Vec::new(),
            start_latency: histogram(),
            end_latency: histogram(),
            first_task_latency: histogram(),
            first_start: None,
            last_accepted: None,
            last_end: None,
            dates: None,
        }
    }

    pub(crate) fn accepted(&mut self, ticket: Ticket) {
        self.accepted += 1;
        self.first_start.get_or_insert(ticket.intended);
        self.last_accepted = Some(Instant::now());
        self.start_latency.saturating_record(micros_since(ticket.intended));
    }

    /// Whether the run still makes sense.
    pub(crate) fn not_accepted(&mut self, number: u64, error: &ApiError) -> bool {
        self.not_accepted.insert(number);
        self.problem(format!("execution {number} was not accepted: {error}"));
        self.not_accepted.len() <= NOT_ACCEPTED_MAX
    }

    pub(crate) fn retried(&mut self, error: &ApiError) {
        let name = error.code().map_or_else(|| "no answer".to_owned(), str::to_owned);
        *self.retries.entry(name).or_default() += 1;
    }

    /// The client has just seen the end of the execution.
    pub(crate) fn ended_now(&mut self, ticket: Ticket) {
        self.ended += 1;
        self.last_end = Some(Instant::now());
        self.end_latency.saturating_record(micros_since(ticket.intended));
    }

    /// The execution has ended some time ago, when its dates say.
    pub(crate) fn ended_at(&mut self, execution: &Execution) {
        let Some(stop) = execution.stop_date else {
            return;
        };
        self.ended += 1;
        let (earliest, latest) = self.dates.unwrap_or((execution.start_date, stop));
        self.dates = Some((earliest.min(execution.start_date), latest.max(stop)));
        self.end_latency.saturating_record(((stop - execution.start_date) * 1e6) as u64);
    }

    pub(crate) fn problem(&mut self, problem: String) {
        self.problem_count += 1;
        if self.problems.len() < PROBLEMS_KEPT {
            self.problems.push(problem);
        }
    }
}

fn micros_since(instant: Instant) -> u64 {
    u64::try_from(instant.elapsed().as_micros()).unwrap_or(u64::MAX)
}
