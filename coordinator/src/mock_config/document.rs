//! The file as a document: places in it, and what stands there.

use std::collections::BTreeMap;
use std::sync::Arc;

use baton_engine::{MockedOutcome, MockedState, TestCase};
use serde_json::{Map, Value};

use super::{Problem, TEST_CASE_BYTES_MAX, response};

/// A parsed file.
pub(super) struct Document(Value);

/// A value and where it stands.
#[derive(Clone)]
pub(super) struct Place<'a> {
    pub(super) value: &'a Value,
    pub(super) pointer: String,
}

impl<'a> Place<'a> {
    /// The members of an object.
    pub(super) fn object(&self, expected: &'static str) -> Result<&'a Map<String, Value>, Problem> {
        self.value.as_object().ok_or_else(|| self.shape(expected))
    }

    /// Its members with their places.
    pub(super) fn members(&self, expected: &'static str) -> Result<impl Iterator<Item = (&'a str, Place<'a>)> + use<'a>, Problem> {
        let pointer = self.pointer.clone();
        let place = move |name: &str| format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
        Ok(self.object(expected)?.iter().map(move |(name, value)| (name.as_str(), Place { value, pointer: place(name) })))
    }

    /// The member with this name.
    pub(super) fn member(&self, name: &str, kind: &'static str, expected: &'static str) -> Result<Place<'a>, Problem> {
        let found = self.members(expected)?.find(|(member, _)| *member == name).map(|(_, place)| place);
        found.ok_or_else(|| Problem::Missing {
            place: if self.pointer.is_empty() { "the file".to_owned() } else { self.pointer.clone() },
            kind,
            name: name.to_owned(),
            known: if kind == MEMBER { Vec::new() } else { self.names() },
        })
    }

    fn names(&self) -> Vec<String> {
        self.value.as_object().into_iter().flat_map(Map::keys).cloned().collect()
    }

    pub(super) fn shape(&self, expected: &'static str) -> Problem {
        let place = if self.pointer.is_empty() { "the whole file".to_owned() } else { self.pointer.clone() };
        Problem::Shape { place, expected }
    }
}

/// What the format itself names; everything else has names that users give.
const MEMBER: &str = "member";
/// Bytes of an answer beside its outcome.
const ANSWER_BYTES: usize = 32;
const FILE: &str = "an object with the members StateMachines and MockedResponses";
const STATE_MACHINES: &str = "an object of state machines by their name";
const STATE_MACHINE: &str = "an object with the member TestCases";
const TEST_CASES: &str = "an object of test cases by their name";
const TEST_CASE: &str = "an object that names a mocked response for each mocked state";
const RESPONSES: &str = "an object of mocked responses by their name";

impl Document {
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        let syntax = |error: serde_json::Error| {
            let (line, column) = (error.line(), error.column());
            let reason = error.to_string();
            let reason = reason.split(" at line ").next().unwrap_or_default().to_owned();
            Problem::Syntax { line, column, reason }
        };
        serde_json::from_str(text).map(Self).map_err(syntax)
    }

    fn root(&self) -> Place<'_> {
        Place { value: &self.0, pointer: String::new() }
    }

    fn responses(&self) -> Result<Place<'_>, Problem> {
        self.root().member("MockedResponses", MEMBER, FILE)
    }

    fn state_machines(&self) -> Result<Place<'_>, Problem> {
        self.root().member("StateMachines", MEMBER, FILE)
    }

    pub(super) fn test_case(&self, state_machine: &str, name: &str) -> Result<TestCase, Problem> {
        let machine = self.state_machines()?.member(state_machine, "state machine", STATE_MACHINES)?;
        let cases = machine.member("TestCases", MEMBER, STATE_MACHINE)?;
        self.read(name, &cases.member(name, "test case", TEST_CASES)?)
    }

    fn read(&self, name: &str, case: &Place<'_>) -> Result<TestCase, Problem> {
        let states = case.members(TEST_CASE)?.map(|(state, place)| Ok((Arc::<str>::from(state), self.state(&place)?)));
        let states = states.collect::<Result<BTreeMap<_, _>, Problem>>()?;
        if states.iter().map(|(name, state)| name.len() + bytes(state)).sum::<usize>() > TEST_CASE_BYTES_MAX {
            return Err(Problem::TestCaseTooLarge { place: case.pointer.clone(), bytes_max: TEST_CASE_BYTES_MAX });
        }
        Ok(TestCase { name: name.into(), states })
    }

    /// What a test case says of a state: the name of a mocked response.
    fn state(&self, place: &Place<'_>) -> Result<MockedState, Problem> {
        let name = place.value.as_str().ok_or_else(|| place.shape("the name of a mocked response"))?;
        let response = self.responses()?.member(name, "mocked response", RESPONSES)?;
        Ok(MockedState { response: name.into(), answers: response::read(&response)? })
    }

    /// Everything that is wrong.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        match self.responses().and_then(|responses| responses.members(RESPONSES)) {
            Ok(responses) => problems.extend(responses.filter_map(|(_, place)| response::read(&place).err())),
            Err(problem) => problems.push(problem),
        }
        match self.state_machines().and_then(|machines| machines.members(STATE_MACHINES)) {
            Ok(machines) => machines.for_each(|(_, machine)| self.problems_of(&machine, &mut problems)),
            Err(problem) => problems.push(problem),
        }
        // A response that is wrong has been told; whoever uses it need not tell again.
        let mut told: Vec<Problem> = Vec::new();
        problems.retain(|problem| {
            let is_new = !told.contains(problem);
            told.extend(is_new.then(|| problem.clone()));
            is_new
        });
        problems
    }

    fn problems_of(&self, machine: &Place<'_>, problems: &mut Vec<Problem>) {
        let cases = machine.member("TestCases", MEMBER, STATE_MACHINE).and_then(|cases| cases.members(TEST_CASES));
        match cases {
            Ok(cases) => problems.extend(cases.filter_map(|(name, case)| self.read(name, &case).err())),
            Err(problem) => problems.push(problem),
        }
    }
}

/// What it takes to store a state's answers, roughly: many small ones count too.
fn bytes(state: &MockedState) -> usize {
    let text = |text: &Option<Arc<str>>| text.as_ref().map_or(0, |text| text.len());
    let outcomes = state.answers.iter().map(|answer| match &answer.outcome {
        MockedOutcome::Return(result) => result.len(),
        MockedOutcome::Throw(failure) => text(&failure.error) + text(&failure.cause),
    });
    state.response.len() + outcomes.map(|bytes| bytes + ANSWER_BYTES).sum::<usize>()
}
