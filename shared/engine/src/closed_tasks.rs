//! The outcomes that counted last, so that one reported twice can be told from one that comes too late.

use std::collections::VecDeque;

use crate::{Failure, Payload, TaskRef};

/// How many are remembered. A report is repeated within seconds of its attempt's end or not at all; what is forgotten is answered
/// as too late, which its sender drops just the same.
const REMEMBERED: usize = 8;

/// The last few attempts that an outcome has ended, with the outcome's fingerprint.
#[derive(Clone, Debug, Default, PartialEq, bincode::Encode, bincode::Decode)]
pub(crate) struct ClosedTasks(VecDeque<(TaskRef, u64)>);

impl ClosedTasks {
    pub(crate) fn remember(&mut self, task: TaskRef, outcome: u64) {
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back((task, outcome));
    }

    pub(crate) fn contains(&self, task: TaskRef, outcome: u64) -> bool {
        self.0.contains(&(task, outcome))
    }
}

/// Fingerprint of a result.
pub(crate) fn of_output(output: &Payload) -> u64 {
    fold(fold(BASIS, b"succeeded"), output.text().as_bytes())
}

/// Fingerprint of a failure.
pub(crate) fn of_failure(failure: &Failure) -> u64 {
    let part = |hash, text: Option<&str>| fold(fold(hash, if text.is_some() { b"1" } else { b"0" }), text.unwrap_or("").as_bytes());
    part(part(fold(BASIS, b"failed"), failure.error.as_deref()), failure.cause.as_deref())
}

const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// Eight bytes at a time, multiplied and mixed: quick, stable between runs and releases, and no defence against forgery, which
/// nothing here needs.
fn fold(hash: u64, bytes: &[u8]) -> u64 {
    let words = bytes.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(word)
    });
    let mix = |hash: u64, word: u64| {
        let product = u128::from(hash ^ word) * u128::from(FACTOR);
        (product as u64) ^ ((product >> 64) as u64)
    };
    words.chain([bytes.len() as u64]).fold(hash, mix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_differ_where_outcomes_do() {
        let output = |text: &str| of_output(&Payload::from_text(text.to_owned()));
        let failure =
            |error: Option<&str>, cause: Option<&str>| of_failure(&Failure { error: error.map(Into::into), cause: cause.map(Into::into) });
        let all = [
            output("1"),
            output("10"),
            output("12345678"),
            output("123456780"),
            failure(None, None),
            failure(Some(""), None),
            failure(None, Some("")),
            failure(Some("a"), None),
            failure(None, Some("a")),
            failure(Some("a"), Some("b")),
        ];
        for (index, hash) in all.iter().enumerate() {
            assert!(!all[..index].contains(hash), "{index}");
        }
        assert_eq!(output("{}"), output("{}"));
    }

    #[test]
    fn the_oldest_is_forgotten() {
        let mut closed = ClosedTasks::default();
        let task = |entry| TaskRef { entry, attempt: 1 };
        (0..REMEMBERED as u64 + 1).for_each(|entry| closed.remember(task(entry), 7));
        assert!(!closed.contains(task(0), 7));
        assert!(closed.contains(task(1), 7));
        assert!(!closed.contains(task(1), 8));
    }
}
