//! What is settled once, when a store is made, by whoever comes first.

use std::fmt::Write as _;

use redis::{Cmd, Value};

use super::error::RedisOpenError;
use super::functions::Function;
use super::lane::{Calls, Lane, Patience};
use super::options::RedisOptions;
use super::reply;
use super::server::Server;
use crate::store::{ShardId, StoreError, StoreId};

/// Version of names, records and values at the server.
const FORMAT: u32 = 2;

/// What all members of a cluster share. It never changes.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) store_id: StoreId,
    pub(super) shard_count: u16,
    /// Seals task tokens, and members know each other by what is derived from it.
    pub(super) token_key: [u8; 32],
}

/// Finds the settings, or makes them if there is no store yet.
pub(super) async fn settle(server: &Server, lane: &Lane, options: &RedisOptions) -> Result<Settings, RedisOpenError> {
    let found = match find(server, lane).await? {
        Some(found) => found,
        None => match leftover(server, lane, options).await? {
            None => make(server, lane, options).await?,
            // Another member may have made the store since the first look.
            Some(_) => find(server, lane)
                .await?
                .ok_or_else(|| RedisOpenError::SettingsLost { address: server.address(), key: server.names.settings.clone() })?,
        },
    };
    read(server, &found, options)
}

const FIELDS: [&str; 5] = ["format", "cluster", "store_id", "shards", "token_key"];
type Fields = [Option<String>; FIELDS.len()];

/// The fields of the settings, if there are settings.
async fn find(server: &Server, lane: &Lane) -> Result<Option<Fields>, RedisOpenError> {
    let mut exists = redis::cmd("TYPE");
    exists.arg(&server.names.settings);
    let kind = ask(server, lane, exists).await?;
    match reply::text(&kind).as_deref() {
        Some("none") => return Ok(None),
        Some("hash") => {}
        Some(_) | None => return Err(foreign(server, &server.names.settings)),
    }
    let mut get = redis::cmd("HMGET");
    get.arg(&server.names.settings).arg(&FIELDS[..]);
    let values = ask(server, lane, get).await?;
    fields(server, &values).map(Some)
}

/// About the settings.
async fn ask(server: &Server, lane: &Lane, command: Cmd) -> Result<Value, RedisOpenError> {
    let answer = lane.query(server.names.slot, command, Patience::CALL).await;
    answer.map_err(|error| refused(server, error.to_string()))
}

/// The first key that the store would use and that is there without settings.
async fn leftover(server: &Server, lane: &Lane, options: &RedisOptions) -> Result<Option<()>, RedisOpenError> {
    let count = options.shard_count.unwrap_or(RedisOptions::SHARD_COUNT);
    let slot = server.names.slot;
    let mut keys = vec![(slot, server.names.members.clone(), "hash"), (slot, server.names.heard.clone(), "zset")];
    for shard in (0..count).map(ShardId).chain([ShardId::CATALOG]) {
        let names = server.names.shard(shard);
        keys.extend([(names.slot, names.record, "hash"), (names.slot, names.log, "stream")]);
    }
    let mut calls = Calls::default();
    for (slot, key, _) in &keys {
        let mut command = redis::cmd("TYPE");
        command.arg(key);
        calls.add(*slot, command);
    }
    let refused = |error: StoreError| refused(server, error.to_string());
    let kinds = lane.calls(calls, Patience::CALL).await.map_err(refused)?;
    let mut found = None;
    for ((_, key, kind), there) in keys.iter().zip(kinds) {
        match reply::text(&there.map_err(refused)?).as_deref() {
            Some("none") => {}
            Some(there) if there == *kind => found = Some(()),
            Some(_) | None => return Err(foreign(server, key)),
        }
    }
    Ok(found)
}

/// Makes the settings, unless another member has done so meanwhile, and answers with what stands there.
async fn make(server: &Server, lane: &Lane, options: &RedisOptions) -> Result<Fields, RedisOpenError> {
    let mut token_key = [0; 32];
    getrandom::fill(&mut token_key).expect("the operating system gives random numbers");
    let shards = options.shard_count.unwrap_or(RedisOptions::SHARD_COUNT);
    let values = [FORMAT.to_string(), options.cluster.clone(), StoreId::random().to_string(), shards.to_string(), hexadecimal(&token_key)];
    let mut command = server.library.call(Function::Settle, &[server.names.settings.as_str()]);
    for (name, value) in FIELDS.iter().zip(&values) {
        command.arg(*name).arg(value);
    }
    let there = ask(server, lane, command).await?;
    fields(server, &there)
}

fn fields(server: &Server, values: &Value) -> Result<Fields, RedisOpenError> {
    let Value::Array(values) = values else { return Err(damaged(server, "they are no list")) };
    let texts: Vec<_> = values.iter().map(reply::text).collect();
    Fields::try_from(texts).map_err(|_| damaged(server, "they have other fields"))
}

/// Whether these are settings that this program and these options can live with.
fn read(server: &Server, fields: &Fields, options: &RedisOptions) -> Result<Settings, RedisOpenError> {
    let address = || server.address();
    let [format, cluster, store_id, shards, token_key] = fields.each_ref().map(Option::as_deref);
    let format = format.ok_or_else(|| foreign(server, &server.names.settings))?;
    if format != FORMAT.to_string() {
        return Err(RedisOpenError::OtherFormat { address: address(), found: format.to_owned(), ours: FORMAT });
    }
    let cluster = cluster.ok_or_else(|| damaged(server, "the cluster's name is missing"))?;
    if cluster != options.cluster {
        return Err(RedisOpenError::OtherCluster { address: address(), found: cluster.to_owned(), asked: options.cluster.clone() });
    }
    let store_id = store_id.and_then(StoreId::parse).ok_or_else(|| damaged(server, "the store's id is none"))?;
    let is_count = |count: &u16| count.is_power_of_two();
    let shard_count =
        shards.and_then(|text| text.parse().ok()).filter(is_count).ok_or_else(|| damaged(server, "the number of shards is none"))?;
    let token_key = token_key.and_then(key_of).ok_or_else(|| damaged(server, "the key of task tokens is none"))?;
    match options.shard_count {
        Some(asked) if asked != shard_count => Err(RedisOpenError::OtherShardCount { address: address(), found: shard_count, asked }),
        Some(_) | None => Ok(Settings { store_id, shard_count, token_key }),
    }
}

fn hexadecimal(key: &[u8; 32]) -> String {
    key.iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a text takes everything");
        text
    })
}

/// The inverse of [`hexadecimal`].
fn key_of(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut key = [0; 32];
    for (byte, two) in key.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok()?;
    }
    Some(key)
}

pub(super) fn refused(server: &Server, detail: String) -> RedisOpenError {
    RedisOpenError::Refused { address: server.address(), detail }
}

fn foreign(server: &Server, key: &str) -> RedisOpenError {
    RedisOpenError::Foreign { address: server.address(), key: key.to_owned() }
}

fn damaged(server: &Server, detail: &str) -> RedisOpenError {
    RedisOpenError::Damaged { address: server.address(), key: server.names.settings.clone(), detail: detail.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back() {
        let key = std::array::from_fn(|place| place as u8 * 7);
        assert_eq!(key_of(&hexadecimal(&key)), Some(key));
        assert_eq!(key_of("00"), None);
        assert_eq!(key_of(&"zz".repeat(32)), None);
    }
}
