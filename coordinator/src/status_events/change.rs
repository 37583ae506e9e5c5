//! A change of an execution's status, and what its event says.

use baton_engine::{ExecutionChange, Failure, Limits, NotRedrivable, Payload, RedriveCount, RedriveFacts, Start, Status, Timestamp};
use serde::Serialize;

use crate::cluster::StepEvents;
use crate::history::status_name;

/// Input and output longer than this, as they stand in the event, are left out.
const DATA_BYTES_MAX: usize = 248 * 1024;

/// See the module.
#[derive(Debug)]
pub(super) struct StatusChange {
    pub(super) start: Start,
    pub(super) status: Status,
    /// When it changed.
    pub(super) at: Timestamp,
    output: Option<Payload>,
    failure: Option<Failure>,
    redrives: RedriveCount,
    redrivable: Result<(), NotRedrivable>,
}

/// `detail`. What is absent is null, unlike anywhere in the API. Times are Unix milliseconds.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Detail<'a> {
    execution_arn: &'a str,
    state_machine_arn: &'a str,
    name: &'a str,
    status: &'static str,
    start_date: Timestamp,
    stop_date: Option<Timestamp>,
    input: Option<&'a str>,
    output: Option<&'a str>,
    state_machine_version_arn: Option<&'a str>,
    state_machine_alias_arn: Option<&'a str>,
    redrive_count: u32,
    redrive_date: Option<Timestamp>,
    redrive_status: &'static str,
    redrive_status_reason: Option<String>,
    input_details: Option<DataDetails>,
    output_details: Option<DataDetails>,
    error: Option<&'a str>,
    cause: Option<&'a str>,
}

#[derive(Serialize)]
struct DataDetails {
    included: bool,
}

impl StatusChange {
    /// The changes that a step has brought, in order: none for most, two for an execution that ends in its first step.
    pub(super) fn all_of(step: &StepEvents<'_>, limits: &Limits) -> Vec<Self> {
        if !step.events.iter().any(|event| event.kind.execution_change().is_some()) {
            return Vec::new();
        }
        let (start, redrives) = (step.execution.started(), step.execution.redrive_count());
        let changes = step.public().filter_map(|(id, event)| {
            let ExecutionChange { status, output, failure } = event.kind.execution_change()?;
            let stopped_at = (status != Status::Running).then_some(event.at);
            let facts = RedriveFacts { status, started_at: start.at, stopped_at, events: id };
            let redrivable = facts.check(limits, event.at);
            let (output, failure) = (output.cloned(), failure.cloned());
            Some(Self { start: start.clone(), status, at: event.at, output, failure, redrives, redrivable })
        });
        changes.collect()
    }

    /// About how many bytes it holds.
    pub(super) fn weight(&self) -> usize {
        let failure = self.failure.iter().flat_map(|failure| [&failure.error, &failure.cause]).flatten();
        1_024 + self.start.input.len() + self.output.as_ref().map_or(0, Payload::len) + failure.map(|text| text.len()).sum::<usize>()
    }

    /// JSON of `detail`.
    pub(super) fn detail(&self) -> String {
        let (start, output) = (&self.start, self.output.as_ref().map(Payload::text));
        let (input_bytes, output_bytes) = (escaped_len(start.input.text()), output.map_or(0, escaped_len));
        let has_input = input_bytes + output_bytes <= DATA_BYTES_MAX;
        let has_output = output_bytes <= DATA_BYTES_MAX;
        let detail = Detail {
            execution_arn: &start.execution_arn,
            state_machine_arn: &start.state_machine_arn,
            name: &start.name,
            status: status_name(self.status),
            start_date: start.at,
            stop_date: (self.status != Status::Running).then_some(self.at),
            input: Some(start.input.text()).filter(|_| has_input),
            output: output.filter(|_| has_output),
            state_machine_version_arn: start.version_arn.as_deref(),
            state_machine_alias_arn: start.alias_arn.as_deref(),
            redrive_count: self.redrives.count,
            redrive_date: self.redrives.at,
            redrive_status: if self.redrivable.is_ok() { "REDRIVABLE" } else { "NOT_REDRIVABLE" },
            redrive_status_reason: self.redrivable.err().map(|reason| reason.to_string()),
            input_details: Some(DataDetails { included: has_input }),
            output_details: output.map(|_| DataDetails { included: has_output }),
            error: self.failure.as_ref().and_then(|failure| failure.error.as_deref()),
            cause: self.failure.as_ref().and_then(|failure| failure.cause.as_deref()),
        };
        serde_json::to_string(&detail).expect("details have text keys and whole numbers")
    }
}

/// Bytes of a text inside a JSON text.
fn escaped_len(text: &str) -> usize {
    let cost = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..0x20 => 6,
        _ => 1,
    };
    text.bytes().map(cost).sum()
}

#[cfg(test)]
mod tests;
