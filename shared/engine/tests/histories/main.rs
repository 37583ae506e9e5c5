//! Histories of machines of every kind, written from the language's specification.

mod check;
mod errors;
mod flow;
mod map;
mod parallel;
mod tasks;
