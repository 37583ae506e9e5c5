//! What workers answer: a function of state, input and attempt, so that both sides ask the same worker without sharing anything.

use serde_json::{Value, json};

/// A worker's answer.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Success(Value),
    Failure(String, String),
}

/// All workers of one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Script {
    pub(crate) seed: u64,
}

impl Script {
    /// The answer, and after how many milliseconds it comes. Never a whole second, so that it cannot fall together with a timer.
    pub(crate) fn answer(&self, state: &str, input: &Value, attempt: u32) -> (Answer, i64) {
        let draw = self.hash(&format!("{state}|{input}|{attempt}"));
        let takes = 1 + (draw >> 8) as i64 % 4_000;
        let takes = if takes % 1000 == 0 { takes + 1 } else { takes };
        let answer = match draw % 10 {
            0..=5 => Answer::Success(
                json!({ "n": draw % 7, "s": (["x", "y", "z"][(draw % 3) as usize]), "list": [{ "n": draw % 5, "s": "x", "list": [] }] }),
            ),
            6 | 7 => Answer::Failure("Flaky".into(), "try again".into()),
            8 => Answer::Failure("Lambda.ServiceException".into(), "the service is not well".into()),
            _ => Answer::Failure("Fatal".into(), "never".into()),
        };
        (answer, takes)
    }

    /// A number for whatever else is left to chance.
    pub(crate) fn draw(&self, what: &str) -> u64 {
        self.hash(what)
    }

    /// FNV-1a, then a finalizer: stable, and good enough to deal cards.
    fn hash(&self, text: &str) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325 ^ self.seed;
        for byte in text.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        hash ^= hash >> 33;
        hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash ^ (hash >> 33)
    }
}
