//! `[limits]`: how much of what; AWS's figures by default.

use serde::Deserialize;

use super::bounded::Bounded;
use super::first_of;

/// See the module.
#[derive(Clone, Debug, Default, clap::Args, Deserialize)]
#[serde(default)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitSettings {
    /// Bytes of an input, output or result: from 262144, which is AWS's and the default, to 16777216.
    #[arg(long, env = "BATON_PAYLOAD_BYTES", value_name = "BYTES")]
    pub(crate) payload_bytes: Option<Bounded<262_144, 16_777_216>>,
    /// Events of a history; 25000 by default.
    #[arg(long, env = "BATON_HISTORY_EVENTS", value_name = "COUNT")]
    pub(crate) history_events: Option<Bounded<10, 1_000_000>>,
    /// Days for which ended executions are kept; 90 by default.
    #[arg(long, env = "BATON_RETENTION_DAYS", value_name = "DAYS")]
    pub(crate) retention_days: Option<Bounded<1, 36_500>>,
    /// Express executions that run at once in one process; 100000 by default.
    #[arg(long, env = "BATON_EXPRESS_OPEN", value_name = "COUNT")]
    pub(crate) express_open: Option<Bounded<1, 10_000_000>>,
    /// Bytes that these hold together; 1073741824 by default.
    #[arg(long, env = "BATON_EXPRESS_BYTES", value_name = "BYTES")]
    pub(crate) express_bytes: Option<Bounded<1_048_576, 1_099_511_627_776>>,
}

impl LimitSettings {
    pub(crate) fn or(self, file: Self) -> Self {
        first_of!(self, file; payload_bytes, history_events, retention_days, express_open, express_bytes)
    }
}
