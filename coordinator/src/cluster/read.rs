//! What is read about executions: from the shard's memory, or from the key-value side when they are not there.

use std::cmp::Reverse;
use std::ops::Bound;
use std::time::Duration;

use baton_engine::{Event, Execution, decode_with_table};
use bytes::Bytes;
use hashbrown::HashMap;

use super::route::NotAsked;
use super::unread::{EXECUTION, Unread};
use super::watch::Watch;
use super::{
    CLOSING, Cluster, ExecutionId, ExecutionRecord, ExecutionSummary, ListQuery, PeerAnswer, Question, ReadError, RemoteWatch, Revisions,
};
use crate::shard::{
    Answer, CodecError, Seen, SeenHistory, ShardInput, Stored, StoredIndexEntry, decode_value, read_events, record, record_of_history,
    record_of_whole_history, state_machine_hash,
};
use crate::store::Table;
use crate::store::keys::{ExecutionIndexKey, ExecutionKey, HistoryKey};

/// Segments and lines that are read at once.
const PAGE: usize = 256;

impl Cluster {
    /// The execution as it stands; `None` if there is none (or its retention is over).
    pub async fn describe(&self, id: ExecutionId) -> Result<Option<ExecutionRecord>, ReadError> {
        let seen = seen(self.ask(Question::Describe { id }).await)?;
        self.record_of(id, seen).await
    }

    async fn record_of(&self, id: ExecutionId, seen: Seen) -> Result<Option<ExecutionRecord>, ReadError> {
        match seen {
            Seen::Here(record) => Ok(Some(*record)),
            Seen::Elsewhere { set_aside } => {
                Ok(self.stored(id).await?.map(|(record, _)| ExecutionRecord { quarantined: set_aside, ..record }))
            }
        }
    }

    /// As [`describe`](Self::describe), of an execution that is known to have ended and to go on no more: one look at its history is enough, if
    /// that is written already.
    pub(crate) async fn describe_ended(&self, id: ExecutionId) -> Result<Option<ExecutionRecord>, ReadError> {
        let range = HistoryKey::of_execution(id.0);
        let segments = self.inner.store.scan(Table::History, range, 2, false).await.map_err(unreadable)?;
        if let [(_, only)] = &segments[..]
            && let Some(record) = record_of_whole_history(only).map_err(unreadable)?
        {
            return Ok(Some(record));
        }
        self.describe(id).await
    }

    /// The execution and everything that has happened to it so far, in order, internal events included.
    pub async fn history(&self, id: ExecutionId) -> Result<Option<(ExecutionRecord, Vec<Event>)>, ReadError> {
        match seen_history(self.ask(Question::History { id }).await)? {
            Some(seen) => Ok(Some((*seen.record.clone(), self.events(id, &seen).await?))),
            None => self.stored_history(id).await,
        }
    }

    /// Answers as soon as the execution has ended, or as it stands after `timeout`. `None` if there is no such execution.
    pub async fn wait_end(&self, id: ExecutionId, timeout: Duration) -> Result<Option<ExecutionRecord>, ReadError> {
        match tokio::time::timeout(timeout, self.ask_any(Question::WaitEnd { id })).await {
            Ok(Ok(PeerAnswer::Ended(record))) => record.map(|record| record.map(|record| *record)),
            Ok(Ok(_)) => unreachable!("waiting for an end is answered with the end"),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => self.describe(id).await,
        }
    }

    /// Waits for the end of an execution of a shard that is here.
    pub(super) async fn end_here(&self, id: ExecutionId) -> PeerAnswer {
        match self.end(id).await {
            Ok(record) => PeerAnswer::Ended(Ok(record.map(Box::new))),
            Err(NoEnd::Unread(error)) => PeerAnswer::Ended(Err(error)),
            Err(NoEnd::NotAnswered(answer)) => answer,
        }
    }

    async fn end(&self, id: ExecutionId) -> Result<Option<ExecutionRecord>, NoEnd> {
        let shard = self.shard_of(id);
        let wait = |is_absent_running| self.refusable(shard, move |reply| ShardInput::WaitEnd { id, is_absent_running, reply });
        if let Seen::Here(record) = seen_here(wait(false).await)? {
            return Ok(Some(*record));
        }
        match self.stored(id).await? {
            Some((_, true)) => {}
            Some((record, false)) => return Ok(Some(record)),
            None => return Ok(None),
        }
        // It runs and is not in memory. It may end before the shard hears of the waiting, hence the second look behind it.
        let mut ended = std::pin::pin!(wait(true));
        let first = std::future::poll_fn(|cx| std::task::Poll::Ready(ended.as_mut().poll(cx))).await;
        if let std::task::Poll::Ready(answer) = first {
            return Ok(self.record_of(id, seen_here(answer)?).await?);
        }
        match self.stored(id).await? {
            Some((_, true)) => {
                let answer = ended.await;
                Ok(self.record_of(id, seen_here(answer)?).await?)
            }
            Some((record, false)) => Ok(Some(record)),
            None => Ok(None),
        }
    }

