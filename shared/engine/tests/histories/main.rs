//! Histories of machines of every kind, written from the language's specification.

#![allow(unreachable_pub, reason = "a test has no public face")]

mod check;
mod distributed_map;
mod errors;
mod flow;
mod jsonata;
mod map;
mod mocks;
mod parallel;
mod redrive;
mod tasks;
mod turns;
mod variables;
