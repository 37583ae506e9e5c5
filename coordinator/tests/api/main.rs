//! The API over a real server and a plain HTTP client, one file for each family of operations.

mod activities;
mod aliases;
mod constraints;
mod execution_logs;
mod executions;
mod express;
mod fake_aws;
mod history;
mod hostile;
mod map_runs;
mod members;
mod mocks;
mod redrive;
mod restart;
mod routes;
mod state_machines;
mod status_events;
mod support;
mod tags;
mod test_state;
mod traces;
mod validation;
mod versions;
mod wire;