    /// All events so far, then live ones as they become durable; ends with the execution. `None` if there is no such execution.
    pub async fn watch(&self, id: ExecutionId) -> Result<Option<Watch>, ReadError> {
        let RemoteWatch { seen, live } = self.follow_anywhere(id).await?;
        match seen {
            Some(seen) => {
                let watch = Watch::new(self.events(id, &seen).await?, Some(live));
                Ok(Some(if self.is_alone() { watch } else { watch.shared(self.clone(), id) }))
            }
            // It has ended and left memory, or there is none.
            None => Ok(self.stored_history(id).await?.map(|(_, events)| Watch::new(events, None))),
        }
    }

    /// ListExecutions of one state machine, most recent start first. Reads its own writes, and misses none: if not every shard can be asked, there is no
    /// list.
    pub async fn list(&self, query: ListQuery) -> Result<Vec<ExecutionSummary>, ReadError> {
        if self.is_closing() {
            return Err(ReadError::Unavailable(CLOSING));
        }
        let in_memory = self.list_anywhere(query.listed_under()).await?;
        let in_memory: HashMap<ExecutionId, ExecutionSummary> = in_memory.into_iter().map(|summary| (summary.id, summary)).collect();
        let mut found = self.list_stored(&query, &in_memory).await?;
        found.extend(in_memory.into_values().filter(|summary| query.matches(summary)));
        found.sort_unstable_by_key(|summary| (Reverse(summary.start_at), summary.id));
        found.truncate(query.limit);
        Ok(found)
    }

    /// Lines of the index, up to the limit. Those of which memory knows more are left out.
    async fn list_stored(
        &self,
        query: &ListQuery,
        in_memory: &HashMap<ExecutionId, ExecutionSummary>,
    ) -> Result<Vec<ExecutionSummary>, ReadError> {
        let state_machine = state_machine_hash(query.listed_under());
        let (mut start, end) = match query.after {
            Some(cursor) => ExecutionIndexKey { state_machine, start_ms: cursor.start_at, execution: cursor.id.0 }.after(),
            None => ExecutionIndexKey::of_state_machine(state_machine),
        };
        let mut found = Vec::new();
        loop {
            let page = self.inner.store.scan(Table::ExecutionIndex, (start, end.clone()), PAGE, false).await.map_err(unreadable)?;
            for (key, value) in &page {
                let summary = summary(query, key, value)?;
                if query.matches(&summary) && !in_memory.contains_key(&summary.id) {
                    found.push(summary);
                }
            }
            match page.last() {
                Some((key, _)) if page.len() == PAGE && found.len() < query.limit => start = Bound::Excluded(key.to_vec()),
                Some(_) | None => return Ok(found),
            }
            tokio::task::yield_now().await;
        }
    }

    /// What the key-value side has of an execution, and whether it runs.
    async fn stored(&self, id: ExecutionId) -> Result<Option<(ExecutionRecord, bool)>, ReadError> {
        let store = &self.inner.store;
        let Some(value) = store.get(Table::Executions, &ExecutionKey { execution: id.0 }.encode()).await.map_err(unreadable)? else {
            return Ok(None);
        };
        match Stored::decode(&value).map_err(unreadable)? {
            Stored::Live(live) => {
                let execution: Execution = decode_with_table(&live.snapshot).map_err(malformed)?;
                let revision =
                    self.inner.revisions.revision(execution.started().revision).ok_or(ReadError::Unavailable(EXECUTION.passing))?;
                Ok(Some((record(&execution, &revision, None), true)))
            }
            Stored::MapRun(_) => Ok(None),
            Stored::Ended(stored) => {
                // It may have been redriven meanwhile: what has come after its end is another look's.
                let (start, _) = HistoryKey::of_execution(id.0);
                let end = HistoryKey { execution: id.0, first_event: stored.position }.encode();
                let range = (start, Bound::Excluded(end));
                let first = store.scan(Table::History, range.clone(), 1, false).await.map_err(unreadable)?;
                let last = store.scan(Table::History, range, 1, true).await.map_err(unreadable)?;
                match (first.first(), last.first()) {
                    (Some((_, first)), Some((_, last))) => Ok(Some((record_of_history(first, last, &stored).map_err(unreadable)?, false))),
                    // Its retention has ended this moment.
                    _ => Ok(None),
                }
            }
        }
    }

