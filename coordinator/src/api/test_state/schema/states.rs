//! Step Functions' own StartExecution and DescribeExecution.

use super::{Member, Shape, optional, required};

const STATUSES: &[&str] = &["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "PENDING_REDRIVE"];
const REDRIVE_STATUSES: &[&str] = &["REDRIVABLE", "NOT_REDRIVABLE", "REDRIVABLE_BY_MAP_RUN"];
const DATA_DETAILS: Shape = Shape::Structure(&[optional("Included", Shape::Boolean)]);

/// The response of StartExecution.
pub(super) const START_EXECUTION: &[Member] = &[required("ExecutionArn", Shape::Text(1)), required("StartDate", Shape::Timestamp)];

/// The response of DescribeExecution, which a `.sync` task polls. Input and output are texts of JSON or, with `.sync:2`, JSON.
pub(super) const DESCRIBE_EXECUTION: &[Member] = &[
    required("ExecutionArn", Shape::Text(1)),
    required("StateMachineArn", Shape::Text(1)),
    optional("Name", Shape::Text(1)),
    required("Status", Shape::OneOf(STATUSES)),
    required("StartDate", Shape::Timestamp),
    optional("StopDate", Shape::Timestamp),
    optional("Input", Shape::Any),
    optional("InputDetails", DATA_DETAILS),
    optional("Output", Shape::Any),
    optional("OutputDetails", DATA_DETAILS),
    optional("TraceHeader", Shape::Text(0)),
    optional("MapRunArn", Shape::Text(1)),
    optional("Error", Shape::Text(0)),
    optional("Cause", Shape::Text(0)),
    optional("StateMachineVersionArn", Shape::Text(1)),
    optional("StateMachineAliasArn", Shape::Text(1)),
    optional("RedriveCount", Shape::Number(0.0, f64::MAX)),
    optional("RedriveDate", Shape::Timestamp),
    optional("RedriveStatus", Shape::OneOf(REDRIVE_STATUSES)),
    optional("RedriveStatusReason", Shape::Text(0)),
];
