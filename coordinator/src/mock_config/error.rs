//! What can be wrong with a mock configuration: which file, which place in it, and what to do about it.

use std::path::PathBuf;

/// A mock configuration cannot be used, or not for this test case.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("mock configuration {}: {problem}", file.display())]
pub struct MockConfigError {
    /// Which file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong. Places are JSON pointers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The system says no.
    #[error("it cannot be read ({0}): give the path of a MockConfigFile.json with --mock-config or SFN_MOCK_CONFIG")]
    Unreadable(String),
    /// Larger than anybody writes.
    #[error("it has more than {bytes_max} bytes: leave out what no test needs")]
    FileTooLarge {
        /// Bytes that it may have.
        bytes_max: u64,
    },
    /// It is no JSON.
    #[error("it is not JSON at line {line}, column {column} ({reason}): mend it there")]
    Syntax {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What the parser says.
        reason: String,
    },
    /// Something else stands where `expected` should.
    #[error("{place} must be {expected}: correct it there")]
    Shape {
        /// Where.
        place: String,
        /// What should stand there.
        expected: &'static str,
    },
    /// The file has no such state machine, test case or mocked response.
    #[error("{place} has no {kind} '{name}': {}", advice(known))]
    Missing {
        /// Where it should be.
        place: String,
        /// What it is.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The names that are there.
        known: Vec<String>,
    },
    /// Two answers for the same task.
    #[error("{place} answers the task with the number {number} a second time: give each number once")]
    Overlap {
        /// Where.
        place: String,
        /// Which number.
        number: u32,
    },
    /// The answers of a test case have too many bytes.
    #[error("the answers of {place} have more than {bytes_max} bytes: make them smaller")]
    TestCaseTooLarge {
        /// Which test case.
        place: String,
        /// Bytes that they may have.
        bytes_max: usize,
    },
}

/// Names that a text lists at most.
const LISTED_MAX: usize = 8;

fn advice(known: &[String]) -> String {
    let listed = known.iter().take(LISTED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    match known.len() {
        0 => "add it".to_owned(),
        1..=LISTED_MAX => format!("add it, or use one of those that are there: {listed}"),
        more => format!("add it, or use one of the {more} that are there, such as {listed}"),
    }
}
