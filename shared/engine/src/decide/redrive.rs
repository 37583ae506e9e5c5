//! RedriveExecution: an execution that has not succeeded goes on where it ended.

use std::sync::Arc;

use super::Turn;
use crate::{Decision, Env, EventKind, Execution, NotRedrivable, ThreadId, Timestamp, execution::milliseconds};

impl Execution {
    /// Goes on after an unsuccessful end: whatever had not succeeded is done again, what had succeeded keeps its result. Answers when
    /// the redrive came, which for a repeated `client_token` is when the first one with it did; nothing has changed then.
    ///
    /// # Errors
    /// Nothing has changed when the execution cannot be redriven.
    pub fn redrive(
        &mut self,
        env: &Env<'_>,
        client_token: Option<&Arc<str>>,
        now: Timestamp,
        out: &mut Decision,
    ) -> Result<Timestamp, NotRedrivable> {
        let now = now.max(self.last_at);
        if let Some(first) = client_token.and_then(|token| self.redrive_of_token(token, now)) {
            return Ok(first);
        }
        self.redrive_facts().check(env.limits, now)?;
        let own = env.machine.timeout_seconds.filter(|_| self.start.map_child.is_none());
        let seconds = own.unwrap_or(u64::MAX).min(env.limits.execution_seconds_max);
        let redriven = EventKind::ExecutionRedriven {
            redrive_count: self.redrive_count().count.saturating_add(1),
            deadline: Some(now.saturating_add(milliseconds(seconds))),
            client_token: client_token.cloned(),
        };
        let end = self.next_event_id - 1;
        let mut turn = Turn::new(*env, self, now, out);
        turn.attempt(|turn| turn.record(ThreadId::ROOT, end, redriven).map(|_| ()));
        Ok(now)
    }
}
