//! What becomes of inputs of a shard that is not this process's, and of what a shard had promised when it leaves.

use super::{Answer, ExpressStart, Output, Shard, ShardInput, World};
use crate::store::StoreError;

impl<W: World> ShardInput<W> {
    /// What is to be done about an input whose shard is not here: whoever asks is told so, and what came with it is given back. What the
    /// shard's former owner told itself concerns nobody.
    pub fn elsewhere(self) -> Option<Output<W>> {
        match self {
            ShardInput::Start { reply, .. }
            | ShardInput::StartAgain { reply, .. }
            | ShardInput::StartExpress {
                how: ExpressStart::Recorded(reply) | ExpressStart::Awaited(reply) | ExpressStart::Child(reply),
                ..
            }
            | ShardInput::MapRun { reply: Some(reply), .. }
            | ShardInput::Send { reply: Some(reply), .. }
            | ShardInput::Redrive { reply, .. }
            | ShardInput::Assert { reply, .. }
            | ShardInput::Task { reply, .. }
            | ShardInput::Describe { reply, .. }
            | ShardInput::History { reply, .. }
            | ShardInput::WaitEnd { reply, .. }
            | ShardInput::Watch { reply, .. } => Some(Output::Reply(reply, Answer::NotHere)),
            ShardInput::SlotFree { slot, .. } => Some(Output::Return(slot)),
            ShardInput::Claim { id, task, slot, claim } => Some(Output::Stray { slot, id, task, claim }),
            ShardInput::Send { reply: None, .. }
            | ShardInput::RunAgain { .. }
            | ShardInput::MapRun { reply: None, .. }
            | ShardInput::EndsHeard(_)
            | ShardInput::Wake
            | ShardInput::HolderLost { .. }
            | ShardInput::GrantLost { .. }
            | ShardInput::Place { .. }
            | ShardInput::Due { .. }
            | ShardInput::Loaded { .. }
            | ShardInput::HistoryLoaded { .. }
            | ShardInput::Durable { .. }
            | ShardInput::Retry
            | ShardInput::Checkpointed { .. }
            | ShardInput::Lost { .. } => None,
        }
    }

    /// Whether somebody waits for an answer and can look for the shard's owner elsewhere. An owner whose lease has lapsed, and may be its own again,
    /// takes in everything else: nobody would say it twice, and what it decides of it comes into the log only if the lease is still its own.
    pub fn can_be_asked_elsewhere(&self) -> bool {
        match self {
            ShardInput::Start { .. }
            | ShardInput::StartAgain { .. }
            | ShardInput::StartExpress { .. }
            | ShardInput::Redrive { .. }
            | ShardInput::Assert { .. }
            | ShardInput::Task { .. }
            | ShardInput::Describe { .. }
            | ShardInput::History { .. }
            | ShardInput::WaitEnd { .. }
            | ShardInput::Watch { .. }
            | ShardInput::Claim { .. } => true,
            ShardInput::Send { reply, .. } | ShardInput::MapRun { reply, .. } => reply.is_some(),
            // The task for the slot stands in no queue any more.
            ShardInput::SlotFree { .. }
            | ShardInput::RunAgain { .. }
            | ShardInput::EndsHeard(_)
            | ShardInput::Wake
            | ShardInput::HolderLost { .. }
            | ShardInput::GrantLost { .. }
            | ShardInput::Place { .. }
            | ShardInput::Due { .. }
            | ShardInput::Loaded { .. }
            | ShardInput::HistoryLoaded { .. }
            | ShardInput::Durable { .. }
            | ShardInput::Retry
            | ShardInput::Checkpointed { .. }
            | ShardInput::Lost { .. } => false,
        }
    }
}

impl<W: World> Shard<W> {
    /// The shard leaves this process: everybody who still waits for something is told to ask elsewhere. It is good for nothing afterwards.
    pub fn part(&mut self, out: &mut Vec<Output<W>>) {
        if self.lost.is_none() {
            self.lose(&StoreError::Fenced { shard: self.id }, out);
        }
    }

    /// The answer of a shard that has no store any more.
    pub(super) fn parting_answer(&self) -> Answer {
        match &self.lost {
            Some(error) if error.is_loss() => Answer::NotHere,
            Some(_) | None => Answer::Unavailable(super::start::CLOSED),
        }
    }

    /// Answers an input that nobody takes any more: the store has let the shard go.
    pub(super) fn turn_away(&mut self, input: ShardInput<W>, out: &mut Vec<Output<W>>) {
        match &self.lost {
            Some(error) if error.is_loss() => out.extend(input.elsewhere()),
            Some(_) | None => self.reject(input, &super::SendError::Unavailable(super::start::CLOSED), out),
        }
    }
}
