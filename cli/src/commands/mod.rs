//! One file per command.

mod completions;
mod coordinator;
mod data_folder;
mod dev;
mod doctor;
mod doctor_cluster;
mod env;
mod exec;
mod input;
pub(crate) mod lint;
mod map_run;
pub(crate) mod outlets;
mod run;
mod serve;
mod stop_signal;
mod test_state;
mod up;
mod up_cluster;
mod worker;

pub(crate) use exec::details;

use crate::args::{Args, Command};
use crate::config::client_endpoint;
use crate::exit::CliResult;

pub(crate) fn run(args: Args) -> CliResult {
    let endpoint = || client_endpoint(args.endpoint.clone());
    match args.command {
        Command::Dev(args) => dev::run(args),
        Command::Up(args) => up::run(args),
        Command::Coordinator(args) => coordinator::run(args),
        Command::Worker(args) => worker::run(args),
        Command::Run(args) => run::run(args),
        Command::Exec(command) => exec::run(command, &endpoint()),
        Command::MapRun(command) => map_run::run(command, &endpoint()),
        Command::TestState(command) => test_state::run(command, &endpoint()),
        Command::Lint(args) => lint::run(args),
        Command::Env => env::run(&endpoint()),
        Command::Doctor(command) => doctor::run(&command, &endpoint()),
        Command::Completions { shell } => completions::run(shell),
    }
}

/// A runtime for commands that only talk to a server.
pub(crate) fn block_on<T>(work: impl Future<Output = CliResult<T>>) -> CliResult<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime needs only file descriptors").block_on(work)
}
