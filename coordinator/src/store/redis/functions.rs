//! The functions that run at the server, each of them one step: `functions.lua`.
//!
//! They are loaded as a library whose name has a digest of the text in it. Members of different versions thus use their own functions side by
//! side, and loading them again changes nothing under anybody.

use redis::{Cmd, Value, cmd};

use super::reply;

const SOURCE: &str = include_str!("functions.lua");

/// One function of the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Acquire,
    Append,
    Beat,
    Checkpoint,
    Leave,
    Release,
    Renew,
    Scan,
    Settle,
}

impl Function {
    const ALL: [Function; 9] = [
        Function::Acquire,
        Function::Append,
        Function::Beat,
        Function::Checkpoint,
        Function::Leave,
        Function::Release,
        Function::Renew,
        Function::Scan,
        Function::Settle,
    ];

    fn name(self) -> &'static str {
        match self {
            Function::Acquire => "acquire",
            Function::Append => "append",
            Function::Beat => "beat",
            Function::Checkpoint => "checkpoint",
            Function::Leave => "leave",
            Function::Release => "release",
            Function::Renew => "renew",
            Function::Scan => "scan",
            Function::Settle => "settle",
        }
    }

    fn command(self) -> &'static str {
        match self {
            // Declared as one that only reads.
            Function::Scan => "FCALL_RO",
            Function::Acquire
            | Function::Append
            | Function::Beat
            | Function::Checkpoint
            | Function::Leave
            | Function::Release
            | Function::Renew
            | Function::Settle => "FCALL",
        }
    }
}

/// The library, as this build has it.
pub(super) struct Library {
    name: String,
    functions: [String; Function::ALL.len()],
}

impl Library {
    pub(super) fn new() -> Self {
        let digest = xxhash_rust::xxh3::xxh3_64(SOURCE.as_bytes());
        let name = format!("baton_{digest:016x}");
        let functions = Function::ALL.map(|function| format!("{name}_{}", function.name()));
        Self { name, functions }
    }

    /// Asks whether the server has it.
    pub(super) fn look(&self) -> Cmd {
        let mut command = cmd("FUNCTION");
        command.arg("LIST").arg("LIBRARYNAME").arg(&self.name);
        command
    }

    /// Puts it there.
    pub(super) fn load(&self) -> Cmd {
        let name = &self.name;
        let mut command = cmd("FUNCTION");
        command.arg("LOAD").arg("REPLACE").arg(format!("#!lua name={name}\nlocal PREFIX = '{name}_'\n{SOURCE}"));
        command
    }

    /// A call with these keys; the arguments follow.
    pub(super) fn call<K: redis::ToSingleRedisArg + Copy>(&self, function: Function, keys: &[K]) -> Cmd {
        let mut command = cmd(function.command());
        command.arg(&self.functions[function as usize]).arg(keys.len());
        for key in keys {
            command.arg(*key);
        }
        command
    }
}

/// What a function that is fenced has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is done; what it has to tell.
    Done(Vec<u64>),
    /// The token is not the owner's.
    Fenced,
    /// The last batch is this, and earlier than the call takes for granted.
    Behind(u64),
    /// The last batch is this, and other bytes stand where the call's should.
    Conflict(u64),
    /// Another's lease has so many milliseconds left.
    Held(u64),
    /// The shard's record is not this store's, or is no more.
    Gone,
}

impl Answer {
    /// `None` for what no function answers.
    pub(super) fn read(value: &Value) -> Option<Answer> {
        let numbers = reply::numbers(value)?;
        Some(match *numbers.as_slice() {
            [0, ref rest @ ..] => Answer::Done(rest.to_vec()),
            [1] => Answer::Fenced,
            [2, last] => Answer::Behind(last),
            [3, last] => Answer::Conflict(last),
            [4, for_ms] => Answer::Held(for_ms),
            [5] => Answer::Gone,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_is_registered_under_its_name_and_place() {
        for (place, function) in Function::ALL.into_iter().enumerate() {
            assert_eq!(function as usize, place);
            let name = function.name();
            assert!(SOURCE.contains(&format!("register('{name}', {name}, ")), "{name} is registered");
        }
        assert_eq!(SOURCE.matches("\nregister('").count(), Function::ALL.len());
    }

    #[test]
    fn answers_are_told_apart() {
        let answer = |numbers: &[i64]| Answer::read(&Value::Array(numbers.iter().map(|number| Value::Int(*number)).collect()));
        assert_eq!(answer(&[0, 3, 4]), Some(Answer::Done(vec![3, 4])));
        assert_eq!(answer(&[1]), Some(Answer::Fenced));
        assert_eq!(answer(&[2, 9]), Some(Answer::Behind(9)));
        assert_eq!(answer(&[3, 9]), Some(Answer::Conflict(9)));
        assert_eq!(answer(&[4, 9]), Some(Answer::Held(9)));
        assert_eq!(answer(&[2]), None);
        assert_eq!(answer(&[5]), Some(Answer::Gone));
        assert_eq!(answer(&[6]), None);
        assert_eq!(answer(&[0, -1]), None);
        assert_eq!(Answer::read(&Value::Nil), None);
    }
}
