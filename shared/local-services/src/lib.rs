//! RabbitMQ and Redis from the system's packages, for tests, load and trying a cluster on one machine; moto, for tests.
//!
//! Each server has its own free port on loopback, its own folder and its own identity, so any number of them run side by side, next to the
//! system's own. It ends when its handle is dropped and, however the process that started it ends, with that process. Nothing here is
//! asynchronous: starting a RabbitMQ takes seconds, so call it where that does not matter, or on a thread of its own.

mod folder;
mod group;
mod moto;
mod place;
mod ports;
mod rabbitmq;
mod rabbitmq_cluster;
mod redis;
mod sentinel;

use std::path::PathBuf;

pub use folder::Folder;
pub use moto::Moto;
pub use place::Place;
pub use ports::free_port;
pub use rabbitmq::{RabbitMq, RabbitMqOptions};
pub use rabbitmq_cluster::RabbitMqCluster;
pub use redis::Redis;
pub use sentinel::RedisSentinel;

pub(crate) const LOOPBACK: &str = "127.0.0.1";

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The program is not installed.
    #[error("there is no {program} on this machine; `make setup` installs it")]
    NotInstalled {
        /// What was looked for.
        program: &'static str,
    },
    /// It was started and has ended.
    #[error("the {program} ended instead of getting ready, see {}", log.display())]
    Ended {
        /// Which one.
        program: &'static str,
        /// What it had to say.
        log: PathBuf,
    },
    /// It was started and does not answer.
    #[error("the {program} is not ready after {seconds} s, see {}", log.display())]
    NotReady {
        /// Which one.
        program: &'static str,
        /// How long it had.
        seconds: u64,
        /// What it had to say.
        log: PathBuf,
    },
    /// A command of the server failed.
    #[error("{command}: {output}")]
    Command {
        /// What was run.
        command: String,
        /// What it printed.
        output: String,
    },
    /// The system refused something.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why not.
        source: std::io::Error,
    },
}

impl ServiceError {
    fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// The first of the paths that is there, or the program of this name in `PATH`.
fn find_program(program: &'static str, known_places: &[&str]) -> Result<PathBuf, ServiceError> {
    let known = known_places.iter().map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path: Vec<PathBuf> = std::env::split_paths(&path).map(|folder| folder.join(program)).collect();
    known.chain(in_path).find(|candidate| candidate.is_file()).ok_or(ServiceError::NotInstalled { program })
}
