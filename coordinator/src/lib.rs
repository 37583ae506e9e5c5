//! The coordinator: shards, the log, the AWS JSON API and the worker gateway. One way in (`cluster`), one writer (`shard`), one way
//! out (`delivery`, `dispatch`).

pub mod cluster;
pub mod store;
