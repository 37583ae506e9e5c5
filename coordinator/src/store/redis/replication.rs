//! Waiting until what was written stands where the durability wants it.

use std::time::Duration;

use redis::{Cmd, Value, cmd};

use super::reply;

/// Longest time that one command waits. Then the outcome is unknown, and the same is sent again.
const WAIT: Duration = Duration::from_millis(500);

/// Sent behind the writes of a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replication {
    /// The answer to a write is all.
    None,
    /// `WAIT`: so many replicas have it in memory.
    Memory {
        /// How many.
        replicas: u32,
    },
    /// `WAITAOF`: it is on the server's disk and on those of so many replicas.
    Disk {
        /// How many.
        replicas: u32,
    },
}

impl Replication {
    /// What holds at two servers of which one waits like this and one like `other`.
    pub(super) fn weaker(self, other: Replication) -> Replication {
        match (self, other) {
            (Replication::Disk { .. }, Replication::Disk { .. }) => self,
            (Replication::Disk { .. }, _) => other,
            (_, _) => self,
        }
    }

    /// What to send.
    pub(super) fn command(self) -> Option<Cmd> {
        let ms = WAIT.as_millis() as u64;
        let mut command;
        match self {
            Replication::None => return None,
            Replication::Memory { replicas } => {
                command = cmd("WAIT");
                command.arg(replicas).arg(ms);
            }
            Replication::Disk { replicas } => {
                command = cmd("WAITAOF");
                command.arg(1).arg(replicas).arg(ms);
            }
        }
        Some(command)
    }

    /// Why the answer does not do, if it does not.
    pub(super) fn lacking(self, answer: &Value) -> Option<String> {
        let lacking = |have: u64, want: u32| (have < u64::from(want)).then(|| format!("{have} of {want} replicas have confirmed"));
        match (self, answer) {
            (Replication::None, _) => None,
            (Replication::Memory { replicas }, Value::Int(_)) => lacking(reply::number(answer).unwrap_or(0), replicas),
            (Replication::Disk { replicas }, Value::Array(_)) => match reply::numbers(answer).as_deref() {
                Some(&[0, _]) => Some("the server's own disk has not confirmed".to_owned()),
                Some(&[_, have]) => lacking(have, replicas),
                Some(_) | None => Some("the replicas have not confirmed".to_owned()),
            },
            (Replication::Memory { .. } | Replication::Disk { .. }, Value::ServerError(error)) => Some(error.to_string()),
            (Replication::Memory { .. } | Replication::Disk { .. }, _) => Some("the replicas have not confirmed".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_replicas_than_asked_for_do_not_do() {
        let memory = Replication::Memory { replicas: 2 };
        assert_eq!(memory.lacking(&Value::Int(2)), None);
        assert!(memory.lacking(&Value::Int(1)).is_some());
        assert!(memory.lacking(&Value::Nil).is_some());
        let disk = Replication::Disk { replicas: 1 };
        let answer = |own, others| Value::Array(vec![Value::Int(own), Value::Int(others)]);
        assert_eq!(disk.lacking(&answer(1, 1)), None);
        assert!(disk.lacking(&answer(0, 1)).is_some());
        assert!(disk.lacking(&answer(1, 0)).is_some());
        assert_eq!(Replication::None.lacking(&Value::Nil), None);
    }
}
