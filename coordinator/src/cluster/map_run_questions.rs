//! Map Runs, asked from outside.

use std::sync::Arc;

use hashbrown::HashMap;

use super::unread::{MAP_RUN, Unread};
use super::{Cluster, ExecutionId, PeerAnswer, Question, ReadError};
use crate::shard::{
    Answer, CodecError, MapRunAnswer, MapRunChanges, MapRunQuestion, MapRunRecord, Stored, map_run_id, map_run_record, runs_of,
    state_machine_hash,
};
use crate::store::Table;
use crate::store::keys::{ExecutionIndexKey, ExecutionKey};

/// Map Runs of one execution that are listed at most.
const LISTED_MAX: usize = 10_000;

impl Cluster {
    /// The Map Run as it stands; `None` if there is none.
    pub async fn map_run(&self, map_run_arn: &str) -> Result<Option<MapRunRecord>, ReadError> {
        let Some(id) = map_run_id(map_run_arn) else { return Ok(None) };
        match self.ask_map_run(id, MapRunQuestion::Describe).await? {
            MapRunAnswer::Seen(Some(record)) => Ok(Some(*record)),
            _ => self.stored_map_run(id).await,
        }
    }

    /// The Map Runs of an execution, the latest first.
    pub async fn map_runs(&self, execution_arn: &str) -> Result<Vec<MapRunRecord>, ReadError> {
        let id = ExecutionId::of_arn(execution_arn);
        let question = MapRunQuestion::ListOf { execution_arn: execution_arn.into() };
        let mut found: HashMap<Arc<str>, MapRunRecord> = match self.ask_map_run(id, question).await? {
            MapRunAnswer::Listed(runs) => runs.into_iter().map(|run| (run.map_run_arn.clone(), run)).collect(),
            _ => unreachable!("a list is answered with a list"),
        };
        let range = ExecutionIndexKey::of_state_machine(state_machine_hash(&runs_of(execution_arn)));
        let page = self.inner.store.scan(Table::ExecutionIndex, range, LISTED_MAX, false).await.map_err(unreadable)?;
        for (key, _) in page {
            let key =
                ExecutionIndexKey::decode(&key).ok_or_else(|| unreadable(CodecError::Malformed("a key of another form".to_owned())))?;
            if let Some(run) = self.stored_map_run(ExecutionId(key.execution)).await? {
                found.entry(run.map_run_arn.clone()).or_insert(run);
            }
        }
        let mut found: Vec<_> = found.into_values().collect();
        found.sort_unstable_by(|a, b| (b.started_at, &a.map_run_arn).cmp(&(a.started_at, &b.map_run_arn)));
        Ok(found)
    }

    /// UpdateMapRun; false if the run does not run.
    pub async fn update_map_run(&self, map_run_arn: &str, changes: MapRunChanges) -> Result<bool, ReadError> {
        let Some(id) = map_run_id(map_run_arn) else { return Ok(false) };
        match self.ask_map_run(id, MapRunQuestion::Update(changes)).await? {
            MapRunAnswer::Updated(is_updated) => Ok(is_updated),
            _ => unreachable!("a change is answered as a change is"),
        }
    }

    pub(super) async fn ask_map_run(&self, id: ExecutionId, question: MapRunQuestion) -> Result<MapRunAnswer, ReadError> {
        match self.ask(Question::MapRun { id, question }).await? {
            Answer::MapRun(answer) => Ok(answer),
            _ => unreachable!("a Map Run is answered for as Map Runs are"),
        }
    }

    pub(super) async fn map_run_here(&self, id: ExecutionId, question: MapRunQuestion) -> PeerAnswer {
        let shard = self.shard_of(id);
        let is_report = matches!(question, MapRunQuestion::ChildrenEnded(_));
        let input =
            |reply| crate::shard::ShardInput::MapRun { id, message: crate::shard::MapRunMessage::Asked(question), reply: Some(reply) };
        if is_report { self.told(shard, input).await } else { self.refusable(shard, input).await }
    }

    async fn stored_map_run(&self, id: ExecutionId) -> Result<Option<MapRunRecord>, ReadError> {
        let value = self.inner.store.get(Table::Executions, &ExecutionKey { execution: id.0 }.encode()).await.map_err(unreadable)?;
        match value.map(|value| Stored::decode(&value)).transpose().map_err(unreadable)? {
            Some(Stored::MapRun(stored)) => Ok(Some(map_run_record(&stored.0))),
            Some(Stored::Live(_) | Stored::Ended(_)) | None => Ok(None),
        }
    }
}

fn unreadable(error: impl Into<Unread>) -> ReadError {
    MAP_RUN.unread(error)
}
