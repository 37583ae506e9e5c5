//! Tasks that a test case answers: what workers and services would tell of them, told at once, in the same decision. Nobody is asked to
//! do them, and no crash can come between their events.

use baton_asl::Resource;
use baton_query::Random;

use super::{HistoryFull, Turn};
use crate::{Claim, EventKind, MockedOutcome, Payload, TaskActivation, ThreadId, mock};

/// Set apart from the positions that expressions draw at, so that a made-up request id and a `States.UUID()` share no numbers.
const MOCK_STREAM: u64 = 0x6d6f_636b_6564_2e2e;

impl Turn<'_> {
    /// Starts the task that was just scheduled, has its request answered where it has one, and ends it.
    pub(super) fn answer_mocked(
        &mut self,
        thread: ThreadId,
        activation: &TaskActivation,
        outcome: MockedOutcome,
    ) -> Result<(), HistoryFull> {
        let submission = {
            let start = &self.execution.start;
            let random = Random::new(start.seed ^ MOCK_STREAM, self.execution.next_event_id);
            mock::submission(start, &activation.target, &activation.input, &outcome, &random, self.now)
        };
        self.record_of_task(thread, |state| EventKind::TaskStarted { state, claim: Claim::nobody() })?;
        if let Some(output) = submission {
            self.record_of_task(thread, |state| EventKind::TaskSubmitted { state, output })?;
        }
        match outcome {
            MockedOutcome::Return(returned) => self.succeed_task(thread, &result(&activation.target, returned)),
            MockedOutcome::Throw(failure) => self.fail_task(thread, failure.cut()),
        }
    }
}

/// The task's result in what the mocked response returns.
fn result(resource: &Resource, returned: Payload) -> Payload {
    match resource {
        Resource::Function { .. } => mock::function_result(returned),
        Resource::Activity { .. } | Resource::Integration(_) => returned,
    }
}
