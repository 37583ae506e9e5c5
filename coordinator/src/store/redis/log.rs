//! Reading a shard's log.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use redis::Value;

use super::lane::Patience;
use super::{Inner, reply};
use crate::store::{ShardId, StoreError};

/// Batches of the first page.
const FIRST_PAGE_LEN: usize = 16;
/// Batches of a page at most.
const PAGE_LEN_MAX: usize = 1000;
/// What a page should have, bytes. Pages follow the size of the batches before them.
const PAGE_BYTES: usize = 4 << 20;

/// Where a reader is.
struct Reader {
    inner: Arc<Inner>,
    index: usize,
    /// Number of the last batch that was handed out or asked for.
    after_seq: u64,
    /// Whether a batch was read: from there on there are no gaps.
    has_begun: bool,
    page: VecDeque<(u64, Bytes)>,
    page_len: usize,
    is_last_page: bool,
}

impl Inner {
    pub(super) async fn last_seq(&self, shard: ShardId) -> Result<u64, StoreError> {
        let index = self.index(shard)?;
        let mut command = redis::cmd("HGET");
        command.arg(&self.shards[index].record).arg("seq");
        match self.control.query(self.shards[index].slot, command, Patience::CALL).await? {
            Value::Nil => Ok(0),
            value => reply::number(&value).ok_or_else(|| reply::unexpected("asking for a number", &value)),
        }
    }
}

pub(super) fn read(inner: Arc<Inner>, shard: ShardId, after_seq: u64) -> BoxStream<'static, Result<(u64, Bytes), StoreError>> {
    let index = match inner.index(shard) {
        Ok(index) => index,
        Err(error) => return stream::iter([Err(error)]).boxed(),
    };
    let reader = Reader {
        inner,
        index,
        after_seq,
        has_begun: false,
        page: VecDeque::new(),
        page_len: FIRST_PAGE_LEN,
        is_last_page: after_seq == u64::MAX,
    };
    stream::try_unfold(reader, |mut reader| async move { Ok(reader.next().await?.map(|batch| (batch, reader))) }).boxed()
}

impl Reader {
    async fn next(&mut self) -> Result<Option<(u64, Bytes)>, StoreError> {
        if self.page.is_empty() && !self.is_last_page {
            self.read_page().await?;
        }
        let Some((seq, batch)) = self.page.pop_front() else { return Ok(None) };
        if self.has_begun && seq != self.after_seq + 1 {
            // A checkpoint of the owner may cover what a slow follower has not read yet.
            return Err(StoreError::Failed(format!("batches {} to {} went while the log was read", self.after_seq + 1, seq - 1)));
        }
        self.has_begun = true;
        self.after_seq = seq;
        Ok(Some((seq, batch)))
    }

    async fn read_page(&mut self) -> Result<(), StoreError> {
        let mut command = redis::cmd("XRANGE");
        let from = format!("{}-0", self.after_seq + 1);
        let names = &self.inner.shards[self.index];
        command.arg(&names.log).arg(from).arg("+").arg("COUNT").arg(self.page_len);
        let answer = self.inner.data.query(names.slot, command, Patience::DATA).await?;
        let Value::Array(entries) = answer else { return Err(reply::unexpected("reading a log", &answer)) };
        self.is_last_page = entries.len() < self.page_len;
        for entry in entries {
            let batch = batch(entry).ok_or_else(|| StoreError::Corrupt("an entry of a log is no batch".to_owned()))?;
            self.page.push_back(batch);
        }
        let bytes: usize = self.page.iter().map(|(_, batch)| batch.len() + 32).sum();
        let average = bytes / self.page.len().max(1);
        self.page_len = (PAGE_BYTES / average.max(1)).clamp(1, PAGE_LEN_MAX);
        Ok(())
    }
}

/// Number and bytes of an entry `[id, [name, value]]`.
fn batch(entry: Value) -> Option<(u64, Bytes)> {
    let Value::Array(parts) = entry else { return None };
    let [id, fields] = <[Value; 2]>::try_from(parts).ok()?;
    let seq = reply::text(&id)?.strip_suffix("-0")?.parse().ok()?;
    let Value::Array(fields) = fields else { return None };
    let [_, batch] = <[Value; 2]>::try_from(fields).ok()?;
    Some((seq, reply::bytes(batch)?))
}
