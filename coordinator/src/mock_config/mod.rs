//! Mock configurations in Step Functions Local's format: test cases whose answers stand in for those who would do an execution's tasks.
//!
//! ```json
//! {"StateMachines": {"Orders": {"TestCases": {"CardDeclined": {"ChargeCard": "Declined"}}}},
//!  "MockedResponses": {"Declined": {"0-1": {"Throw": {"Error": "Busy", "Cause": "try again"}}, "2": {"Return": {"declined": true}}}}}
//! ```
//!
//! A start with `<state machine ARN>#CardDeclined` runs the test case. The file is read for each such start, so that it may change at any
//! time, and only what the test case uses of it must be right; the test case then is part of the execution.

mod document;
mod error;
mod response;

pub use error::{MockConfigError, Problem};

use std::path::{Path, PathBuf};

use baton_engine::TestCase;

use document::Document;

/// Bytes that a file may have.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Bytes that the answers of one test case may have: they are stored with each of its executions.
const TEST_CASE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Where a server's test cases are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MockConfig {
    file: PathBuf,
}

impl MockConfig {
    /// In this file, which need not be there yet.
    pub fn new(file: PathBuf) -> Self {
        Self { file }
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// A test case of a state machine, as the file has it now. Reads the file: not for threads that must not wait.
    pub fn test_case(&self, state_machine: &str, name: &str) -> Result<TestCase, MockConfigError> {
        let at = |problem| self.error(problem);
        let text = self.read().map_err(at)?;
        Document::parse(&text).and_then(|document| document.test_case(state_machine, name)).map_err(at)
    }

    /// Everything that is wrong with the file as it is now, whether a test case uses it or not.
    pub fn check(&self) -> Vec<MockConfigError> {
        let problems = match self.read().and_then(|text| Document::parse(&text)) {
            Ok(document) => document.problems(),
            Err(problem) => vec![problem],
        };
        problems.into_iter().map(|problem| self.error(problem)).collect()
    }

    fn error(&self, problem: Problem) -> MockConfigError {
        MockConfigError { file: self.file.clone(), problem }
    }

    fn read(&self) -> Result<String, Problem> {
        let unreadable = |error: std::io::Error| Problem::Unreadable(error.to_string());
        let length = std::fs::metadata(&self.file).map_err(unreadable)?.len();
        if length > FILE_BYTES_MAX {
            return Err(Problem::FileTooLarge { bytes_max: FILE_BYTES_MAX });
        }
        std::fs::read_to_string(&self.file).map_err(unreadable)
    }
}
