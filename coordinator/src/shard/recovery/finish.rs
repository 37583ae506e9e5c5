//! What comes after the log: whatever was open goes on.

use baton_engine::{Claim, Holder, TaskRef};

use super::{HeldClaim, RecoveredMapRun, Recovering, RecoveryError};
use crate::shard::live::TaskHolder;
use crate::shard::map_run::NoRevision;
use crate::shard::step::{Panicked, ask_for_timer, catching};
use crate::shard::stored::StoredTasks;
use crate::shard::{ExecutionId, Output, Shard, ShardInput, World};

impl<W: World> Recovering<W> {
    /// The log has been read: tasks go back into their queues, what this process held before is lost, timers are asked for. What sessions
    /// hold is answered.
    pub fn finish(mut self, world: &mut W, out: &mut Vec<Output<W>>) -> (Shard<W>, Vec<HeldClaim>) {
        let mut held = Vec::new();
        let opened_map_runs = self.open_map_runs(world);
        self.rows.retain(|id, _| !self.shard.given_up.contains_key(id));
        let ids: Vec<_> = self.shard.live.keys().copied().collect();
        for id in ids {
            let had_row = self.rows.remove(&id).is_some();
            self.wake(id, had_row, world, &mut held, out);
        }
        for (id, ended) in &mut self.shard.ended {
            ended.rows.has_tasks |= self.rows.remove(id).is_some();
        }
        for (id, StoredTasks(tasks)) in std::mem::take(&mut self.rows) {
            for stored in tasks {
                match (stored.claim, stored.queue) {
                    (Some(claim), _) => self.claimed(id, stored.task, claim, world, &mut held),
                    (None, Some(queue)) => self.shard.enqueue(id, stored.task, &queue, world),
                    (None, None) => {}
                }
            }
        }
        self.run_express_again();
        self.resume_map_runs(opened_map_runs, out);
        (self.shard, held)
    }

    /// In the order in which they began. An execution waits for its Map Run: where the definition of one is gone, neither goes on.
    fn open_map_runs(&mut self, world: &mut W) -> Vec<ExecutionId> {
        let mut recovered: Vec<_> = std::mem::take(&mut self.map_runs).into_iter().collect();
        recovered.sort_unstable_by_key(|(id, recovered)| (recovered.run.started_at(), *id));
        let mut opened = Vec::with_capacity(recovered.len());
        for (id, RecoveredMapRun { run, has_row, is_dirty }) in recovered {
            let parent = ExecutionId::of_arn(&run.spec().execution_arn);
            match self.shard.opened(id, run, world) {
                Ok(mut open) => {
                    (open.has_row, open.is_indexed) = (has_row, has_row);
                    self.shard.map_runs.insert(id, open);
                    if is_dirty {
                        self.shard.touch_map_run(id);
                    }
                    opened.push(id);
                }
                Err(NoRevision(digest)) => {
                    self.set_aside_for_good(parent, None, &RecoveryError::NoRevision { shard: self.shard.id, digest })
                }
            }
        }
        opened
    }

    fn resume_map_runs(&mut self, opened: Vec<ExecutionId>, out: &mut Vec<Output<W>>) {
        opened.into_iter().for_each(|id| self.shard.resume_map_run(id, out));
        let parents: Vec<_> =
            self.shard.live.iter().filter(|(_, live)| live.execution.map_runs().next().is_some()).map(|(id, _)| *id).collect();
        parents.into_iter().for_each(|parent| self.shard.reconcile_map_runs(parent, out));
        let reports: Vec<_> = self.shard.untold_ends.values().map(|end| Box::new(end.report.clone())).collect();
        out.extend(reports.into_iter().map(Output::ChildEnded));
    }

    /// In the order in which they were started.
    fn run_express_again(&mut self) {
        let mut open: Vec<_> = std::mem::take(&mut self.express).into_iter().collect();
        open.sort_unstable_by_key(|(id, open)| (open.start.at, *id));
        self.shard.own.extend(open.iter().map(|(id, _)| ShardInput::RunAgain { id: *id }));
        self.shard.open_express.extend(open);
    }

    fn wake(&mut self, id: ExecutionId, had_row: bool, world: &W, held: &mut Vec<HeldClaim>, out: &mut Vec<Output<W>>) {
        let (now, horizon) = (self.shard.now, self.shard.horizon);
        let live = self.shard.live.get_mut(&id).expect("the id was just read from the map");
        live.rows.has_tasks |= had_row;
        let recalled = catching(|| {
            live.execution.restart_heartbeats(&live.revision.machine, now);
            live.recall_tasks();
        });
        if let Err(Panicked(detail)) = recalled {
            let live = self.shard.live.remove(&id).expect("it was looked at just now");
            return self.shard.give_up(id, *live, &detail);
        }
        ask_for_timer(id, live, horizon, out);
        let tasks: Vec<_> = live.tasks.iter().map(|open| (open.task, open.holder.clone())).collect();
        self.shard.go_on_if_yielded(id);
        for (task, holder) in tasks {
            match holder {
                TaskHolder::Unplaced => self.shard.own.push_back(ShardInput::Place { id, task }),
                TaskHolder::Claimed(claim) => self.claimed(id, task, claim, world, held),
                TaskHolder::Queued(_) | TaskHolder::Submitted => {}
            }
        }
    }

    fn claimed(&mut self, execution: ExecutionId, task: TaskRef, claim: Claim, world: &W, held: &mut Vec<HeldClaim>) {
        if world.is_holder_gone(&claim) {
            self.shard.own.push_back(ShardInput::HolderLost { id: execution, task, claim_id: claim.claim_id });
            return;
        }
        match claim.holder {
            Holder::Session | Holder::Process => held.push(HeldClaim { execution, task, claim }),
            Holder::Poller => {}
        }
    }
}
