//! Test cases of a mock configuration, in the sense of Step Functions Local: answers that stand in for whoever would do an execution's
//! tasks. A test case is part of the start of its execution, so that it holds whatever becomes of the file that it was read from.

mod submission;

pub(crate) use submission::submission;

use std::{collections::BTreeMap, sync::Arc};

use baton_asl::StateId;

use crate::{Execution, Failure, Payload, PayloadTable, error_handling::Fault, evaluator::Evaluator};

/// A test case: which states are mocked, and with what. States that it does not name do what they always do.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
pub struct TestCase {
    /// Its name: what follows `#` in the ARN that the execution was started with.
    pub name: Arc<str>,
    /// By the name of the state.
    pub states: BTreeMap<Arc<str>, MockedState>,
}

/// A state whose tasks are mocked.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
pub struct MockedState {
    /// Name of the mocked response, for error texts.
    pub response: Arc<str>,
    /// What the state's tasks answer.
    pub answers: Vec<MockedAnswer>,
}

/// What some of a state's tasks answer. The tasks of a state are numbered through the whole execution, from 0, retries, loops and
/// iterations of a Map state included, as Step Functions Local numbers them.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
pub struct MockedAnswer {
    /// Number of the first task that gets it.
    pub first: u32,
    /// Number of the last one.
    pub last: u32,
    /// What it is.
    pub outcome: MockedOutcome,
}

/// How a mocked task ends.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
#[bincode(decode_context = "PayloadTable")]
pub enum MockedOutcome {
    /// With this result.
    Return(Payload),
    /// With this error.
    Throw(Failure),
}

impl MockedState {
    fn answer(&self, number: u32) -> Option<&MockedOutcome> {
        self.answers.iter().find(|answer| (answer.first..=answer.last).contains(&number)).map(|answer| &answer.outcome)
    }
}

impl Execution {
    /// How often a mocked state's task has been scheduled so far.
    fn mocked_tasks(&self, state: StateId) -> u32 {
        self.mocked_tasks.get(&state).copied().unwrap_or(0)
    }

    /// A task of this state has been scheduled.
    pub(crate) fn count_mocked(&mut self, state: StateId, name: &str) {
        let is_mocked = self.start.test_case.as_ref().is_some_and(|case| case.states.contains_key(name));
        if is_mocked {
            *self.mocked_tasks.entry(state).or_default() += 1;
        }
    }
}

/// What a function's own result is in what a mocked response returns: the answers of Lambda's Invoke are written with its status and
/// its payload there, whether the state calls the function by its ARN or through `lambda:invoke`.
pub(crate) fn function_result(returned: Payload) -> Payload {
    const INVOKE_ANSWER: [&str; 7] =
        ["StatusCode", "Payload", "ExecutedVersion", "FunctionError", "LogResult", "SdkHttpMetadata", "SdkResponseMetadata"];
    let payload = returned.value().as_object().and_then(|members| {
        let is_answer = members.contains_key("StatusCode") && members.keys().all(|name| INVOKE_ANSWER.contains(&name.as_str()));
        members.get("Payload").filter(|_| is_answer)
    });
    payload.cloned().map(Payload::from_value).unwrap_or(returned)
}

/// How the task that the state is about to schedule ends, if it is mocked. A task that the mocked response has no answer for is the
/// test's mistake, which nothing retries or catches.
pub(crate) fn next(at: &Evaluator<'_>) -> Result<Option<MockedOutcome>, Fault> {
    let Some(case) = &at.execution.start.test_case else { return Ok(None) };
    let Some(mocked) = case.states.get(&at.state.name) else { return Ok(None) };
    let number = at.execution.mocked_tasks(at.visit.state);
    mocked.answer(number).cloned().map(Some).ok_or_else(|| {
        let (response, case) = (&mocked.response, &case.name);
        at.runtime(format_args!("The mocked response '{response}' of the test case '{case}' has no answer with the number {number}."))
    })
}
