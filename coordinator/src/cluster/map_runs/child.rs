//! One child of a Map Run, redriven or stopped.

use baton_engine::{ChildEnd, ChildOutcome, Input, Rejected, redrive_token};

use super::standing::Standing;
use crate::cluster::{ExecutionId, NotRedrivable, RedriveError, SendError};
use crate::shard::{MapRunContext, MapRunQuestion};

/// One child, in one redrive of its run.
#[derive(Clone, Copy)]
pub(super) struct Child<'a> {
    pub(super) standing: &'a Standing,
    pub(super) run: &'a MapRunContext,
    pub(super) index: u64,
    pub(super) redrive: u32,
}

impl Child<'_> {
    /// A Standard child is redriven; an Express one begins anew, with the input that it had. `is_unsent`: one that is not there is being started.
    pub(super) async fn begin_again(self, is_unsent: bool) {
        let is_begun = if self.run.spec.is_express { self.begin_express_again().await } else { self.begin_standard_again().await };
        if !is_begun && !is_unsent {
            self.end_for(ChildOutcome::Failed, 1).await;
        }
    }

    /// False if there is nothing to go on with.
    async fn begin_standard_again(self) -> bool {
        let (id, token) = (self.id(), redrive_token(self.redrive));
        let attempt = || async {
            match self.standing.cluster.redrive(id, Some(token.clone())).await {
                Ok(_) => Some(true),
                Err(RedriveError::NotRedrivable(NotRedrivable::Running)) => self.is_of_this_redrive().await,
                Err(RedriveError::Throttled | RedriveError::Unavailable(_)) => None,
                Err(RedriveError::NotRedrivable(_) | RedriveError::NoSuchExecution) => Some(false),
            }
        };
        self.standing.until_done(attempt).await
    }

    /// One that runs may have been started this moment. If it was started so late that its run had given it up, it ends first.
    async fn is_of_this_redrive(self) -> Option<bool> {
        let record = self.standing.cluster.describe(self.id()).await.ok()??;
        if record.map_run_redrive == self.redrive {
            return Some(true);
        }
        // Whatever it answers, the next attempt sees what has become of it.
        let _ = self.standing.cluster.send(self.id(), Input::StopChild { redrive: record.map_run_redrive }).await;
        None
    }

    /// As [`begin_standard_again`](Self::begin_standard_again).
    async fn begin_express_again(self) -> bool {
        for redrive in (0..=self.redrive).rev() {
            let id = Self { redrive, ..self }.id();
            match self.standing.until_done(|| async { self.standing.cluster.describe(id).await.ok() }).await {
                Some(_) if redrive == self.redrive => return true,
                Some(record) => {
                    self.standing.begin(self.run.start_like(&record.start, self.index, self.redrive)).await;
                    return true;
                }
                None => {}
            }
        }
        false
    }

    /// `items` has it if it never began.
    pub(super) async fn stop(self, items: u32) {
        let attempt = || async {
            match self.standing.cluster.send(self.id(), Input::StopChild { redrive: self.redrive }).await {
                Ok(_) | Err(SendError::Rejected(Rejected::Ended | Rejected::Cancelled)) => Some(true),
                Err(SendError::NoSuchExecution) => Some(false),
                Err(SendError::Rejected(_) | SendError::Throttled | SendError::Unavailable(_)) => None,
            }
        };
        if !self.standing.until_done(attempt).await {
            self.end_for(ChildOutcome::Aborted, items).await;
        }
    }

    /// Says the end of a child that cannot say it by itself.
    async fn end_for(self, outcome: ChildOutcome, items: u32) {
        let end = ChildEnd { index: self.index, redrive: self.redrive, outcome, items, output: None, failure: None };
        let told = || async { self.standing.cluster.ask_map_run(self.run.id, MapRunQuestion::ChildrenEnded(vec![end.clone()])).await.ok() };
        self.standing.until_done(told).await;
    }

    fn id(self) -> ExecutionId {
        self.run.child(self.index, self.redrive)
    }
}
