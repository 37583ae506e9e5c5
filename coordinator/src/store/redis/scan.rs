//! Reading the key-value side.
//!
//! A key tells its shard, so a look-up and most scans ask one shard. Executions of a state machine are spread over all of them: a scan merges what
//! each has, and asks those again whose first answer was used up.

use std::collections::VecDeque;
use std::ops::{Bound, RangeBounds};

use bytes::Bytes;
use redis::Value;

use super::functions::Function;
use super::lane::{Calls, Patience};
use super::names::has_order;
use super::{Inner, placement, reply};
use crate::store::table::is_empty_range;
use crate::store::{KeyRange, ShardId, StoreError, Table};

/// Entries that one answer has at most.
const ANSWER_LEN_MAX: usize = 1000;
/// Bytes after which an answer ends.
const ANSWER_BYTES: usize = 2 << 20;

type Entry = (Bytes, Bytes);

/// What a shard has of the range, as far as it was asked.
struct Source {
    index: usize,
    found: VecDeque<Entry>,
    has_more: bool,
    /// Where the next question begins.
    range: KeyRange,
}

impl Inner {
    pub(super) async fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let Some(shard) = placement::shard_of(table, key, self.settings.shard_count) else { return Ok(None) };
        let index = self.index(shard)?;
        let mut command = redis::cmd("HGET");
        command.arg(&self.shards[index].table(table).values).arg(key);
        match self.data.query(self.shards[index].slot, command, Patience::DATA).await? {
            Value::Nil => Ok(None),
            Value::BulkString(value) => Ok(Some(Bytes::from(value))),
            other => Err(reply::unexpected("a look-up", &other)),
        }
    }

    pub(super) async fn scan(&self, table: Table, range: KeyRange, limit: usize, reverse: bool) -> Result<Vec<Entry>, StoreError> {
        if limit == 0 || is_empty_range(&range) {
            return Ok(Vec::new());
        }
        let shards = placement::shards_of(table, &range, self.settings.shard_count);
        if !has_order(table) {
            return self.scan_unordered(table, &shards, &range, limit, reverse).await;
        }
        let source = |shard: ShardId| {
            let index = self.index(shard).expect("keys are placed in shards that exist");
            Source { index, found: VecDeque::new(), has_more: true, range: range.clone() }
        };
        let mut sources: Vec<_> = shards.into_iter().map(source).collect();
        // What comes next is spread evenly over many shards.
        let mut share = limit.div_ceil(sources.len().max(1)).saturating_mul(2).saturating_add(2).min(limit);
        let mut merged = Vec::new();
        while merged.len() < limit {
            self.ask_again(table, &mut sources, share, reverse).await?;
            merge(&mut sources, &mut merged, limit, reverse);
            share = limit - merged.len();
            if sources.iter().all(|source| source.found.is_empty() && !source.has_more) {
                break;
            }
        }
        Ok(merged)
    }

    /// Asks those that have nothing left here but more there.
    async fn ask_again(&self, table: Table, sources: &mut [Source], share: usize, reverse: bool) -> Result<(), StoreError> {
        let is_dry = |source: &&mut Source| source.found.is_empty() && source.has_more;
        let mut calls = Calls::default();
        for source in sources.iter_mut().filter(is_dry) {
            let shard = &self.shards[source.index];
            let names = shard.table(table);
            let mut command = self.server.library.call(Function::Scan, &[names.values.as_str(), names.order.as_str()]);
            let (least, most) = (lex(&source.range.0, "-"), lex(&source.range.1, "+"));
            match reverse {
                false => command.arg("ZRANGEBYLEX").arg(least).arg(most),
                true => command.arg("ZREVRANGEBYLEX").arg(most).arg(least),
            };
            command.arg(share.min(ANSWER_LEN_MAX)).arg(ANSWER_BYTES);
            calls.add(shard.slot, command);
        }
        if calls.is_empty() {
            return Ok(());
        }
        let answers = self.data.calls(calls, Patience::DATA).await?;
        for (source, answer) in sources.iter_mut().filter(is_dry).zip(answers) {
            source.take(answer?, reverse)?;
        }
        Ok(())
    }

    /// Reads all keys of these shards: the order of this table's keys is not kept. For tools; baton itself looks keys of such a table up.
    async fn scan_unordered(
        &self,
        table: Table,
        shards: &[ShardId],
        range: &KeyRange,
        limit: usize,
        reverse: bool,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut found = Vec::new();
        for shard in shards {
            let index = self.index(*shard)?;
            let mut cursor = "0".to_owned();
            loop {
                let mut command = redis::cmd("HSCAN");
                command.arg(&self.shards[index].table(table).values).arg(&cursor).arg("COUNT").arg(ANSWER_LEN_MAX);
                let answer = self.data.query(self.shards[index].slot, command, Patience::DATA).await?;
                let (next, entries) = page(answer)?;
                found.extend(entries.into_iter().filter(|(key, _)| range.contains(&key.to_vec())));
                if next == "0" {
                    break;
                }
                cursor = next;
            }
        }
        // A key may be met twice while the hash grows.
        found.sort_unstable();
        found.dedup_by(|a, b| a.0 == b.0);
        if reverse {
            found.reverse();
        }
        found.truncate(limit);
        Ok(found)
    }
}

