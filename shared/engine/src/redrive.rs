//! RedriveExecution: which executions can go on after their end, and what an execution remembers of having done so.

use std::{collections::VecDeque, sync::Arc};

use crate::map_run::redrive_of_token;
use crate::{Execution, Limits, Status, Timestamp};

/// Executions are redriven within this time after their end, milliseconds: 14 days.
const PERIOD_MS: i64 = 14 * 86_400_000;
/// Executions that AWS started before 2023-11-15 cannot be redriven.
const LAUNCH: Timestamp = 1_700_006_400_000;
/// Tokens of redrives that are remembered.
const TOKENS_MAX: usize = 10;
/// And how long, milliseconds.
const TOKENS_MS: i64 = 15 * 60_000;

/// Why an execution cannot be redriven: `redriveStatusReason` of DescribeExecution, and the text of `ExecutionNotRedrivable`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, bincode::Encode, bincode::Decode)]
pub enum NotRedrivable {
    /// It runs.
    #[error("Execution is RUNNING and cannot be redriven")]
    Running,
    /// It has succeeded.
    #[error("Execution is SUCCEEDED and cannot be redriven")]
    Succeeded,
    /// It is older than RedriveExecution.
    #[error("Execution was started before the launch of RedriveExecution")]
    StartedBeforeLaunch,
    /// Its history has no room for an ExecutionRedriven and one event more.
    #[error("Execution history event limit exceeded")]
    HistoryFull,
    /// It began so long ago that no execution may run any more.
    #[error("Execution has exceeded the max execution time")]
    TooOld,
    /// It ended more than 14 days ago.
    #[error("Execution redrivable period exceeded")]
    PeriodOver,
    /// Its state machine is being deleted, or is gone. Only the catalog knows.
    #[error("State machine is in DELETING status")]
    StateMachineDeleting,
}

/// What decides whether an execution can be redriven.
#[derive(Clone, Copy, Debug)]
pub struct RedriveFacts {
    /// How it stands.
    pub status: Status,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub stopped_at: Option<Timestamp>,
    /// Public events of its history.
    pub events: u64,
}

impl RedriveFacts {
    /// Whether an execution of which this is known can be redriven at `now`.
    pub fn check(&self, limits: &Limits, now: Timestamp) -> Result<(), NotRedrivable> {
        let lifetime_ms = crate::execution::milliseconds(limits.execution_seconds_max);
        match self.status {
            Status::Running => Err(NotRedrivable::Running),
            Status::Succeeded => Err(NotRedrivable::Succeeded),
            Status::Failed | Status::TimedOut | Status::Aborted if self.started_at < LAUNCH => Err(NotRedrivable::StartedBeforeLaunch),
            // The redrive's own event must fit, and one more before the last, which is the ExecutionFailed of a full history.
            Status::Failed | Status::TimedOut | Status::Aborted if self.events + 1 >= limits.history_events_max => {
                Err(NotRedrivable::HistoryFull)
            }
            Status::Failed | Status::TimedOut | Status::Aborted if now.saturating_sub(self.started_at) >= lifetime_ms => {
                Err(NotRedrivable::TooOld)
            }
            Status::Failed | Status::TimedOut | Status::Aborted
                if self.stopped_at.is_some_and(|stopped| now.saturating_sub(stopped) >= PERIOD_MS) =>
            {
                Err(NotRedrivable::PeriodOver)
            }
            Status::Failed | Status::TimedOut | Status::Aborted => Ok(()),
        }
    }
}

/// How often an execution has been redriven, and when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct RedriveCount {
    /// `redriveCount`.
    pub count: u32,
    /// `redriveDate`: when it was redriven last.
    pub at: Option<Timestamp>,
}

/// What an execution that has been redriven knows of it.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
pub(crate) struct Redrives {
    pub(crate) count: u32,
    /// When the last redrive came.
    pub(crate) at: Timestamp,
    /// When the execution times out, counted from the last redrive.
    pub(crate) deadline: Option<Timestamp>,
    /// Client tokens, the latest last, and when each redrive came.
    tokens: VecDeque<(Arc<str>, Timestamp)>,
}

impl Redrives {
    /// The redrive number `count` after those `before`.
    pub(crate) fn after(
        before: Option<Redrives>,
        count: u32,
        at: Timestamp,
        deadline: Option<Timestamp>,
        token: Option<&Arc<str>>,
    ) -> Self {
        let mut tokens = before.map(|before| before.tokens).unwrap_or_default();
        tokens.extend(token.map(|token| (token.clone(), at)));
        while tokens.len() > TOKENS_MAX {
            tokens.pop_front();
        }
        Self { count, at, deadline, tokens }
    }

