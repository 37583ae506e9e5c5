//! Events of the engine in AWS's words: types, details, members. GetExecutionHistory, the live view and execution logs all show the same
//! events and take them from here.

mod event;
mod status;

pub(crate) use event::{Details, History, HistoryEvent};
pub(crate) use status::status_name;