impl Source {
    /// Takes an answer: whether there is more, then keys and values in turn.
    fn take(&mut self, answer: Value, reverse: bool) -> Result<(), StoreError> {
        let unexpected = || StoreError::Failed("a scan was answered with something else".to_owned());
        let Value::Array(parts) = answer else { return Err(reply::unexpected("a scan", &answer)) };
        let mut parts = parts.into_iter();
        self.has_more = parts.next().as_ref().and_then(reply::number).ok_or_else(unexpected)? == 1;
        self.found.extend(pairs(parts).ok_or_else(unexpected)?);
        if let Some((key, _)) = self.found.back() {
            let after = Bound::Excluded(key.to_vec());
            match reverse {
                false => self.range.0 = after,
                true => self.range.1 = after,
            }
        }
        Ok(())
    }
}

/// Moves entries over in order, until there are enough or a shard has to be asked again first.
fn merge(sources: &mut [Source], merged: &mut Vec<Entry>, limit: usize, reverse: bool) {
    while merged.len() < limit && sources.iter().all(|source| !source.found.is_empty() || !source.has_more) {
        let heads = sources.iter_mut().filter(|source| !source.found.is_empty());
        let next = match reverse {
            false => heads.min_by(|a, b| a.found[0].0.cmp(&b.found[0].0)),
            true => heads.max_by(|a, b| a.found[0].0.cmp(&b.found[0].0)),
        };
        let Some(next) = next else { return };
        merged.extend(next.found.pop_front());
    }
}

/// A bound as `ZRANGEBYLEX` takes it.
fn lex(bound: &Bound<Vec<u8>>, unbounded: &str) -> Vec<u8> {
    match bound {
        Bound::Included(key) => [b"[", key.as_slice()].concat(),
        Bound::Excluded(key) => [b"(", key.as_slice()].concat(),
        Bound::Unbounded => unbounded.as_bytes().to_vec(),
    }
}

fn pairs(mut parts: impl Iterator<Item = Value>) -> Option<Vec<Entry>> {
    let mut pairs = Vec::new();
    while let Some(key) = parts.next() {
        pairs.push((reply::bytes(key)?, reply::bytes(parts.next()?)?));
    }
    Some(pairs)
}

/// A page of `HSCAN`: where the next begins, and the entries.
fn page(answer: Value) -> Result<(String, Vec<Entry>), StoreError> {
    let unexpected = || StoreError::Failed("a scan was answered with something else".to_owned());
    let Value::Array(parts) = answer else { return Err(unexpected()) };
    let [cursor, entries] = <[Value; 2]>::try_from(parts).map_err(|_| unexpected())?;
    let Value::Array(entries) = entries else { return Err(unexpected()) };
    let cursor = reply::text(&cursor).ok_or_else(unexpected)?;
    Ok((cursor, pairs(entries.into_iter()).ok_or_else(unexpected)?))
}