    fn of_token(&self, token: &str, now: Timestamp) -> Option<Timestamp> {
        // Each redrive of a Map Run has a token of its own, so that one that is asked for again late is no other.
        let is_old = |at: Timestamp| now.saturating_sub(at) >= TOKENS_MS && redrive_of_token(token).is_none();
        let repeated = self.tokens.iter().rev().find(|(known, at)| **known == *token && !is_old(*at));
        repeated.map(|(_, at)| *at)
    }
}

impl Execution {
    /// How often it has been redriven, and when.
    pub fn redrive_count(&self) -> RedriveCount {
        self.redrives.as_ref().map_or(RedriveCount::default(), |redrives| RedriveCount { count: redrives.count, at: Some(redrives.at) })
    }

    /// When the redrive came that this client token was given with. Tokens are remembered for 15 minutes, the last 10 of them.
    pub fn redrive_of_token(&self, client_token: &str, now: Timestamp) -> Option<Timestamp> {
        self.redrives.as_ref()?.of_token(client_token, now)
    }

    /// The number of its Map Run's redrive that it began in, or went on in; 0 of an execution that is nobody's child.
    pub fn map_run_redrive(&self) -> u32 {
        let begun = self.start.map_child.as_ref().map_or(0, |child| child.redrive);
        let tokens = self.redrives.iter().flat_map(|redrives| &redrives.tokens);
        tokens.filter_map(|(token, _)| redrive_of_token(token)).fold(begun, u32::max)
    }

    /// What decides whether it can be redriven.
    pub fn redrive_facts(&self) -> RedriveFacts {
        RedriveFacts { status: self.status, started_at: self.start.at, stopped_at: self.stopped_at, events: self.next_event_id - 1 }
    }

    /// When it times out.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.redrives.as_ref().map_or(self.start.deadline, |redrives| redrives.deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = 1_800_000_000_000;
    const FAILED: RedriveFacts = RedriveFacts { status: Status::Failed, started_at: NOW - 5_000, stopped_at: Some(NOW - 1_000), events: 5 };

    fn check(facts: RedriveFacts) -> Result<(), NotRedrivable> {
        facts.check(&Limits::default(), NOW)
    }

    #[test]
    fn what_did_not_succeed_can_be_redriven() {
        for status in [Status::Failed, Status::TimedOut, Status::Aborted] {
            assert_eq!(check(RedriveFacts { status, ..FAILED }), Ok(()));
        }
        assert_eq!(check(RedriveFacts { status: Status::Succeeded, ..FAILED }), Err(NotRedrivable::Succeeded));
        assert_eq!(check(RedriveFacts { status: Status::Running, ..FAILED }), Err(NotRedrivable::Running));
    }

    #[test]
    fn fourteen_days_of_it_and_a_year_of_all() {
        let day = 86_400_000;
        let ended = |ago| RedriveFacts { started_at: NOW - 20 * day, stopped_at: Some(NOW - ago), ..FAILED };
        assert_eq!(check(ended(14 * day - 1)), Ok(()));
        assert_eq!(check(ended(14 * day)), Err(NotRedrivable::PeriodOver));
        let started = |ago| RedriveFacts { started_at: NOW - ago, ..FAILED };
        assert_eq!(check(started(365 * day - 1)), Ok(()));
        assert_eq!(check(started(365 * day)), Err(NotRedrivable::TooOld));
        assert_eq!(
            RedriveFacts { started_at: LAUNCH - 1, ..FAILED }.check(&Limits::default(), LAUNCH),
            Err(NotRedrivable::StartedBeforeLaunch)
        );
    }

    #[test]
    fn a_history_needs_room_for_two_events_more() {
        assert_eq!(check(RedriveFacts { events: 24_998, ..FAILED }), Ok(()));
        assert_eq!(check(RedriveFacts { events: 24_999, ..FAILED }), Err(NotRedrivable::HistoryFull));
    }

    #[test]
    fn the_last_ten_tokens_count_for_a_quarter_of_an_hour() {
        let token = |number: u32| Arc::<str>::from(format!("token-{number}"));
        let add = |before, number: u32| Some(Redrives::after(before, number, i64::from(number), None, Some(&token(number))));
        let redrives = (1..=11).fold(None, add).expect("there were some");
        assert_eq!(redrives.of_token("token-1", 12), None, "only the last ten are remembered");
        assert_eq!(redrives.of_token("token-2", 12), Some(2));
        assert_eq!(redrives.of_token("token-11", 11 + TOKENS_MS - 1), Some(11));
        assert_eq!(redrives.of_token("token-11", 11 + TOKENS_MS), None);
    }
}
