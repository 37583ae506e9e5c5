//! An execution that a defect of ours has met is set aside, alone: its shard goes on, and so does it when it is read back by a release
//! without the defect.
//!
//! What the failed step did to memory does not count, so the execution is rebuilt from its snapshot and its events.

use std::sync::Arc;

use baton_engine::{Execution, Start};
use bytes::Bytes;

use super::codec::read_events;
use super::live::{Live, LoadError};
use super::start::SET_ASIDE;
use super::step::{Panicked, catching};
use super::{ExecutionId, Output, SendError, Shard, ShardInput, World};
use crate::telemetry::request::trace_of;

impl<W: World> Shard<W> {
    /// Sets an execution aside whose last step has panicked.
    pub(super) fn quarantine(&mut self, id: ExecutionId, mut live: Box<Live>, reason: Arc<str>, out: &mut Vec<Output<W>>) {
        let Start { execution_arn, trace_header, .. } = live.execution.started();
        let trace_id = trace_of(trace_header.as_ref());
        tracing::error!(execution = %execution_arn, trace_id, %reason, "a defect has met this execution, it is set aside");
        live.quarantined = Some(reason);
        live.is_yielded = false;
        self.quarantined.insert(id);
        if live.history.saved_events > 0 {
            // Its snapshot is in the key-value side. Until it has been read the execution is nowhere, as if it were being loaded.
            self.rebuilding.insert(id, live);
            self.loading.entry(id).or_default();
            out.push(Output::Load(id));
            return;
        }
        match from_events(&live) {
            Ok(execution) => self.set_aside(id, live, execution),
            Err(detail) => self.give_up(id, *live, &detail),
        }
    }

    /// The snapshot of an execution that is being rebuilt has come.
    pub(super) fn rebuilt(&mut self, id: ExecutionId, mut live: Box<Live>, mut snapshot: Live) {
        let parts = live.history.parts();
        let from = live.history.saved_events;
        let outcome = catching(|| parts.iter().try_fold(from, |position, part| snapshot.replay(position, part)));
        let detail = match outcome {
            Ok(Ok(_)) => {
                live.revision = snapshot.revision;
                return self.set_aside(id, live, snapshot.execution);
            }
            Ok(Err(error)) => error.to_string(),
            Err(Panicked(text)) => text.to_string(),
        };
        self.give_up(id, *live, &detail);
    }

    fn set_aside(&mut self, id: ExecutionId, mut live: Box<Live>, execution: Execution) {
        live.execution = execution;
        live.recall_tasks();
        self.live.insert(id, live);
    }

    /// What an execution is to be rebuilt from cannot be read. Inputs that wait for it are answered.
    pub(super) fn not_read(
        &mut self,
        id: ExecutionId,
        error: &LoadError,
        waiting: Vec<ShardInput<W>>,
        answer: impl Fn(&mut Self, ShardInput<W>, &mut Vec<Output<W>>),
        out: &mut Vec<Output<W>>,
    ) {
        tracing::error!(execution = %id, %error, "an execution cannot be read back");
        // Where reading may succeed later, one that is being rebuilt stays so, and is read again with its next input.
        if !error.is_passing()
            && let Some(broken) = self.rebuilding.remove(&id)
        {
            self.give_up(id, *broken, &error.to_string());
            return waiting.into_iter().for_each(|input| self.reject(input, &SendError::Unavailable(SET_ASIDE), out));
        }
        waiting.into_iter().for_each(|input| answer(self, input, out));
    }
}

/// The execution as its events make it, when none of them has left memory.
fn from_events(live: &Live) -> Result<Execution, String> {
    let machine = &live.revision.machine;
    let parts: Vec<Bytes> = live.history.parts();
    let rebuilt = catching(|| {
        let mut execution: Option<Execution> = None;
        for part in &parts {
            for event in read_events(part).map_err(|error| error.to_string())? {
                match &mut execution {
                    Some(execution) => execution.apply(machine, &event),
                    None => execution = Some(Execution::recover(machine, &event)),
                }
            }
        }
        execution.ok_or_else(|| "it has no events".to_owned())
    });
    rebuilt.unwrap_or_else(|Panicked(text)| Err(text.to_string()))
}
