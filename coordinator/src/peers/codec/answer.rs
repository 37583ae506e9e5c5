//! Answers as they travel.

use std::sync::Arc;

use baton_engine::{NotRedrivable, PayloadTable, Rejected, Timestamp, Verdict};
use bincode::{Decode, Encode};
use bytes::Bytes;

use super::grant::WireGrant;
use super::text::lasting;
use crate::cluster::{
    ClaimName, ExecutionRecord, ExecutionSummary, Listed, PeerAnswer, ReadError, RedriveError, SendError, StartError, Started, TaskName,
};
use crate::shard::{Answer, MapRunAnswer, Seen, SeenHistory};
use crate::store::ShardSet;

/// See [`PeerAnswer`].
#[derive(Encode, Decode)]
#[bincode(decode_context = "PayloadTable")]
pub(super) enum WireAnswer {
    Started(Result<Started, NotStarted>),
    Sent(Result<Verdict, NotSent>),
    Redriven(Result<Timestamp, NotRedriven>),
    /// Where it is not in memory: why it is set aside, if it is.
    Seen(Result<Box<ExecutionRecord>, Option<Arc<str>>>),
    History(Option<WireHistory>),
    Task(Option<WireGrant>),
    Claimed(Option<WireGrant>),
    Ended(Result<Option<Box<ExecutionRecord>>, NotRead>),
    Listed {
        shards: Vec<u8>,
        executions: Vec<ExecutionSummary>,
    },
    Holding(Option<Vec<ClaimName>>),
    MapRun(MapRunAnswer),
    Done {
        catalog_position: u64,
    },
    Throttled,
    Unavailable(String),
    NotHere,
    Lent(Vec<(u32, TaskName)>),
}

#[derive(Encode, Decode)]
#[bincode(decode_context = "PayloadTable")]
pub(super) struct WireHistory {
    record: Box<ExecutionRecord>,
    saved_events: u64,
    parts: Vec<Vec<u8>>,
}

#[derive(Encode, Decode)]
pub(super) enum NotStarted {
    AlreadyExists { execution_arn: String },
    Throttled,
    Unavailable(String),
}

#[derive(Encode, Decode)]
pub(super) enum NotSent {
    NoSuchExecution,
    Rejected(Rejected),
    Throttled,
    Unavailable(String),
}

#[derive(Encode, Decode)]
pub(super) enum NotRedriven {
    NoSuchExecution,
    NotRedrivable(NotRedrivable),
    Throttled,
    Unavailable(String),
}

#[derive(Encode, Decode)]
pub(super) enum NotRead {
    Throttled,
    Unavailable(String),
}

impl From<PeerAnswer> for WireAnswer {
    fn from(answer: PeerAnswer) -> Self {
        match answer {
            PeerAnswer::Shard(answer) => Self::of_shard(answer),
            PeerAnswer::Claimed(grant) => Self::Claimed(grant.map(WireGrant::from)),
            PeerAnswer::Ended(record) => Self::Ended(record.map_err(NotRead::from)),
            PeerAnswer::Listed(Listed { shards, executions }) => Self::Listed { shards: shards.as_bytes().to_vec(), executions },
            PeerAnswer::Holding(held) => Self::Holding(held),
            PeerAnswer::Lent(lent) => Self::Lent(lent),
            PeerAnswer::Done { catalog_position } => Self::Done { catalog_position },
            PeerAnswer::Throttled => Self::Throttled,
            PeerAnswer::Unavailable(text) => Self::Unavailable(text.to_owned()),
            PeerAnswer::NotHere => Self::NotHere,
        }
    }
}

impl WireAnswer {
    fn of_shard(answer: Answer) -> Self {
        match answer {
            Answer::Started(result) => Self::Started(result.map_err(NotStarted::from)),
            Answer::Sent(result) => Self::Sent(result.map_err(NotSent::from)),
            Answer::Redriven(result) => Self::Redriven(result.map_err(NotRedriven::from)),
            Answer::Seen(Seen::Here(record)) => Self::Seen(Ok(record)),
            Answer::Seen(Seen::Elsewhere { set_aside }) => Self::Seen(Err(set_aside)),
            Answer::History(history) => Self::History(history.map(WireHistory::from)),
            Answer::Task(grant) => Self::Task(grant.map(WireGrant::from)),
            Answer::MapRun(answer) => Self::MapRun(answer),
            Answer::Unavailable(text) => Self::Unavailable(text.to_owned()),
            Answer::NotHere => Self::NotHere,
            Answer::ExpressEnded(_) => unreachable!("an Express execution runs where it was asked for"),
        }
    }
}

