//! What one run of the suite tells.

use serde::Serialize;

use super::killer::KillCounts;
use super::verdict::Findings;

/// See the module.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ChaosReport {
    pub(crate) seed: u64,
    pub(crate) seconds: f64,
    pub(crate) kills: KillCounts,
    #[serde(flatten)]
    pub(crate) findings: Findings,
}

impl ChaosReport {
    pub(crate) fn is_sound(&self) -> bool {
        self.findings.is_sound()
    }

    pub(crate) fn text(&self) -> String {
        let KillCounts { server, worker, both, before_ready } = self.kills;
        let mut lines = vec![
            format!("seed {}, {:.1} s", self.seed, self.seconds),
            format!(
                "{} kills: server {server}, worker {worker}, both {both}; {before_ready} killed again while starting",
                server + worker + both
            ),
        ];
        lines.extend(self.findings.lines());
        lines.join("\n")
    }
}
