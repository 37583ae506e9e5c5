//! The binary as people use it: what it prints where, and how it ends. One module for each family of commands.

mod support;
mod test_state;

mod cluster;
mod configuration;
mod credentials;
mod express;
mod handler_logs;
mod json_logs;
mod lint;
mod map_run;
mod redrive;
mod server;
mod stopping;
mod tls;