impl From<WireAnswer> for PeerAnswer {
    fn from(answer: WireAnswer) -> Self {
        let shard = PeerAnswer::Shard;
        match answer {
            WireAnswer::Started(result) => shard(Answer::Started(result.map_err(StartError::from))),
            WireAnswer::Sent(result) => shard(Answer::Sent(result.map_err(SendError::from))),
            WireAnswer::Redriven(result) => shard(Answer::Redriven(result.map_err(RedriveError::from))),
            WireAnswer::Seen(record) => shard(Answer::Seen(record.map_or_else(|set_aside| Seen::Elsewhere { set_aside }, Seen::Here))),
            WireAnswer::History(history) => shard(Answer::History(history.map(SeenHistory::from))),
            WireAnswer::Task(grant) => shard(Answer::Task(grant.map(Into::into))),
            WireAnswer::MapRun(answer) => shard(Answer::MapRun(answer)),
            WireAnswer::Claimed(grant) => PeerAnswer::Claimed(grant.map(Into::into)),
            WireAnswer::Ended(record) => PeerAnswer::Ended(record.map_err(ReadError::from)),
            WireAnswer::Listed { shards, executions } => PeerAnswer::Listed(Listed { shards: ShardSet::from_bytes(&shards), executions }),
            WireAnswer::Holding(held) => PeerAnswer::Holding(held),
            WireAnswer::Lent(lent) => PeerAnswer::Lent(lent),
            WireAnswer::Done { catalog_position } => PeerAnswer::Done { catalog_position },
            WireAnswer::Throttled => PeerAnswer::Throttled,
            WireAnswer::Unavailable(text) => PeerAnswer::Unavailable(lasting(&text)),
            WireAnswer::NotHere => PeerAnswer::NotHere,
        }
    }
}

impl From<SeenHistory> for WireHistory {
    fn from(SeenHistory { record, saved_events, parts }: SeenHistory) -> Self {
        Self { record, saved_events, parts: parts.into_iter().map(Vec::from).collect() }
    }
}

impl From<WireHistory> for SeenHistory {
    fn from(WireHistory { record, saved_events, parts }: WireHistory) -> Self {
        Self { record, saved_events, parts: parts.into_iter().map(Bytes::from).collect() }
    }
}

impl From<StartError> for NotStarted {
    fn from(error: StartError) -> Self {
        match error {
            StartError::AlreadyExists { execution_arn } => Self::AlreadyExists { execution_arn },
            StartError::Throttled => Self::Throttled,
            StartError::Unavailable(text) => Self::Unavailable(text.to_owned()),
        }
    }
}

impl From<NotStarted> for StartError {
    fn from(error: NotStarted) -> Self {
        match error {
            NotStarted::AlreadyExists { execution_arn } => Self::AlreadyExists { execution_arn },
            NotStarted::Throttled => Self::Throttled,
            NotStarted::Unavailable(text) => Self::Unavailable(lasting(&text)),
        }
    }
}

impl From<SendError> for NotSent {
    fn from(error: SendError) -> Self {
        match error {
            SendError::NoSuchExecution => Self::NoSuchExecution,
            SendError::Rejected(rejected) => Self::Rejected(rejected),
            SendError::Throttled => Self::Throttled,
            SendError::Unavailable(text) => Self::Unavailable(text.to_owned()),
        }
    }
}

impl From<NotSent> for SendError {
    fn from(error: NotSent) -> Self {
        match error {
            NotSent::NoSuchExecution => Self::NoSuchExecution,
            NotSent::Rejected(rejected) => Self::Rejected(rejected),
            NotSent::Throttled => Self::Throttled,
            NotSent::Unavailable(text) => Self::Unavailable(lasting(&text)),
        }
    }
}

impl From<RedriveError> for NotRedriven {
    fn from(error: RedriveError) -> Self {
        match error {
            RedriveError::NoSuchExecution => Self::NoSuchExecution,
            RedriveError::NotRedrivable(reason) => Self::NotRedrivable(reason),
            RedriveError::Throttled => Self::Throttled,
            RedriveError::Unavailable(text) => Self::Unavailable(text.to_owned()),
        }
    }
}

impl From<NotRedriven> for RedriveError {
    fn from(error: NotRedriven) -> Self {
        match error {
            NotRedriven::NoSuchExecution => Self::NoSuchExecution,
            NotRedriven::NotRedrivable(reason) => Self::NotRedrivable(reason),
            NotRedriven::Throttled => Self::Throttled,
            NotRedriven::Unavailable(text) => Self::Unavailable(lasting(&text)),
        }
    }
}

impl From<ReadError> for NotRead {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Throttled => Self::Throttled,
            ReadError::Unavailable(text) => Self::Unavailable(text.to_owned()),
        }
    }
}

impl From<NotRead> for ReadError {
    fn from(error: NotRead) -> Self {
        match error {
            NotRead::Throttled => Self::Throttled,
            NotRead::Unavailable(text) => Self::Unavailable(lasting(&text)),
        }
    }
}
