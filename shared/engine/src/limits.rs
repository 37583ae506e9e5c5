//! Limits of one execution; AWS's by default.

/// Bytes of an input, output, result or parameters text on AWS: 256 KiB.
pub const PAYLOAD_BYTES_MAX: usize = 262_144;

/// Limits of one execution.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of an input, output, result or parameters text.
    pub payload_bytes_max: usize,
    /// Public history events; the event with this number is the ExecutionFailed.
    pub history_events_max: u64,
    /// Events that one call of `decide` may give before it yields.
    pub batch_events_max: usize,
    /// Iterations of an inline Map that run at once when MaxConcurrency is 0.
    pub inline_map_concurrency_max: usize,
    /// Bytes of all variables of an execution.
    pub variables_bytes_max: usize,
    /// Seconds after which an execution times out even when its machine says nothing: a year for Standard, 300 for Express.
    pub execution_seconds_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            payload_bytes_max: PAYLOAD_BYTES_MAX,
            history_events_max: 25_000,
            batch_events_max: 512,
            inline_map_concurrency_max: 40,
            variables_bytes_max: 10 * 1024 * 1024,
            execution_seconds_max: 365 * 86_400,
        }
    }
}
