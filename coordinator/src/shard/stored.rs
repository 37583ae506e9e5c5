//! What checkpoints write to the key-value side, as bytes. Keys are the store's; see [`crate::store::keys`].

use std::sync::Arc;

use baton_engine::{Claim, PayloadTable, RedriveCount, Start, Status, TaskRef, Timestamp, decode_with_table, encode_with_table};
use bytes::Bytes;

use super::codec::{CodecError, version_checked, versioned};
use super::map_run::StoredMapRun;

/// Value in the table of executions.
#[derive(Debug, PartialEq)]
pub(crate) enum Stored {
    /// It runs. Its history up to `position` is in the table of histories.
    Live(StoredLive),
    /// It has ended. Its first history segment says how it began, its last how it ended.
    Ended(StoredEnded),
    /// It is no execution but a Map Run that has ended.
    MapRun(Box<StoredMapRun>),
}

/// An execution that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredEnded {
    /// Events, internal ones included, up to its end.
    pub position: u64,
    /// Of those, the public ones.
    pub events: u64,
    /// When it ended.
    pub stop_at: Timestamp,
    /// Whether it has succeeded.
    pub has_succeeded: bool,
    /// How often it was redriven, and when.
    pub redrives: RedriveCount,
}

impl StoredEnded {
    /// Whether a redrive has nothing to ask of it: not even when an earlier one came.
    pub fn is_over(&self) -> bool {
        self.has_succeeded && self.redrives.count == 0
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.position.to_le_bytes());
        out.extend_from_slice(&self.events.to_le_bytes());
        out.extend_from_slice(&self.stop_at.to_le_bytes());
        out.push(u8::from(self.has_succeeded));
        if let RedriveCount { count, at: Some(at) } = self.redrives {
            out.extend_from_slice(&count.to_le_bytes());
            out.extend_from_slice(&at.to_le_bytes());
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let (position, rest) = bytes.split_first_chunk::<8>().ok_or(CodecError::Truncated)?;
        let (events, rest) = rest.split_first_chunk::<8>().ok_or(CodecError::Truncated)?;
        let (stop_at, rest) = rest.split_first_chunk::<8>().ok_or(CodecError::Truncated)?;
        let (&has_succeeded, rest) = rest.split_first().ok_or(CodecError::Truncated)?;
        let redrives = match rest.split_first_chunk::<4>() {
            None if rest.is_empty() => RedriveCount::default(),
            None => return Err(CodecError::Truncated),
            Some((count, at)) => {
                let at = Timestamp::from_le_bytes(at.try_into().map_err(|_| CodecError::Truncated)?);
                RedriveCount { count: u32::from_le_bytes(*count), at: Some(at) }
            }
        };
        Ok(Self {
            position: u64::from_le_bytes(*position),
            events: u64::from_le_bytes(*events),
            stop_at: Timestamp::from_le_bytes(*stop_at),
            has_succeeded: has_succeeded != 0,
            redrives,
        })
    }
}

/// An execution that runs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StoredLive {
    /// Events, internal ones included, that the snapshot has seen.
    pub position: u64,
    /// Where its timer row stands, if it has one.
    pub timer_row: Option<Timestamp>,
    /// Whether it has a row of open tasks.
    pub has_tasks_row: bool,
    /// The execution, as the engine wrote it.
    pub snapshot: Bytes,
}

const LIVE: u8 = 1;
const ENDED: u8 = 2;
const MAP_RUN: u8 = 3;
const NO_ROW: Timestamp = Timestamp::MIN;

