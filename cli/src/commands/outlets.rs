//! What the command line says about what leaves the server unasked.

use baton_coordinator::server::LogDestination;

use crate::args::LogsTo;

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
