//! From an input to what follows. The dispatcher of inputs stands here, the loop that carries strands on in `turn`, and one file
//! for each group of inputs.

mod map_run;
mod mocked;
mod outcome;
mod redrive;
mod since;
mod tick;
mod turn;

pub(crate) use outcome::called;
pub(crate) use turn::{HistoryFull, Turn};

use crate::{
    Decision, Effect, Env, EventKind, Execution, Failure, Input, Rejected, Start, Status, Timestamp, Verdict, execution::milliseconds,
};

impl Execution {
    /// Starts an execution and carries it on as far as it goes by itself. What has happened and what is asked of the world is
    /// added to `out`.
    pub fn start(env: &Env<'_>, mut start: Start, out: &mut Decision) -> Self {
        // The machine's time limit is not that of a Map Run's children, which run a part of it.
        let own = env.machine.timeout_seconds.filter(|_| start.map_child.is_none());
        let seconds = own.unwrap_or(u64::MAX).min(env.limits.execution_seconds_max);
        start.deadline = Some(start.at.saturating_add(milliseconds(seconds)));
        let start = Box::new(start);
        let mut execution = Self::new(env.machine, start.clone());
        let now = start.at;
        let mut turn = Turn::new(*env, &mut execution, now, out);
        turn.record_start(EventKind::ExecutionStarted(start));
        turn.go_on();
        execution
    }

    /// What follows from an input at `now`. The events that are added to `out` have been applied; nothing has changed when the
    /// input is rejected or a duplicate.
    ///
    /// An input that counts may also find the history full: then the execution ends instead, and [`Effect::Cancel`] names the task
    /// that the input spoke of.
    pub fn decide(&mut self, env: &Env<'_>, input: Input, now: Timestamp, out: &mut Decision) -> Result<Verdict, Rejected> {
        let now = now.max(self.last_at);
        let mut turn = Turn::new(*env, self, now, out);
        match input {
            Input::TaskStarted { task, claim } => turn.task_started(task, claim),
            Input::TaskRegranted { task, lost, claim } => turn.task_regranted(task, lost, claim),
            Input::TaskSubmitted { task, output } => turn.task_submitted(task, output),
            Input::TaskSucceeded { task, output } => turn.task_succeeded(task, output),
            Input::TaskFailed { task, error, cause } => turn.task_failed(task, Failure { error, cause }.cut()),
            Input::TaskRefused { task, error, cause } => turn.task_refused(task, Failure::new(error, cause).cut()),
            Input::TaskHeartbeat { task } => turn.task_heartbeat(task),
            Input::Tick => turn.tick(),
            Input::Continue => turn.continue_after_yield(),
            Input::MapRunEnded { map_run_arn, entry, outcome } => turn.map_run_ended(&map_run_arn, entry, outcome),
            Input::Stop { error, cause } => turn.stop(Failure { error, cause }.cut()),
            Input::StopChild { redrive } => turn.stop_child(redrive),
        }
    }
}

impl Turn<'_> {
    fn continue_after_yield(&mut self) -> Result<Verdict, Rejected> {
        self.execution.check_running()?;
        self.go_on();
        Ok(Verdict::Applied)
    }

    fn stop(&mut self, failure: Failure) -> Result<Verdict, Rejected> {
        self.execution.check_running()?;
        self.end(0, EventKind::ExecutionAborted { failure });
        Ok(Verdict::Applied)
    }

    fn stop_child(&mut self, redrive: u32) -> Result<Verdict, Rejected> {
        if self.execution.map_run_redrive() > redrive {
            return Err(Rejected::Ended);
        }
        self.stop(Failure { error: None, cause: None })
    }

    /// The execution ends with this event: whatever is out no longer counts.
    pub(crate) fn end(&mut self, previous: u64, kind: EventKind) {
        let threads: Vec<_> = self.execution.strands.iter().map(|(thread, _)| thread).collect();
        threads.into_iter().for_each(|thread| self.cancel_task(thread));
        self.record_end(previous, kind);
        self.out.effects.push(Effect::Ended);
    }
}

impl Execution {
    pub(crate) fn is_running(&self) -> bool {
        self.status == Status::Running
    }

    fn check_running(&self) -> Result<(), Rejected> {
        match self.status {
            Status::Running => Ok(()),
            Status::Succeeded | Status::Failed => Err(Rejected::Ended),
            Status::TimedOut | Status::Aborted => Err(Rejected::Cancelled),
        }
    }
}