impl Stored {
    /// The value.
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = versioned();
        match self {
            Stored::Ended(ended) => {
                out.push(ENDED);
                ended.encode(&mut out);
            }
            Stored::MapRun(stored) => {
                out.push(MAP_RUN);
                encode_with_table(&**stored, &mut out);
            }
            Stored::Live(live) => {
                out.push(LIVE);
                out.extend_from_slice(&live.position.to_le_bytes());
                out.extend_from_slice(&live.timer_row.unwrap_or(NO_ROW).to_le_bytes());
                out.push(u8::from(live.has_tasks_row));
                out.extend_from_slice(&live.snapshot);
            }
        }
        Bytes::from(out)
    }

    /// The inverse of [`encode`](Self::encode).
    pub(crate) fn decode(value: &Bytes) -> Result<Self, CodecError> {
        let (&kind, rest) = version_checked(value)?.split_first().ok_or(CodecError::Truncated)?;
        match kind {
            ENDED => StoredEnded::decode(rest).map(Stored::Ended),
            MAP_RUN => {
                let stored: StoredMapRun = decode_with_table(rest).map_err(|error| CodecError::Malformed(error.to_string()))?;
                Ok(Stored::MapRun(Box::new(stored)))
            }
            LIVE => {
                let (position, rest) = rest.split_first_chunk::<8>().ok_or(CodecError::Truncated)?;
                let (timer_row, rest) = rest.split_first_chunk::<8>().ok_or(CodecError::Truncated)?;
                let (&has_tasks_row, snapshot) = rest.split_first().ok_or(CodecError::Truncated)?;
                let timer_row = Timestamp::from_le_bytes(*timer_row);
                Ok(Stored::Live(StoredLive {
                    position: u64::from_le_bytes(*position),
                    timer_row: (timer_row != NO_ROW).then_some(timer_row),
                    has_tasks_row: has_tasks_row != 0,
                    snapshot: value.slice_ref(snapshot),
                }))
            }
            other => Err(CodecError::Malformed(format!("an execution of kind {other}"))),
        }
    }
}

/// Value in the table of open tasks (a record of the shard's own, under [`tasks_row_name`]): what must be offered or watched again
/// after a restart although its execution stays out of memory.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
pub(crate) struct StoredTasks(pub Vec<StoredTask>);

/// One open task.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
pub(crate) struct StoredTask {
    /// Which attempt.
    pub task: TaskRef,
    /// Its queue while nobody has it.
    pub queue: Option<Arc<str>>,
    /// Who has it.
    pub claim: Option<Claim>,
    /// Whether it is a function's; decides which error tells of a lost worker.
    pub is_function: bool,
}

/// Name of the record that holds an execution's open tasks.
pub(crate) fn tasks_row_name(execution: u128) -> String {
    format!("tasks/{execution:032x}")
}

/// The inverse of [`tasks_row_name`]; `None` for other records.
pub(crate) fn execution_of_tasks_row(name: &str) -> Option<u128> {
    u128::from_str_radix(name.strip_prefix("tasks/")?, 16).ok()
}

/// Value in the table of open Express executions (a record of the shard's own, under [`express_row_name`]): those that a restart runs
/// again from their beginning, and whose start the log may have let go.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
pub(crate) struct StoredExpress(pub Start);

/// Name of the record that holds the start of an open Express execution.
pub(crate) fn express_row_name(execution: u128) -> String {
    format!("express/{execution:032x}")
}

/// The inverse of [`express_row_name`]; `None` for other records.
pub(crate) fn execution_of_express_row(name: &str) -> Option<u128> {
    u128::from_str_radix(name.strip_prefix("express/")?, 16).ok()
}

/// Value in the table of executions that are given up for good (a record of the shard's own, under [`given_up_row_name`]): what the log said of
/// them may be gone, so that a restart must not go on from what else is stored.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
pub(crate) struct StoredGivenUp {
    /// Why.
    pub reason: Arc<str>,
    /// What it started with, if that is known.
    pub start: Option<Start>,
}

/// Name of the record of an execution that is given up for good.
pub(crate) fn given_up_row_name(execution: u128) -> String {
    format!("given-up/{execution:032x}")
}

/// The inverse of [`given_up_row_name`]; `None` for other records.
pub(crate) fn execution_of_given_up_row(name: &str) -> Option<u128> {
    u128::from_str_radix(name.strip_prefix("given-up/")?, 16).ok()
}

/// Name of the record with the number of open executions (a record of the shard's own).
pub(crate) const OPEN_COUNT_ROW: &str = "open";

/// Its value: how many Standard executions had begun and not ended after this batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub(crate) struct StoredOpenCount {
    /// Number of the batch.
    pub seq: u64,
    /// How many.
    pub count: u64,
}