    async fn stored_history(&self, id: ExecutionId) -> Result<Option<(ExecutionRecord, Vec<Event>)>, ReadError> {
        let Some((record, is_running)) = self.stored(id).await? else { return Ok(None) };
        let events = self.saved_events(id, u64::MAX).await?;
        if is_running && events.last().is_some_and(ends_execution) {
            // It has ended between the two looks.
            let record = self.stored(id).await?.map(|(record, _)| record);
            return Ok(record.map(|record| (record, events)));
        }
        Ok(Some((record, events)))
    }

    /// All events: those of the key-value side, then those that the shard has.
    async fn events(&self, id: ExecutionId, seen: &SeenHistory) -> Result<Vec<Event>, ReadError> {
        let mut events = self.saved_events(id, seen.saved_events).await?;
        for part in &seen.parts {
            events.append(&mut read_events(part).map_err(unreadable)?);
        }
        Ok(events)
    }

    /// The first `count` events, as far as the key-value side has them.
    async fn saved_events(&self, id: ExecutionId, count: u64) -> Result<Vec<Event>, ReadError> {
        let mut events = Vec::new();
        let (mut start, end) = HistoryKey::of_execution(id.0);
        while (events.len() as u64) < count {
            let page = self.inner.store.scan(Table::History, (start, end.clone()), PAGE, false).await.map_err(unreadable)?;
            for (_, segment) in &page {
                events.append(&mut read_events(segment).map_err(unreadable)?);
            }
            match page.last() {
                Some((key, _)) if page.len() == PAGE => start = Bound::Excluded(key.to_vec()),
                Some(_) | None => break,
            }
        }
        events.truncate(usize::try_from(count).unwrap_or(usize::MAX));
        Ok(events)
    }
}

pub(super) fn ends_execution(event: &Event) -> bool {
    event.kind.execution_change().is_some_and(|change| change.is_end())
}

fn summary(query: &ListQuery, key: &Bytes, value: &Bytes) -> Result<ExecutionSummary, ReadError> {
    let key = ExecutionIndexKey::decode(key).ok_or_else(|| malformed("a key of another form"))?;
    let entry: StoredIndexEntry = decode_value(value).map_err(unreadable)?;
    Ok(ExecutionSummary {
        id: ExecutionId(key.execution),
        execution_arn: entry.execution_arn,
        state_machine_arn: query.state_machine_arn.clone(),
        name: entry.name,
        version_arn: entry.version_arn,
        alias_arn: entry.alias_arn,
        status: entry.status,
        start_at: key.start_ms,
        stop_at: entry.stop_at,
        redrives: entry.redrives,
        items: entry.items,
    })
}

/// Why there is no end of an execution to be told.
enum NoEnd {
    Unread(ReadError),
    /// What the shard says instead.
    NotAnswered(PeerAnswer),
}

impl From<ReadError> for NoEnd {
    fn from(error: ReadError) -> Self {
        NoEnd::Unread(error)
    }
}

impl From<NotAsked> for ReadError {
    fn from(error: NotAsked) -> Self {
        match error {
            NotAsked::Throttled => ReadError::Throttled,
            NotAsked::Unavailable(text) => ReadError::Unavailable(text),
        }
    }
}

fn seen(answer: Result<Answer, NotAsked>) -> Result<Seen, ReadError> {
    match answer? {
        Answer::Seen(seen) => Ok(seen),
        _ => unreachable!("a look is answered as a look is"),
    }
}

fn seen_here(answer: PeerAnswer) -> Result<Seen, NoEnd> {
    match answer {
        PeerAnswer::Shard(Answer::Seen(seen)) => Ok(seen),
        answer => Err(NoEnd::NotAnswered(answer)),
    }
}

fn seen_history(answer: Result<Answer, NotAsked>) -> Result<Option<SeenHistory>, ReadError> {
    match answer? {
        Answer::History(history) => Ok(history),
        _ => unreachable!("a look at a history is answered as such a look is"),
    }
}

fn malformed(error: impl std::fmt::Display) -> ReadError {
    unreadable(CodecError::Malformed(error.to_string()))
}

fn unreadable(error: impl Into<Unread>) -> ReadError {
    EXECUTION.unread(error)
}
