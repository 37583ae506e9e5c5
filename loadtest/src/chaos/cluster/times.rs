//! How long things took.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::fault::Fault;
use crate::chaos::verdict::Timeline;

/// After its worker was gone for ten seconds an attempt is lost; an owner that has just taken over begins to count then.
const LOSS_SECONDS_MAX: f64 = 30.0;
/// Tasks that wait for longer when the broker comes back would have waited without it.
const OUTSTANDING_SECONDS_MAX: f64 = 120.0;

/// What is noted while things break.
#[derive(Clone, Debug, Default)]
pub(super) struct Times {
    take_overs: BTreeMap<Fault, Vec<Duration>>,
    hand_overs: Vec<Duration>,
    store_back: Vec<Duration>,
    broker_connected: Vec<Duration>,
    /// Seconds since 1970.
    broker_back: Vec<f64>,
    queues_gone: Vec<f64>,
    workers_gone: Vec<f64>,
}

impl Times {
    pub(super) fn take_over(&mut self, fault: Fault, taken: Duration) {
        self.take_overs.entry(fault).or_default().push(taken);
    }

    /// For how long shards stood still, seen from outside, each of which was asked again and again.
    pub(super) fn hand_over(&mut self, pauses: Vec<Duration>) {
        self.hand_overs.extend(pauses);
    }

    pub(super) fn store_back(&mut self, taken: Duration) {
        self.store_back.push(taken);
    }

    pub(super) fn broker_connected(&mut self, taken: Duration) {
        self.broker_connected.push(taken);
    }

    pub(super) fn broker_back(&mut self, at: f64) {
        self.broker_back.push(at);
    }

    pub(super) fn queues_gone(&mut self, at: f64) {
        self.queues_gone.push(at);
    }

    pub(super) fn worker_gone(&mut self, at: f64) {
        self.workers_gone.push(at);
    }

    /// What the histories say of the rest.
    pub(super) fn figures(&self, timeline: &Timeline) -> Figures {
        let all: Vec<Duration> = self.take_overs.values().flatten().copied().collect();
        let by_fault = self.take_overs.iter().map(|(fault, taken)| (fault.name(), Spread::of(taken))).collect();
        Figures {
            take_over: Spread::of(&all),
            take_over_by_fault: by_fault,
            hand_over: Spread::of(&self.hand_overs),
            answers_after_store_is_back: Spread::of(&self.store_back),
            connected_after_broker_is_back: Spread::of(&self.broker_connected),
            started_after_broker_is_back: outstanding(&self.broker_back, timeline),
            started_after_queues_are_gone: outstanding(&self.queues_gone, timeline),
            attempts_lost_without_a_kill: timeline.losses.iter().filter(|at| !self.explains(**at)).count(),
        }
    }

    fn explains(&self, loss: f64) -> bool {
        self.workers_gone.iter().any(|gone| (0.0..LOSS_SECONDS_MAX).contains(&(loss - gone)))
    }
}

/// Of each task that waited for a worker at one of these moments: how long it went on to wait.
fn outstanding(moments: &[f64], timeline: &Timeline) -> Spread {
    let waited = |moment: &f64| {
        let moment = *moment;
        let waiting = timeline.starts.iter().filter(move |(scheduled, started)| {
            *scheduled <= moment && *started >= moment && moment - *scheduled < OUTSTANDING_SECONDS_MAX
        });
        waiting.map(move |(_, started)| Duration::from_secs_f64(started - moment))
    };
    Spread::of(&moments.iter().flat_map(waited).collect::<Vec<_>>())
}

/// What is told in the end; times in seconds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figures {
    /// From a fault of a coordinator until the others answered for all shards.
    pub(crate) take_over: Spread,
    pub(crate) take_over_by_fault: BTreeMap<String, Spread>,
    /// For how long shards stood still that a coordinator handed over: the longest of the answers about one that the others gave meanwhile.
    pub(crate) hand_over: Spread,
    pub(crate) answers_after_store_is_back: Spread,
    pub(crate) connected_after_broker_is_back: Spread,
    /// Of tasks that waited when the broker came back: how long until a worker had them.
    pub(crate) started_after_broker_is_back: Spread,
    pub(crate) started_after_queues_are_gone: Spread,
    /// Attempts that failed for their worker's sake though none had been killed.
    pub(crate) attempts_lost_without_a_kill: usize,
}

/// Some of many times, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) count: usize,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Spread {
    fn of(times: &[Duration]) -> Self {
        let mut times = times.to_vec();
        times.sort_unstable();
        // The smallest that so many of a hundred do not exceed.
        let at = |percent: usize| {
            let place = (times.len() * percent).div_ceil(100).max(1) - 1;
            times.get(place).map_or(0.0, Duration::as_secs_f64)
        };
        Self { count: times.len(), p50: at(50), p99: at(99), max: at(100) }
    }

    pub(crate) fn text(&self) -> String {
        let Self { count, p50, p99, max } = self;
        if *count == 0 { "none".to_owned() } else { format!("p50 {p50:.3} s, p99 {p99:.3} s, max {max:.3} s ({count})") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_tells_what_was_not_exceeded() {
        let seconds: Vec<Duration> = (1..=200).map(Duration::from_secs).collect();
        assert_eq!(Spread::of(&seconds), Spread { count: 200, p50: 100.0, p99: 198.0, max: 200.0 });
        assert_eq!(Spread::of(&seconds[..1]), Spread { count: 1, p50: 1.0, p99: 1.0, max: 1.0 });
        assert_eq!(Spread::of(&[]), Spread::default());
    }

    #[test]
    fn a_loss_needs_a_kill_and_a_wait_a_moment() {
        let mut times = Times::default();
        times.worker_gone(100.0);
        times.broker_back(50.0);
        let timeline = Timeline { starts: vec![(49.0, 52.0), (50.5, 60.0), (10.0, 20.0)], losses: vec![99.0, 110.5, 131.0] };
        let figures = times.figures(&timeline);
        assert_eq!(figures.attempts_lost_without_a_kill, 2);
        assert_eq!(figures.started_after_broker_is_back, Spread { count: 1, p50: 2.0, p99: 2.0, max: 2.0 });
    }
}