/// Value in the index of executions.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
pub(crate) struct StoredIndexEntry {
    /// As of the checkpoint.
    pub status: Status,
    /// When it ended.
    pub stop_at: Option<Timestamp>,
    /// How often it was redriven, and when.
    pub redrives: RedriveCount,
    /// ARN of the execution.
    pub execution_arn: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Version that it was started through.
    pub version_arn: Option<Arc<str>>,
    /// Alias that it was started through.
    pub alias_arn: Option<Arc<str>>,
    /// Items that a Map Run's child has.
    pub items: Option<u32>,
}

/// Value in the table of retention: executions that ended between two checkpoints, to be forgotten together.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
pub(crate) struct StoredRetention(pub Vec<Retained>);

/// One ended execution.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
pub(crate) struct Retained {
    /// Its id.
    pub execution: u128,
    /// Hash of its state machine's ARN.
    pub state_machine: u128,
    /// When it started.
    pub start_at: Timestamp,
}

/// A value with a version byte in front.
pub(crate) fn encode_value(value: &impl bincode::Encode) -> Bytes {
    let mut out = versioned();
    encode_with_table(value, &mut out);
    Bytes::from(out)
}

/// The inverse of [`encode_value`].
pub(crate) fn decode_value<T: bincode::Decode<baton_engine::PayloadTable>>(value: &[u8]) -> Result<T, CodecError> {
    decode_with_table(version_checked(value)?).map_err(|error| CodecError::Malformed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn executions_come_back(position: u64, timer_row: Option<i64>, has_tasks_row: bool, snapshot: Vec<u8>) {
            let timer_row = timer_row.filter(|due| *due != NO_ROW);
            let live = Stored::Live(StoredLive { position, timer_row, has_tasks_row, snapshot: snapshot.into() });
            prop_assert_eq!(Stored::decode(&live.encode()), Ok(live));
        }

        #[test]
        fn no_bytes_make_reading_panic(bytes: Vec<u8>) {
            let mut bytes = bytes;
            let _ = Stored::decode(&Bytes::from(bytes.clone()));
            if let Some(first) = bytes.first_mut() {
                *first = 1;
            }
            let _ = Stored::decode(&Bytes::from(bytes.clone()));
            let _ = decode_value::<StoredTasks>(&bytes);
            let _ = decode_value::<StoredExpress>(&bytes);
            let _ = decode_value::<StoredGivenUp>(&bytes);
            let _ = decode_value::<StoredOpenCount>(&bytes);
            let _ = decode_value::<StoredIndexEntry>(&bytes);
            let _ = decode_value::<StoredRetention>(&bytes);
        }
    }

    #[test]
    fn an_ended_execution_is_small() {
        let ended = StoredEnded { position: 12, events: 10, stop_at: -5, has_succeeded: true, redrives: RedriveCount::default() };
        let redriven = StoredEnded { redrives: RedriveCount { count: 3, at: Some(7) }, ..ended };
        for (ended, len) in [(ended, 27), (redriven, 39)] {
            let value = Stored::Ended(ended).encode();
            assert_eq!((value.len(), Stored::decode(&value)), (len, Ok(Stored::Ended(ended))));
            (2..len).filter(|len| *len != 27).for_each(|len| assert!(Stored::decode(&value.slice(..len)).is_err(), "cut at {len}"));
        }
    }

    #[test]
    fn rows_of_tasks_are_told_from_other_records() {
        assert_eq!(execution_of_tasks_row(&tasks_row_name(7)), Some(7));
        assert_eq!(execution_of_tasks_row("checkpoint"), None);
        assert_eq!(execution_of_tasks_row("tasks/no-number"), None);
    }

    #[test]
    fn rows_of_express_executions_are_told_from_other_records() {
        assert_eq!(execution_of_express_row(&express_row_name(7)), Some(7));
        assert_eq!(execution_of_express_row(&tasks_row_name(7)), None);
        assert_eq!(execution_of_tasks_row(&express_row_name(7)), None);
    }
}
