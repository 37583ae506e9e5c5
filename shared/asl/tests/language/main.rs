//! The language, piece by piece: definition in, diagnostics out.
#![allow(missing_docs)]

mod choice;
mod common;
mod data_flow;
mod definition;
mod error_handling;
mod lone_state;
mod map;
mod states;
mod task;
mod variables;
mod warnings;
