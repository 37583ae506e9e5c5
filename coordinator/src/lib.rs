//! The coordinator: shards, the log, the AWS JSON API and the worker gateway. One way in (`cluster`), one writer (`shard`), one way
//! out (`delivery`, `dispatch`).

pub mod api;
pub mod arn;
mod aws;
pub mod catalog;
mod clock;
pub mod cluster;
pub mod delivery;
pub mod dispatch;
mod epoch;
pub mod execution_logs;
pub mod gateway;
mod history;
pub mod json_text;
mod lambda_error;
pub mod map_items;
pub mod mock_config;
pub mod peers;
pub mod server;
pub mod shard;
mod sink;
pub mod status_events;
pub mod store;
pub mod telemetry;
pub mod traces;
