//! One event as it is logged.

use std::fmt::Display;

use baton_engine::Event;
use serde::{Serialize, Serializer};

use super::LoggedEvents;
use crate::history::{Details, History};

/// CloudWatch Logs takes events of 256 KB, 26 bytes of its own included.
const RECORD_BYTES_MAX: usize = 256 * 1024 - 26;

/// Numbers are texts here, and the outer names are in snake case, unlike anywhere in the API.
#[derive(Serialize)]
struct Record<'a> {
    #[serde(serialize_with = "text")]
    id: u64,
    #[serde(rename = "type")]
    type_name: &'static str,
    details: Details<'a>,
    #[serde(serialize_with = "text")]
    previous_event_id: u64,
    /// Unix milliseconds.
    #[serde(serialize_with = "text")]
    event_timestamp: i64,
    execution_arn: &'a str,
    #[serde(serialize_with = "text")]
    redrive_count: u32,
}

fn text<S: Serializer>(number: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

/// The event as one line of JSON. Without `includeExecutionData` it says nothing of data; data that make it too long are left out.
pub(super) fn render(logged: &LoggedEvents, id: u64, event: &Event) -> String {
    let is_included = logged.revision.logging.as_ref().is_some_and(|logging| logging.include_execution_data);
    let whole = line(logged, id, event, |details| if is_included { details } else { details.without_data() });
    if whole.len() <= RECORD_BYTES_MAX {
        return whole;
    }
    line(logged, id, event, |details| if is_included { details.truncated() } else { details.without_data() })
}

fn line<'a>(logged: &'a LoggedEvents, id: u64, event: &'a Event, shape: impl FnOnce(Details<'a>) -> Details<'a>) -> String {
    let region = logged.execution_arn.split(':').nth(3).unwrap_or_default();
    let history = History { machine: &logged.revision.machine, region, data: true };
    let shown = history.show(id, event).expect("only public events are logged");
    let record = Record {
        id,
        type_name: shown.type_name(),
        details: shape(shown.into_details()),
        previous_event_id: event.previous,
        event_timestamp: event.at,
        execution_arn: &logged.execution_arn,
        redrive_count: logged.redrive_count,
    };
    serde_json::to_string(&record).expect("records have text keys and no floating numbers")
}

#[cfg(test)]
mod tests;
