//! What one run tells.

use std::collections::BTreeMap;

use serde::Serialize;

use super::times::{Figures, Spread};
use crate::chaos::verdict::Findings;
use crate::cli::ClusterChaosArgs;

/// See the module.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ClusterChaosReport {
    pub(crate) seed: u64,
    pub(crate) seconds: f64,
    pub(crate) faults: BTreeMap<String, u32>,
    /// Links could be cut.
    pub(crate) with_cuts: bool,
    #[serde(flatten)]
    pub(crate) findings: Findings,
    /// From a client's first try to start an order until it was accepted, the longest; seconds.
    pub(crate) longest_start: f64,
    /// Lists of executions that had everything in them that had been accepted before.
    pub(crate) lists_whole: usize,
    /// Lists that were not answered.
    pub(crate) lists_refused: usize,
    pub(crate) figures: Figures,
    /// What took longer than it may.
    pub(crate) limits_exceeded: Vec<String>,
}

impl ClusterChaosReport {
    pub(crate) fn is_sound(&self) -> bool {
        self.findings.is_sound() && self.limits_exceeded.is_empty()
    }

    pub(crate) fn text(&self) -> String {
        let faults: Vec<String> = self.faults.iter().map(|(fault, count)| format!("{fault} {count}")).collect();
        let mut lines = vec![
            format!("seed {}, {:.1} s", self.seed, self.seconds),
            format!("{} faults: {}", self.faults.values().sum::<u32>(), faults.join(", ")),
        ];
        if !self.with_cuts {
            lines.push("LEFT OUT: faults of links".to_owned());
        }
        lines.extend(self.findings.lines());
        lines.extend(self.figures.lines());
        lines.push(format!("an order was accepted after {:.2} s at most", self.longest_start));
        lines.push(format!("{} lists of executions were whole, {} not answered", self.lists_whole, self.lists_refused));
        lines.extend(self.limits_exceeded.iter().map(|exceeded| format!("TOO SLOW {exceeded}")));
        lines.join("\n")
    }
}

impl Figures {
    fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("taken over: {}", self.take_over.text())];
        lines.extend(self.take_over_by_fault.iter().map(|(fault, taken)| format!("  {fault}: {}", taken.text())));
        let rest = [
            ("shards that were handed over stood still", self.hand_over),
            ("all answer after the store's return", self.answers_after_store_is_back),
            ("all are connected after the broker's return", self.connected_after_broker_is_back),
            ("tasks that waited at the broker's return were started", self.started_after_broker_is_back),
            ("tasks that waited when the queues were emptied were started", self.started_after_queues_are_gone),
        ];
        lines.extend(rest.iter().map(|(what, spread)| format!("{what}: {}", spread.text())));
        lines.push(format!("{} attempts lost though no worker was killed", self.attempts_lost_without_a_kill));
        lines
    }

    /// What is slower than it may be.
    pub(super) fn judged(&self, args: &ClusterChaosArgs) -> Vec<String> {
        if args.no_limits {
            return Vec::new();
        }
        let limits = [
            ("take-over", self.take_over, self.take_over.p99, args.take_over_max),
            ("hand-over", self.hand_over, self.hand_over.p99, args.hand_over_max),
            (
                "connection to the broker that is back",
                self.connected_after_broker_is_back,
                self.connected_after_broker_is_back.max,
                args.re_offer_max,
            ),
            (
                "tasks offered after the broker's return",
                self.started_after_broker_is_back,
                self.started_after_broker_is_back.max,
                args.re_offer_max,
            ),
        ];
        let exceeded = limits.iter().filter(|(_, _, measured, limit)| measured >= limit);
        exceeded
            .map(|(what, spread, _, limit): &(&str, Spread, f64, f64)| format!("{what}: {}; the limit is {limit} s", spread.text()))
            .collect()
    }
}
