//! What the command line says about what leaves the server unasked.

use baton_coordinator::server::{LogDestination, StatusEventDestination};

use crate::args::{EventsTo, LogsTo};

/// Where execution logs go; `none` adds nothing.
pub(crate) fn log_destinations(args: &[LogsTo]) -> Vec<LogDestination> {
    let destination = |to: &LogsTo| match to {
        LogsTo::File => Some(LogDestination::File),
        LogsTo::Stdout => Some(LogDestination::Stdout),
        LogsTo::CloudWatch => Some(LogDestination::CloudWatch),
        LogsTo::None => None,
    };
    args.iter().filter_map(destination).collect()
}

/// Where status-change events go; `none` adds nothing.
pub(crate) fn status_event_destinations(args: &[EventsTo]) -> Vec<StatusEventDestination> {
    let destination = |to: &EventsTo| match to {
        EventsTo::EventBridge => Some(StatusEventDestination::EventBridge),
        EventsTo::File => Some(StatusEventDestination::File),
        EventsTo::Webhook(url) => Some(StatusEventDestination::Webhook(url.clone())),
        EventsTo::None => None,
    };
    args.iter().filter_map(destination).collect()
}
