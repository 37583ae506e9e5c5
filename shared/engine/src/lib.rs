//! The execution engine: a pure function from what happened to what follows.
//!
//! [`Execution::decide`] turns an [`Input`] into [`Event`]s and [`Effect`]s; [`Execution::apply`] is total and pure and is the only way in
//! which state changes, live and in recovery alike. Replay never evaluates an expression, reads a clock or draws a random number.
//! There is no IO, clock, randomness or socket in reach.

mod abort;
mod apply;
mod closed_tasks;
mod context_object;
mod data_flow;
mod decide;
mod effect;
mod env;
mod error_handling;
mod evaluator;
mod event;
mod execution;
mod input;
mod limits;
mod payload;
mod payload_table;
mod state;
mod strand;
mod timers;
mod timestamp;
mod variables;
mod verdict;

pub use effect::*;
pub use env::*;
pub use event::*;
pub use execution::Execution;
pub use input::*;
pub use limits::*;
pub use payload::*;
pub use payload_table::{PayloadTable, decode_with_table, encode_with_table};
pub use verdict::*;

/// Unix time in milliseconds.
pub type Timestamp = i64;
