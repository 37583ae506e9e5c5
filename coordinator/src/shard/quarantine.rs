//! An execution that a defect of ours has met is set aside, alone: its shard goes on, and so does it when it is read back by a release
//! without the defect.
//!
//! What the failed step did to memory does not count, so the execution is rebuilt from its snapshot and its events.

use std::sync::Arc;

use baton_engine::Execution;
use bytes::Bytes;

use super::codec::read_events;
use super::live::Live;
use super::step::{Panicked, catching};
use super::{ExecutionId, Output, Shard, World};

impl<W: World> Shard<W> {
    /// Sets an execution aside whose last step has panicked.
    pub(super) fn quarantine(&mut self, id: ExecutionId, mut live: Box<Live>, reason: Arc<str>, out: &mut Vec<Output<W>>) {
        tracing::error!(execution = %live.execution.started().execution_arn, %reason, "a defect has met this execution, it is set aside");
        live.quarantined = Some(reason);
        live.is_yielded = false;
        if live.history.saved_events > 0 {
            // Its snapshot is in the key-value side. Until it has been read the execution is nowhere, as if it were being loaded.
            self.rebuilding.insert(id, live);
            self.loading.entry(id).or_default();
            out.push(Output::Load(id));
            return;
        }
        match from_events(&live) {
            Ok(execution) => self.set_aside(id, live, execution),
            Err(detail) => self.lose_execution(id, &detail),
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
        self.lose_execution(id, &detail);
    }

    fn set_aside(&mut self, id: ExecutionId, mut live: Box<Live>, execution: Execution) {
        live.execution = execution;
        live.recall_tasks();
        self.live.insert(id, live);
    }

    /// The log holds the execution, but nobody can make sense of it. Checkpoints stop, so that the log keeps it for a release that can.
    fn lose_execution(&mut self, id: ExecutionId, detail: &str) {
        tracing::error!(execution = %id, shard = %self.id, detail, "an execution cannot be rebuilt from the log; the log is kept");
        self.checkpoint.stop();
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
