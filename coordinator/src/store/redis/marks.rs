//! Every shard says whose it is.
//!
//! A server that has lost its data looks as if its shards had never been used, be it for one moment between two commands; and the settings are at one
//! server of several. So the record of each shard has the store's id from the beginning. One without it is acquired by nobody, and a node of a Redis
//! Cluster where one is missing is refused ([`Server::connect`](super::server::Server::connect)).

use redis::{Value, cmd};

use super::error::RedisOpenError;
use super::lane::{Calls, Lane, Patience};
use super::names::ShardNames;
use super::server::Server;
use super::{reply, settings};
use crate::store::{StoreError, StoreId};

/// In the settings: all records have their marks.
const MARKED: &str = "marked";

/// Marks the records of a store that has not been marked yet. Several may do so at a time.
pub(super) async fn mark(server: &Server, lane: &Lane, store_id: StoreId, shards: &[ShardNames]) -> Result<(), RedisOpenError> {
    let refused = |error: StoreError| settings::refused(server, error.to_string());
    let settings = (&server.names.settings, server.names.slot);
    let mut is_marked = cmd("HGET");
    is_marked.arg(settings.0).arg(MARKED);
    let is_marked = lane.query(settings.1, is_marked, Patience::CALL).await.map_err(refused)?;
    if is_marked != Value::Nil {
        return Ok(());
    }
    let mut calls = Calls::default();
    for shard in shards {
        let mut command = cmd("HSETNX");
        command.arg(&shard.record).arg("store").arg(store_id.to_string());
        calls.add(shard.slot, command);
    }
    for answer in lane.calls(calls, Patience::DATA).await.map_err(refused)? {
        let answer = answer.map_err(refused)?;
        reply::number(&answer).ok_or_else(|| refused(reply::unexpected("marking a shard", &answer)))?;
    }
    let mut done = cmd("HSET");
    done.arg(settings.0).arg(MARKED).arg("1");
    lane.query(settings.1, done, Patience::CALL).await.map_err(refused).map(drop)
}
